//! The connection to Redis: one for commands and feeds alike, made anew whenever it breaks.
//!
//! One connection keeps the order of a room's commits and of the answers to its appends, and wakes
//! this process once for both. Whoever calls while there is none waits a moment, then is refused.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::select_ok;
use redis::aio::AsyncPushSender;
use redis::cluster::ClusterClientBuilder;
use redis::sentinel::SentinelClient;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, ProtocolVersion, PushInfo,
    PushKind, RedisError, ScriptInvocation, ServerErrorKind, Value,
};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::feeds::Feeds;
use crate::engine::store::StoreError;

/// How often a call is sent, at most: a lost answer is asked for once more.
const ATTEMPTS: usize = 2;

/// Pauses between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where the Redis is that takes writes.
pub(super) enum Target {
    /// Always there.
    Single(Box<Client>),
    /// Wherever the sentinels say.
    Sentinel(Vec<Mutex<SentinelClient>>),
    /// Spread over a cluster, of which these servers are some.
    Cluster(Vec<ConnectionInfo>),
}

/// Times of the connection, all of them settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// For a connection to be made.
    pub(super) connect: Duration,
    /// For a command to be answered.
    pub(super) command: Duration,
}

#[derive(Debug, Clone)]
enum State {
    Up(Up),
    Down { since: Instant, reason: Arc<str> },
}

/// A connection that works, as far as is known.
#[derive(Debug, Clone)]
struct Up {
    generation: u64,
    connection: Connection,
    /// Which run of which server it leads to.
    server: Arc<str>,
}

/// The connection and how to make another.
pub(super) struct Link {
    target: Target,
    times: Times,
    feeds: Arc<Feeds>,
    probe: String,
    state: watch::Sender<State>,
    broke: Notify,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The target holds the password.
        f.debug_struct("Link")
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(target: Target, times: Times, feeds: Arc<Feeds>, probe: String) -> Arc<Self> {
        let down = State::Down {
            since: Instant::now(),
            reason: "not connected yet".into(),
        };
        Arc::new(Self {
            target,
            times,
            feeds,
            probe,
            state: watch::Sender::new(down),
            broke: Notify::new(),
        })
    }

    /// Why Redis cannot be used, if it cannot.
    pub(super) fn trouble(&self) -> Option<Arc<str>> {
        match &*self.state.borrow() {
            State::Up(_) => None,
            State::Down { reason, .. } => Some(reason.clone()),
        }
    }

    /// Keeps a connection until told to stop.
    pub(super) async fn keep(self: Arc<Self>, stop: CancellationToken) {
        tokio::select! {
            () = self.reconnect() => {}
            () = stop.cancelled() => {}
        }
    }

    async fn reconnect(self: &Arc<Self>) {
        let mut generation = 0_u64;
        let mut pause = FIRST_PAUSE;
        loop {
            generation = generation.wrapping_add(1);
            let connecting = tokio::time::timeout(self.times.connect, self.connect(generation));
            let failure = match connecting.await {
                Ok(Ok(up)) => {
                    // Whatever was told in between has been missed.
                    self.feeds.end_all();
                    self.state.send_replace(State::Up(up));
                    tracing::info!("connected to Redis");
                    pause = FIRST_PAUSE;
                    self.broke.notified().await;
                    continue;
                }
                Ok(Err(error)) => describe(&error),
                Err(_elapsed) => "no connection within the time-out".to_owned(),
            };
            if pause == FIRST_PAUSE {
                tracing::warn!(
                    reason = failure,
                    "cannot connect to Redis; trying again until it works"
                );
            }
            self.went_down(&failure);
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    async fn connect(self: &Arc<Self>, generation: u64) -> Result<Up, RedisError> {
        let (feeds, link) = (self.feeds.clone(), Arc::downgrade(self));
        let push = move |push: PushInfo| -> Result<(), std::convert::Infallible> {
            if push.kind == PushKind::Disconnection {
                if let Some(link) = Weak::upgrade(&link) {
                    link.lost(generation);
                }
            } else {
                feeds.push(&push);
            }
            Ok(())
        };
        let mut connection = match &self.target {
            Target::Single(client) => self.connect_to(client, push).await?,
            Target::Sentinel(sentinels) => {
                // All at once: one that hangs does not keep the others from answering.
                let asked = sentinels.iter().map(|sentinel| {
                    Box::pin(async { sentinel.lock().await.async_get_client().await })
                });
                let (client, _others) = select_ok(asked).await?;
                self.connect_to(&client, push).await?
            }
            Target::Cluster(servers) => {
                let cluster = ClusterClientBuilder::new(servers.clone())
                    .use_protocol(ProtocolVersion::RESP3)
                    .connection_timeout(self.times.connect)
                    .response_timeout(self.times.command)
                    .overall_response_timeout(Some(self.times.command))
                    .push_sender(push)
                    .build()?;
                Connection::Cluster(cluster.get_async_connection().await?)
            }
        };
        connection.listen(&self.probe).await?;
        let server = connection.run_of_server().await?;
        Ok(Up {
            generation,
            connection,
            server,
        })
    }

    async fn connect_to(
        &self,
        client: &Client,
        push: impl AsyncPushSender,
    ) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.times.connect))
            .set_response_timeout(Some(self.times.command))
            .set_push_sender(push);
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map(Connection::One)
    }

    /// The connection of this generation is of no use any more.
    pub(super) fn broken(&self, generation: u64, reason: &str) {
        let current = matches!(
            &*self.state.borrow(),
            State::Up(up) if up.generation == generation
        );
        if current {
            tracing::warn!(reason, "the connection to Redis broke");
            self.went_down(reason);
            self.broke.notify_one();
        }
    }

    /// A server closed its connection. Of a cluster it may be one of many, and the library goes on with
    /// the others; what was told in between has been missed.
    fn lost(&self, generation: u64) {
        match &self.target {
            Target::Single(_) | Target::Sentinel(_) => {
                self.broken(generation, "the connection was closed");
            }
            Target::Cluster(_) => self.feeds.end_all(),
        }
    }

    /// The connection looks well but does not deliver.
    pub(super) fn distrust(&self, reason: &str) {
        let generation = match &*self.state.borrow() {
            State::Up(up) => up.generation,
            State::Down { .. } => return,
        };
        self.broken(generation, reason);
    }

    fn went_down(&self, reason: &str) {
        self.state.send_modify(|state| {
            let since = match state {
                State::Up(_) => Instant::now(),
                State::Down { since, .. } => *since,
            };
            *state = State::Down {
                since,
                reason: reason.into(),
            };
        });
    }

    /// The connection; waits for it if it broke only a moment ago.
    async fn connection(&self) -> Result<Up, StoreError> {
        let patience = self.times.connect.min(self.times.command) / 2;
        let deadline = match &*self.state.borrow() {
            State::Up(up) => return Ok(up.clone()),
            State::Down { since, .. } => since.checked_add(patience).unwrap_or(*since),
        };
        let mut state = self.state.subscribe();
        let up = state.wait_for(|state| matches!(state, State::Up(_)));
        if let Ok(Ok(state)) = tokio::time::timeout_at(deadline, up).await
            && let State::Up(up) = &*state
        {
            return Ok(up.clone());
        }
        let reason = self.trouble().unwrap_or_else(|| "not connected".into());
        Err(StoreError::Unavailable(reason.to_string()))
    }

    /// Runs a script, made for the run of the server that it is sent to. Sent again when the answer was
    /// lost, so it has to be one that may be repeated.
    pub(super) async fn run_script<'a>(
        &self,
        script: impl Fn(&str) -> ScriptInvocation<'a>,
    ) -> Result<Value, StoreError> {
        let mut attempt = 1;
        loop {
            let mut up = self.connection().await?;
            let script = script(&up.server);
            let error = match script.invoke_async(&mut up.connection).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if !self.judge(up.generation, &error) || attempt == ATTEMPTS {
                return Err(StoreError::Unavailable(describe(&error)));
            }
            attempt += 1;
        }
    }

    /// Runs a script that must not be repeated: whether it took effect is not known when it fails.
    pub(super) async fn run_once(&self, script: ScriptInvocation<'_>) -> Result<Value, StoreError> {
        let mut up = self.connection().await?;
        script
            .invoke_async(&mut up.connection)
            .await
            .map_err(|error| {
                self.judge(up.generation, &error);
                StoreError::Unavailable(describe(&error))
            })
    }

    /// Runs commands that may be repeated.
    pub(super) async fn run_all(&self, commands: Vec<Cmd>) -> Result<Vec<Value>, StoreError> {
        let Up {
            generation,
            mut connection,
            ..
        } = self.connection().await?;
        connection.run_all(commands).await.map_err(|error| {
            self.judge(generation, &error);
            StoreError::Unavailable(describe(&error))
        })
    }

    /// Runs a command that may be repeated.
    pub(super) async fn run(&self, command: Cmd) -> Result<Value, StoreError> {
        let answer = self.run_all(vec![command]).await?.pop();
        answer.ok_or_else(|| StoreError::Unreadable("Redis did not answer".to_owned()))
    }

    /// Subscribes to a channel of this connection.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<(), StoreError> {
        let Up {
            generation,
            mut connection,
            ..
        } = self.connection().await?;
        connection.subscribe(channel).await.map_err(|error| {
            self.judge(generation, &error);
            StoreError::Unavailable(describe(&error))
        })
    }

    /// Leaves a channel, if there is a connection.
    pub(super) async fn unsubscribe(&self, channel: &str) {
        let Ok(Up {
            generation,
            mut connection,
            ..
        }) = self.connection().await
        else {
            return;
        };
        if let Err(error) = connection.unsubscribe(channel).await {
            self.judge(generation, &error);
        }
    }

    /// Whether the connection is to blame for an error; it is then given up, unless it is one of many to a
    /// cluster, where the library makes another.
    fn judge(&self, generation: u64, error: &RedisError) -> bool {
        // The last three: another server takes the writes now, or this one is not there yet.
        let blame = matches!(
            error.kind(),
            ErrorKind::Io
                | ErrorKind::Parse
                | ErrorKind::Server(
                    ServerErrorKind::ReadOnly
                        | ServerErrorKind::BusyLoading
                        | ServerErrorKind::MasterDown
                )
        );
        if blame && !matches!(self.target, Target::Cluster(_)) {
            self.broken(generation, &describe(error));
        }
        blame
    }
}

/// An error without what was sent.
fn describe(error: &RedisError) -> String {
    match error.code() {
        Some(code) => format!("Redis answers {code}"),
        None => error.category().to_owned(),
    }
}
