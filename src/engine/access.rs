//! Lock, lobby, passcode and seats belong to the meeting's record: SQL has a change before the room does.

use serde_json::json;

use super::actor::Loaded;
use super::authority::{self, actor_label};
use super::committing::{Authority, DATABASE_DOWN, Freshness, STORE_DOWN};
use super::directory::{AuditRow, MeetingChange};
use super::meetings::access_json;
use super::registry::{Message, Request};
use super::reply::ReplyTo;
use crate::domain::id::RequestId;
use crate::domain::policy::AccessChange;
use crate::domain::refusal::Refusal;
use crate::domain::room::{Actor, By, Command, by, decide};

impl Loaded {
    /// Switches what the command says. A room without a record keeps it only as long as it lives.
    pub(super) async fn commit_access(&mut self, message: Message) {
        let Message { request, reply } = message;
        let Request::Change { actor, command, id } = request else {
            return;
        };
        if matches!(self.refreshed().await, Freshness::Unknown) {
            return self.answer_one(reply, Err(STORE_DOWN));
        }
        // Judged before a hash is made for somebody who may not set one.
        let now = self.parts.clock.now();
        let judged = decide(self.room(), &actor, &command, now).map(drop);
        let command = match judged {
            Ok(()) => self.hashed(command).await,
            Err(refusal) => Err(refusal),
        };
        let command = match command {
            Ok(command) => command,
            Err(refusal) => return self.answer_one(reply, Err(refusal)),
        };
        match self.recorded_access(&actor, &command, id.as_ref()).await {
            Ok(Some(adopt)) => self.settle_access(Actor::System, adopt, None, reply).await,
            Ok(None) => self.settle_access(actor, command, id, reply).await,
            Err(refusal) => self.answer_one(reply, Err(refusal)),
        }
    }

    async fn settle_access(
        &mut self,
        actor: Actor,
        command: Command,
        id: Option<RequestId>,
        reply: ReplyTo,
    ) {
        let request = Request::Change { actor, command, id };
        let message = Message { request, reply };
        self.commit(vec![message], Authority::Recorded).await;
    }

    async fn hashed(&mut self, command: Command) -> Result<Command, Refusal> {
        let Command::UpdateAccess {
            mut change,
            passcode: Some(passcode),
        } = command
        else {
            return Ok(command);
        };
        let hash = self.parts.passcodes.hash(passcode).await?;
        change.passcode = Some(Some(hash));
        let passcode = None;
        Ok(Command::UpdateAccess { change, passcode })
    }

    /// The command by which the room takes over what SQL has now; `None` when there is no record, or
    /// nothing changes.
    async fn recorded_access(
        &mut self,
        actor: &Actor,
        command: &Command,
        id: Option<&RequestId>,
    ) -> Result<Option<Command>, Refusal> {
        let Command::UpdateAccess { change, .. } = command else {
            return Ok(None);
        };
        let now = self.parts.clock.now();
        let changes_room = !decide(self.room(), actor, command, now)?.is_empty();
        if !changes_room && !self.differs_in_sql(change).await? {
            return Ok(None);
        }
        if !self.parts.directory.is_writable() {
            return Err(DATABASE_DOWN);
        }
        let by = By {
            request: id.cloned(),
            ..by(self.room(), actor)
        };
        let row = self.access_row(change, &by);
        let change = MeetingChange {
            access: change.clone(),
            ..MeetingChange::default()
        };
        let updated = self.parts.directory.update(&self.key, &change, vec![row]);
        match updated.await {
            Ok(meeting) => {
                let policy = &self.parts.policy;
                Ok(meeting.map(|meeting| authority::adopting(policy, &meeting, by)))
            }
            Err(error) => {
                tracing::warn!(room.id = %self.key, %error, "a change of access was not recorded");
                Err(DATABASE_DOWN)
            }
        }
    }

    /// Whether the record is otherwise than it is to be, although the room is not: what SQL took once, the
    /// room may not have heard of yet.
    async fn differs_in_sql(&mut self, change: &AccessChange) -> Result<bool, Refusal> {
        let found = self.parts.directory.meeting(&self.key).await;
        let meeting = found.map_err(|_error| DATABASE_DOWN)?;
        Ok(meeting.is_some_and(|meeting| {
            let seats = change.max_participants;
            let seats_differ = seats.is_some_and(|it| it != meeting.settings.max_participants);
            seats_differ || meeting.access.with(change) != meeting.access
        }))
    }

    fn access_row(&self, change: &AccessChange, by: &By) -> AuditRow {
        let room = self.room();
        let after = room.policy.with(change);
        let actor = actor_label(&by.actor);
        AuditRow {
            before: Some(
                json!({ "access": access_json(&room.policy.access, room.policy.max_participants) }),
            ),
            after: Some(json!({ "access": access_json(&after.access, after.max_participants) })),
            epoch: Some(room.epoch),
            request: by.request.clone(),
            ..AuditRow::new(self.parts.clock.now(), actor, "meeting-updated", "command")
        }
    }
}
