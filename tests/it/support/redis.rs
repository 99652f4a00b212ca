//! A real Redis, each test under a prefix of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use usher::domain::id::NodeId;
use usher::store::{RedisOptions, RedisRoomStore};
use uuid::Uuid;

const URL: &str = "USHER_TEST_REDIS_URL";

/// Where the Redis of the tests is.
pub(crate) fn redis_url() -> String {
    std::env::var(URL).unwrap_or_else(|_| {
        panic!("{URL} is not set: run the tests with scripts/test, or name a Redis there")
    })
}

/// A prefix that nobody else uses.
pub(crate) fn own_prefix() -> String {
    format!("test-{}", Uuid::new_v4().simple())
}

/// A store of its own that keeps this many commits.
pub(crate) fn redis_store(kept: usize) -> Arc<RedisRoomStore> {
    redis_store_of(NodeId(0), &redis_url(), &own_prefix(), kept)
}

/// A node's store under this prefix.
pub(crate) fn redis_store_of(
    node: NodeId,
    url: &str,
    prefix: &str,
    kept: usize,
) -> Arc<RedisRoomStore> {
    let options = RedisOptions {
        url: url.into(),
        connect_timeout: Duration::from_secs(5),
        command_timeout: Duration::from_secs(5),
        log_length: kept,
        feed_length: 256,
        prefix: prefix.to_owned(),
    };
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    RedisRoomStore::start(node, &options, &tracker, stop).unwrap()
}
