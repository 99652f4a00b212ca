//! Entering a room: the first time, again, or from one more connection.

use super::access::{self, Way};
use super::command::{Join, Return};
use super::draft::Draft;
use super::event::{By, Event};
use super::lobby;
use super::state::{Room, Status};
use crate::domain::id::ConnectionId;
use crate::domain::participant::{
    Connection, MediaChanges, MediaKind, MediaState, Muted, Participant, Seat,
};
use crate::domain::policy::{DevicePolicy, UncreatedRooms};
use crate::domain::refusal::Refusal;
use crate::domain::role::Rank;
use crate::domain::time::Timestamp;

pub(super) fn join(draft: &mut Draft, join: &Join, now: Timestamp) -> Result<(), Refusal> {
    let room = draft.room();
    if room.status == Status::Ended || room.is_over(now).is_some() {
        return Err(Refusal::MeetingEnded);
    }
    if room.is_banned(&join.user) {
        return Err(Refusal::Banned);
    }
    let connection = Connection {
        id: join.connection,
        node: join.node,
        since: now,
    };
    match room.person(&join.user) {
        Some(known) => {
            let known = Participant::clone(known);
            rejoin(draft, join, &known, connection, now)
        }
        None => enter(draft, join, connection, now),
    }
}

/// Somebody who is neither in the room nor in its lobby.
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
    let way = match join.returning {
        // Sent away meanwhile: neither that somebody else lost them nor that they had been here brings
        // them back.
        Some(_) if room.dismissal(&join.user).is_some() => return Err(Refusal::NotJoined),
        Some(Return::ToRoom) => Way::Room,
        Some(Return::ToLobby(_)) => Way::Lobby,
        Some(Return::Recovered) | None if claims => Way::Room,
        Some(Return::Recovered) | None => access::check(room, join, now)?,
    };
    if claims {
        draft.record(Event::MeetingClaimed {
            creator: join.user.clone(),
        });
    }
    let participant = Box::new(newcomer(draft.room(), join, connection, now));
    if way == Way::Lobby {
        draft.record(Event::LobbyEntered { participant });
        return Ok(());
    }
    let hosted = has_host(draft.room());
    draft.record(Event::ParticipantJoined { participant });
    if !hosted && draft.room().policy.admit_on_host_join && has_host(draft.room()) {
        lobby::open(draft, now);
    }
    Ok(())
}

fn newcomer(room: &Room, join: &Join, connection: Connection, now: Timestamp) -> Participant {
    let muted = room.absent(&join.user).map(|absent| absent.muted);
    let muted = muted.unwrap_or_default();
    let plain = room.rank_of(&join.user) == Rank::Participant;
    let held = if plain {
        muted.and_locked(room.restricted)
    } else {
        muted
    };
    Participant {
        user: join.user.clone(),
        seat: place(room, join),
        profile: join.profile.clone(),
        media: MediaState::default().with(&join.media.held_by(held)),
        joined_at: now,
        connections: vec![connection],
        lost: None,
        // That a moderator switched it off is remembered as of those who were there then.
        muted: Muted {
            kinds: held.kinds,
            ..muted
        },
        admitted_by: None,
    }
}

/// The next one; whoever is brought back into the lobby keeps theirs.
fn place(room: &Room, join: &Join) -> Seat {
    let free = |seat: &Seat| !room.lobby().holds(*seat) && !room.holds_seat(*seat);
    match join.returning {
        Some(Return::ToLobby(seat)) if seat < room.next_seat && free(&seat) => seat,
        Some(_) | None => room.next_seat,
    }
}

fn has_host(room: &Room) -> bool {
    room.participants()
        .any(|participant| room.rank_of(&participant.user) >= Rank::Host)
}

/// Somebody who is there already: back after a loss, on a second device, or repeating itself.
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
    // Who waits has nothing to show: each change would go to every moderator with the whole queue.
    if draft.room().lobby().get(&join.user).is_some() {
        return Ok(());
    }
    let profile_given = !join.profile.name.is_empty();
    if profile_given && join.profile != present.profile {
        let (user, profile) = (join.user.clone(), join.profile.clone());
        draft.record(Event::ProfileChanged { user, profile });
    }
    let held = present.muted.and_locked(draft.room().locked_for(present));
    let changes = present.media.differing(&join.media.held_by(held));
    if changes != MediaChanges::default() {
        draft.record(Event::MediaChanged {
            user: join.user.clone(),
            changes,
        });
    }
    uphold(draft, join, present, held);
    Ok(())
}

/// Whoever says on return that they are on, and was muted, is told so.
fn uphold(draft: &mut Draft, join: &Join, present: &Participant, held: Muted) {
    for kind in MediaKind::ALL {
        if held.has(kind) && join.media.switches_on(kind) {
            draft.record(Event::Muted {
                user: join.user.clone(),
                kind,
                changed: false,
                locked: draft.room().locked_for(present).has(kind),
                all: false,
                by: By::system(),
            });
        }
    }
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
