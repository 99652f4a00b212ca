//! What happened in a room, and the commit that makes it so.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::{Actor, GrantChange};
use crate::domain::chat::{Announcement, ChatMessage, MessageMark, Opaque, SignalKind};
use crate::domain::grant::{Held, Stamp};
use crate::domain::id::{CommitId, ConnectionId, Epoch, RequestId, Revision, UserId};
use crate::domain::participant::{
    Connection, Decider, LostConnection, MediaChanges, MediaKind, Participant, Profile, Seat,
};
use crate::domain::passcode::{Failure, LockoutScope};
use crate::domain::policy::RoomPolicy;
use crate::domain::role::Role;
use crate::domain::ticket::{Provider, SyncState};
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

    /// The same as a decision about somebody in the lobby is remembered.
    #[must_use]
    pub fn decider(&self) -> Decider {
        Decider {
            user: self.actor.user().cloned(),
            name: self.display().into(),
        }
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
    /// Taken out; may come back.
    Kicked,
    /// Taken out for good.
    Banned,
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
            Self::Kicked => "kicked",
            Self::Banned => "banned",
            Self::MeetingEnded => "meeting-ended",
        }
    }
}

/// Why a meeting was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndCause {
    /// Somebody ended it.
    #[default]
    Command,
    /// It lasted as long as it may.
    MaxDuration,
    /// The schedule ends it now.
    ScheduledEnd,
    /// Nobody has been in it for too long.
    Empty,
}

impl EndCause {
    /// The word that clients and the audit are told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::MaxDuration => "max-duration",
            Self::ScheduledEnd => "scheduled-end",
            Self::Empty => "empty",
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
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
    /// The record in SQL changed, or there is one now; or a room without a record is held otherwise.
    MeetingAdopted {
        /// The creator from now on; `None` leaves it as it is.
        creator: Option<UserId>,
        /// The policy from now on.
        policy: Box<RoomPolicy>,
        /// Which state of the record that is.
        version: Timestamp,
        /// By whom.
        by: By,
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
    /// Somebody waits in the lobby.
    LobbyEntered {
        /// The one who waits, complete.
        participant: Box<Participant>,
    },
    /// Somebody waits no longer, and is not in the room either.
    LobbyLeft {
        /// Who.
        user: UserId,
        /// Why.
        reason: LeaveReason,
    },
    /// Somebody was let in from the lobby.
    Admitted {
        /// Who.
        user: UserId,
        /// Their place in the room.
        seat: Seat,
        /// Since when they are in the room.
        at: Timestamp,
        /// By whom.
        by: By,
    },
    /// Somebody was not let in.
    Denied {
        /// Who.
        user: UserId,
        /// When.
        at: Timestamp,
        /// By whom.
        by: By,
    },
    /// Somebody was taken out of the room.
    Removed {
        /// Who.
        user: UserId,
        /// Whether they may not come back.
        banned: bool,
        /// When.
        at: Timestamp,
        /// By whom.
        by: By,
    },
    /// Somebody was banned, or a ban was lifted, durably; or said again.
    BanChanged {
        /// Whose ban.
        user: UserId,
        /// Held since then, or not any more; and its place among all changes.
        held: Held,
        /// Whether it was so before.
        repeated: bool,
        /// By whom.
        by: By,
    },
    /// A moderator muted somebody, whether or not they were on; or their mute was upheld when they came
    /// back.
    Muted {
        /// Whom.
        user: UserId,
        /// What.
        kind: MediaKind,
        /// Whether it was on.
        changed: bool,
        /// Whether they may not switch it on again before a moderator allows it.
        #[serde(default, skip_serializing_if = "is_false")]
        locked: bool,
        /// Whether it was every plain participant at once.
        #[serde(default, skip_serializing_if = "is_false")]
        all: bool,
        /// By whom.
        by: By,
    },
    /// A moderator asked somebody to unmute, who may do so from now on.
    UnmuteAsked {
        /// Whom.
        user: UserId,
        /// What.
        kind: MediaKind,
        /// Whether it was every plain participant at once.
        #[serde(default, skip_serializing_if = "is_false")]
        all: bool,
        /// By whom.
        by: By,
    },
    /// Plain participants may not switch this on, whenever they come; or may again.
    MediaRestricted {
        /// What.
        kind: MediaKind,
        /// Or may again.
        restricted: bool,
    },
    /// One participant has something for another.
    Signalled {
        /// Who.
        from: UserId,
        /// For whom.
        to: UserId,
        /// For one of their connections only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        only: Option<ConnectionId>,
        /// Over which connection it was sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        via: Option<ConnectionId>,
        /// What kind of thing.
        #[serde(default, skip_serializing_if = "SignalKind::is_default")]
        kind: SignalKind,
        /// What.
        data: Opaque,
    },
    /// Somebody reacted to a message, or pinned it.
    MessageMarked {
        /// The message's number.
        number: u64,
        /// What the client calls it.
        key: Opaque,
        /// Who.
        user: UserId,
        /// What they did.
        mark: MessageMark,
        /// Over which connection.
        via: Option<ConnectionId>,
    },
    /// What is not kept.
    Announced {
        /// By whom.
        user: UserId,
        /// As whom they were shown.
        name: Arc<str>,
        /// What.
        announcement: Announcement,
        /// Over which connection.
        via: Option<ConnectionId>,
    },
    /// A message to everybody.
    MessageSent {
        /// The message.
        message: ChatMessage,
    },
    /// A joiner did not know the passcode.
    PasscodeFailed {
        /// Who, from where, when.
        failure: Failure,
        /// Who is locked out from now on, and until when.
        lockout: Option<(LockoutScope, Timestamp)>,
    },
    /// Wrong passcodes were forgotten.
    LockoutLifted {
        /// By whom.
        by: By,
    },
    /// The schedule will end the meeting.
    EndingSoon {
        /// When.
        ends_at: Timestamp,
        /// By which rule.
        cause: EndCause,
    },
    /// The room remembers too many people who are not here: these no longer.
    AbsentForgotten {
        /// Who.
        users: Vec<UserId>,
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
    /// The media provider has followed a change, or has not yet.
    ProviderSynced {
        /// Whom it was about.
        user: UserId,
        /// Which provider.
        provider: Provider,
        /// How far.
        state: SyncState,
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
        /// By which rule.
        #[serde(default)]
        cause: EndCause,
    },
}

impl Event {
    /// Who caused it, where the event says so.
    pub(super) const fn by_mut(&mut self) -> Option<&mut By> {
        match self {
            Self::RoleGranted { by, .. }
            | Self::RoleRevoked { by, .. }
            | Self::RoleAffirmed { by, .. }
            | Self::MeetingAdopted { by, .. }
            | Self::Admitted { by, .. }
            | Self::Denied { by, .. }
            | Self::Removed { by, .. }
            | Self::BanChanged { by, .. }
            | Self::Muted { by, .. }
            | Self::UnmuteAsked { by, .. }
            | Self::LockoutLifted { by }
            | Self::MeetingEnded { by, .. } => Some(by),
            Self::ParticipantJoined { .. }
            | Self::ConnectionAttached { .. }
            | Self::ConnectionDetached { .. }
            | Self::ConnectionLost { .. }
            | Self::ProfileChanged { .. }
            | Self::MediaChanged { .. }
            | Self::ParticipantLeft { .. }
            | Self::LobbyEntered { .. }
            | Self::LobbyLeft { .. }
            | Self::Signalled { .. }
            | Self::MediaRestricted { .. }
            | Self::MessageMarked { .. }
            | Self::Announced { .. }
            | Self::MessageSent { .. }
            | Self::PasscodeFailed { .. }
            | Self::EndingSoon { .. }
            | Self::AbsentForgotten { .. }
            | Self::HostVacated { .. }
            | Self::HostChanged { .. }
            | Self::MeetingClaimed { .. }
            | Self::ProviderSynced { .. }
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

    /// Whether it is acknowledged only when SQL has it.
    #[must_use]
    pub const fn is_durable(&self) -> bool {
        self.is_change_of_role() || matches!(self, Self::BanChanged { .. })
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
