//! Between the rows of the database and the types of the domain.

use serde_json::Value;

use crate::domain::grant::Stamp;
use crate::domain::id::{Epoch, InvalidId, RequestId, RoomId, RoomKey, TenantId, UserId};
use crate::domain::meeting::Meeting;
use crate::domain::policy::{Access, MeetingSettings};
use crate::domain::role::Mark;
use crate::domain::time::Timestamp;
use crate::engine::directory::{AuditRow, DirectoryError};

/// A row that was not written by this program, or not by this version.
#[derive(Debug, thiserror::Error)]
#[error("a stored row cannot be read: {column} {source}")]
pub(super) struct Unreadable {
    column: &'static str,
    source: InvalidId,
}

impl From<Unreadable> for DirectoryError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unavailable(unreadable.to_string())
    }
}

/// A moment as it is stored; later than the year 292,277,026 is stored as that.
pub(super) fn millis(moment: Timestamp) -> i64 {
    i64::try_from(moment.0).unwrap_or(i64::MAX)
}

/// A stored moment.
pub(super) fn moment(millis: i64) -> Timestamp {
    Timestamp(u64::try_from(millis).unwrap_or(0))
}

/// An epoch's bits: it is a random number that may be larger than any that SQL has.
pub(super) const fn epoch_bits(epoch: Epoch) -> i64 {
    epoch.0.cast_signed()
}

/// The settings as JSON.
pub(super) fn settings_json(settings: &MeetingSettings) -> String {
    // a struct of numbers and unit variants always has a JSON form
    serde_json::to_string(settings).unwrap_or_else(|_| "{}".to_owned())
}

/// Lock, lobby and passcode as JSON; nothing when all are off.
pub(super) fn access_json(access: &Access) -> Option<String> {
    if *access == Access::default() {
        return None;
    }
    serde_json::to_string(access).ok()
}

/// A stored meeting.
pub(super) fn meeting(row: entity::meetings::Model) -> Result<Meeting, Unreadable> {
    let settings = serde_json::from_str(&row.settings).unwrap_or_else(|error| {
        // rather the installation's settings than a meeting that nobody can enter
        tracing::warn!(room.id = %row.id, %error, "stored settings of a meeting are ignored");
        MeetingSettings::default()
    });
    let access = row.access.as_deref().map_or_else(Access::default, |text| {
        serde_json::from_str(text).unwrap_or_else(|error| {
            // rather a meeting that only its moderators can enter than one that is open to all
            tracing::error!(room.id = %row.id, %error, "a meeting is locked: its stored access cannot be read");
            Access {
                locked: true,
                ..Access::default()
            }
        })
    });
    Ok(Meeting {
        key: RoomKey {
            tenant: TenantId::new(&row.tenant).map_err(unreadable("tenant"))?,
            room: RoomId::new(&row.id).map_err(unreadable("id"))?,
        },
        created_by: user(&row.created_by, "created_by")?,
        creator_name: row.creator_name.map(Into::into),
        description: row.description.into(),
        starts_at: moment(row.starts_at),
        created_at: moment(row.created_at),
        updated_at: moment(row.updated_at),
        ended_at: row.ended_at.map(moment),
        settings,
        access,
    })
}

/// A stored mark; `None` for one that only a later version knows.
pub(super) fn mark(text: &str) -> Option<Mark> {
    Mark::ALL.into_iter().find(|mark| mark.as_str() == text)
}

/// A stored user id.
pub(super) fn user(text: &str, column: &'static str) -> Result<UserId, Unreadable> {
    UserId::new(text).map_err(unreadable(column))
}

/// A stored row of the audit.
pub(super) fn audit_row(row: entity::audit::Model) -> Result<AuditRow, Unreadable> {
    let json = |text: Option<String>| {
        text.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)))
    };
    Ok(AuditRow {
        at: moment(row.at),
        actor: row.actor,
        action: row.action,
        target: row
            .target
            .map(|target| user(&target, "target"))
            .transpose()?,
        role: row.role.as_deref().and_then(mark).and_then(Mark::role),
        before: json(row.before),
        after: json(row.after),
        cause: row.cause,
        epoch: row.epoch.map(|bits| Epoch(bits.cast_unsigned())),
        rev: row.rev.map(|rev| u64::try_from(rev).unwrap_or(0)),
        request: row.request_id.and_then(|id| RequestId::new(&id).ok()),
        stamp: row.stamp.map(stamp),
    })
}

/// A row of the audit as it is stored.
pub(super) fn audit_model(key: &RoomKey, id: String, row: &AuditRow) -> entity::audit::Model {
    entity::audit::Model {
        tenant: key.tenant.to_string(),
        meeting_id: key.room.to_string(),
        id,
        at: millis(row.at),
        actor: row.actor.clone(),
        action: row.action.clone(),
        target: row.target.as_ref().map(ToString::to_string),
        role: row.role.map(|role| role.as_str().to_owned()),
        before: row.before.as_ref().map(ToString::to_string),
        after: row.after.as_ref().map(ToString::to_string),
        cause: row.cause.clone(),
        epoch: row.epoch.map(epoch_bits),
        rev: row.rev.map(revision),
        request_id: row.request.as_ref().map(ToString::to_string),
        stamp: row.stamp.map(stamp_bits),
    }
}

/// A revision as it is stored.
pub(super) fn revision(rev: u64) -> i64 {
    i64::try_from(rev).unwrap_or(i64::MAX)
}

/// A stored stamp.
pub(super) fn stamp(stored: i64) -> Stamp {
    Stamp(u64::try_from(stored).unwrap_or(0))
}

/// A stamp as it is stored.
pub(super) fn stamp_bits(stamp: Stamp) -> i64 {
    i64::try_from(stamp.0).unwrap_or(i64::MAX)
}

fn unreadable(column: &'static str) -> impl Fn(InvalidId) -> Unreadable {
    move |source| Unreadable { column, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_survives() {
        for epoch in [0, 1, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX] {
            assert_eq!(epoch_bits(Epoch(epoch)).cast_unsigned(), epoch);
        }
    }

    #[test]
    fn every_mark_is_read_back_and_an_unknown_one_is_nobodys() {
        for known in Mark::ALL {
            assert_eq!(mark(known.as_str()), Some(known));
        }
        assert_eq!(mark("owner"), None);
    }
}
