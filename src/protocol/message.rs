//! Messages to clients, and for whom each is.

use std::sync::Arc;

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
    /// Every connection of one member.
    User(UserId),
    /// One connection that leaves the room with the commit.
    Connection(ConnectionId),
    /// Every connection of somebody who leaves the room with the commit.
    Leaving(UserId),
    /// Every connection of somebody who waits in the lobby, or did until this commit.
    Waiting(UserId),
}

/// A message and its audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// For whom.
    pub audience: Audience,
    /// What; shared, as many get the same.
    pub message: Arc<Message>,
    /// Whose presence it tells of, if that is all. Whoever comes back need not hear that they were away.
    pub presence_of: Option<UserId>,
}

impl Line {
    /// A message for somebody.
    #[must_use]
    pub const fn new(audience: Audience, message: Arc<Message>) -> Self {
        Self {
            audience,
            message,
            presence_of: None,
        }
    }

    /// Whether a member who was away missed something by it.
    #[must_use]
    pub fn is_missed_by(&self, user: &UserId) -> bool {
        match &self.audience {
            Audience::Room | Audience::Everyone => self.presence_of.as_ref() != Some(user),
            Audience::User(addressee) => addressee == user,
            Audience::Connection(_) | Audience::Leaving(_) | Audience::Waiting(_) => false,
        }
    }
}
