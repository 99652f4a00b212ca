//! What the writer and everybody else share.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::cache::MeetingCache;
use super::options::DbOptions;

/// Shared by the directory and its tasks.
#[derive(Debug)]
pub(super) struct State {
    /// Meetings in memory.
    pub(super) cache: MeetingCache,
    /// Wakes the checkpointer: something was written.
    pub(super) written: Notify,
    writable: AtomicBool,
}

impl State {
    /// A database that is expected to take writes.
    pub(super) fn new(options: &DbOptions) -> Self {
        Self {
            cache: MeetingCache::new(options.meeting_cache, options.meeting_cache_ttl),
            written: Notify::new(),
            writable: AtomicBool::new(true),
        }
    }

    /// Whether the last write succeeded.
    pub(super) fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Acquire)
    }

    /// Notes whether writes succeed.
    pub(super) fn set_writable(&self, writable: bool) {
        self.writable.store(writable, Ordering::Release);
    }
}
