//! The one policy table: which rank may do what. Every door asks here and nowhere else.

use super::role::{Rank, Roles};

/// Something that a participant may or may not do in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Grant and revoke host and co-host.
    ChangeRoles,
    /// End the meeting for everybody.
    EndMeeting,
    /// Set one's own microphone, camera, screen and hand flags.
    UpdateOwnState,
    /// Enter although the room is full.
    PassCapacity,
}

impl Action {
    /// Every action, in the order of the printed table.
    pub const ALL: [Self; 4] = [
        Self::ChangeRoles,
        Self::EndMeeting,
        Self::UpdateOwnState,
        Self::PassCapacity,
    ];

    /// The name of this action in the printed table.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ChangeRoles => "grant and revoke roles",
            Self::EndMeeting => "end the meeting for everybody",
            Self::UpdateOwnState => "change one's own media state",
            Self::PassCapacity => "enter a full room",
        }
    }
}

/// Whether a participant of this rank may do this.
#[must_use]
pub const fn allows(rank: Rank, action: Action) -> bool {
    match action {
        Action::ChangeRoles | Action::EndMeeting => matches!(rank, Rank::Host | Rank::Creator),
        Action::UpdateOwnState => true,
        Action::PassCapacity => matches!(rank, Rank::CoHost | Rank::Host | Rank::Creator),
    }
}

/// What a back end's token allows, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `meetings:write`.
    Write,
    /// `meetings:admin`.
    Admin,
}

/// Something done to a meeting from outside of its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MeetingAction {
    /// Change its description, times and settings.
    Change,
    /// End it for everybody.
    End,
    /// Delete it.
    Delete,
    /// Give it to another creator.
    MoveOwnership,
    /// See who is in its room.
    SeePeople,
    /// See its audit.
    SeeAudit,
}

/// What somebody is to a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether they are its creator.
    pub creator: bool,
    /// The roles that they were granted.
    pub roles: Roles,
    /// Whether they are in its room now.
    pub present: bool,
}

impl MeetingAction {
    /// Every action, in the order of the printed table.
    pub const ALL: [Self; 6] = [
        Self::Change,
        Self::End,
        Self::Delete,
        Self::MoveOwnership,
        Self::SeePeople,
        Self::SeeAudit,
    ];

    /// Stable, kebab-case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::End => "end",
            Self::Delete => "delete",
            Self::MoveOwnership => "move-ownership",
            Self::SeePeople => "see-people",
            Self::SeeAudit => "see-audit",
        }
    }

    /// Whether a person may do this.
    #[must_use]
    pub const fn is_open_to(self, standing: Standing) -> bool {
        let hosts = standing.creator || standing.roles.host;
        match self {
            Self::Change | Self::End | Self::Delete | Self::SeeAudit => hosts,
            Self::MoveOwnership => standing.creator,
            Self::SeePeople => hosts || standing.roles.co_host || standing.present,
        }
    }

    /// The least scope with which a back end may do this.
    #[must_use]
    pub const fn scope(self) -> Scope {
        match self {
            Self::Change | Self::End => Scope::Write,
            Self::Delete | Self::MoveOwnership | Self::SeePeople | Self::SeeAudit => Scope::Admin,
        }
    }
}
