//! One connection to one server, or one to every server of a cluster, used alike.

use std::sync::Arc;

use futures_util::future::try_join_all;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::{
    Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, RedisResult, ServerErrorKind, Value,
};

/// What stands for the run of the server where there are many: scripts then use shard channels.
pub(super) const CLUSTER: &str = "cluster";

/// A way to send commands, with feeds.
#[derive(Clone)]
pub(super) enum Connection {
    /// To one server.
    One(MultiplexedConnection),
    /// To a cluster; the library finds the server by the key.
    Cluster(ClusterConnection),
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::One(_) => "One",
            Self::Cluster(_) => "Cluster",
        })
    }
}

impl Connection {
    /// Listens to a room's channel.
    pub(super) async fn subscribe(&mut self, channel: &str) -> RedisResult<()> {
        match self {
            Self::One(one) => one.subscribe(channel).await,
            Self::Cluster(cluster) => cluster.ssubscribe(channel).await,
        }
    }

    /// No longer.
    pub(super) async fn unsubscribe(&mut self, channel: &str) -> RedisResult<()> {
        match self {
            Self::One(one) => one.unsubscribe(channel).await,
            Self::Cluster(cluster) => cluster.sunsubscribe(channel).await,
        }
    }

    /// Listens to this node's own probe, which is published to all.
    pub(super) async fn listen(&mut self, probe: &str) -> RedisResult<()> {
        match self {
            Self::One(one) => one.subscribe(probe).await,
            Self::Cluster(cluster) => cluster.subscribe(probe).await,
        }
    }

    /// Runs commands about different keys, in any order; the answers come in the order of the commands.
    pub(super) async fn run_all(&mut self, commands: Vec<Cmd>) -> RedisResult<Vec<Value>> {
        match self {
            Self::One(one) => {
                let mut pipeline = redis::pipe();
                for command in commands {
                    pipeline.add_command(command);
                }
                pipeline.query_async(one).await
            }
            Self::Cluster(cluster) => {
                let asked = commands.into_iter().map(|command| {
                    let mut cluster = cluster.clone();
                    async move { command.query_async::<Value>(&mut cluster).await }
                });
                try_join_all(asked).await
            }
        }
    }

    /// Which run of which server this leads to: another server has another `run_id`, and so has this
    /// one after a restart. Where `INFO` is not allowed nothing is known, and no change is noticed.
    pub(super) async fn run_of_server(&mut self) -> Result<Arc<str>, RedisError> {
        let Self::One(one) = self else {
            return Ok(CLUSTER.into());
        };
        let info = redis::cmd("INFO")
            .arg("server")
            .query_async::<String>(one)
            .await;
        let info = match info {
            Ok(info) => info,
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => {
                tracing::warn!("Redis does not allow INFO: a failover may go unnoticed");
                String::new()
            }
            Err(error) => return Err(error),
        };
        let run = info.lines().find_map(|line| line.strip_prefix("run_id:"));
        Ok(run.unwrap_or("unknown").trim().into())
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(one) => one.req_packed_command(cmd),
            Self::Cluster(cluster) => cluster.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(one) => one.req_packed_commands(pipeline, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(one) => one.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}
