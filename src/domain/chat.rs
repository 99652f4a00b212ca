//! What people in a room send each other: the coordinator carries it and does not look into it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::UserId;
use super::time::Timestamp;

/// JSON text that nobody here looks into; valid, and bounded at the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Opaque(Arc<str>);

impl Opaque {
    /// Takes over JSON text that the door has checked.
    #[must_use]
    pub fn from_json(text: &str) -> Self {
        Self(text.into())
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A message to everybody in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Its place among all messages of the room.
    pub number: u64,
    /// Who sent it.
    pub from: UserId,
    /// As whom they were shown then.
    pub name: Arc<str>,
    /// What they sent.
    pub message: Opaque,
    /// When.
    pub at: Timestamp,
}
