//! A room as fields of a hash, and a commit as bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::domain::grant::{Grant, Grants};
use crate::domain::id::{CommitId, Epoch, NodeId, RoomKey, UserId};
use crate::domain::participant::Participant;
use crate::domain::passcode::Failures;
use crate::domain::room::{Commit, Records, Room, Touched};
use crate::engine::store::StoreError;

const PARTICIPANT: &str = "p:";
const WAITING: &str = "w:";
const ABSENT: &str = "a:";
const MESSAGE: &str = "c:";
const GRANT: &str = "g:";
const EPOCH: &str = "epoch";
const REV: &str = "rev";
const HEAD: &str = "head";
const SUMMARY: &str = "summary";
const POLICY: &str = "policy";
const FAILURES: &str = "failures";

/// What a commit does to the hash.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Field, value, field, value …
    pub(super) set: Vec<String>,
    /// Fields that go.
    pub(super) removed: Vec<String>,
}

impl Change {
    fn set(&mut self, field: String, value: String) {
        self.set.push(field);
        self.set.push(value);
    }

    /// A field as it is from now on; it goes when there is nothing to keep.
    fn keep<T: Serialize>(&mut self, field: String, value: Option<&T>) -> Result<(), StoreError> {
        match value {
            Some(value) => self.set(field, json(value)?),
            None => self.removed.push(field),
        }
        Ok(())
    }

    /// Of a commit that leaves the room like this.
    pub(super) fn of(commit: &Commit, after: &Room) -> Result<Self, StoreError> {
        let touched = Touched::by(&commit.events);
        let mut change = Self::default();
        if touched.summary {
            change.set(SUMMARY.to_owned(), json(&after.summary())?);
        }
        if touched.policy {
            change.set(POLICY.to_owned(), json(&*after.policy)?);
        }
        if touched.failures {
            change.set(FAILURES.to_owned(), json(&*after.failures)?);
        }
        for user in touched.people {
            if let Some(waiting) = after.lobby().get(user) {
                change.set(format!("{WAITING}{user}"), json(&**waiting)?);
            }
            let present = after.participant(user).map(|it| &**it);
            change.keep(format!("{PARTICIPANT}{user}"), present)?;
        }
        for user in touched.lobby {
            let waiting = after.lobby().get(user).map(|it| &**it);
            change.keep(format!("{WAITING}{user}"), waiting)?;
        }
        for user in touched.absent {
            change.keep(format!("{ABSENT}{user}"), after.absent(user))?;
        }
        change.messages(&touched.messages, after)?;
        for message in after
            .messages()
            .filter(|it| touched.marked.contains(&it.number))
        {
            change.set(format!("{MESSAGE}{}", message.number), json(&**message)?);
        }
        for user in touched.grants {
            let field = format!("{GRANT}{user}");
            let grant = after.grants.of(user);
            if grant == Grant::default() {
                change.removed.push(field);
            } else {
                change.set(field, json(&grant)?);
            }
        }
        Ok(change)
    }
}

impl Change {
    /// New messages come, and as many old ones go.
    fn messages(&mut self, numbers: &[u64], after: &Room) -> Result<(), StoreError> {
        let Some((first, last)) = numbers.first().zip(numbers.last()) else {
            return Ok(());
        };
        for message in after.messages().filter(|it| it.number >= *first) {
            self.set(format!("{MESSAGE}{}", message.number), json(&**message)?);
        }
        let kept = u64::try_from(after.policy.memory.messages).unwrap_or(u64::MAX);
        let gone = first.saturating_sub(kept)..=last.saturating_sub(kept);
        let gone = gone.filter(|number| *number > 0 && number < first);
        self.removed
            .extend(gone.map(|number| format!("{MESSAGE}{number}")));
        Ok(())
    }
}

/// Every field of a room, the epoch first.
pub(super) fn fields(room: &Room) -> Result<Vec<String>, StoreError> {
    let mut change = Change::default();
    change.set(EPOCH.to_owned(), epoch_text(room.epoch));
    change.set(REV.to_owned(), room.rev.to_string());
    change.set(HEAD.to_owned(), head_text(room.head));
    change.set(SUMMARY.to_owned(), json(&room.summary())?);
    change.set(POLICY.to_owned(), json(&*room.policy)?);
    for participant in room.participants() {
        let field = format!("{PARTICIPANT}{}", participant.user);
        change.set(field, json(&**participant)?);
    }
    change.set(FAILURES.to_owned(), json(&*room.failures)?);
    for waiting in room.lobby().iter() {
        change.set(format!("{WAITING}{}", waiting.user), json(&**waiting)?);
    }
    for (user, absent) in room.absentees() {
        change.set(format!("{ABSENT}{user}"), json(absent)?);
    }
    for message in room.messages() {
        change.set(format!("{MESSAGE}{}", message.number), json(&**message)?);
    }
    for (user, grant) in room.grants.by_user() {
        change.set(format!("{GRANT}{user}"), json(grant)?);
    }
    Ok(change.set)
}

/// The room that these fields are.
pub(super) fn room(key: &RoomKey, fields: &[Vec<u8>]) -> Result<Room, StoreError> {
    let (mut epoch, mut rev, mut head) = (None, None, None);
    let (mut summary, mut policy) = (None, None);
    let (mut participants, mut grants) = (Vec::<Participant>::new(), Vec::new());
    let (mut lobby, mut absent) = (Vec::<Participant>::new(), BTreeMap::new());
    let (mut messages, mut failures) = (Vec::new(), Failures::default());
    for pair in fields.chunks_exact(2) {
        let [field, value] = pair else { continue };
        let field = text(field)?;
        match field {
            EPOCH => epoch = Some(epoch_from(text(value)?)?),
            REV => rev = text(value)?.parse().ok(),
            HEAD => head = Some(head_from(text(value)?)?),
            SUMMARY => summary = Some(parsed(value)?),
            POLICY => policy = Some(parsed(value)?),
            FAILURES => failures = parsed(value)?,
            field => {
                if let Some(user) = field.strip_prefix(GRANT) {
                    grants.push((user_from(user)?, parsed::<Grant>(value)?));
                } else if field.starts_with(PARTICIPANT) {
                    participants.push(parsed(value)?);
                } else if field.starts_with(WAITING) {
                    lobby.push(parsed(value)?);
                } else if let Some(user) = field.strip_prefix(ABSENT) {
                    absent.insert(user_from(user)?, parsed(value)?);
                } else if field.starts_with(MESSAGE) {
                    messages.push(parsed(value)?);
                }
                // An unknown field is that of a newer version, which this one can do without.
            }
        }
    }
    let missing = || unreadable("a room in Redis lacks a field");
    Ok(Room::assemble(Records {
        key: key.clone(),
        epoch: epoch.ok_or_else(missing)?,
        rev: rev.ok_or_else(missing)?,
        head: head.ok_or_else(missing)?,
        summary: summary.ok_or_else(missing)?,
        policy: policy.ok_or_else(missing)?,
        grants: grants.into_iter().collect::<Grants>(),
        participants,
        lobby,
        absent,
        messages,
        failures,
    }))
}

/// A commit as it is logged and published.
pub(super) fn commit_bytes(commit: &Commit) -> Result<String, StoreError> {
    json(commit)
}

/// A commit from the log or the feed.
pub(super) fn commit_from(bytes: &[u8]) -> Result<Arc<Commit>, StoreError> {
    parsed(bytes).map(Arc::new)
}

/// An epoch as text: JSON numbers and Lua's lose digits.
pub(super) fn epoch_text(epoch: Epoch) -> String {
    format!("{:016x}", epoch.0)
}

fn epoch_from(text: &str) -> Result<Epoch, StoreError> {
    u64::from_str_radix(text, 16)
        .map(Epoch)
        .map_err(|_bad| unreadable("an epoch in Redis is not one"))
}

/// A head as text; `-` for none.
pub(super) fn head_text(head: Option<CommitId>) -> String {
    head.map_or_else(|| "-".to_owned(), id_text)
}

/// A commit's id as text.
pub(super) fn id_text(id: CommitId) -> String {
    format!("{:016x}.{}", id.node.0, id.number)
}

/// A head from a field's bytes.
pub(super) fn head_from_bytes(bytes: &[u8]) -> Result<Option<CommitId>, StoreError> {
    head_from(text(bytes)?)
}

fn head_from(text: &str) -> Result<Option<CommitId>, StoreError> {
    if text == "-" {
        return Ok(None);
    }
    let id = text.split_once('.').and_then(|(node, number)| {
        Some(CommitId {
            node: NodeId(u64::from_str_radix(node, 16).ok()?),
            number: number.parse().ok()?,
        })
    });
    id.map(Some)
        .ok_or_else(|| unreadable("a commit id in Redis is not one"))
}

fn user_from(text: &str) -> Result<UserId, StoreError> {
    UserId::new(text).map_err(|_bad| unreadable("a user id in Redis is not one"))
}

fn text(bytes: &[u8]) -> Result<&str, StoreError> {
    std::str::from_utf8(bytes).map_err(|_bad| unreadable("a field in Redis is not text"))
}

fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| unreadable(&error.to_string()))
}

fn parsed<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| unreadable(&error.to_string()))
}

fn unreadable(reason: &str) -> StoreError {
    StoreError::Unreadable(reason.to_owned())
}
