//! A user in a room or in its lobby, with any number of connections.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::{ConnectionId, NodeId, UserId};
use super::time::Timestamp;

/// Order of arrival in a room: never reused, so lists keep their order.
pub type Seat = u64;

/// What a participant shows and says, as they report it themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaState {
    /// Microphone off.
    pub audio_muted: bool,
    /// Camera off.
    pub video_paused: bool,
    /// Sharing a screen.
    pub screen_sharing: bool,
    /// Hand raised.
    pub hand_raised: bool,
}

impl Default for MediaState {
    /// Both media flags start `true` unless the join says otherwise.
    fn default() -> Self {
        Self {
            audio_muted: true,
            video_paused: true,
            screen_sharing: false,
            hand_raised: false,
        }
    }
}

/// A change of [`MediaState`]: what is absent stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MediaChanges {
    /// Microphone off.
    pub audio_muted: Option<bool>,
    /// Camera off.
    pub video_paused: Option<bool>,
    /// Sharing a screen.
    pub screen_sharing: Option<bool>,
    /// Hand raised.
    pub hand_raised: Option<bool>,
}

impl MediaState {
    /// This state with the changes made.
    #[must_use]
    pub fn with(self, changes: &MediaChanges) -> Self {
        Self {
            audio_muted: changes.audio_muted.unwrap_or(self.audio_muted),
            video_paused: changes.video_paused.unwrap_or(self.video_paused),
            screen_sharing: changes.screen_sharing.unwrap_or(self.screen_sharing),
            hand_raised: changes.hand_raised.unwrap_or(self.hand_raised),
        }
    }

    /// Of `changes`, only what differs from this state.
    #[must_use]
    pub fn differing(self, changes: &MediaChanges) -> MediaChanges {
        let keep = |new: Option<bool>, old: bool| new.filter(|value| *value != old);
        MediaChanges {
            audio_muted: keep(changes.audio_muted, self.audio_muted),
            video_paused: keep(changes.video_paused, self.video_paused),
            screen_sharing: keep(changes.screen_sharing, self.screen_sharing),
            hand_raised: keep(changes.hand_raised, self.hand_raised),
        }
    }
}

/// What can be muted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MediaKind {
    /// The microphone.
    Audio,
    /// The camera.
    Video,
    /// The shared screen.
    Screen,
}

impl MediaKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Audio, Self::Video, Self::Screen];

    /// The word that clients use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Screen => "screen",
        }
    }

    /// The change of flags by which it is off.
    #[must_use]
    pub const fn off(self) -> MediaChanges {
        let mut changes = MediaChanges::NONE;
        match self {
            Self::Audio => changes.audio_muted = Some(true),
            Self::Video => changes.video_paused = Some(true),
            Self::Screen => changes.screen_sharing = Some(false),
        }
        changes
    }
}

impl MediaChanges {
    /// Nothing changes.
    pub const NONE: Self = Self {
        audio_muted: None,
        video_paused: None,
        screen_sharing: None,
        hand_raised: None,
    };

    /// Whether it switches this on.
    #[must_use]
    pub fn switches_on(&self, kind: MediaKind) -> bool {
        match kind {
            MediaKind::Audio => self.audio_muted == Some(false),
            MediaKind::Video => self.video_paused == Some(false),
            MediaKind::Screen => self.screen_sharing == Some(true),
        }
    }

    /// These changes, but what a moderator muted stays off.
    #[must_use]
    pub fn held_by(mut self, muted: Muted) -> Self {
        if muted.has(MediaKind::Audio) {
            self.audio_muted = Some(true);
        }
        if muted.has(MediaKind::Video) {
            self.video_paused = Some(true);
        }
        if muted.has(MediaKind::Screen) {
            self.screen_sharing = Some(false);
        }
        self
    }
}

/// Some of what can be muted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MediaKinds {
    /// The microphone.
    pub audio: bool,
    /// The camera.
    pub video: bool,
    /// The shared screen.
    pub screen: bool,
}

impl MediaKinds {
    /// None of it.
    pub const NONE: Self = Self {
        audio: false,
        video: false,
        screen: false,
    };

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        !self.audio && !self.video && !self.screen
    }

    /// Whether this is one of them.
    #[must_use]
    pub const fn has(self, kind: MediaKind) -> bool {
        match kind {
            MediaKind::Audio => self.audio,
            MediaKind::Video => self.video,
            MediaKind::Screen => self.screen,
        }
    }

    /// With this kind, or without it.
    #[must_use]
    pub const fn with(mut self, kind: MediaKind, held: bool) -> Self {
        match kind {
            MediaKind::Audio => self.audio = held,
            MediaKind::Video => self.video = held,
            MediaKind::Screen => self.screen = held,
        }
        self
    }
}

/// What moderators have muted of somebody, until they switch it on again themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Muted {
    /// What.
    #[serde(flatten)]
    pub kinds: MediaKinds,
    /// What they may not switch on again before a moderator allows it.
    #[serde(default, skip_serializing_if = "MediaKinds::is_empty")]
    pub locked: MediaKinds,
    /// What they may switch on although others may not.
    #[serde(default, skip_serializing_if = "MediaKinds::is_empty")]
    pub allowed: MediaKinds,
}

impl Muted {
    /// What is remembered of somebody who is gone: an exception is not.
    #[must_use]
    pub const fn in_absence(mut self) -> Self {
        self.allowed = MediaKinds::NONE;
        self
    }

    /// Locked from now on, or allowed whatever holds for others.
    #[must_use]
    pub const fn lock(mut self, kind: MediaKind, locked: bool) -> Self {
        self.locked = self.locked.with(kind, locked);
        self.allowed = self.allowed.with(kind, !locked);
        self
    }

    /// Whether there is nothing to remember.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.kinds.is_empty() && self.locked.is_empty() && self.allowed.is_empty()
    }

    /// Everything of `kinds` muted and locked too.
    #[must_use]
    pub fn and_locked(mut self, kinds: MediaKinds) -> Self {
        for kind in MediaKind::ALL {
            if kinds.has(kind) {
                self = self.with(kind, true);
                self.locked = self.locked.with(kind, true);
            }
        }
        self
    }

    /// Whether this is muted.
    #[must_use]
    pub const fn has(self, kind: MediaKind) -> bool {
        self.kinds.has(kind)
    }

    /// With this kind muted; or not any more, and then not locked either.
    #[must_use]
    pub const fn with(mut self, kind: MediaKind, muted: bool) -> Self {
        self.kinds = self.kinds.with(kind, muted);
        if !muted {
            self.locked = self.locked.with(kind, false);
        }
        self
    }
}

/// Who decided about somebody in the lobby.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decider {
    /// Which user; `None` for a back end or the room itself.
    pub user: Option<UserId>,
    /// As whom they were shown.
    pub name: Arc<str>,
}

/// How a participant appears to the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Display name; may be empty.
    pub name: Arc<str>,
    /// Address of a picture.
    pub image_url: Option<Arc<str>>,
}

/// One socket of a participant and the node that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Which socket.
    pub id: ConnectionId,
    /// On which node.
    pub node: NodeId,
    /// Since when it is in the room.
    pub since: Timestamp,
}

/// The last connection of a participant, gone but within its grace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostConnection {
    /// The connection that ended.
    pub connection: Connection,
    /// When the participant leaves unless back before.
    pub deadline: Timestamp,
    /// Whether the others see `isReconnecting` (a lost transport, not a reload).
    pub visible: bool,
}

/// A user in a room, or waiting in its lobby.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// Who.
    pub user: UserId,
    /// Order of arrival.
    pub seat: Seat,
    /// Name and picture.
    pub profile: Profile,
    /// Microphone, camera, screen, hand.
    pub media: MediaState,
    /// Since when in the room, over all connections.
    pub joined_at: Timestamp,
    /// Live connections, oldest first.
    pub connections: Vec<Connection>,
    /// Set while there is no live connection.
    pub lost: Option<LostConnection>,
    /// What moderators have muted.
    #[serde(default, skip_serializing_if = "Muted::is_none")]
    pub muted: Muted,
    /// Who let them in from the lobby.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_by: Option<Decider>,
}

impl Participant {
    /// Whether the others see this participant as reconnecting.
    #[must_use]
    pub fn is_reconnecting(&self) -> bool {
        self.lost.is_some_and(|lost| lost.visible)
    }

    /// Whether this connection is one of the live ones.
    #[must_use]
    pub fn holds(&self, connection: ConnectionId) -> bool {
        self.connections.iter().any(|held| held.id == connection)
    }
}
