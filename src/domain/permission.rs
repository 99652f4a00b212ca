//! The one policy table: which rank may do what. Every door asks here and nowhere else.

use super::role::{Rank, Roles};

/// Something that a participant may or may not do in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Grant and revoke host and co-host.
    ChangeRoles,
    /// Switch lock, lobby, passcode and number of seats, and forget wrong passcodes.
    ChangeAccess,
    /// End the meeting for everybody.
    EndMeeting,
    /// Let people in from the lobby, or not.
    Admit,
    /// Mute others, ask them to unmute, lower their hands.
    Mute,
    /// Take people of lower rank out, ban them, lift their bans.
    Remove,
    /// Set one's own microphone, camera, screen and hand flags.
    UpdateOwnState,
    /// Send messages and signals.
    Communicate,
    /// Send and receive sound, pictures and screens.
    Publish,
    /// Record the meeting at the provider.
    Record,
    /// Enter before the meeting's time.
    PassSchedule,
    /// Enter a locked room.
    PassLock,
    /// Enter without the passcode.
    PassPasscode,
    /// Enter past the lobby.
    PassLobby,
    /// Enter although the room is full.
    PassCapacity,
}

impl Action {
    /// Every action, in the order of the printed table.
    pub const ALL: [Self; 15] = [
        Self::ChangeRoles,
        Self::ChangeAccess,
        Self::EndMeeting,
        Self::Admit,
        Self::Mute,
        Self::Remove,
        Self::UpdateOwnState,
        Self::Communicate,
        Self::Publish,
        Self::Record,
        Self::PassSchedule,
        Self::PassLock,
        Self::PassPasscode,
        Self::PassLobby,
        Self::PassCapacity,
    ];

    /// The name of this action in the printed table.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ChangeRoles => "grant and revoke roles",
            Self::ChangeAccess => "switch lock, lobby, passcode and seats; lift lock-outs",
            Self::EndMeeting => "end the meeting for everybody",
            Self::Admit => "admit and deny from the lobby",
            Self::Mute => "mute others, ask them to unmute, lower their hands",
            Self::Remove => "remove and ban people of lower rank, lift their bans",
            Self::UpdateOwnState => "change one's own media state",
            Self::Communicate => "send messages and signals",
            Self::Publish => "publish and receive media",
            Self::Record => "record",
            Self::PassSchedule => "enter before the meeting's time",
            Self::PassLock => "enter a locked room",
            Self::PassPasscode => "enter without the passcode",
            Self::PassLobby => "enter past the lobby",
            Self::PassCapacity => "enter a full room",
        }
    }
}

/// Whether a participant of this rank may do this.
#[must_use]
pub const fn allows(rank: Rank, action: Action) -> bool {
    match action {
        Action::ChangeRoles | Action::ChangeAccess | Action::EndMeeting | Action::Record => {
            matches!(rank, Rank::Host | Rank::Creator)
        }
        Action::UpdateOwnState | Action::Communicate | Action::Publish => true,
        Action::Admit
        | Action::Mute
        | Action::Remove
        | Action::PassSchedule
        | Action::PassLock
        | Action::PassPasscode
        | Action::PassLobby
        | Action::PassCapacity => matches!(rank, Rank::CoHost | Rank::Host | Rank::Creator),
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
    /// Admit, deny, mute, remove, ban.
    Moderate,
    /// Grant and revoke roles.
    ChangeRoles,
    /// Delete it.
    Delete,
    /// Give it to another creator.
    MoveOwnership,
    /// See who is in its room.
    SeePeople,
    /// See who waits in its lobby.
    SeeLobby,
    /// See who is banned.
    SeeBans,
    /// See its audit.
    SeeAudit,
    /// Get a ticket to the media provider for somebody; the room judges whether they get one.
    IssueTicket,
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
    /// Every action.
    pub const ALL: [Self; 11] = [
        Self::Change,
        Self::End,
        Self::Moderate,
        Self::ChangeRoles,
        Self::Delete,
        Self::MoveOwnership,
        Self::SeePeople,
        Self::SeeLobby,
        Self::SeeBans,
        Self::SeeAudit,
        Self::IssueTicket,
    ];

    /// Stable, kebab-case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::End => "end",
            Self::Moderate => "moderate",
            Self::ChangeRoles => "change-roles",
            Self::Delete => "delete",
            Self::MoveOwnership => "move-ownership",
            Self::SeePeople => "see-people",
            Self::SeeLobby => "see-lobby",
            Self::SeeBans => "see-bans",
            Self::SeeAudit => "see-audit",
            Self::IssueTicket => "issue-ticket",
        }
    }

    /// Whether a person may do this.
    #[must_use]
    pub const fn is_open_to(self, standing: Standing) -> bool {
        let hosts = standing.creator || standing.roles.host;
        match self {
            Self::Change | Self::End | Self::ChangeRoles | Self::Delete | Self::SeeAudit => hosts,
            Self::Moderate | Self::SeeLobby | Self::SeeBans => hosts || standing.roles.co_host,
            Self::MoveOwnership => standing.creator,
            Self::SeePeople => hosts || standing.roles.co_host || standing.present,
            Self::IssueTicket => true,
        }
    }

    /// The least scope with which a back end may do this.
    #[must_use]
    pub const fn scope(self) -> Scope {
        match self {
            Self::Change | Self::End | Self::Moderate | Self::ChangeRoles | Self::IssueTicket => {
                Scope::Write
            }
            Self::Delete
            | Self::MoveOwnership
            | Self::SeePeople
            | Self::SeeLobby
            | Self::SeeBans
            | Self::SeeAudit => Scope::Admin,
        }
    }
}
