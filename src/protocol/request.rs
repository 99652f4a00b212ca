//! What a client asks for, whatever dialect it was said in. Identity is only a claim here: the door
//! compares it with whom the connection is known to belong to.

use std::sync::Arc;

use crate::domain::id::{RoomId, UserId};
use crate::domain::participant::MediaChanges;
use crate::domain::refusal::RoleChange;

/// Limits of what a payload may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadLimits {
    /// Characters of a display name.
    pub name_chars: usize,
    /// Bytes of an image URL.
    pub image_url_bytes: usize,
}

impl Default for PayloadLimits {
    fn default() -> Self {
        Self {
            name_chars: 128,
            image_url_bytes: 2048,
        }
    }
}

/// A join as the client put it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRequest {
    /// Which room.
    pub room: RoomId,
    /// Who the client says it is.
    pub user: Option<UserId>,
    /// Display name; empty when not given.
    pub name: Arc<str>,
    /// Address of a picture.
    pub image_url: Option<Arc<str>>,
    /// Initial media flags.
    pub media: MediaChanges,
}

/// A token as the client sent it. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(***)")
    }
}

/// A parsed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Enter a room.
    Join(Box<JoinRequest>),
    /// Leave a room; `None` leaves the only one.
    Leave(Option<RoomId>),
    /// Grant or revoke a role.
    ChangeRole {
        /// Where.
        room: RoomId,
        /// Whose.
        target: UserId,
        /// What.
        change: RoleChange,
    },
    /// Report media flags.
    UpdateState {
        /// Where.
        room: RoomId,
        /// What changed.
        changes: MediaChanges,
    },
    /// Ask for the whole room.
    RoomState(RoomId),
    /// End the meeting.
    End(RoomId),
    /// Put another token in the place of the connection's.
    RefreshAuth(Token),
}
