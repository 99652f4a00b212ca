//! Why a command is refused: a stable code for machines, a kind, a sentence for people.

use std::sync::Arc;
use std::time::Duration;

use super::participant::MediaKind;
use super::role::Role;

/// When a retryable command is worth another try: a store that broke is back within a second or is
/// away for longer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Which of the four role commands; each has its own wording in the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoleChange {
    /// The role in question.
    pub role: Role,
    /// Granting it, or revoking it.
    pub grant: bool,
}

impl RoleChange {
    /// The sentence that existing frontends match, verbatim from the seed.
    #[must_use]
    pub const fn host_only(self) -> &'static str {
        match (self.role, self.grant) {
            (Role::Host, true) => "Only hosts can promote others",
            (Role::Host, false) => "Only hosts can remove host status",
            (Role::CoHost, true) => "Only hosts can promote co-hosts",
            (Role::CoHost, false) => "Only hosts can remove co-hosts",
        }
    }
}

/// What class of problem a refusal is; transports map it to their own statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request itself is wrong.
    Invalid,
    /// Nobody knows who is asking.
    Unauthenticated,
    /// Known, but not allowed.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// It contradicts what is there.
    Conflict,
    /// It was there and is over.
    Gone,
    /// Too much, too fast.
    RateLimited,
    /// Not now; try again.
    Unavailable,
    /// Our own fault.
    Internal,
}

impl Kind {
    /// Whether the same request may succeed later without being changed.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable)
    }
}

/// A command that changes nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such room here.
    #[error("Room not found")]
    RoomNotFound,
    /// A role command from a participant who is not a host.
    #[error("{}", .0.host_only())]
    NotHostForRole(RoleChange),
    /// Another command that needs a host.
    #[error("Only hosts can do this; ask a host of the meeting")]
    NotHost,
    /// A command that needs a host or a co-host.
    #[error("Only hosts and co-hosts can do this; ask one of them")]
    NotModerator,
    /// The actor may do this, but not to a host.
    #[error("Only the meeting's creator can do this to a host")]
    HostsAlike,
    /// Banned until somebody lifts it.
    #[error("You are banned from this meeting; only its hosts and co-hosts can lift that")]
    Banned,
    /// Locked for everybody but moderators.
    #[error("The room is locked; ask a host to let you in")]
    RoomLocked,
    /// The lobby has no place left.
    #[error("Too many people are waiting to be let in; try again later")]
    LobbyFull,
    /// The meeting has a passcode, and none was given.
    #[error("This meeting has a passcode; send it with the join")]
    PasscodeRequired,
    /// Not the meeting's passcode.
    #[error("This is not the meeting's passcode")]
    WrongPasscode,
    /// Before the meeting's time.
    #[error("The meeting has not started yet; come back in {} s", .starts_in.as_secs())]
    NotStarted {
        /// How long until it does.
        starts_in: Duration,
    },
    /// Somebody else decided first.
    #[error("{by} has {} them already", if *.admitted { "admitted" } else { "denied" })]
    AlreadyDecided {
        /// Who, by name.
        by: Arc<str>,
        /// What they decided.
        admitted: bool,
    },
    /// The target is not in the room.
    #[error("Participant not found")]
    ParticipantNotFound,
    /// The room does not keep this message, or not any longer.
    #[error("Message not found; the room keeps only the latest")]
    MessageNotFound,
    /// Switched off by a moderator until one allows it.
    #[error("A moderator has switched this off; ask one of them to allow it")]
    MediaLocked(MediaKind),
    /// The command makes no sense on oneself.
    #[error("You cannot do this to yourself; another host has to")]
    CannotTargetSelf,
    /// The room would be left without a host.
    #[error("The last host cannot be removed; promote somebody else first")]
    LastHost,
    /// The creator stays a host.
    #[error("The meeting's creator stays a host; ownership moves only through the REST API")]
    ProtectedCreator,
    /// A role command from a connection that has not joined; worded as in the seed.
    #[error("{}", .0.host_only())]
    NotJoinedForRole(RoleChange),
    /// Any other command from a connection that has not joined.
    #[error("Join the room first")]
    NotJoined,
    /// Every seat is taken.
    #[error("The room is full; try again when somebody has left")]
    RoomFull,
    /// The device policy keeps the older connection.
    #[error("You are already in this room from another connection, {} s old; close it first", .live_for.as_secs())]
    AlreadyConnected {
        /// Age of the live connection.
        live_for: Duration,
    },
    /// Ended for everybody.
    #[error("The meeting has ended")]
    MeetingEnded,
    /// The meeting id is in use.
    #[error("A meeting with this id exists already; choose another id")]
    MeetingExists,
    /// No such meeting, or not this tenant's.
    #[error("Meeting not found")]
    MeetingNotFound,
    /// The payload does not parse or breaks a limit.
    #[error("{reason}")]
    InvalidPayload {
        /// What is wrong and where.
        reason: String,
    },
    /// More than is allowed at once.
    #[error("{reason}")]
    RateLimited {
        /// Which limit.
        reason: &'static str,
        /// When it is worth another try.
        retry_after: Duration,
    },
    /// The identity is missing, wrong or not the one claimed.
    #[error("{reason}")]
    Unauthorized {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Known, but neither creator nor host of this meeting.
    #[error("Only the meeting's creator and hosts can do this")]
    Forbidden,
    /// A part that is needed does not answer. Rarely the change took effect all the same: a command may
    /// reach the store whose answer does not come back.
    #[error("{reason}; try again shortly")]
    Unavailable {
        /// Which part.
        reason: &'static str,
    },
    /// The event name means nothing here.
    #[error("unknown event")]
    UnknownEvent,
}

impl Refusal {
    /// Stable, kebab-case, for machines.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RoomNotFound => "room-not-found",
            Self::NotHostForRole(_) | Self::NotHost => "not-host",
            Self::NotModerator => "not-moderator",
            Self::HostsAlike | Self::Forbidden => "forbidden",
            Self::Banned => "banned",
            Self::RoomLocked => "room-locked",
            Self::LobbyFull => "lobby-full",
            Self::PasscodeRequired => "passcode-required",
            Self::WrongPasscode => "wrong-passcode",
            Self::NotStarted { .. } => "not-started",
            Self::AlreadyDecided { .. } => "already-decided",
            Self::ParticipantNotFound => "participant-not-found",
            Self::MessageNotFound => "message-not-found",
            Self::MediaLocked(_) => "media-locked",
            Self::CannotTargetSelf => "cannot-target-self",
            Self::LastHost => "last-host",
            Self::ProtectedCreator => "protected-creator",
            Self::NotJoinedForRole(_) | Self::NotJoined => "not-joined",
            Self::RoomFull => "room-full",
            Self::AlreadyConnected { .. } => "already-connected",
            Self::MeetingEnded => "meeting-ended",
            Self::MeetingExists => "meeting-exists",
            Self::MeetingNotFound => "meeting-not-found",
            Self::InvalidPayload { .. } => "invalid-payload",
            Self::RateLimited { .. } => "rate-limited",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Unavailable { .. } => "unavailable",
            Self::UnknownEvent => "unknown-event",
        }
    }

    /// A limit that has room again as soon as something under way has ended.
    #[must_use]
    pub const fn busy(reason: &'static str) -> Self {
        Self::RateLimited {
            reason,
            retry_after: RETRY_AFTER,
        }
    }

    /// When the same request is worth another try; `None` when it has to be changed first.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        if let Self::RateLimited { retry_after, .. } = self {
            return Some(*retry_after);
        }
        if let Self::NotStarted { starts_in } = self {
            return Some(*starts_in);
        }
        if self.kind().is_retryable() {
            Some(RETRY_AFTER)
        } else {
            None
        }
    }

    /// [`Self::retry_after`] in whole milliseconds, never too few.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u128> {
        self.retry_after()
            .map(|after| after.as_micros().div_ceil(1_000).max(1))
    }

    /// The class of the problem.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::RoomNotFound
            | Self::ParticipantNotFound
            | Self::MessageNotFound
            | Self::MeetingNotFound => Kind::NotFound,
            Self::NotHostForRole(_)
            | Self::NotHost
            | Self::NotJoinedForRole(_)
            | Self::NotJoined
            | Self::NotModerator
            | Self::HostsAlike
            | Self::Banned
            | Self::RoomLocked
            | Self::PasscodeRequired
            | Self::WrongPasscode
            | Self::ProtectedCreator
            | Self::MediaLocked(_)
            | Self::Forbidden => Kind::Forbidden,
            Self::CannotTargetSelf
            | Self::LastHost
            | Self::RoomFull
            | Self::LobbyFull
            | Self::NotStarted { .. }
            | Self::AlreadyDecided { .. }
            | Self::AlreadyConnected { .. }
            | Self::MeetingExists => Kind::Conflict,
            Self::MeetingEnded => Kind::Gone,
            Self::InvalidPayload { .. } | Self::UnknownEvent => Kind::Invalid,
            Self::RateLimited { .. } => Kind::RateLimited,
            Self::Unauthorized { .. } => Kind::Unauthenticated,
            Self::Unavailable { .. } => Kind::Unavailable,
        }
    }

    /// One of each, for tests and for the printed list of codes.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let change = RoleChange {
            role: Role::Host,
            grant: true,
        };
        vec![
            Self::RoomNotFound,
            Self::NotHostForRole(change),
            Self::NotHost,
            Self::NotModerator,
            Self::HostsAlike,
            Self::Banned,
            Self::RoomLocked,
            Self::LobbyFull,
            Self::PasscodeRequired,
            Self::WrongPasscode,
            Self::NotStarted {
                starts_in: Duration::ZERO,
            },
            Self::AlreadyDecided {
                by: "".into(),
                admitted: true,
            },
            Self::ParticipantNotFound,
            Self::MessageNotFound,
            Self::MediaLocked(MediaKind::Audio),
            Self::CannotTargetSelf,
            Self::LastHost,
            Self::ProtectedCreator,
            Self::NotJoinedForRole(change),
            Self::NotJoined,
            Self::RoomFull,
            Self::AlreadyConnected {
                live_for: Duration::ZERO,
            },
            Self::MeetingEnded,
            Self::MeetingExists,
            Self::MeetingNotFound,
            Self::InvalidPayload {
                reason: String::new(),
            },
            Self::busy(""),
            Self::Unauthorized { reason: "" },
            Self::Forbidden,
            Self::Unavailable { reason: "" },
            Self::UnknownEvent,
        ]
    }
}
