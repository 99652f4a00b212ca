//! The one policy table: which rank may do what. Every door asks here and nowhere else.

use super::role::Rank;

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
