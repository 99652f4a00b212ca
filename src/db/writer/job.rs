//! What is asked of the writer.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::db::providers::ProviderChange;
use crate::domain::id::RoomKey;
use crate::domain::meeting::Meeting;
use crate::domain::time::Timestamp;
use crate::engine::directory::{AuditRow, DirectoryError, LedgerEntry, MeetingChange};
use crate::engine::security::SecurityRow;

/// Where the answer goes.
pub(in crate::db) type Done<T> = oneshot::Sender<Result<T, DirectoryError>>;

/// One call that waits to be written.
pub(in crate::db) enum Job {
    /// A new meeting.
    Create {
        meeting: Arc<Meeting>,
        audit: AuditRow,
        done: Done<Arc<Meeting>>,
    },
    /// What a room has to remember.
    Record {
        key: RoomKey,
        entries: Vec<LedgerEntry>,
        done: Done<()>,
    },
    /// A change of a meeting.
    Update {
        key: RoomKey,
        change: MeetingChange,
        audit: Vec<AuditRow>,
        done: Done<Option<Arc<Meeting>>>,
    },
    /// The end of a meeting for its users.
    Delete {
        key: RoomKey,
        audit: AuditRow,
        done: Done<bool>,
    },
    /// Security events.
    Security {
        rows: Vec<SecurityRow>,
        forget_before: Timestamp,
        done: Done<()>,
    },
    /// What is kept for media providers.
    Providers {
        change: ProviderChange,
        done: Done<bool>,
    },
}

impl Job {
    /// Whether it may wait for company.
    pub(super) const fn is_patient(&self) -> bool {
        match self {
            Self::Record { .. } => true,
            Self::Create { .. }
            | Self::Update { .. }
            | Self::Delete { .. }
            | Self::Providers { .. }
            | Self::Security { .. } => false,
        }
    }

    /// Whether it shares a transaction with others; the rest are rare and written one by one.
    pub(super) const fn is_shared(&self) -> bool {
        match self {
            Self::Create { .. } | Self::Record { .. } => true,
            Self::Update { .. }
            | Self::Delete { .. }
            | Self::Providers { .. }
            | Self::Security { .. } => false,
        }
    }

    /// Whether it must not be written before the `earlier` job, and so not together with it.
    ///
    /// A flush writes meetings first and what the rooms record second, whatever came first. That
    /// order is wrong only for a meeting that an earlier job of the flush has to do with.
    pub(super) fn must_follow(&self, earlier: &Self) -> bool {
        self.writes_meeting() && self.key() == earlier.key()
    }

    fn writes_meeting(&self) -> bool {
        match self {
            Self::Create { .. } | Self::Update { .. } | Self::Delete { .. } => true,
            Self::Security { .. } | Self::Providers { .. } => false,
            Self::Record { entries, .. } => entries.iter().any(|entry| match entry {
                LedgerEntry::Claim { .. } | LedgerEntry::End { .. } => true,
                LedgerEntry::Grant { .. } | LedgerEntry::Sync { .. } | LedgerEntry::Audit(_) => {
                    false
                }
            }),
        }
    }

    fn key(&self) -> Option<&RoomKey> {
        match self {
            Self::Create { meeting, .. } => Some(&meeting.key),
            Self::Record { key, .. } | Self::Update { key, .. } | Self::Delete { key, .. } => {
                Some(key)
            }
            Self::Security { .. } | Self::Providers { .. } => None,
        }
    }

    /// Tells the caller that it was not done.
    pub(super) fn refuse(self, error: DirectoryError) {
        match self {
            Self::Create { done, .. } => answer(done, Err(error)),
            Self::Record { done, .. } => answer(done, Err(error)),
            Self::Update { done, .. } => answer(done, Err(error)),
            Self::Delete { done, .. } => answer(done, Err(error)),
            Self::Security { done, .. } => answer(done, Err(error)),
            Self::Providers { done, .. } => answer(done, Err(error)),
        }
    }
}

/// Answers a caller, who may have left: what was written stays written.
pub(super) fn answer<T>(done: Done<T>, result: Result<T, DirectoryError>) {
    drop(done.send(result));
}

/// What a caller is told when nobody is left to write.
pub(super) fn closed() -> DirectoryError {
    DirectoryError::Unavailable("the database is closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::grant::Held;
    use crate::domain::id::{RoomId, TenantId, UserId};
    use crate::domain::role::Mark;

    fn record(room: &str, entry: LedgerEntry) -> Job {
        let key = RoomKey {
            tenant: TenantId::default_tenant(),
            room: RoomId::new(room).unwrap(),
        };
        Job::Record {
            key,
            entries: vec![entry],
            done: oneshot::channel().0,
        }
    }

    #[test]
    fn only_writers_of_the_same_meeting_are_kept_apart() {
        let user = UserId::new("ann").unwrap();
        let grant = LedgerEntry::Grant {
            user,
            mark: Mark::Host,
            held: Held::default(),
        };
        let end = LedgerEntry::End { at: Timestamp(1) };
        assert!(record("a", end.clone()).must_follow(&record("a", grant.clone())));
        assert!(!record("a", grant.clone()).must_follow(&record("a", end.clone())));
        assert!(!record("a", end).must_follow(&record("b", grant)));
    }
}
