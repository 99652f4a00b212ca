//! Between rows and domain types.

use std::sync::Arc;

use entity::{audit, meetings};
use serde_json::Value;

use crate::domain::id::{Epoch, InvalidId, RoomId, RoomKey, TenantId, UserId};
use crate::domain::meeting::Meeting;
use crate::domain::role::Role;
use crate::domain::time::Timestamp;
use crate::engine::directory::{AuditRow, DirectoryError};

pub(super) fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

pub(super) fn timestamp(millis: i64) -> Timestamp {
    Timestamp(u64::try_from(millis).unwrap_or_default())
}

/// SQL has no unsigned 64-bit numbers; the bits are kept.
pub(super) const fn epoch_bits(epoch: Epoch) -> i64 {
    i64::from_ne_bytes(epoch.0.to_ne_bytes())
}

/// A row that this program did not write.
pub(super) fn foreign(what: InvalidId) -> DirectoryError {
    DirectoryError::Unavailable(format!("a row holds an id that {what}"))
}

pub(super) fn role(word: &str) -> Option<Role> {
    [Role::Host, Role::CoHost]
        .into_iter()
        .find(|role| role.as_str() == word)
}

pub(super) fn meeting(row: meetings::Model) -> Result<Meeting, DirectoryError> {
    let tenant = TenantId::new(&row.tenant).map_err(foreign)?;
    let room = RoomId::new(&row.id).map_err(foreign)?;
    Ok(Meeting {
        key: RoomKey { tenant, room },
        created_by: UserId::new(&row.created_by).map_err(foreign)?,
        creator_name: row.creator_name.map(Arc::from),
        description: row.description.into(),
        starts_at: timestamp(row.starts_at),
        created_at: timestamp(row.created_at),
        ended_at: row.ended_at.map(timestamp),
        // Settings of a newer version that this one does not know fall back to the installation's.
        settings: serde_json::from_str(&row.settings).unwrap_or_default(),
    })
}

pub(super) fn audit(row: audit::Model) -> Result<AuditRow, DirectoryError> {
    let json = |text: Option<String>| -> Option<Value> { serde_json::from_str(&text?).ok() };
    Ok(AuditRow {
        at: timestamp(row.at),
        actor: row.actor,
        action: row.action,
        target: row
            .target
            .as_deref()
            .map(UserId::new)
            .transpose()
            .map_err(foreign)?,
        role: row.role.as_deref().and_then(role),
        before: json(row.before),
        after: json(row.after),
        cause: row.cause,
        epoch: row
            .epoch
            .map(|bits| Epoch(u64::from_ne_bytes(bits.to_ne_bytes()))),
        rev: row.rev.and_then(|rev| u64::try_from(rev).ok()),
    })
}

/// The audit row of a creation.
pub(super) fn created(meeting: &Meeting) -> AuditRow {
    AuditRow {
        at: meeting.created_at,
        actor: format!("user:{}", meeting.created_by),
        action: "meeting-created".to_owned(),
        target: Some(meeting.created_by.clone()),
        role: None,
        before: None,
        after: None,
        cause: "rest".to_owned(),
        epoch: None,
        rev: None,
    }
}
