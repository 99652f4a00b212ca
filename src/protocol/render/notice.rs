//! What members are told, before it is put into the words of a dialect.

use crate::domain::chat::{Announcement, ChatMessage, MessageMark, Opaque, SignalKind};
use crate::domain::id::{ConnectionId, UserId};
use crate::domain::participant::{MediaChanges, MediaKind, MediaKinds, Profile};
use crate::domain::role::{Role, Roles};

/// Something that each dialect puts in its own way.
#[derive(Debug)]
pub enum Notice<'a> {
    /// Somebody came.
    Joined {
        /// Their entry of the list, a JSON object.
        entry: &'a str,
    },
    /// Something about somebody in the list is different.
    Updated {
        /// Whom.
        user: &'a UserId,
        /// What.
        update: &'a Update<'a>,
    },
    /// You have a role, or no longer.
    Role {
        /// Which.
        role: Role,
        /// Or no longer.
        granted: bool,
        /// All that you hold now.
        held: Roles,
        /// By whom, by name.
        by: &'a str,
    },
    /// A moderator muted you.
    Muted {
        /// What.
        kind: MediaKind,
        /// By whom, by name.
        by: &'a str,
        /// Whether you may not switch it on again yet.
        locked: bool,
        /// Whether it was everybody at once.
        all: bool,
    },
    /// A moderator asks you to unmute; you may.
    UnmuteAsked {
        /// What.
        kind: MediaKind,
        /// By whom, by name.
        by: &'a str,
        /// Whether it was everybody at once.
        all: bool,
    },
    /// You may switch this on.
    Unlocked(MediaKind),
    /// You may not switch this on, which is off.
    Locked(MediaKind),
    /// Another participant has something for you.
    Signal {
        /// Who.
        from: &'a UserId,
        /// You.
        to: &'a UserId,
        /// Over which connection.
        via: Option<ConnectionId>,
        /// What kind of thing.
        kind: SignalKind,
        /// What.
        data: &'a Opaque,
    },
    /// A message to everybody.
    Chat(&'a ChatMessage),
    /// Somebody reacted to a message, or pinned it.
    MessageMarked {
        /// What the message is called.
        key: &'a Opaque,
        /// Who.
        user: &'a UserId,
        /// What they did.
        mark: &'a MessageMark,
    },
    /// What is not kept.
    Announced {
        /// Who.
        user: &'a UserId,
        /// As whom they are shown.
        name: &'a str,
        /// Over which connection.
        via: Option<ConnectionId>,
        /// What.
        announcement: &'a Announcement,
    },
}

/// What is different.
#[derive(Debug)]
pub enum Update<'a> {
    /// Microphone, camera, screen, hand.
    Media(MediaChanges),
    /// Name and picture.
    Profile(&'a Profile),
    /// Whether they are on their way back.
    Presence {
        /// They are.
        reconnecting: bool,
    },
    /// A role.
    Role {
        /// Which.
        role: Role,
        /// Held from now on, or no longer.
        granted: bool,
    },
    /// What they may not switch on.
    Locks {
        /// Before.
        shown: MediaKinds,
        /// From now on.
        now: MediaKinds,
    },
}
