//! Meetings in memory.
//!
//! The danger of such a cache is a reader that takes a row from the database, is overtaken by a
//! change, and then puts the old row into the cache for a minute. So a reader says when it began,
//! and what it found is dropped again when a change went by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use crate::domain::id::RoomKey;
use crate::domain::meeting::Meeting;

/// The meetings that were read or written lately. Absence is not remembered.
#[derive(Debug)]
pub(super) struct MeetingCache {
    meetings: Cache<RoomKey, Arc<Meeting>>,
    changes: AtomicU64,
}

/// When a read began.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadStart(u64);

impl MeetingCache {
    /// An empty cache of so many meetings, each for so long.
    pub(super) fn new(entries: u64, ttl: Duration) -> Self {
        let meetings = Cache::builder()
            .max_capacity(entries)
            .time_to_live(ttl)
            .build();
        Self {
            meetings,
            changes: AtomicU64::new(0),
        }
    }

    /// The meeting, if it is here.
    pub(super) fn get(&self, key: &RoomKey) -> Option<Arc<Meeting>> {
        self.meetings.get(key)
    }

    /// To be called before the database is read.
    pub(super) fn begin_read(&self) -> ReadStart {
        ReadStart(self.changes.load(Ordering::SeqCst))
    }

    /// Keeps what was read, unless a change went by since `start`.
    pub(super) fn keep(&self, start: ReadStart, meeting: &Arc<Meeting>) {
        self.meetings.insert(meeting.key.clone(), meeting.clone());
        // whoever changes counts first and touches the cache second: so either this sees the
        // count, or that sees what was just inserted
        if self.changes.load(Ordering::SeqCst) != start.0 {
            self.meetings.invalidate(&meeting.key);
        }
    }

    /// A meeting came into being: nobody can have read an older one.
    pub(super) fn created(&self, meeting: &Arc<Meeting>) {
        self.meetings.insert(meeting.key.clone(), meeting.clone());
    }

    /// A meeting is now this.
    pub(super) fn changed(&self, meeting: &Arc<Meeting>) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.meetings.insert(meeting.key.clone(), meeting.clone());
    }

    /// A meeting was ended or deleted: whoever wants it next reads what the database has.
    pub(super) fn forget(&self, key: &RoomKey) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.meetings.invalidate(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{RoomId, TenantId, UserId};
    use crate::domain::policy::{Access, MeetingSettings};
    use crate::domain::time::Timestamp;

    fn meeting() -> Arc<Meeting> {
        Arc::new(Meeting {
            key: RoomKey {
                tenant: TenantId::default_tenant(),
                room: RoomId::new("room").unwrap(),
            },
            created_by: UserId::new("ann").unwrap(),
            creator_name: None,
            description: "Meeting".into(),
            starts_at: Timestamp(1),
            created_at: Timestamp(1),
            updated_at: Timestamp(1),
            ended_at: None,
            settings: MeetingSettings::default(),
            access: Access::default(),
        })
    }

    #[test]
    fn a_read_that_was_overtaken_leaves_nothing() {
        let cache = MeetingCache::new(10, Duration::from_secs(60));
        let old = meeting();
        let start = cache.begin_read();
        cache.forget(&old.key);
        cache.keep(start, &old);
        assert_eq!(cache.get(&old.key), None);
        let start = cache.begin_read();
        cache.keep(start, &old);
        assert_eq!(cache.get(&old.key), Some(old));
    }
}
