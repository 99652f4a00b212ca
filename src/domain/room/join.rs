//! Entering a room: the first time, again, or from one more connection.

use super::command::Join;
use super::draft::Draft;
use super::event::Event;
use super::state::{Room, Status};
use crate::domain::id::ConnectionId;
use crate::domain::participant::{Connection, MediaChanges, MediaState, Participant};
use crate::domain::permission::{self, Action};
use crate::domain::policy::{DevicePolicy, UncreatedRooms};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

pub(super) fn join(draft: &mut Draft, join: &Join, now: Timestamp) -> Result<(), Refusal> {
    if draft.room().status == Status::Ended {
        return Err(Refusal::MeetingEnded);
    }
    let connection = Connection {
        id: join.connection,
        node: join.node,
        since: now,
    };
    match draft.room().participant(&join.user) {
        Some(present) => {
            let present = Participant::clone(present);
            rejoin(draft, join, &present, connection, now)
        }
        None => enter(draft, join, connection, now),
    }
}

/// Somebody who is not in the room.
fn enter(
    draft: &mut Draft,
    join: &Join,
    connection: Connection,
    now: Timestamp,
) -> Result<(), Refusal> {
    let room = draft.room();
    let claims = match (&room.creator, room.policy.uncreated) {
        (Some(_), _) | (None, UncreatedRooms::Allow) => false,
        (None, UncreatedRooms::FirstJoinerHosts) => true,
        (None, UncreatedRooms::Deny) => return Err(Refusal::RoomNotFound),
    };
    if !claims && !has_seat(room, join) {
        return Err(Refusal::RoomFull);
    }
    if claims {
        draft.record(Event::MeetingClaimed {
            creator: join.user.clone(),
        });
    }
    let participant = Box::new(Participant {
        user: join.user.clone(),
        seat: draft.room().next_seat,
        profile: join.profile.clone(),
        media: MediaState::default().with(&join.media),
        joined_at: now,
        connections: vec![connection],
        lost: None,
    });
    draft.record(Event::ParticipantJoined { participant });
    Ok(())
}

fn has_seat(room: &Room, join: &Join) -> bool {
    room.len() < room.policy.max_participants
        || permission::allows(room.rank_of(&join.user), Action::PassCapacity)
}

/// A participant who is there already: back after a loss, on a second device, or repeating itself.
fn rejoin(
    draft: &mut Draft,
    join: &Join,
    present: &Participant,
    connection: Connection,
    now: Timestamp,
) -> Result<(), Refusal> {
    if !present.holds(connection.id) {
        admit_connection(draft, present, connection, now)?;
    }
    let profile_given = !join.profile.name.is_empty();
    if profile_given && join.profile != present.profile {
        let (user, profile) = (join.user.clone(), join.profile.clone());
        draft.record(Event::ProfileChanged { user, profile });
    }
    let changes = present.media.differing(&join.media);
    if changes != MediaChanges::default() {
        draft.record(Event::MediaChanged {
            user: join.user.clone(),
            changes,
        });
    }
    Ok(())
}

fn admit_connection(
    draft: &mut Draft,
    present: &Participant,
    connection: Connection,
    now: Timestamp,
) -> Result<(), Refusal> {
    let policy = &draft.room().policy;
    let replaced: Vec<ConnectionId> = match (policy.devices, present.connections.first()) {
        (DevicePolicy::RejectNew, Some(live)) => {
            return Err(Refusal::AlreadyConnected {
                live_for: now.since(live.since),
            });
        }
        (DevicePolicy::NewestWins, _) => present.connections.iter().map(|held| held.id).collect(),
        (DevicePolicy::Multiple | DevicePolicy::RejectNew, _) => Vec::new(),
    };
    let staying = present.connections.len().saturating_sub(replaced.len());
    if staying >= policy.max_connections_per_participant {
        let reason = "You are in this room from too many connections; close one first";
        return Err(Refusal::busy(reason));
    }
    // The new connection comes first: at no revision is the participant without one.
    draft.record(Event::ConnectionAttached {
        user: present.user.clone(),
        connection,
    });
    for old in replaced {
        draft.record(Event::ConnectionDetached {
            user: present.user.clone(),
            connection: old,
            replaced: true,
        });
    }
    Ok(())
}
