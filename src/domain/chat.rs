//! What people in a room send each other: the coordinator carries it and does not look into it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::{ConnectionId, UserId};
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
    /// What its sender calls it, where that is said: JSON text or number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Opaque>,
    /// Over which connection it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<ConnectionId>,
    /// Whether it is pinned, where somebody has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,
    /// Who reacted to it with what.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reactions: BTreeMap<Arc<str>, Vec<UserId>>,
}

impl ChatMessage {
    /// Whether this is what it is called: by its sender, or else by its number as text.
    #[must_use]
    pub fn is_called(&self, key: &Opaque) -> bool {
        match &self.key {
            Some(own) => own == key,
            None => key.0.trim_matches('"').parse() == Ok(self.number) && key.0.starts_with('"'),
        }
    }

    /// About how many bytes it is.
    #[must_use]
    pub fn size(&self) -> usize {
        let users = |(emoji, users): (&Arc<str>, &Vec<UserId>)| {
            let ids: usize = users.iter().map(|user| user.as_str().len()).sum();
            emoji.len().saturating_add(ids)
        };
        let reactions: usize = self.reactions.iter().map(users).sum();
        let message = self.message.as_str().len();
        message.saturating_add(reactions).saturating_add(128)
    }

    /// With how many reactions this user has reacted.
    #[must_use]
    pub fn reactions_of(&self, user: &UserId) -> usize {
        let users = self.reactions.values();
        users.filter(|users| users.contains(user)).count()
    }

    /// How many reactions there are.
    #[must_use]
    pub fn reaction_count(&self) -> usize {
        self.reactions.values().map(Vec::len).sum()
    }

    /// Whether this user has reacted with this.
    #[must_use]
    pub fn has_reaction(&self, user: &UserId, emoji: &str) -> bool {
        let users = self.reactions.get(emoji);
        users.is_some_and(|users| users.contains(user))
    }

    /// Marks it.
    pub fn mark(&mut self, user: &UserId, mark: &MessageMark) {
        match mark {
            MessageMark::Pinned(pinned) => self.pinned = Some(*pinned),
            MessageMark::Reacted { emoji, added: true } => {
                if !self.has_reaction(user, emoji) {
                    let users = self.reactions.entry(emoji.clone()).or_default();
                    users.push(user.clone());
                }
            }
            MessageMark::Reacted {
                emoji,
                added: false,
            } => {
                if let Some(users) = self.reactions.get_mut(emoji) {
                    users.retain(|held| held != user);
                    if users.is_empty() {
                        self.reactions.remove(emoji);
                    }
                }
            }
        }
    }
}

/// What somebody does to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageMark {
    /// Reacts to it, or no longer.
    Reacted {
        /// With what.
        emoji: Arc<str>,
        /// Or no longer.
        added: bool,
    },
    /// Pins it, or no longer.
    Pinned(bool),
}

/// What passes in a room and is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Announcement {
    /// Somebody is typing.
    TypingStarted,
    /// Not any longer.
    TypingStopped,
    /// A reaction to what is going on.
    Reaction {
        /// Which.
        emoji: Arc<str>,
        /// What the client calls its session, as JSON.
        session: Option<Opaque>,
    },
}

/// What one participant sends another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalKind {
    /// Anything.
    #[default]
    Signal,
    /// A WebRTC offer.
    Offer,
    /// The answer to one.
    Answer,
    /// An address for the connection.
    IceCandidate,
}

impl SignalKind {
    /// Whether it is the one that is meant where nothing is said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
