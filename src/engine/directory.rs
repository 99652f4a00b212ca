//! Port: the durable truth in SQL (meetings, grants, audit).

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::providers::Reasons;
use crate::domain::grant::{Grants, Held, Stamp};
use crate::domain::id::{Epoch, RequestId, Revision, RoomKey, TenantId, UserId};
use crate::domain::meeting::Meeting;
use crate::domain::policy::{AccessChange, MeetingSettings};
use crate::domain::role::{Mark, Role};
use crate::domain::ticket::Provider;
use crate::domain::time::Timestamp;

/// Why the directory did not do it.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The meeting id is taken, by this tenant, now or by a deleted meeting.
    #[error("meeting exists")]
    Exists,
    /// The write queue is full.
    #[error("database write queue is full")]
    Busy,
    /// The database is read-only, full, locked or out of reach. A retry may help.
    #[error("database unavailable: {0}")]
    Unavailable(String),
}

/// What may be changed in a meeting record; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeetingChange {
    /// The description.
    pub description: Option<Arc<str>>,
    /// The planned start.
    pub starts_at: Option<Timestamp>,
    /// The meeting's own settings, replaced whole.
    pub settings: Option<MeetingSettings>,
    /// Lock, lobby, passcode and seats, each by itself.
    pub access: AccessChange,
    /// Ownership: the new creator.
    pub created_by: Option<UserId>,
}

/// Which meetings to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeetingFilter {
    /// Only those created by this user.
    pub created_by: Option<UserId>,
    /// Only ended (`true`) or only open (`false`) ones.
    pub ended: Option<bool>,
}

/// One page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Opaque; passes on to the next page. `None` at the end.
    pub next: Option<String>,
}

/// Who did what to whom: append-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRow {
    /// When.
    pub at: Timestamp,
    /// `user:<id>`, `service`, `service:<id>`, `service:<id>/user:<id>` or `system`.
    pub actor: String,
    /// `role-granted`, `role-revoked`, `host-changed`, `meeting-created`, `meeting-ended`, …
    pub action: String,
    /// The user it was done to.
    pub target: Option<UserId>,
    /// The role in question.
    pub role: Option<Role>,
    /// The value before; shape depends on the action.
    pub before: Option<Value>,
    /// The value after.
    pub after: Option<Value>,
    /// Why: `command`, `succession`, `host-returned`, `not-durable`, …
    pub cause: String,
    /// The room's epoch, for changes made in a live room.
    pub epoch: Option<Epoch>,
    /// The revision that made the change.
    pub rev: Option<Revision>,
    /// What the client's request was called.
    pub request: Option<RequestId>,
    /// The place of a role's change among all of the meeting's: of two rows about one role of one
    /// user, the one with the higher stamp counts.
    pub stamp: Option<Stamp>,
}

impl AuditRow {
    /// A row that says who did what and why, and nothing more yet.
    #[must_use]
    pub fn new(at: Timestamp, actor: String, action: &str, cause: &str) -> Self {
        Self {
            at,
            actor,
            action: action.to_owned(),
            target: None,
            role: None,
            before: None,
            after: None,
            cause: cause.to_owned(),
            epoch: None,
            rev: None,
            request: None,
            stamp: None,
        }
    }

    /// The row of a meeting that its creator makes.
    #[must_use]
    pub fn of_creation(meeting: &Meeting) -> Self {
        let actor = format!("user:{}", meeting.created_by);
        Self {
            target: Some(meeting.created_by.clone()),
            ..Self::new(meeting.created_at, actor, "meeting-created", "rest")
        }
    }
}

/// Something that must be durable before it is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerEntry {
    /// A mark given or taken. What is known of it from a later change stays.
    Grant {
        /// Whose.
        user: UserId,
        /// Which.
        mark: Mark,
        /// Since when, or no longer, and by which change.
        held: Held,
    },
    /// The first joiner became the creator of a room without a record. Keeps an existing record.
    Claim {
        /// The creator.
        creator: UserId,
        /// When.
        at: Timestamp,
    },
    /// The meeting was ended for everybody.
    End {
        /// When.
        at: Timestamp,
    },
    /// Something that a media provider has to follow: about somebody, or about the whole room.
    Sync {
        /// Whom.
        user: Option<UserId>,
        /// Which provider.
        provider: Provider,
        /// Why.
        reasons: Reasons,
        /// Since when.
        at: Timestamp,
    },
    /// A row of the audit.
    Audit(AuditRow),
}

/// The durable truth. Implementations cache meetings and group writes as they see fit.
#[async_trait]
pub trait Directory: Send + Sync {
    /// One meeting; `None` when there is none or it was deleted.
    async fn meeting(&self, key: &RoomKey) -> Result<Option<Arc<Meeting>>, DirectoryError>;

    /// Creates a meeting, with its audit row, durably. [`DirectoryError::Exists`] when taken.
    async fn create_audited(
        &self,
        meeting: Meeting,
        audit: AuditRow,
    ) -> Result<Arc<Meeting>, DirectoryError>;

    /// [`Self::create_audited`] in the creator's own name.
    async fn create(&self, meeting: Meeting) -> Result<Arc<Meeting>, DirectoryError> {
        let audit = AuditRow::of_creation(&meeting);
        self.create_audited(meeting, audit).await
    }

    /// Meetings of a tenant, newest first.
    async fn list(
        &self,
        tenant: &TenantId,
        filter: &MeetingFilter,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page<Meeting>, DirectoryError>;

    /// Changes a meeting; `None` when there is none. Writes `audit` in the same transaction.
    async fn update(
        &self,
        key: &RoomKey,
        change: &MeetingChange,
        audit: Vec<AuditRow>,
    ) -> Result<Option<Arc<Meeting>>, DirectoryError>;

    /// Deletes a meeting for its users; its id stays taken. `false` when there was none.
    async fn delete(&self, key: &RoomKey, audit: AuditRow) -> Result<bool, DirectoryError>;

    /// The durable roles and bans of a room.
    async fn grants(&self, key: &RoomKey) -> Result<Grants, DirectoryError>;

    /// Whether the room's meeting was ended or deleted.
    async fn is_closed(&self, key: &RoomKey) -> Result<bool, DirectoryError>;

    /// Makes entries durable, all or none, in order with every other call for the same room.
    async fn record(&self, key: &RoomKey, entries: Vec<LedgerEntry>) -> Result<(), DirectoryError>;

    /// The audit of a meeting, oldest first.
    async fn audit(
        &self,
        key: &RoomKey,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page<AuditRow>, DirectoryError>;

    /// Whether the last write succeeded; while `false`, changes of authority are refused up front.
    fn is_writable(&self) -> bool;
}
