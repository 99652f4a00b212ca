//! What a commit means to the members of a room: who is told what, before it is put into the words of a
//! dialect.

mod lobby;
mod notice;
mod notices;
mod people;
mod queue;
mod recall;
mod view;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use notice::{Notice, Update};
pub use notices::{admitted, denied, doors, ended, kicked, lobby, muted, signal, unlocked};
pub use queue::{place, waiting};
pub use recall::recall;
pub use view::{View, lock_field};

use super::message::{Audience, Line, Message};
use super::names::server;
use super::rest::rfc3339;
use super::{delta, json, list};
use crate::domain::chat::{Announcement, MessageMark};
use crate::domain::id::{ConnectionId, Revision, UserId};
use crate::domain::participant::{Connection, Participant};
use crate::domain::room::{Actor, By, Commit, EndCause, Event, LeaveReason, Room};
use crate::domain::ticket::{Provider, SyncState};
use crate::domain::time::Timestamp;

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
    /// Whether the list is not what it was.
    pub list_changed: bool,
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
    fn all(participant: &Participant) -> impl Iterator<Item = Self> {
        participant.connections.iter().map(|connection| Self {
            connection: *connection,
            user: participant.user.clone(),
        })
    }
}

/// Renders a commit. `room` is the room after it; `view` is what the members have been shown and is
/// brought up to date. The words of the list dialect are left out unless it is `listed`.
pub fn render(view: &mut View, commit: &Commit, room: &Room, listed: bool) -> Rendered {
    let mut rendering = Rendering::new(view, room, commit.rev, listed);
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
    rendering.tell_locks();
    rendering.tell_access(commit);
    rendering.tell_queue(&moderators);
    rendering.out
}

/// A commit on its way to the members.
struct Rendering<'a> {
    view: &'a mut View,
    room: &'a Room,
    rev: Revision,
    /// Whether somebody may be spoken to in the list dialect.
    listed: bool,
    out: Rendered,
    /// Something may have changed the roles of people whom the event does not name.
    roles_unclear: bool,
    /// Something may have changed what people may switch on.
    locks_unclear: bool,
    /// Whose role has changed.
    reranked: BTreeSet<UserId>,
    /// Who waits in the lobby, or as whom.
    queue_changed: bool,
    /// Users who were let in and taken out with the same commit: nobody has seen them.
    unseen: BTreeSet<UserId>,
}

impl<'a> Rendering<'a> {
    fn new(view: &'a mut View, room: &'a Room, rev: Revision, listed: bool) -> Self {
        Self {
            view,
            room,
            rev,
            listed,
            out: Rendered::default(),
            roles_unclear: false,
            locks_unclear: false,
            reranked: BTreeSet::new(),
            queue_changed: false,
            unseen: BTreeSet::new(),
        }
    }
}

impl Rendering<'_> {
    fn event(&mut self, event: &Event, later: &[Event]) {
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
            Event::Muted { .. } | Event::UnmuteAsked { .. } | Event::MediaRestricted { .. } => {
                self.moderated(event);
            }
            Event::Signalled { .. }
            | Event::MessageSent { .. }
            | Event::MessageMarked { .. }
            | Event::Announced { .. } => self.communicated(event),
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

    fn attached(&mut self, participant: &Participant) {
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
        if let Some(user) = self.view.typing.remove(&connection) {
            self.stopped_typing(&user, connection);
        }
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
        let payload = self.object(&notices::kick(by.display(), reason));
        let audience = if self.unseen.contains(user) {
            Audience::Waiting(user.clone())
        } else {
            Audience::Leaving(user.clone())
        };
        self.line(audience, server::KICKED_FROM_ROOM, payload);
        self.left(user, reason);
    }

    /// What moderators do about microphones, cameras and screens.
    fn moderated(&mut self, event: &Event) {
        if let Event::Muted {
            user,
            kind,
            changed,
            locked,
            all,
            by,
        } = event
            && !self.view.is_waiting(user)
        {
            self.locks_unclear |= *locked;
            if *changed {
                self.media(user, &kind.off());
            }
            let (kind, by, locked, all) = (*kind, by.display(), *locked, *all);
            let notice = Notice::Muted {
                kind,
                by,
                locked,
                all,
            };
            self.tell(Audience::User(user.clone()), &notice);
        } else if let Event::UnmuteAsked {
            user,
            kind,
            all,
            by,
        } = event
        {
            self.locks_unclear = true;
            let (kind, by, all) = (*kind, by.display(), *all);
            let notice = Notice::UnmuteAsked { kind, by, all };
            self.tell(Audience::User(user.clone()), &notice);
        } else if let Event::MediaRestricted { .. } = event {
            self.locks_unclear = true;
        }
    }

    /// What participants send each other.
    fn communicated(&mut self, event: &Event) {
        if let Event::Signalled {
            from,
            to,
            only,
            via,
            kind,
            data,
        } = event
        {
            let one = |id: &ConnectionId| Audience::Socket(*id);
            let audience = only.as_ref().map_or(Audience::User(to.clone()), one);
            let (via, kind) = (*via, *kind);
            let notice = Notice::Signal {
                from,
                to,
                via,
                kind,
                data,
            };
            self.tell(audience, &notice);
        } else if let Event::MessageSent { message } = event {
            self.tell(Audience::Room, &Notice::Chat(message));
        } else if let Event::MessageMarked {
            key,
            user,
            mark,
            via,
            ..
        } = event
        {
            // Who reacts shows it at once; a pin is shown by everybody when it holds.
            let audience = match mark {
                MessageMark::Reacted { .. } => Audience::Others(*via),
                MessageMark::Pinned(_) => Audience::Room,
            };
            self.tell(audience, &Notice::MessageMarked { key, user, mark });
        } else if let Event::Announced {
            user,
            name,
            announcement,
            via,
        } = event
        {
            self.view.note_typing(user, *via, announcement);
            let notice = Notice::Announced {
                user,
                name,
                via: *via,
                announcement,
            };
            self.tell(Audience::Others(*via), &notice);
        }
    }

    /// Who goes while typing says nothing of it.
    fn stopped_typing(&mut self, user: &UserId, connection: ConnectionId) {
        let via = Some(connection);
        let notice = Notice::Announced {
            user,
            name: "",
            via,
            announcement: &Announcement::TypingStopped,
        };
        self.tell(Audience::Others(via), &notice);
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
                self.line_of(Audience::User(user.clone()), message.clone());
            }
        }
    }

    /// Tells what is put differently in each dialect.
    fn tell(&mut self, audience: Audience, notice: &Notice<'_>) {
        let list = if self.listed {
            list::say(notice, self.rev)
        } else {
            Vec::new()
        };
        let delta = delta::say(notice, self.rev).map(Arc::new);
        if delta.is_none() && list.is_empty() {
            return;
        }
        self.out.lines.push(Line {
            audience,
            delta,
            list: list.into_iter().map(Arc::new).collect(),
            presence_of: None,
        });
    }

    /// Tells what is the same in every dialect.
    fn line(&mut self, audience: Audience, name: &'static str, payload: String) {
        self.line_of(audience, Arc::new(Message { name, payload }));
    }

    fn line_of(&mut self, audience: Audience, message: Arc<Message>) {
        let list = self.listed.then(|| message.clone());
        self.out.lines.push(Line {
            audience,
            delta: Some(message),
            list: list.into_iter().collect(),
            presence_of: None,
        });
    }

    /// `{body,"rev":n}`.
    fn object(&self, body: &str) -> String {
        json::object(body, self.rev)
    }
}
