//! Live rooms in Redis, shared by any number of nodes.
//!
//! Policy is not here: a script lets a commit in at the head of its room's log or says what its author
//! has missed, and that is all that Redis decides.

#[cfg(test)]
mod atomic;
mod codec;
mod connection;
mod feeds;
mod keys;
mod link;
mod nodes;
mod rates;
mod rooms;
mod scripts;
mod sessions;
mod target;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::feeds::Feeds;
use self::keys::Keys;
use self::link::{Link, Times};
use self::scripts::Scripts;
use crate::domain::id::NodeId;

pub use self::target::UrlFault;

/// Rooms that are opened at the same time, at most: after a reconnect all of them want to be.
const OPENINGS: usize = 64;

/// How Redis is reached and what is kept there, all of it settings.
pub struct RedisOptions {
    /// `redis://`, `rediss://`, or either with `+sentinel`; holds the password.
    pub url: secrecy::SecretString,
    /// For a connection to be made.
    pub connect_timeout: Duration,
    /// For a command to be answered.
    pub command_timeout: Duration,
    /// Commits kept per room.
    pub log_length: usize,
    /// Commits that may wait for a room of this node.
    pub feed_length: usize,
    /// What every key and channel begins with.
    pub prefix: String,
}

impl std::fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisOptions")
            .field("log_length", &self.log_length)
            .finish_non_exhaustive()
    }
}

/// Rooms in Redis.
#[derive(Debug)]
pub struct RedisRoomStore {
    link: Arc<Link>,
    feeds: Arc<Feeds>,
    scripts: Scripts,
    keys: Keys,
    log_length: usize,
    openings: Semaphore,
    /// Why the last beat was missed, if it was.
    missed_beat: Mutex<Option<String>>,
}

impl RedisRoomStore {
    /// A store for this node. It connects in the background, on the tracker, until told to stop.
    ///
    /// # Errors
    /// The URL cannot be understood.
    pub fn start(
        node: NodeId,
        options: &RedisOptions,
        tracker: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, UrlFault> {
        let target = target::parse(&options.url)?;
        let keys = Keys::new(&options.prefix);
        let probe = keys.probe_of(node);
        let feeds = Arc::new(Feeds::new(probe.clone(), options.feed_length));
        let times = Times {
            connect: options.connect_timeout,
            command: options.command_timeout,
        };
        let link = Link::new(target, times, feeds.clone(), probe);
        tracker.spawn(link.clone().keep(stop));
        Ok(Arc::new(Self {
            link,
            feeds,
            scripts: Scripts::new(),
            keys,
            log_length: options.log_length,
            openings: Semaphore::new(OPENINGS),
            missed_beat: Mutex::new(None),
        }))
    }

    /// Why the last beat was missed, if it was.
    fn missed_beat(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.missed_beat
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
