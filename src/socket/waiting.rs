//! Those of a room's people on this node who wait in its lobby: they are told where they are, and nothing
//! of the room.

use std::sync::Arc;

use super::connection::Connection;
use super::fanout::{Fanout, deliver, part};
use super::parcel::{Parcel, Piece};
use super::sorting::Sorted;
use crate::domain::id::{ConnectionId, UserId};
use crate::domain::room::Room;
use crate::protocol::render::{self, Attached, Rendered};

impl Fanout {
    pub(super) fn tell_place(&self, room: &Room, connection: &Arc<Connection>, user: &UserId) {
        let words = Piece::Event(Arc::new(render::waiting(room, user)));
        let words = Parcel::new(vec![words]);
        deliver(&self.hub, connection, &[&words], None);
    }

    /// The words for those who wait; who waits from now on, and who no longer.
    pub(super) fn tell_lobby(&mut self, room: &Room, rendered: &Rendered, sorted: &Sorted) {
        let node = self.hub.ids.node();
        for Attached { connection, user } in &rendered.waiting {
            if connection.node == node && !self.let_wait(connection.id, user) {
                self.report_lost(connection.id);
            }
        }
        let gone: Vec<(ConnectionId, UserId)> = self
            .lobby
            .entries()
            .filter(|(id, user)| !waits(room, *id, user))
            .map(|(id, user)| (id, user.clone()))
            .collect();
        for (id, words) in &sorted.waiting {
            if let Some(connection) = self.lobby.get(*id)
                && !gone.iter().any(|(gone, _)| gone == id)
            {
                deliver(&self.hub, connection, &[words], None);
            }
        }
        for (id, user) in gone {
            let Some(connection) = self.lobby.remove(id) else {
                continue;
            };
            let admitted = room.participant(&user).is_some_and(|p| p.holds(id));
            let words = sorted.waiting.get(&id).or_else(|| sorted.parting.get(&id));
            let Some(words) = words else { continue };
            if !admitted {
                self.leave(&connection);
            }
            part(&self.hub, &connection, words);
        }
    }

    /// Who was let in while nobody here heard of it.
    pub(super) fn tell_admitted(&mut self, room: &Room) {
        let entries = self.lobby.entries();
        let admitted: Vec<(ConnectionId, UserId)> = entries
            .filter(|(id, user)| room.participant(user).is_some_and(|it| it.holds(*id)))
            .map(|(id, user)| (id, user.clone()))
            .collect();
        for (id, user) in admitted {
            let Some(connection) = self.lobby.remove(id) else {
                continue;
            };
            let words = Piece::Event(Arc::new(render::admitted(room, &user)));
            let words = Parcel::new(vec![words]);
            deliver(&self.hub, &connection, &[&words], None);
            self.members.insert(id, &user, connection);
        }
    }

    /// Whether the connection is still there to wait.
    pub(super) fn let_wait(&mut self, id: ConnectionId, user: &UserId) -> bool {
        let connection = self.hub.connection(id);
        let entered = connection.filter(|held| held.enter(&self.key, usize::MAX));
        match entered {
            Some(connection) => {
                self.lobby.insert(id, user, connection);
                true
            }
            None => false,
        }
    }
}

/// Whether this user waits over this connection.
pub(super) fn waits(room: &Room, id: ConnectionId, user: &UserId) -> bool {
    let waiting = room.lobby().get(user);
    waiting.is_some_and(|waiting| waiting.holds(id))
}
