//! Outgoing events of the delta dialect.

use std::sync::Arc;

use super::view::{self, View};
use crate::domain::id::{ConnectionId, Revision, UserId};
use crate::domain::participant::{Connection, MediaChanges, Participant, Profile};
use crate::domain::refusal::Refusal;
use crate::domain::role::{Role, Roles};
use crate::domain::room::{Actor, By, Commit, Event, HostChangeCause, LeaveReason, Room};
use crate::domain::time::Timestamp;
use crate::protocol::json;
use crate::protocol::message::{Audience, Line, Message};
use crate::protocol::names::server;
use crate::protocol::rest::rfc3339;

/// What one commit means to the members of a room on one node.
#[derive(Debug, Default)]
pub struct Rendered {
    /// Messages in order.
    pub lines: Vec<Line>,
    /// Connections that are in the room from this commit on: they get the list instead of the lines
    /// for the room.
    pub attached: Vec<Attached>,
    /// Connections that are no longer in the room.
    pub detached: Vec<ConnectionId>,
    /// Users who are no longer in the room, with every connection.
    pub departed: Vec<UserId>,
}

/// A connection that a commit brought into the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Which, and on which node.
    pub connection: Connection,
    /// Whose.
    pub user: UserId,
}

/// Renders a commit. `room` is the room after it; `view` is what the members have been shown and is
/// brought up to date.
pub fn render(view: &mut View, commit: &Commit, room: &Room) -> Rendered {
    let mut rendering = Rendering {
        view,
        room,
        rev: commit.rev,
        out: Rendered::default(),
        roles_unclear: false,
    };
    for (at, event) in commit.events.iter().enumerate() {
        let later = commit
            .events
            .get(at.saturating_add(1)..)
            .unwrap_or_default();
        rendering.event(event, later);
    }
    if rendering.roles_unclear {
        rendering.tell_role_differences();
    }
    rendering.out
}

struct Rendering<'a> {
    view: &'a mut View,
    room: &'a Room,
    rev: Revision,
    out: Rendered,
    /// Something may have changed the roles of people whom the event does not name.
    roles_unclear: bool,
}

impl Rendering<'_> {
    fn event(&mut self, event: &Event, later: &[Event]) {
        match event {
            Event::ParticipantJoined { participant } => {
                for connection in &participant.connections {
                    let user = participant.user.clone();
                    self.out.attached.push(Attached {
                        connection: *connection,
                        user,
                    });
                }
                self.joined(participant, later);
            }
            Event::ConnectionAttached { user, connection } => {
                self.out.attached.push(Attached {
                    connection: *connection,
                    user: user.clone(),
                });
                self.presence(user, false);
            }
            Event::ConnectionDetached {
                connection,
                replaced,
                ..
            } => {
                self.out
                    .attached
                    .retain(|attached| attached.connection.id != *connection);
                self.out.detached.push(*connection);
                if *replaced {
                    let payload = self.object("\"reason\":\"newer-connection\"");
                    self.line(
                        Audience::Connection(*connection),
                        server::SESSION_REPLACED,
                        payload,
                    );
                }
            }
            Event::ConnectionLost { user, lost } => {
                self.out
                    .attached
                    .retain(|attached| attached.connection.id != lost.connection.id);
                self.out.detached.push(lost.connection.id);
                self.presence(user, lost.visible);
            }
            Event::ProfileChanged { user, profile } => self.profile(user, profile),
            Event::MediaChanged { user, changes } => {
                self.view.forget(self.room, user);
                let updates = media_updates(changes);
                self.updated(user, &updates);
            }
            Event::ParticipantLeft { user, reason } => self.left(user, *reason),
            Event::RoleGranted { user, role, by, .. } => self.role(user, *role, true, by),
            Event::RoleRevoked { user, role, by, .. } => self.role(user, *role, false, by),
            Event::HostVacated { deadline } => {
                self.roles_unclear = true;
                let payload = self.object(&format!("\"deadline\":\"{}\"", rfc3339(*deadline)));
                self.line(Audience::Room, server::HOST_VACANT, payload);
            }
            Event::HostChanged { user, cause } => self.host_changed(user.as_ref(), *cause),
            Event::MeetingEnded { by } => {
                let mut body = String::from("\"by\":");
                json::string(&mut body, by.display());
                body.push_str(match &by.actor {
                    Actor::User(_) => ",\"reason\":\"ended-by-host\"",
                    Actor::Service(_) | Actor::BackEnd { .. } | Actor::System => {
                        ",\"reason\":\"ended\""
                    }
                });
                let payload = self.object(&body);
                self.line(Audience::Everyone, server::MEETING_ENDED, payload);
            }
            Event::RoleAffirmed { .. } => {}
            Event::MeetingClaimed { .. }
            | Event::MeetingAdopted { .. }
            | Event::GrantsRestored { .. } => self.roles_unclear = true,
        }
    }

    fn line(&mut self, audience: Audience, name: &'static str, payload: String) {
        let message = Arc::new(Message { name, payload });
        self.out.lines.push(Line { audience, message });
    }

    /// `{body,"rev":n}`.
    fn object(&self, body: &str) -> String {
        let mut out = String::with_capacity(body.len().saturating_add(32));
        out.push('{');
        out.push_str(body);
        json::number(&mut out, "rev", self.rev);
        out.push('}');
        out
    }

    /// Tells of a newcomer as they were when they came, whatever the commit holds after that.
    fn joined(&mut self, participant: &Participant, later: &[Event]) {
        let user = &participant.user;
        let roles = roles_before(self.room.roles_of(user), user, later);
        let entry = view::write(participant, roles);
        self.view.show_roles(user, roles);
        let payload = self.object(entry.trim_start_matches('{').trim_end_matches('}'));
        self.line(Audience::Room, server::PARTICIPANT_JOINED, payload);
        let unchanged = roles == self.room.roles_of(user)
            && self
                .room
                .participant(user)
                .is_some_and(|now| **now == *participant);
        if unchanged {
            self.view.remember(participant.seat, entry);
        }
    }

    fn left(&mut self, user: &UserId, reason: LeaveReason) {
        self.view.show_roles(user, Roles::default());
        self.view.reconnecting.remove(user);
        self.out.attached.retain(|attached| attached.user != *user);
        self.out.departed.push(user.clone());
        // An end takes everybody along: nobody is left to be told who left.
        if reason != LeaveReason::MeetingEnded {
            let payload = self.object(&format!(
                "\"participantId\":\"{user}\",\"userId\":\"{user}\",\"id\":\"{user}\",\
                 \"peerId\":\"{user}\",\"reason\":\"{}\"",
                reason.as_str()
            ));
            self.line(Audience::Room, server::PARTICIPANT_LEFT, payload);
        }
    }

    /// `updates` is the inside of the object.
    fn updated(&mut self, user: &UserId, updates: &str) {
        let payload = self.object(&format!(
            "\"participantId\":\"{user}\",\"updates\":{{{updates}}}"
        ));
        self.line(Audience::Room, server::PARTICIPANT_UPDATED, payload);
    }

    fn presence(&mut self, user: &UserId, reconnecting: bool) {
        let changed = if reconnecting {
            self.view.reconnecting.insert(user.clone())
        } else {
            self.view.reconnecting.remove(user)
        };
        if changed {
            self.view.forget(self.room, user);
            self.updated(user, &format!("\"isReconnecting\":{reconnecting}"));
        }
    }

    fn profile(&mut self, user: &UserId, profile: &Profile) {
        self.view.forget(self.room, user);
        let mut updates = String::from("\"name\":");
        json::string(&mut updates, &profile.name);
        updates.push_str(",\"imageUrl\":");
        json::optional_string(&mut updates, profile.image_url.as_deref());
        self.updated(user, &updates);
    }

    fn role(&mut self, user: &UserId, role: Role, granted: bool, by: &By) {
        let mut shown = self.view.shown_roles(user);
        set(&mut shown, role, granted);
        self.view.show_roles(user, shown);
        self.view.forget(self.room, user);
        self.tell_role(user, role, granted, by.display());
    }

    fn tell_role(&mut self, user: &UserId, role: Role, granted: bool, by: &str) {
        let (field, notice) = match (role, granted) {
            (Role::Host, true) => ("isHost", server::HOST_GRANTED),
            (Role::Host, false) => ("isHost", server::HOST_REVOKED),
            (Role::CoHost, true) => ("isCoHost", server::COHOST_GRANTED),
            (Role::CoHost, false) => ("isCoHost", server::COHOST_REVOKED),
        };
        self.updated(user, &format!("\"{field}\":{granted}"));
        let mut body = String::from("\"by\":");
        json::string(&mut body, by);
        let payload = self.object(&body);
        self.line(Audience::User(user.clone()), notice, payload);
    }

    fn host_changed(&mut self, user: Option<&UserId>, cause: HostChangeCause) {
        self.roles_unclear = true;
        let mut body = String::from("\"participantId\":");
        json::optional_string(&mut body, user.map(UserId::as_str));
        body.push_str(",\"cause\":\"");
        body.push_str(cause.as_str());
        body.push('"');
        let payload = self.object(&body);
        self.line(Audience::Room, server::HOST_CHANGED, payload);
    }

    /// Tells every role that is not what the members have been shown.
    fn tell_role_differences(&mut self) {
        for participant in self.room.participants() {
            let user = &participant.user;
            let (shown, now) = (self.view.shown_roles(user), self.room.roles_of(user));
            if shown == now {
                continue;
            }
            self.view.show_roles(user, now);
            self.view.forget(self.room, user);
            if shown.host != now.host {
                self.tell_role(user, Role::Host, now.host, "Host");
            }
            if shown.co_host != now.co_host {
                self.tell_role(user, Role::CoHost, now.co_host, "Host");
            }
        }
    }
}

/// The roles of a user before `later` happened, from those after it.
fn roles_before(after: Roles, user: &UserId, later: &[Event]) -> Roles {
    let mut roles = after;
    for event in later.iter().rev() {
        if let Event::RoleGranted {
            user: changed,
            role,
            ..
        } = event
            && changed == user
        {
            set(&mut roles, *role, false);
        } else if let Event::RoleRevoked {
            user: changed,
            role,
            ..
        } = event
            && changed == user
        {
            set(&mut roles, *role, true);
        }
    }
    roles
}

const fn set(roles: &mut Roles, role: Role, held: bool) {
    match role {
        Role::Host => roles.host = held,
        Role::CoHost => roles.co_host = held,
    }
}

fn media_updates(changes: &MediaChanges) -> String {
    let mut out = String::new();
    for (key, value) in [
        ("isAudioMuted", changes.audio_muted),
        ("isVideoPaused", changes.video_paused),
        ("isScreenSharing", changes.screen_sharing),
        ("isHandRaised", changes.hand_raised),
    ] {
        if let Some(value) = value {
            json::flag(&mut out, key, value);
        }
    }
    out.trim_start_matches(',').to_owned()
}

/// The `error` event that goes with every refusal.
#[must_use]
pub fn error(refusal: &Refusal, event: &str) -> Message {
    let mut payload = String::from("{\"message\":");
    json::string(&mut payload, &refusal.to_string());
    payload.push_str(",\"code\":\"");
    payload.push_str(refusal.code());
    payload.push_str("\",\"event\":");
    json::string(&mut payload, event);
    retry(&mut payload, refusal);
    payload.push('}');
    Message {
        name: server::ERROR,
        payload,
    }
}

/// When to try again, for what may succeed unchanged.
fn retry(out: &mut String, refusal: &Refusal) {
    if let Some(after) = refusal.retry_after_ms() {
        json::flag(out, "retryable", true);
        json::number(out, "retryAfterMs", after);
    }
}

/// The acknowledgement of a refused command.
#[must_use]
pub fn refused_ack(refusal: &Refusal) -> String {
    let mut out = String::from("{\"ok\":false,\"error\":{\"code\":\"");
    out.push_str(refusal.code());
    out.push_str("\",\"message\":");
    json::string(&mut out, &refusal.to_string());
    retry(&mut out, refusal);
    out.push_str("}}");
    out
}

/// The acknowledgement of a command that has nothing more to say.
#[must_use]
pub fn done_ack(rev: Revision) -> String {
    let mut out = String::from("{\"ok\":true");
    json::number(&mut out, "rev", rev);
    out.push('}');
    out
}

/// The acknowledgement that carries the whole room: of a join (with the joiner) or of `room-state`.
#[must_use]
pub fn room_ack(view: &mut View, room: &Room, list: &str, joiner: Option<&UserId>) -> String {
    let mut out = String::with_capacity(list.len().saturating_add(512));
    out.push_str("{\"ok\":true");
    json::number(&mut out, "rev", room.rev);
    out.push_str(",\"room\":");
    describe(&mut out, room);
    if let Some(user) = joiner {
        out.push_str(",\"participant\":");
        out.push_str(view.participant(room, user).unwrap_or("null"));
    }
    out.push_str(",\"participants\":");
    out.push_str(list);
    if joiner.is_some() {
        out.push_str(",\"provider\":null");
    }
    out.push('}');
    out
}

/// The room itself, without its people. The epoch is text: JavaScript numbers end at 2^53.
fn describe(out: &mut String, room: &Room) {
    use crate::domain::room::HostSeat;
    let (host, deadline) = match &room.host_seat {
        HostSeat::NeverTaken => ("awaited", None),
        HostSeat::Taken => ("present", None),
        HostSeat::Vacant { deadline } => ("vacant", Some(*deadline)),
        HostSeat::Acting { .. } => ("acting", None),
        HostSeat::Hostless => ("hostless", None),
    };
    out.push_str("{\"id\":\"");
    out.push_str(room.key.room.as_str());
    out.push_str("\",\"createdBy\":");
    json::optional_string(out, room.creator.as_ref().map(UserId::as_str));
    out.push_str(",\"epoch\":\"");
    out.push_str(&format!("{:016x}", room.epoch.0));
    out.push_str("\",\"host\":\"");
    out.push_str(host);
    out.push_str("\",\"hostVacantUntil\":");
    json::optional_string(out, deadline.map(|at: Timestamp| rfc3339(at)).as_deref());
    json::number(out, "participantCount", room.len());
    out.push('}');
}
