//! Use cases around the meeting record: create, read, change, end, and who is there.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::authority::{self, actor_label};
use super::directory::{AuditRow, Directory, DirectoryError, MeetingChange, MeetingFilter, Page};
use super::passcodes::Passcodes;
use super::registry::Rooms;
use crate::clock::Clock;
use crate::domain::id::{RequestId, RoomKey, TenantId, UserId};
use crate::domain::meeting::Meeting;
use crate::domain::passcode::{Passcode, PasscodeHash};
use crate::domain::permission::Standing;
use crate::domain::policy::{Access, AccessChange, Installation};
use crate::domain::refusal::Refusal;
use crate::domain::role::Roles;
use crate::domain::room::{Actor, By, Command, EndCause, Room};

/// Who asks, and what the request is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who, already authorised at the door.
    pub actor: Actor,
    /// Under which name the audit tells of it.
    pub request: Option<RequestId>,
}

/// Meetings and the rooms they are held in.
pub struct Meetings {
    pub(super) directory: Arc<dyn Directory>,
    pub(super) rooms: Arc<Rooms>,
    clock: Arc<dyn Clock>,
    policy: Installation,
    passcodes: Arc<Passcodes>,
}

impl std::fmt::Debug for Meetings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meetings").finish_non_exhaustive()
    }
}

const END: Command = Command::End {
    cause: EndCause::Command,
};

impl Meetings {
    /// The use cases over these parts.
    #[must_use]
    pub const fn new(
        directory: Arc<dyn Directory>,
        rooms: Arc<Rooms>,
        clock: Arc<dyn Clock>,
        policy: Installation,
        passcodes: Arc<Passcodes>,
    ) -> Self {
        Self {
            passcodes,
            directory,
            rooms,
            clock,
            policy,
        }
    }

    /// What may be kept of a passcode.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub async fn hash(&self, passcode: Passcode) -> Result<PasscodeHash, Refusal> {
        self.passcodes.hash(passcode).await
    }

    /// The time, for records.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Creates a meeting. People who are in its room already learn who the creator is.
    ///
    /// # Errors
    /// [`Refusal::MeetingExists`] when the id is taken.
    pub async fn create(&self, meeting: Meeting, by: &Origin) -> Result<Arc<Meeting>, Refusal> {
        // Refused now rather than when SQL has it and the room cannot be told.
        self.rooms.peek(&meeting.key).await?;
        let audit = AuditRow {
            actor: actor_label(&by.actor),
            request: by.request.clone(),
            ..AuditRow::of_creation(&meeting)
        };
        let created = self.directory.create_audited(meeting, audit).await;
        let meeting = created.map_err(refusal)?;
        self.adopt(&meeting, by).await?;
        Ok(meeting)
    }

    async fn adopt(&self, meeting: &Meeting, by: &Origin) -> Result<(), Refusal> {
        if self.rooms.read(&meeting.key).await?.is_none() {
            return Ok(());
        }
        let by = By {
            actor: by.actor.clone(),
            name: None,
            request: by.request.clone(),
        };
        let command = authority::adopting(&self.policy, meeting, by);
        self.rooms
            .change(&meeting.key, Actor::System, command)
            .await
            .map(drop)
    }

    /// One meeting.
    ///
    /// # Errors
    /// [`Refusal::MeetingNotFound`].
    pub async fn get(&self, key: &RoomKey) -> Result<Arc<Meeting>, Refusal> {
        self.directory
            .meeting(key)
            .await
            .map_err(refusal)?
            .ok_or(Refusal::MeetingNotFound)
    }

    /// Meetings of a tenant, newest first.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub async fn list(
        &self,
        tenant: &TenantId,
        filter: &MeetingFilter,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page<Meeting>, Refusal> {
        self.directory
            .list(tenant, filter, after, limit)
            .await
            .map_err(refusal)
    }

    /// Changes a meeting. Moving ownership is its own row of the audit.
    ///
    /// # Errors
    /// [`Refusal::MeetingNotFound`].
    pub async fn update(
        &self,
        key: &RoomKey,
        change: &MeetingChange,
        by: &Origin,
    ) -> Result<Arc<Meeting>, Refusal> {
        let before = self.get(key).await?;
        self.rooms.peek(key).await?;
        let mut changed = self.row("meeting-updated", by);
        (changed.before, changed.after) = differing(&before, change);
        let mut audit = vec![changed];
        if let Some(owner) = change
            .created_by
            .as_ref()
            .filter(|o| **o != before.created_by)
        {
            let mut row = self.row("ownership-moved", by);
            row.target = Some(owner.clone());
            row.before = serde_json::to_value(&before.created_by).ok();
            row.after = serde_json::to_value(owner).ok();
            audit.push(row);
        }
        let updated = self
            .directory
            .update(key, change, audit)
            .await
            .map_err(refusal)?;
        let updated = updated.ok_or(Refusal::MeetingNotFound)?;
        self.adopt(&updated, by).await?;
        Ok(updated)
    }

    /// Ends a meeting for everybody. Ending it again changes nothing.
    ///
    /// # Errors
    /// [`Refusal::MeetingNotFound`].
    pub async fn end(&self, key: &RoomKey, by: &Origin) -> Result<Arc<Meeting>, Refusal> {
        let meeting = self.get(key).await?;
        // An end that SQL has heard of and the room has not is finished here.
        if meeting.ended_at.is_none() || self.is_going_on(key).await? {
            self.end_room(key, by).await?;
        }
        self.get(key).await
    }

    async fn is_going_on(&self, key: &RoomKey) -> Result<bool, Refusal> {
        let room = self.rooms.read(key).await?;
        Ok(room.is_some_and(|room| !room.is_ended()))
    }

    async fn end_room(&self, key: &RoomKey, by: &Origin) -> Result<(), Refusal> {
        let Origin { actor, request } = by.clone();
        let ended = self.rooms.change_for(key, actor, END, request);
        ended.await.map(drop)
    }

    /// Deletes a meeting: whoever is in it leaves, and its id stays taken.
    ///
    /// # Errors
    /// [`Refusal::MeetingNotFound`].
    pub async fn delete(&self, key: &RoomKey, by: &Origin) -> Result<(), Refusal> {
        self.rooms.peek(key).await?;
        let row = self.row("meeting-deleted", by);
        if !self.directory.delete(key, row).await.map_err(refusal)? {
            return Err(Refusal::MeetingNotFound);
        }
        // Only now: a join that came in between has loaded the room.
        if self.is_going_on(key).await? {
            self.end_room(key, by).await?;
        }
        Ok(())
    }

    /// Who is in the meeting's room now; `None` when nobody has been there lately.
    ///
    /// # Errors
    /// [`Refusal::MeetingNotFound`] when there is neither a record nor a room.
    pub async fn room(&self, key: &RoomKey) -> Result<Option<Room>, Refusal> {
        match self.rooms.read(key).await? {
            Some(room) => Ok(Some(room)),
            None => self.get(key).await.map(|_| None),
        }
    }

    /// The audit of a meeting, oldest first.
    ///
    /// # Errors
    /// [`Refusal::MeetingNotFound`].
    pub async fn audit(
        &self,
        key: &RoomKey,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page<AuditRow>, Refusal> {
        self.get(key).await?;
        self.directory
            .audit(key, after, limit)
            .await
            .map_err(refusal)
    }

    /// What this user is to the meeting.
    ///
    /// # Errors
    /// [`Refusal::MeetingNotFound`] when there is neither a record nor a room.
    pub async fn standing(&self, key: &RoomKey, user: &UserId) -> Result<Standing, Refusal> {
        let room = self.rooms.read(key).await?;
        let meeting = match self.get(key).await {
            Err(Refusal::MeetingNotFound) if room.is_some() => None,
            found => Some(found?),
        };
        let grants = self.directory.grants(key).await.map_err(refusal)?;
        Ok(Standing {
            creator: meeting.is_some_and(|meeting| meeting.created_by == *user),
            roles: if grants.is_banned(user) {
                Roles::default()
            } else {
                grants.roles(user)
            },
            present: room.is_some_and(|room| room.participant(user).is_some()),
        })
    }

    fn row(&self, action: &str, by: &Origin) -> AuditRow {
        let actor = actor_label(&by.actor);
        AuditRow {
            request: by.request.clone(),
            ..AuditRow::new(self.clock.now(), actor, action, "rest")
        }
    }
}

/// The fields that a change names, as they were and as they will be.
fn differing(meeting: &Meeting, change: &MeetingChange) -> (Option<Value>, Option<Value>) {
    let (mut before, mut after) = (Map::new(), Map::new());
    let mut note = |name: &str, was: Value, is: Option<Value>| {
        if let Some(is) = is {
            before.insert(name.to_owned(), was);
            after.insert(name.to_owned(), is);
        }
    };
    note(
        "description",
        Value::from(&*meeting.description),
        change.description.as_deref().map(Value::from),
    );
    note(
        "startsAt",
        Value::from(meeting.starts_at.0),
        change.starts_at.map(|at| Value::from(at.0)),
    );
    note(
        "settings",
        serde_json::to_value(meeting.settings).unwrap_or_default(),
        change
            .settings
            .map(|settings| serde_json::to_value(settings).unwrap_or_default()),
    );
    if change.access != AccessChange::default() {
        let seats = |own: Option<u32>| own.map_or(Value::Null, Value::from);
        let (was, is) = (meeting.settings.max_participants, &change.access);
        let is_seats = is.max_participants.unwrap_or(was);
        let access = meeting.access.with(is);
        note(
            "access",
            access_json(&meeting.access, seats(was)),
            Some(access_json(&access, seats(is_seats))),
        );
    }
    (Some(before.into()), Some(after.into()))
}

/// Lock, lobby and seats for the audit, and whether there is a passcode: never the passcode or its hash.
pub(super) fn access_json(access: &Access, seats: impl Into<Value>) -> Value {
    json!({
        "locked": access.locked,
        "lobby": access.lobby,
        "maxParticipants": seats.into(),
        "passcodeRequired": access.passcode.is_some(),
    })
}

/// What a client is told when the database did not do what was asked.
#[must_use]
pub fn refusal(error: DirectoryError) -> Refusal {
    match error {
        DirectoryError::Exists => Refusal::MeetingExists,
        DirectoryError::Busy => Refusal::Unavailable {
            reason: "The database is busy",
        },
        DirectoryError::Unavailable(reason) => {
            tracing::warn!(%reason, "the database did not do what was asked");
            Refusal::Unavailable {
                reason: "The database does not answer",
            }
        }
    }
}
