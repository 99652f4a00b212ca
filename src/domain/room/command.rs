//! What somebody wants of a room.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{By, EndCause};

use crate::domain::chat::{Announcement, MessageMark, Opaque, SignalKind};
use crate::domain::grant::Held;
use crate::domain::id::{ConnectionId, NodeId, UserId};
use crate::domain::participant::{MediaChanges, MediaKind, Profile, Seat};
use crate::domain::passcode::{GivenPasscode, Network, Passcode};
use crate::domain::policy::{AccessChange, RoomPolicy};
use crate::domain::refusal::RoleChange;
use crate::domain::role::Mark;
use crate::domain::ticket::{Provider, SyncState};
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
    /// A person over REST: judged by rank like anybody, but not required to be in the room.
    Remote(UserId),
    /// Usher itself: timers, recovery.
    System,
}

impl Actor {
    /// The person who acts, or on whose behalf a back end does.
    #[must_use]
    pub const fn user(&self) -> Option<&UserId> {
        match self {
            Self::User(user) | Self::Remote(user) | Self::Service(Some(user)) => Some(user),
            Self::BackEnd { user, .. } => user.as_ref(),
            Self::Service(None) | Self::System => None,
        }
    }
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
    /// From which network, where that is known.
    pub network: Option<Network>,
    /// What they say the passcode is.
    pub passcode: Option<GivenPasscode>,
    /// They had been let in before, and were lost.
    pub returning: Option<Return>,
}

/// Where somebody was who is brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// In the room.
    ToRoom,
    /// In the lobby, on this place.
    ToLobby(Seat),
    /// Their client asks to be put back where its lost connection was. Once the grace is over, the doors
    /// judge them like anybody.
    Recovered,
}

/// Whom a mute is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MuteTarget {
    /// One participant.
    One(UserId),
    /// Every plain participant.
    All,
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
    /// Mute somebody, or every plain participant.
    Mute {
        /// Whom.
        target: MuteTarget,
        /// What.
        kind: MediaKind,
        /// Whether they may not switch it on again before a moderator allows it.
        lock: bool,
    },
    /// Ask somebody to unmute, or every plain participant; whoever may not, may from now on.
    AskToUnmute {
        /// Whom.
        target: MuteTarget,
        /// What.
        kind: MediaKind,
    },
    /// Lower a raised hand, or all of them.
    LowerHand {
        /// Whose.
        target: Option<UserId>,
    },
    /// Take somebody out.
    Remove {
        /// Whom.
        target: UserId,
        /// Whether for good.
        ban: bool,
    },
    /// Lift a ban.
    Unban {
        /// Whose.
        target: UserId,
    },
    /// Let somebody in from the lobby.
    Admit {
        /// Whom.
        target: UserId,
    },
    /// Do not let somebody in from the lobby.
    Deny {
        /// Whom.
        target: UserId,
    },
    /// Let in everybody who waits.
    AdmitAll,
    /// Switch lock, lobby, passcode and number of seats.
    UpdateAccess {
        /// What changes.
        change: AccessChange,
        /// A passcode that has to be hashed before it can be kept.
        passcode: Option<Passcode>,
    },
    /// Forget wrong passcodes.
    LiftLockout,
    /// Note a wrong passcode.
    NoteFailure {
        /// Whose.
        user: UserId,
        /// From which network.
        network: Option<Network>,
    },
    /// Pass something on to one participant.
    Signal {
        /// To whom.
        to: UserId,
        /// To one of their connections only.
        only: Option<ConnectionId>,
        /// Over which connection.
        via: Option<ConnectionId>,
        /// What kind of thing.
        kind: SignalKind,
        /// What.
        data: Opaque,
    },
    /// Send a message to everybody.
    SendMessage {
        /// The message.
        message: Opaque,
        /// What its sender calls it.
        key: Option<Opaque>,
        /// Over which connection.
        via: Option<ConnectionId>,
    },
    /// React to a message, take that back, or pin it.
    MarkMessage {
        /// What it is called.
        key: Opaque,
        /// What is done. A reaction that is there already is taken back, whatever is said.
        mark: MessageMark,
        /// Over which connection.
        via: Option<ConnectionId>,
    },
    /// Tell the others what is not kept.
    Announce {
        /// What.
        announcement: Announcement,
        /// Over which connection.
        via: Option<ConnectionId>,
    },
    /// Do something to who holds a connection.
    ToHolder {
        /// Which connection.
        holder: ConnectionId,
        /// Who is meant where nobody here holds it.
        user: Option<UserId>,
        /// What.
        deed: Box<Deed>,
    },
    /// End the meeting for everybody.
    End {
        /// By which rule. Whether a timer's rule applies is judged again.
        cause: EndCause,
    },
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
        /// By whom it was changed.
        by: By,
    },
    /// Tell the people concerned how far the media provider has followed a change.
    ReportSync {
        /// Whom it was about.
        user: UserId,
        /// Which provider.
        provider: Provider,
        /// How far.
        state: SyncState,
    },
    /// Marks go back to what SQL holds: they could not be made durable, or the store had lost them.
    /// What the room knows better stays.
    RestoreGrants {
        /// Which, and what SQL holds of each.
        changes: Vec<GrantChange>,
    },
}

/// What is done to one participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Grant or revoke a role.
    ChangeRole(RoleChange),
    /// Mute.
    Mute {
        /// What.
        kind: MediaKind,
        /// Whether for as long as no moderator allows it.
        lock: bool,
    },
    /// Ask to unmute, and allow it.
    AskToUnmute(MediaKind),
    /// Take out.
    Remove {
        /// Whether for good.
        ban: bool,
    },
    /// Pass something on.
    Signal {
        /// Over which connection.
        via: Option<ConnectionId>,
        /// What kind of thing.
        kind: SignalKind,
        /// What.
        data: Opaque,
    },
}

impl Deed {
    /// The command that does it to this user.
    #[must_use]
    pub fn to(self, target: UserId) -> Command {
        match self {
            Self::ChangeRole(change) => Command::ChangeRole { target, change },
            Self::Mute { kind, lock } => Command::Mute {
                target: MuteTarget::One(target),
                kind,
                lock,
            },
            Self::AskToUnmute(kind) => Command::AskToUnmute {
                target: MuteTarget::One(target),
                kind,
            },
            Self::Remove { ban } => Command::Remove { target, ban },
            Self::Signal { via, kind, data } => Command::Signal {
                to: target,
                only: None,
                via,
                kind,
                data,
            },
        }
    }

    /// The command that does it to the user who holds this connection.
    #[must_use]
    pub fn to_holder(self, holder: ConnectionId, user: Option<UserId>) -> Command {
        Command::ToHolder {
            holder,
            user,
            deed: Box::new(self),
        }
    }
}

/// One mark of one user as it is from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantChange {
    /// Whose.
    pub user: UserId,
    /// Which.
    #[serde(rename = "role")]
    pub mark: Mark,
    /// Held since then, or not at all.
    #[serde(flatten)]
    pub held: Held,
}

impl Command {
    /// Notes over which connection it was sent, where that is told to others.
    pub fn sent_over(&mut self, connection: ConnectionId) {
        if let Self::SendMessage { via, .. }
        | Self::MarkMessage { via, .. }
        | Self::Announce { via, .. }
        | Self::Signal { via, .. } = self
        {
            *via = Some(connection);
        } else if let Self::ToHolder { deed, .. } = self
            && let Deed::Signal { via, .. } = &mut **deed
        {
            *via = Some(connection);
        }
    }

    /// Whether it may change durable authority: it needs a writable database, and the audit tells of it.
    #[must_use]
    pub fn changes_authority(&self) -> bool {
        match self {
            Self::ToHolder { deed, .. } => {
                matches!(**deed, Deed::ChangeRole(_) | Deed::Remove { ban: true })
            }
            Self::ChangeRole { .. }
            | Self::Remove { ban: true, .. }
            | Self::Unban { .. }
            | Self::UpdateAccess { .. }
            | Self::End { .. } => true,
            Self::Join(_)
            | Self::Leave { .. }
            | Self::LoseConnection { .. }
            | Self::UpdateState { .. }
            | Self::Mute { .. }
            | Self::AskToUnmute { .. }
            | Self::LowerHand { .. }
            | Self::Remove { ban: false, .. }
            | Self::Admit { .. }
            | Self::Deny { .. }
            | Self::AdmitAll
            | Self::LiftLockout
            | Self::NoteFailure { .. }
            | Self::Signal { .. }
            | Self::SendMessage { .. }
            | Self::MarkMessage { .. }
            | Self::Announce { .. }
            | Self::LoseNodes { .. }
            | Self::LoseStrangers { .. }
            | Self::Expire
            | Self::AdoptMeeting { .. }
            | Self::ReportSync { .. }
            | Self::RestoreGrants { .. } => false,
        }
    }

    /// Whether the audit tells of it, so that its request needs a name there.
    #[must_use]
    pub fn is_audited(&self) -> bool {
        self.changes_authority()
            || matches!(
                self,
                Self::Remove { .. }
                    | Self::Admit { .. }
                    | Self::Deny { .. }
                    | Self::AdmitAll
                    | Self::Mute { .. }
                    | Self::ToHolder { .. }
                    | Self::LiftLockout
            )
    }
}
