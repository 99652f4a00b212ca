//! What a participant may do at the media provider, and the ticket that lets them in there.
//!
//! Rights are decided here once, for every provider alike; an issuer only encodes them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::{Revision, RoomKey, UserId};
use super::permission::{Action, allows};
use super::refusal::Refusal;
use super::role::{Rank, Role};
use super::room::{DismissalKind, Room};
use super::time::Timestamp;

/// Who carries the media.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Daily.co.
    Daily,
    /// Jitsi Meet, one's own or 8x8's.
    Jitsi,
    /// LiveKit.
    LiveKit,
    /// Nobody: participants connect to each other, through STUN and TURN.
    #[default]
    Mesh,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 4] = [Self::Daily, Self::Jitsi, Self::LiveKit, Self::Mesh];

    /// The word for clients, SQL and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Jitsi => "jitsi",
            Self::LiveKit => "livekit",
            Self::Mesh => "mesh",
        }
    }

    /// Whether somebody who is there already can be given other rights, or sent away.
    #[must_use]
    pub const fn is_controlled(self) -> bool {
        matches!(self, Self::Daily | Self::LiveKit)
    }
}

/// What somebody may do at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent right, as every provider has them"
)]
pub struct Rights {
    /// Send sound.
    pub publish_audio: bool,
    /// Send pictures.
    pub publish_video: bool,
    /// Share a screen.
    pub publish_screen: bool,
    /// Hear and see others.
    pub subscribe: bool,
    /// Mute and remove others.
    pub moderate: bool,
    /// Record.
    pub record: bool,
}

impl Rights {
    /// What this rank may do, by the one policy table.
    #[must_use]
    pub const fn of(rank: Rank) -> Self {
        let media = allows(rank, Action::Publish);
        Self {
            publish_audio: media,
            publish_video: media,
            publish_screen: media,
            subscribe: media,
            moderate: allows(rank, Action::Mute),
            record: allows(rank, Action::Record),
        }
    }

    /// Whether whoever has `other` may do everything that these rights allow.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        self.each()
            .into_iter()
            .zip(other.each())
            .all(|(own, theirs)| !own || theirs)
    }

    const fn each(self) -> [bool; 6] {
        let Self {
            publish_audio,
            publish_video,
            publish_screen,
            subscribe,
            moderate,
            record,
        } = self;
        [
            publish_audio,
            publish_video,
            publish_screen,
            subscribe,
            moderate,
            record,
        ]
    }
}

/// The word for what somebody is in the meeting.
#[must_use]
pub fn role_word(role: Option<Role>) -> &'static str {
    role.map_or("participant", Role::as_str)
}

/// The highest role of this rank.
#[must_use]
pub const fn role_of(rank: Rank) -> Option<Role> {
    match rank {
        Rank::Creator | Rank::Host => Some(Role::Host),
        Rank::CoHost => Some(Role::CoHost),
        Rank::Participant => None,
    }
}

/// That somebody may enter a room at the provider, and as what, at one revision of the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// Which room.
    pub key: RoomKey,
    /// Who.
    pub user: UserId,
    /// How they appear.
    pub name: Arc<str>,
    /// Address of their picture.
    pub image_url: Option<Arc<str>>,
    /// Where.
    pub provider: Provider,
    /// As what.
    pub role: Option<Role>,
    /// What follows from it.
    pub rights: Rights,
    /// When it was so.
    pub rev: Revision,
    /// For how long a ticket is good.
    pub lifetime: Duration,
    /// When the meeting ends by its schedule: no ticket is good for longer.
    pub ends_at: Option<Timestamp>,
}

impl Entitlement {
    /// Until when a ticket is good that is issued now.
    #[must_use]
    pub fn expires_at(&self, now: Timestamp) -> Timestamp {
        let expires = now.plus(self.lifetime);
        self.ends_at.map_or(expires, |ends| expires.min(ends))
    }

    /// Whether a ticket for this one serves `other` as well: same person, place and rights.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.user == other.user
            && self.provider == other.provider
            && self.role == other.role
            && self.rights == other.rights
            && self.ends_at == other.ends_at
    }
}

/// Text that must not be shown: a token or a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A STUN or TURN server, as `RTCPeerConnection` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceServer {
    /// Its addresses, one per transport.
    pub urls: Vec<Arc<str>>,
    /// User name and password; STUN needs none.
    pub credential: Option<(String, Hidden)>,
}

/// What a client may set up its meeting page with: name and whether it is on.
pub type Flags = Vec<(&'static str, bool)>;

/// What lets one participant into one room of the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// For what it was issued.
    pub entitlement: Entitlement,
    /// The provider's token; none where there is no provider.
    pub token: Option<Hidden>,
    /// Where to go; without the token.
    pub url: Option<String>,
    /// What the room is called there.
    pub room_name: String,
    /// What the participant is called there.
    pub provider_user: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// Only for [`Provider::Mesh`].
    pub ice_servers: Vec<IceServer>,
    /// Only for [`Provider::Jitsi`]: flags of its mobile SDK.
    pub feature_flags: Flags,
    /// Only for [`Provider::Jitsi`]: options of its web client.
    pub config: Flags,
}

impl Ticket {
    /// A ticket under these names (of the room and of the user), issued now, with nothing in it yet.
    #[must_use]
    pub fn blank(
        entitlement: Entitlement,
        (room_name, provider_user): (String, String),
        now: Timestamp,
    ) -> Self {
        Self {
            expires_at: entitlement.expires_at(now),
            entitlement,
            token: None,
            url: None,
            room_name,
            provider_user,
            ice_servers: Vec::new(),
            feature_flags: Flags::new(),
            config: Flags::new(),
        }
    }
}

/// How far the provider has followed a change of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncState {
    /// It has.
    Applied,
    /// It does not answer, and is told again.
    Pending,
    /// It cannot; the next ticket carries the change.
    Unsupported,
}

impl SyncState {
    /// The word that clients are told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Unsupported => "unsupported",
        }
    }
}

/// How somebody should stand at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// There, if they like, with these rights.
    Member {
        /// As what.
        role: Option<Role>,
        /// What follows from it.
        rights: Rights,
    },
    /// Not there.
    Removed {
        /// Nor allowed to come back.
        banned: bool,
    },
}

impl Room {
    /// What this user may do at the provider.
    ///
    /// # Errors
    /// Why they get no ticket: ended, banned, waiting to be let in, or not in the room.
    pub fn entitlement(&self, user: &UserId, now: Timestamp) -> Result<Entitlement, Refusal> {
        if self.is_ended() || self.is_over(now).is_some() {
            return Err(Refusal::MeetingEnded);
        }
        if self.is_banned(user) {
            return Err(Refusal::Banned);
        }
        let person = self.participant(user).ok_or(Refusal::NotJoined)?;
        let rank = self.rank_of(user);
        Ok(Entitlement {
            key: self.key.clone(),
            user: user.clone(),
            name: person.profile.name.clone(),
            image_url: person.profile.image_url.clone(),
            provider: self.policy.provider,
            role: role_of(rank),
            rights: Rights::of(rank),
            rev: self.rev,
            lifetime: self.policy.ticket_lifetime,
            ends_at: self.ends_at().map(|(at, _)| at),
        })
    }

    /// How this user should stand at the provider, in the room or not.
    #[must_use]
    pub fn wanted(&self, user: &UserId) -> Wanted {
        if self.is_banned(user) {
            return Wanted::Removed { banned: true };
        }
        let kicked = self.dismissal(user).is_some_and(|it| match it.kind {
            DismissalKind::Kicked | DismissalKind::Banned => true,
            DismissalKind::Denied => false,
        });
        let waits = self.lobby().get(user).is_some();
        if self.participant(user).is_none() && (kicked || waits) {
            return Wanted::Removed { banned: false };
        }
        let rank = self.rank_of(user);
        Wanted::Member {
            role: role_of(rank),
            rights: Rights::of(rank),
        }
    }
}
