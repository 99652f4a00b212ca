//! Who gets the answer to a command, and what the answer is.

use tokio::sync::oneshot;

use crate::domain::id::{ConnectionId, Position, Revision, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::room::Room;

/// A client that sent an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionReply {
    /// From which socket.
    pub connection: ConnectionId,
    /// The acknowledgement's number, when the client asked for one.
    pub ack: Option<i64>,
    /// The event that it sent.
    pub event: &'static str,
    /// What it says that it has seen of the room.
    pub seen: Option<Position>,
}

/// Where the answer goes.
#[derive(Debug)]
pub enum ReplyTo {
    /// Nobody waits: timers, disconnects.
    Nobody,
    /// A client on this node.
    Connection(ConnectionReply),
    /// A task on this node, which gets the room as it is after the command.
    Caller(oneshot::Sender<Result<Room, Refusal>>),
}

impl ReplyTo {
    /// What the asking client says that it has seen of the room.
    #[must_use]
    pub const fn seen(&self) -> Option<Position> {
        match self {
            Self::Connection(connection) => connection.seen,
            Self::Nobody | Self::Caller(_) => None,
        }
    }
}

/// What became of an accepted command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done; nothing more to tell.
    Done,
    /// In the room.
    Joined {
        /// Who.
        user: UserId,
        /// Whether they were in it before.
        returned: bool,
    },
    /// The room was asked for.
    State,
    /// Its messages were asked for.
    Chat,
}

/// An answer to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// To whom.
    pub to: ConnectionReply,
    /// The revision that contains what the client asked for.
    pub rev: Revision,
    /// What became of it.
    pub outcome: Result<Outcome, Refusal>,
}
