//! Outgoing events of the delta dialect.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::chat;
use super::view::{self, View};
use crate::domain::id::{ConnectionId, Revision, UserId};
use crate::domain::participant::{Connection, MediaChanges, MediaKind, Participant, Profile};
use crate::domain::role::{Role, Roles};
use crate::domain::room::{Actor, By, Commit, EndCause, Event, HostChangeCause, LeaveReason, Room};
use crate::domain::ticket::{Provider, SyncState};
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
    /// Connections that wait in the lobby from this commit on.
    pub waiting: Vec<Attached>,
    /// Users who are in the room from this commit on.
    pub entered: Vec<UserId>,
    /// Connections that came and went with the commit.
    pub passing: Vec<Attached>,
    /// Connections that waited and no longer do with the commit.
    pub waited_in_passing: Vec<Attached>,
}

/// A connection that a commit brought into the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Which, and on which node.
    pub connection: Connection,
    /// Whose.
    pub user: UserId,
}

impl Attached {
    /// Every connection of somebody.
    pub(super) fn all(participant: &Participant) -> impl Iterator<Item = Self> {
        participant.connections.iter().map(|connection| Self {
            connection: *connection,
            user: participant.user.clone(),
        })
    }
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
        queue_changed: false,
        unseen: BTreeSet::new(),
    };
    // Only somebody new to a queue that has not changed has to be told of it.
    let moderators = if room.lobby().is_empty() {
        Vec::new()
    } else {
        rendering.view.moderators()
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
    rendering.tell_access(commit);
    rendering.tell_queue(&moderators);
    rendering.out
}

/// A commit on its way to the members.
pub(super) struct Rendering<'a> {
    pub(super) view: &'a mut View,
    pub(super) room: &'a Room,
    pub(super) rev: Revision,
    pub(super) out: Rendered,
    /// Something may have changed the roles of people whom the event does not name.
    pub(super) roles_unclear: bool,
    /// Who waits in the lobby, or as whom.
    pub(super) queue_changed: bool,
    /// Users who were let in and taken out with the same commit: nobody has seen them.
    pub(super) unseen: BTreeSet<UserId>,
}

impl Rendering<'_> {
    pub(super) fn event(&mut self, event: &Event, later: &[Event]) {
        match event {
            Event::ParticipantJoined { participant } => {
                self.attached(participant);
                self.joined(participant, later);
            }
            Event::ConnectionAttached { .. }
            | Event::ConnectionDetached { .. }
            | Event::ConnectionLost { .. } => self.connection(event),
            Event::ProfileChanged { user, .. } | Event::MediaChanged { user, .. }
                if self.view.is_waiting(user) =>
            {
                self.queue_changed = true;
            }
            Event::ProfileChanged { user, profile } => self.profile(user, profile),
            Event::MediaChanged { user, changes } => self.media(user, changes),
            Event::ParticipantLeft { user, reason } => self.left(user, *reason),
            Event::LobbyEntered { .. }
            | Event::LobbyLeft { .. }
            | Event::Admitted { .. }
            | Event::Denied { .. } => self.lobby(event, later),
            Event::Removed {
                user, banned, by, ..
            } => self.removed(user, *banned, by),
            Event::Muted {
                user,
                kind,
                changed,
                by,
            } => self.muted(user, *kind, *changed, by),
            Event::UnmuteAsked { user, kind, by } => {
                let payload = self.object(&kind_and_by(*kind, by));
                self.line(
                    Audience::User(user.clone()),
                    server::UNMUTE_REQUESTED,
                    payload,
                );
            }
            Event::Signalled { from, to, data } => {
                let data = data.as_str();
                let body = format!("\"from\":\"{from}\",\"to\":\"{to}\",\"data\":{data}");
                let payload = self.object(&body);
                self.line(Audience::User(to.clone()), server::SIGNAL, payload);
            }
            Event::MessageSent { message } => {
                let payload = self.object(&chat::fields(message));
                self.line(Audience::Room, server::RECEIVE_MESSAGE, payload);
            }
            Event::PasscodeFailed { failure, lockout } => {
                if let Some((scope, until)) = lockout {
                    self.locked_out(&failure.user, scope.as_str(), *until);
                }
            }
            Event::EndingSoon { ends_at, cause } => {
                let (at, cause) = (rfc3339(*ends_at), cause.as_str());
                let body = format!("\"endsAt\":\"{at}\",\"reason\":\"{cause}\"");
                let payload = self.object(&body);
                self.line(Audience::Room, server::MEETING_ENDING, payload);
            }
            Event::ProviderSynced {
                user,
                provider,
                state,
            } => self.provider_synced(user, *provider, *state),
            Event::RoleGranted { user, role, by, .. } => self.role(user, *role, true, by),
            Event::RoleRevoked { user, role, by, .. } => self.role(user, *role, false, by),
            Event::HostVacated { deadline } => {
                self.roles_unclear = true;
                let payload = self.object(&format!("\"deadline\":\"{}\"", rfc3339(*deadline)));
                self.line(Audience::Room, server::HOST_VACANT, payload);
            }
            Event::HostChanged { user, cause } => self.host_changed(user.as_ref(), *cause),
            Event::MeetingEnded { by, cause } => self.ended(by, *cause),
            Event::RoleAffirmed { .. }
            | Event::BanChanged { .. }
            | Event::LockoutLifted { .. }
            | Event::AbsentForgotten { .. } => {}
            Event::MeetingClaimed { .. }
            | Event::MeetingAdopted { .. }
            | Event::GrantsRestored { .. } => self.roles_unclear = true,
        }
    }

    pub(super) fn attached(&mut self, participant: &Participant) {
        self.out.attached.extend(Attached::all(participant));
    }

    fn connection(&mut self, event: &Event) {
        if let Event::ConnectionAttached { user, connection } = event {
            let attached = Attached {
                connection: *connection,
                user: user.clone(),
            };
            if self.view.is_waiting(user) {
                // On this connection they have been told nothing yet.
                self.view.forget_place(user);
                self.out.waiting.push(attached);
            } else {
                self.out.attached.push(attached);
                self.presence(user, false);
            }
        } else if let Event::ConnectionDetached {
            connection,
            replaced,
            ..
        } = event
        {
            self.detached(*connection);
            if *replaced {
                let payload = self.object("\"reason\":\"newer-connection\"");
                self.line(
                    Audience::Connection(*connection),
                    server::SESSION_REPLACED,
                    payload,
                );
            }
        } else if let Event::ConnectionLost { user, lost } = event {
            self.detached(lost.connection.id);
            if !self.view.is_waiting(user) {
                self.presence(user, lost.visible);
            }
        }
    }

    fn detached(&mut self, connection: ConnectionId) {
        let other = |attached: &Attached| attached.connection.id != connection;
        self.out.attached.retain(other);
        self.out.waiting.retain(other);
        self.out.detached.push(connection);
    }

    fn removed(&mut self, user: &UserId, banned: bool, by: &By) {
        let reason = if banned {
            LeaveReason::Banned
        } else {
            LeaveReason::Kicked
        };
        let payload = self.object(&kick(by.display(), reason));
        let audience = if self.unseen.contains(user) {
            Audience::Waiting(user.clone())
        } else {
            Audience::Leaving(user.clone())
        };
        self.line(audience, server::KICKED_FROM_ROOM, payload);
        self.left(user, reason);
    }

    fn muted(&mut self, user: &UserId, kind: MediaKind, changed: bool, by: &By) {
        if self.view.is_waiting(user) {
            return;
        }
        if changed {
            let updates = media_updates(&kind.off());
            self.view.forget(self.room, user);
            self.updated(user, &updates);
        }
        let payload = self.object(&kind_and_by(kind, by));
        self.line(Audience::User(user.clone()), server::FORCE_MUTE, payload);
    }

    fn media(&mut self, user: &UserId, changes: &MediaChanges) {
        self.view.forget(self.room, user);
        let updates = media_updates(changes);
        self.updated(user, &updates);
    }

    fn ended(&mut self, by: &By, cause: EndCause) {
        let reason = match (cause, &by.actor) {
            (EndCause::Command, Actor::User(_)) => "ended-by-host",
            (EndCause::Command, _) => "ended",
            (EndCause::MaxDuration | EndCause::ScheduledEnd | EndCause::Empty, _) => cause.as_str(),
        };
        let mut body = String::from("\"by\":");
        json::string(&mut body, by.display());
        body.push_str(&format!(",\"reason\":\"{reason}\""));
        let payload = self.object(&body);
        for user in self.view.queue() {
            self.line(
                Audience::Waiting(user),
                server::MEETING_ENDED,
                payload.clone(),
            );
        }
        self.line(Audience::Everyone, server::MEETING_ENDED, payload);
    }

    /// Tells of lock, lobby, passcode and seats that are not what the members have been shown.
    fn tell_access(&mut self, commit: &Commit) {
        let mut author = None;
        for event in &commit.events {
            if let Event::MeetingAdopted { by, .. } = event {
                author = Some(by);
            }
        }
        let Some(by) = author else { return };
        let updates = self.view.show_access(self.room);
        if updates.is_empty() {
            return;
        }
        let mut body = format!("\"updates\":{{{updates}}},\"by\":");
        json::string(&mut body, by.display());
        let payload = self.object(&body);
        self.line(Audience::Room, server::ROOM_UPDATED, payload);
    }

    fn locked_out(&mut self, user: &UserId, scope: &str, until: Timestamp) {
        let until = rfc3339(until);
        let payload = self.object(&format!(
            "\"scope\":\"{scope}\",\"participantId\":\"{user}\",\"until\":\"{until}\""
        ));
        self.moderators_line(server::PASSCODE_LOCKOUT, payload);
    }

    /// For moderators, and for whom it is about.
    fn provider_synced(&mut self, user: &UserId, provider: Provider, state: SyncState) {
        let (provider, state) = (provider.as_str(), state.as_str());
        let payload = self.object(&format!(
            "\"participantId\":\"{user}\",\"provider\":\"{provider}\",\"state\":\"{state}\""
        ));
        let is_moderator = self.room.rank_of(user).is_moderator();
        if self.room.participant(user).is_some() && !is_moderator {
            let (audience, payload) = (Audience::User(user.clone()), payload.clone());
            self.line(audience, server::PROVIDER_SYNC, payload);
        }
        self.moderators_line(server::PROVIDER_SYNC, payload);
    }

    fn moderators_line(&mut self, name: &'static str, payload: String) {
        let message = Arc::new(Message { name, payload });
        for participant in self.room.participants() {
            let user = &participant.user;
            if self.room.rank_of(user).is_moderator() {
                let line = Line::new(Audience::User(user.clone()), message.clone());
                self.out.lines.push(line);
            }
        }
    }

    pub(super) fn line(&mut self, audience: Audience, name: &'static str, payload: String) {
        let message = Arc::new(Message { name, payload });
        self.out.lines.push(Line::new(audience, message));
    }

    /// `{body,"rev":n}`.
    pub(super) fn object(&self, body: &str) -> String {
        let mut out = String::with_capacity(body.len().saturating_add(32));
        out.push('{');
        out.push_str(body);
        json::number(&mut out, "rev", self.rev);
        out.push('}');
        out
    }

    /// Tells of a newcomer as they were when they came, whatever the commit holds after that.
    pub(super) fn joined(&mut self, participant: &Participant, later: &[Event]) {
        let user = &participant.user;
        let roles = roles_before(self.room.roles_of(user), user, later);
        let entry = view::write(participant, roles);
        self.view.show_roles(user, roles);
        self.out.entered.push(user.clone());
        if participant.is_reconnecting() {
            self.view.reconnecting.insert(user.clone());
        }
        let payload = self.object(entry.trim_start_matches('{').trim_end_matches('}'));
        self.line(Audience::Room, server::PARTICIPANT_JOINED, payload);
        for kind in MediaKind::ALL {
            // Their client may believe otherwise.
            if participant.muted.has(kind) {
                let payload = self.object(&kind_and_by(kind, &By::system()));
                self.line(Audience::User(user.clone()), server::FORCE_MUTE, payload);
            }
        }
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
        if self.unseen.remove(user) {
            return;
        }
        self.view.show_roles(user, Roles::default());
        self.view.reconnecting.remove(user);
        let attached = std::mem::take(&mut self.out.attached);
        let (passing, staying): (Vec<_>, Vec<_>) =
            attached.into_iter().partition(|new| new.user == *user);
        self.out.attached = staying;
        self.out.passing.extend(passing);
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
            if let Some(line) = self.out.lines.last_mut() {
                line.presence_of = Some(user.clone());
            }
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
        // Over REST roles are given to people who are not here: they will be seen when they come.
        if self.view.is_waiting(user) || self.room.participant(user).is_none() {
            return;
        }
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

fn kind_and_by(kind: MediaKind, by: &By) -> String {
    let mut body = format!("\"kind\":\"{}\",\"by\":", kind.as_str());
    json::string(&mut body, by.display());
    body
}

pub(super) fn kick(by: &str, reason: LeaveReason) -> String {
    let mut body = String::from("\"by\":");
    json::string(&mut body, by);
    body.push_str(&format!(",\"reason\":\"{}\"", reason.as_str()));
    body
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
