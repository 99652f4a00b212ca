//! What a client asks for, whatever dialect it was said in. Identity is only a claim here: the door
//! compares it with whom the connection is known to belong to.

use std::sync::Arc;

use crate::domain::id::{Position, RoomId, UserId};
use crate::domain::participant::MediaChanges;
use crate::domain::passcode::Passcode;
use crate::domain::refusal::RoleChange;
use crate::domain::room::Command;

/// Limits of what a payload may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadLimits {
    /// Characters of a display name.
    pub name_chars: usize,
    /// Bytes of an image URL.
    pub image_url_bytes: usize,
    /// Bytes of a message to everybody.
    pub message_bytes: usize,
    /// Bytes of what one participant has for another.
    pub signal_bytes: usize,
}

impl Default for PayloadLimits {
    fn default() -> Self {
        Self {
            name_chars: 128,
            image_url_bytes: 2048,
            message_bytes: 8 * 1024,
            signal_bytes: 32 * 1024,
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
    /// What they say the passcode is. One that none can be is none.
    pub passcode: Option<Passcode>,
    /// The last that they have seen of the room, where they come back.
    pub seen: Option<Position>,
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
    /// Ask for the whole room.
    RoomState(RoomId),
    /// Change the room as a participant.
    Change {
        /// Where; `None` means the only room.
        room: Option<RoomId>,
        /// How.
        command: Command,
    },
    /// Ask for the messages that are kept; `None` means of the only room.
    ChatHistory(Option<RoomId>),
    /// Say that a room is of interest, before entering it.
    Subscribe,
    /// Say who the connection's user is.
    Identify(UserId),
    /// Ask for media, which nobody here carries.
    Media,
    /// Ask for a socket of somebody.
    SocketIdOf(UserId),
    /// Ask for a fresh ticket to the media provider.
    RefreshTicket(RoomId),
    /// Put another token in the place of the connection's.
    RefreshAuth(Token),
}
