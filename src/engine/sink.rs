//! Port: the clients of this node.

use std::sync::Arc;

use crate::domain::id::{ConnectionId, RoomKey};
use crate::domain::room::{Commit, DismissalKind, Room};
use crate::domain::time::Timestamp;

use super::reply::{Answer, Handout};

/// Hands out one [`RoomSink`] per live room.
pub trait EventSink: Send + Sync {
    /// The sink of one room, without members.
    fn open(&self, key: &RoomKey) -> Box<dyn RoomSink>;
}

/// Why somebody is told that they are no longer in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Farewell {
    /// The meeting is over.
    Ended,
    /// Somebody sent them away.
    SentAway {
        /// Who, by name.
        by: Arc<str>,
        /// How.
        kind: DismissalKind,
    },
}

/// Delivers what happens in one room to its members on this node, in the order of the calls.
pub trait RoomSink: Send {
    /// Delivers a commit (if there is one) and answers, at most one write per client. Connections
    /// that the commit attaches get the room whole and none of the commit's events.
    /// Tickets come after the commit's events and before the answers.
    fn publish(
        &mut self,
        room: &Room,
        commit: Option<&Commit>,
        answers: Vec<Answer>,
        tickets: &[Handout],
    );

    /// Whether a client of this node has this connection open and was let into the room with it.
    fn is_live(&self, connection: ConnectionId) -> bool;

    /// This connection's user is not in the room any more, and this node hears of it only now.
    fn send_away(&mut self, connection: ConnectionId, why: &Farewell);

    /// These commits led to the room as it is, before this node could tell of them: whoever had missed
    /// some may be told now.
    fn recall(&mut self, room: &Room, commits: &[Arc<Commit>]);

    /// The replica started again from a snapshot: every member gets the room whole.
    fn resync(&mut self, room: &Room);

    /// A client that fell behind can read again: it gets the room whole.
    fn refresh(&mut self, room: &Room, connection: ConnectionId);

    /// When [`Self::send_lists`] is to be called; `None` while there is nothing to send.
    fn lists_due(&self) -> Option<Timestamp> {
        None
    }

    /// Sends the room as it is to clients that get it whole after changes.
    fn send_lists(&mut self, _room: &Room) {}
}
