//! Leaving: on purpose, by a lost connection, by a grace that ran out.

use super::command::LossCause;
use super::draft::Draft;
use super::event::{Event, LeaveReason};
use crate::domain::id::{ConnectionId, NodeId, UserId};
use crate::domain::participant::{LostConnection, Participant};
use crate::domain::time::Timestamp;

/// The connection leaves on purpose; the participant with it when it was the last one. A connection
/// that is not in the room, or no longer, changes nothing: that is what fences late clean-up.
pub(super) fn leave(draft: &mut Draft, connection: ConnectionId) {
    let Some(participant) = draft.room().holder_of(connection).cloned() else {
        return;
    };
    let user = participant.user.clone();
    if has_other(&participant, connection) {
        draft.record(Event::ConnectionDetached {
            user,
            connection,
            replaced: false,
        });
    } else {
        go(draft, user, LeaveReason::Left);
    }
}

/// Out of the room, or out of its lobby.
fn go(draft: &mut Draft, user: UserId, reason: LeaveReason) {
    draft.record(if draft.room().participant(&user).is_some() {
        Event::ParticipantLeft { user, reason }
    } else {
        Event::LobbyLeft { user, reason }
    });
}

/// The connection is gone. Only the last one of a participant starts a grace.
pub(super) fn lose(draft: &mut Draft, connection: ConnectionId, cause: LossCause, now: Timestamp) {
    let Some(participant) = draft.room().holder_of(connection).cloned() else {
        return;
    };
    let user = participant.user.clone();
    if has_other(&participant, connection) {
        draft.record(Event::ConnectionDetached {
            user,
            connection,
            replaced: false,
        });
        return;
    }
    let policy = &draft.room().policy;
    let (grace, visible) = match cause {
        LossCause::Closed => (policy.leave_after_close, false),
        LossCause::Lost => (policy.leave_after_lost, true),
    };
    if grace.is_zero() {
        return go(draft, user, LeaveReason::Disconnected);
    }
    let held = participant
        .connections
        .iter()
        .find(|held| held.id == connection);
    if let Some(connection) = held.copied() {
        let lost = LostConnection {
            connection,
            deadline: now.plus(grace),
            visible,
        };
        draft.record(Event::ConnectionLost { user, lost });
    }
}

/// Every connection on these nodes is gone.
pub(super) fn lose_where(draft: &mut Draft, now: Timestamp, gone: impl Fn(NodeId) -> bool) {
    let connections: Vec<ConnectionId> = draft
        .room()
        .everybody()
        .flat_map(|participant| participant.connections.iter())
        .filter(|connection| gone(connection.node))
        .map(|connection| connection.id)
        .collect();
    for connection in connections {
        lose(draft, connection, LossCause::Lost, now);
    }
}

/// Everybody whose grace is over leaves.
pub(super) fn expire(draft: &mut Draft, now: Timestamp) {
    let due = |participant: &Participant| participant.lost.is_some_and(|l| l.deadline <= now);
    let gone: Vec<UserId> = draft
        .room()
        .everybody()
        .filter(|participant| due(participant))
        .map(|participant| participant.user.clone())
        .collect();
    for user in gone {
        go(draft, user, LeaveReason::Disconnected);
    }
}

fn has_other(participant: &Participant, connection: ConnectionId) -> bool {
    participant
        .connections
        .iter()
        .any(|held| held.id != connection)
}
