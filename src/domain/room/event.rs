//! What happened in a room, and the commit that makes it so.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::{Actor, GrantChange};
use crate::domain::grant::{Held, Stamp};
use crate::domain::id::{CommitId, ConnectionId, Epoch, RequestId, Revision, UserId};
use crate::domain::participant::{Connection, LostConnection, MediaChanges, Participant, Profile};
use crate::domain::policy::RoomPolicy;
use crate::domain::role::Role;
use crate::domain::time::Timestamp;

/// Who caused an event, with the name shown to others at that moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// Their display name, when they have one.
    pub name: Option<Arc<str>>,
    /// By which request, when it was one of a client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
}

impl By {
    /// Usher itself.
    #[must_use]
    pub const fn system() -> Self {
        Self {
            actor: Actor::System,
            name: None,
            request: None,
        }
    }

    /// What a client is shown: the actor's name, or `Host`.
    #[must_use]
    pub fn display(&self) -> &str {
        self.name
            .as_deref()
            .filter(|name| !name.is_empty())
            .unwrap_or("Host")
    }
}

/// Why a participant is no longer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaveReason {
    /// Left on purpose.
    Left,
    /// Gone without a word, and the grace is over.
    Disconnected,
    /// The meeting was ended for everybody.
    MeetingEnded,
}

impl LeaveReason {
    /// The word that clients are told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Disconnected => "disconnected",
            Self::MeetingEnded => "meeting-ended",
        }
    }
}

/// Why another participant holds the host's place now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostChangeCause {
    /// A host came back.
    HostReturned,
    /// The role grace ended and a co-host stands in.
    Succession,
    /// The role grace ended and nobody may stand in.
    Hostless,
}

impl HostChangeCause {
    /// The word that clients are told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HostReturned => "host-returned",
            Self::Succession => "succession",
            Self::Hostless => "hostless",
        }
    }
}

/// Something that happened. Applying the same events to the same state gives the same state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The first joiner of a room without a record became its creator.
    MeetingClaimed {
        /// The creator from now on.
        creator: UserId,
    },
    /// The record in SQL changed, or there is one now.
    MeetingAdopted {
        /// The creator from now on.
        creator: UserId,
        /// The policy from now on.
        policy: Box<RoomPolicy>,
        /// Which state of the record that is.
        version: Timestamp,
    },
    /// Somebody entered.
    ParticipantJoined {
        /// The new participant, complete.
        participant: Box<Participant>,
    },
    /// A participant came back or added a connection.
    ConnectionAttached {
        /// Whose.
        user: UserId,
        /// The new connection.
        connection: Connection,
    },
    /// One of several connections of a participant ended.
    ConnectionDetached {
        /// Whose.
        user: UserId,
        /// The connection that ended.
        connection: ConnectionId,
        /// Ended because a newer connection of the same user took its place.
        replaced: bool,
    },
    /// The last connection of a participant ended; the grace runs.
    ConnectionLost {
        /// Whose.
        user: UserId,
        /// The connection, its deadline, whether others see it.
        lost: LostConnection,
    },
    /// Name or picture changed.
    ProfileChanged {
        /// Whose.
        user: UserId,
        /// Both, complete.
        profile: Profile,
    },
    /// Media flags changed.
    MediaChanged {
        /// Whose.
        user: UserId,
        /// Only what differs from before.
        changes: MediaChanges,
    },
    /// Somebody is gone.
    ParticipantLeft {
        /// Who.
        user: UserId,
        /// Why.
        reason: LeaveReason,
    },
    /// A role was granted, durably.
    RoleGranted {
        /// To whom.
        user: UserId,
        /// Which.
        role: Role,
        /// Since when; the order of succession.
        since: Timestamp,
        /// Its place among all changes of roles.
        stamp: Stamp,
        /// By whom.
        by: By,
    },
    /// A role was revoked, durably.
    RoleRevoked {
        /// From whom.
        user: UserId,
        /// Which.
        role: Role,
        /// Its place among all changes of roles.
        stamp: Stamp,
        /// By whom.
        by: By,
    },
    /// A role was granted or revoked again. Nobody sees a difference; but whoever made it so before, and
    /// learns that SQL did not take it, has to leave it as it is.
    RoleAffirmed {
        /// Whose.
        user: UserId,
        /// Which.
        role: Role,
        /// As before, but for the stamp.
        held: Held,
        /// By whom.
        by: By,
    },
    /// Some grants are again what SQL holds: they could not be made durable, or the store had lost them.
    GrantsRestored {
        /// Those that may have changed.
        changes: Vec<GrantChange>,
    },
    /// No host is left; the role grace runs.
    HostVacated {
        /// When the succession is decided.
        deadline: Timestamp,
    },
    /// The host's place is filled, or stays empty for good.
    HostChanged {
        /// Who holds it; `None` when nobody may.
        user: Option<UserId>,
        /// Why.
        cause: HostChangeCause,
    },
    /// Ended for everybody. Nobody joins from here on.
    MeetingEnded {
        /// By whom.
        by: By,
    },
}

impl Event {
    /// Who caused it, where the event says so.
    pub(super) const fn by_mut(&mut self) -> Option<&mut By> {
        match self {
            Self::RoleGranted { by, .. }
            | Self::RoleRevoked { by, .. }
            | Self::RoleAffirmed { by, .. }
            | Self::MeetingEnded { by } => Some(by),
            Self::ParticipantJoined { .. }
            | Self::ConnectionAttached { .. }
            | Self::ConnectionDetached { .. }
            | Self::ConnectionLost { .. }
            | Self::ProfileChanged { .. }
            | Self::MediaChanged { .. }
            | Self::ParticipantLeft { .. }
            | Self::HostVacated { .. }
            | Self::HostChanged { .. }
            | Self::MeetingAdopted { .. }
            | Self::MeetingClaimed { .. }
            | Self::GrantsRestored { .. } => None,
        }
    }

    /// Whether somebody granted, revoked or affirmed a role.
    #[must_use]
    pub const fn is_change_of_role(&self) -> bool {
        matches!(
            self,
            Self::RoleGranted { .. } | Self::RoleRevoked { .. } | Self::RoleAffirmed { .. }
        )
    }
}

/// One step of a room's log: what was decided together, accepted or refused together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its name; a retried commit has the same.
    pub id: CommitId,
    /// The commit it was decided on; `None` for the first of an epoch.
    pub parent: Option<CommitId>,
    /// The log it belongs to.
    pub epoch: Epoch,
    /// Its place in that log.
    pub rev: Revision,
    /// When it was decided.
    pub at: Timestamp,
    /// What happened, in order. Never empty.
    pub events: Vec<Event>,
}
