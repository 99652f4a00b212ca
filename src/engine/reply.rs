//! Who gets the answer to a command, and what the answer is.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::domain::id::{ConnectionId, Position, Revision, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::room::Room;
use crate::domain::ticket::{Provider, Ticket};

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
    /// A task on this node, which gets a ticket.
    Ticket(oneshot::Sender<Result<Issued, Refusal>>),
}

impl ReplyTo {
    /// What the asking client says that it has seen of the room.
    #[must_use]
    pub const fn seen(&self) -> Option<Position> {
        match self {
            Self::Connection(connection) => connection.seen,
            Self::Nobody | Self::Caller(_) | Self::Ticket(_) => None,
        }
    }
}

/// A ticket, and of which state of the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The room's revision.
    pub rev: Revision,
    /// The ticket; `None` where the provider needs none.
    pub ticket: Option<Arc<Ticket>>,
}

/// Whose ticket it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// One connection's.
    Connection(ConnectionId),
    /// Every connection's of this user.
    User(UserId),
}

/// A ticket that is ready, or one that takes longer than anybody should wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Voucher {
    /// Here it is.
    Ticket(Arc<Ticket>),
    /// It follows.
    Pending(Provider),
}

/// A ticket on its way to whom it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handout {
    /// To whom.
    pub to: Holder,
    /// What.
    pub voucher: Voucher,
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
    /// A ticket was asked for.
    Ticket,
}

impl Outcome {
    /// Whether only somebody who is in the room is told.
    #[must_use]
    pub const fn is_for_members(&self) -> bool {
        matches!(self, Self::State | Self::Chat | Self::Ticket)
    }
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
