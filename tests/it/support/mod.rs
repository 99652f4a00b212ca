//! What the integration tests talk through: helpers that read like sentences.

pub(crate) mod author;
pub(crate) mod directory;
pub(crate) mod issuer;
pub(crate) mod node;
pub(crate) mod people;
pub(crate) mod random;
pub(crate) mod redis;
pub(crate) mod sink;
pub(crate) mod sql;
pub(crate) mod store;

use std::time::Duration;

/// Waits for what has to come. Where time is paused, "never" is noticed at once and costs nothing:
/// the hands jump as soon as nobody has anything left to do.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what)
        .await
        .expect("it never came")
}

/// Returns when everybody waits for something. Only where time is paused: nobody sleeps.
pub(crate) async fn settled() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
