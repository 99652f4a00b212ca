//! What somebody wants of a room.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::grant::Held;
use crate::domain::id::{ConnectionId, NodeId, UserId};
use crate::domain::participant::{MediaChanges, Profile};
use crate::domain::policy::RoomPolicy;
use crate::domain::refusal::RoleChange;
use crate::domain::role::Role;
use crate::domain::time::Timestamp;

/// Who wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// A participant, by user id. Their rank is read from the room, never from the client.
    User(UserId),
    /// A request over REST, already authorised at its door; who asked, where that is known.
    Service(Option<UserId>),
    /// A verified back end over REST, already authorised at its door.
    BackEnd {
        /// The subject of its token.
        id: UserId,
        /// On whose behalf, where it says so.
        user: Option<UserId>,
    },
    /// Usher itself: timers, recovery.
    System,
}

/// How a connection ended without a leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossCause {
    /// The browser closed the socket: a closed tab or a reload.
    Closed,
    /// The transport broke or fell silent.
    Lost,
}

/// The wish to enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// Who enters; verified by the door.
    pub user: UserId,
    /// From which socket.
    pub connection: ConnectionId,
    /// Which node holds that socket.
    pub node: NodeId,
    /// How they appear.
    pub profile: Profile,
    /// Initial media flags; what is absent starts muted and paused.
    pub media: MediaChanges,
}

/// Some nodes; shared, because every room of a node is told of the same.
pub type Nodes = Arc<BTreeSet<NodeId>>;

/// A wish to change a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Enter, or come back, or add a connection.
    Join(Box<Join>),
    /// This connection leaves on purpose.
    Leave {
        /// The connection that ends.
        connection: ConnectionId,
    },
    /// This connection is gone without a leave.
    LoseConnection {
        /// The connection that ended.
        connection: ConnectionId,
        /// How it ended.
        cause: LossCause,
    },
    /// These nodes are gone without a word, and with them every connection that they held.
    LoseNodes {
        /// The dead.
        nodes: Nodes,
    },
    /// The store had lost its list of nodes: who is not on the new one is gone too.
    LoseStrangers {
        /// The living.
        known: Nodes,
    },
    /// Grant or revoke a role.
    ChangeRole {
        /// Whose role.
        target: UserId,
        /// Which role, and in which direction.
        change: RoleChange,
    },
    /// Report one's own media state.
    UpdateState {
        /// What changed.
        changes: MediaChanges,
    },
    /// End the meeting for everybody.
    End,
    /// Act on every deadline that has passed.
    Expire,
    /// The meeting record changed in SQL: take over its creator and settings.
    AdoptMeeting {
        /// The meeting's creator.
        creator: UserId,
        /// The policy with the meeting's own settings.
        policy: Box<RoomPolicy>,
        /// Which state of the record that is. An older one than the room has changes nothing.
        version: Timestamp,
    },
    /// Roles go back to what SQL holds: they could not be made durable, or the store had lost them.
    /// What the room knows better stays.
    RestoreGrants {
        /// Which, and what SQL holds of each.
        changes: Vec<GrantChange>,
    },
}

/// One role of one user as it is from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantChange {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub role: Role,
    /// Held since then, or not at all.
    #[serde(flatten)]
    pub held: Held,
}

impl Command {
    /// Whether it may change durable authority: it needs a writable database, and the audit tells of it.
    #[must_use]
    pub const fn changes_authority(&self) -> bool {
        match self {
            Self::ChangeRole { .. } | Self::End => true,
            Self::Join(_)
            | Self::Leave { .. }
            | Self::LoseConnection { .. }
            | Self::UpdateState { .. }
            | Self::LoseNodes { .. }
            | Self::LoseStrangers { .. }
            | Self::Expire
            | Self::AdoptMeeting { .. }
            | Self::RestoreGrants { .. } => false,
        }
    }
}
