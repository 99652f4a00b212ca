//! What is kept of a connection for who comes back, and when it changes.

use std::sync::Arc;

use super::connection::Connection;
use super::fanout::Fanout;
use super::hub::{Ending, Hub};
use crate::domain::id::{ConnectionId, RoomKey, UserId};
use crate::domain::participant::Profile;
use crate::domain::room::Room;
use crate::engine::keeping::Sessions;
use crate::engine::reply::{Answer, Outcome};
use crate::engine::sessions::{Pid, Session, SessionRoom};
use crate::protocol::dialect::Dialect;
use crate::protocol::render::{Attached, Rendered};

/// What is kept of a connection for who comes back.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// What its client was told to show; `None` too when another connection has taken over.
    pub(super) pid: Option<Pid>,
    /// The rooms that hold it, and how its user came in.
    seats: Vec<(RoomKey, Profile)>,
}

impl Kept {
    pub(super) fn seat(&mut self, room: &RoomKey, profile: &Profile) {
        match self.seats.iter_mut().find(|(seated, _)| seated == room) {
            Some((_, known)) => known.clone_from(profile),
            None => self.seats.push((room.clone(), profile.clone())),
        }
    }

    pub(super) fn unseat(&mut self, room: &RoomKey) {
        self.seats.retain(|(seated, _)| seated != room);
    }
}

/// The session of a connection as it is now; `None` when there is nothing to put anybody back into.
fn session_of(connection: &Connection, kept: &Kept, user: Option<&UserId>) -> Option<Session> {
    if connection.dialect() == Dialect::Delta || kept.seats.is_empty() {
        return None;
    }
    let principal = connection.principal();
    let rooms = kept.seats.iter().map(|(key, profile)| SessionRoom {
        room: key.room.clone(),
        profile: profile.clone(),
    });
    Some(Session {
        tenant: principal.tenant.clone(),
        user: user?.clone(),
        verified: principal.user().is_some(),
        rooms: rooms.collect(),
    })
}

impl Hub {
    /// Gives the hub what keeps sessions; without it nobody is put back. A second call changes nothing.
    pub fn attach_sessions(&self, sessions: Arc<Sessions>) {
        self.sessions.get_or_init(|| sessions);
    }

    /// The rooms or the dialect of a connection may have changed: what is kept of it follows.
    pub fn note_session(&self, connection: &Connection) {
        let Some(sessions) = self.sessions.get() else {
            return;
        };
        // Under the connection's lock, so that what is newer is noted later.
        connection.with_kept(|kept, user, gone| {
            let Some(key) = kept.pid.as_ref().map(Pid::key) else {
                return;
            };
            sessions.note(key, connection.id(), session_of(connection, kept, user));
            if gone {
                sessions.ended(key, connection.id());
            }
        });
    }

    /// A connection has ended: its client may come back for a while, unless it left.
    pub(super) fn end_of_session(&self, connection: &Connection, ending: Ending) {
        let Some(sessions) = self.sessions.get() else {
            return;
        };
        let key = connection.with_kept(|kept, _, _| kept.pid.as_ref().map(Pid::key));
        match (key, ending) {
            (Some(key), Ending::Left) => sessions.note(key, connection.id(), None),
            (Some(key), Ending::Gone(_)) => sessions.ended(key, connection.id()),
            (None, _) => {}
        }
    }
}

impl Fanout {
    /// Who has come into the room or its lobby can be put back there.
    pub(super) fn note_seats(&self, room: &Room, rendered: &Rendered, answers: &[Answer]) {
        if self.hub.sessions.get().is_none() {
            return;
        }
        let came = rendered.attached.iter().chain(&rendered.waiting);
        for Attached { connection, user } in came {
            self.note_seat(room, connection.id, user);
        }
        for answer in answers {
            if let Ok(Outcome::Joined { user, .. }) = &answer.outcome {
                self.note_seat(room, answer.to.connection, user);
            }
        }
    }

    /// The same for everybody.
    pub(super) fn note_all_seats(&self, room: &Room) {
        for (id, user) in self.members.entries().chain(self.lobby.entries()) {
            self.note_seat(room, id, user);
        }
    }

    fn note_seat(&self, room: &Room, id: ConnectionId, user: &UserId) {
        let connection = self.members.get(id).or_else(|| self.lobby.get(id));
        if let Some(connection) = connection
            && let Some(person) = room.person(user)
            && connection.is_in(&self.key)
        {
            connection.with_kept(|kept, _, _| kept.seat(&self.key, &person.profile));
            self.hub.note_session(connection);
        }
    }

    /// The connection is not in the room any more.
    pub(super) fn leave(&self, connection: &Connection) {
        connection.leave(&self.key);
        self.hub.note_session(connection);
    }

    /// The room does not hold the connection any more. One that was lost keeps its seat for who comes back.
    pub(super) fn unseat(&self, connection: &Connection) {
        let left = connection.with_kept(|kept, _, gone| {
            if !gone {
                kept.unseat(&self.key);
            }
            !gone
        });
        if left {
            self.hub.note_session(connection);
        }
    }
}
