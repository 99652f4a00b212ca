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
}

/// A message and its audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// For whom.
    pub audience: Audience,
    /// What; shared, as many get the same.
    pub message: Arc<Message>,
}
