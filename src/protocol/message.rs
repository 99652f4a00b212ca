//! Messages to clients, and for whom each is.

use std::sync::Arc;

use super::dialect::Dialect;
use crate::domain::id::{ConnectionId, UserId};

/// A named event with its one argument, already JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The event's name.
    pub name: &'static str,
    /// The argument as JSON text.
    pub payload: String,
}

/// For whom a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// Every member who was there before the commit and still is.
    Room,
    /// The same, and those who leave with the commit.
    Everyone,
    /// The same as [`Self::Room`] but for this connection.
    Others(Option<ConnectionId>),
    /// Every connection of one member.
    User(UserId),
    /// One connection of a member.
    Socket(ConnectionId),
    /// One connection that leaves the room with the commit.
    Connection(ConnectionId),
    /// Every connection of somebody who leaves the room with the commit.
    Leaving(UserId),
    /// Every connection of somebody who waits in the lobby, or did until this commit.
    Waiting(UserId),
}

/// What is told, in the words of each dialect, and its audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// For whom.
    pub audience: Audience,
    /// For those who are spoken to in the delta dialect; shared, as many get the same.
    pub delta: Option<Arc<Message>>,
    /// The same for the list dialect; left out where nobody speaks it.
    pub list: Vec<Arc<Message>>,
    /// Whose presence it tells of, if that is all. Whoever comes back need not hear that they were away.
    pub presence_of: Option<UserId>,
}

impl Line {
    /// What it says in a dialect.
    #[must_use]
    pub fn messages(&self, dialect: Dialect) -> &[Arc<Message>] {
        match dialect {
            Dialect::Delta => self.delta.as_slice(),
            Dialect::List => &self.list,
        }
    }

    /// The same without the words of the list dialect.
    #[must_use]
    pub fn in_delta(&self) -> Self {
        Self {
            audience: self.audience.clone(),
            delta: self.delta.clone(),
            list: Vec::new(),
            presence_of: self.presence_of.clone(),
        }
    }

    /// Whether a member who was away missed something by it.
    #[must_use]
    pub fn is_missed_by(&self, user: &UserId) -> bool {
        match &self.audience {
            Audience::Room | Audience::Everyone | Audience::Others(_) => {
                self.presence_of.as_ref() != Some(user)
            }
            Audience::User(addressee) => addressee == user,
            Audience::Socket(_)
            | Audience::Connection(_)
            | Audience::Leaving(_)
            | Audience::Waiting(_) => false,
        }
    }
}
