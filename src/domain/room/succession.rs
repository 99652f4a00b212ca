//! What happens to the host's place when people come and go.
//!
//! Order of succession: the creator and granted hosts take their place whenever they are in the
//! room; without them, after the role grace, the co-host with the earliest grant stands in; a guest
//! never does. Nothing here depends on who asks or on which node, so every replay agrees.

use super::draft::Draft;
use super::event::{Event, HostChangeCause};
use super::state::{HostSeat, Room, Status};
use crate::domain::id::UserId;
use crate::domain::role::Role;
use crate::domain::time::Timestamp;

/// Brings the host's place in line with who is in the room. Runs after every command.
pub(super) fn settle(draft: &mut Draft, now: Timestamp) {
    if draft.room().status == Status::Ended || draft.room().is_empty() {
        return;
    }
    let host = draft
        .room()
        .hosts_present()
        .next()
        .map(|participant| participant.user.clone());
    match (draft.room().host_seat.clone(), host) {
        (HostSeat::NeverTaken | HostSeat::Taken, Some(_)) | (HostSeat::NeverTaken, None) => {}
        (HostSeat::Vacant { .. } | HostSeat::Acting { .. } | HostSeat::Hostless, Some(host)) => {
            let cause = HostChangeCause::HostReturned;
            draft.record(Event::HostChanged {
                user: Some(host),
                cause,
            });
        }
        (HostSeat::Taken, None) => vacate(draft, now),
        (HostSeat::Acting { user }, None) if !may_act(draft.room(), &user) => vacate(draft, now),
        (HostSeat::Acting { .. }, None) => {}
        (HostSeat::Vacant { deadline }, None) if deadline <= now => succeed(draft),
        (HostSeat::Vacant { .. }, None) => {}
        (HostSeat::Hostless, None) => {
            if successor(draft.room()).is_some() {
                succeed(draft);
            }
        }
    }
}

fn vacate(draft: &mut Draft, now: Timestamp) {
    let deadline = now.plus(draft.room().policy.role_grace);
    draft.record(Event::HostVacated { deadline });
    if deadline <= now {
        succeed(draft);
    }
}

fn succeed(draft: &mut Draft) {
    let user = successor(draft.room());
    let cause = match user {
        Some(_) => HostChangeCause::Succession,
        None => HostChangeCause::Hostless,
    };
    draft.record(Event::HostChanged { user, cause });
}

/// The present co-host with the earliest grant, connected ones first.
fn successor(room: &Room) -> Option<UserId> {
    room.participants()
        .filter_map(|participant| {
            let since = room.grants.of(&participant.user).since(Role::CoHost)?;
            Some((
                participant.lost.is_some(),
                since,
                participant.seat,
                &participant.user,
            ))
        })
        .min()
        .map(|(_, _, _, user)| user.clone())
}

fn may_act(room: &Room, user: &UserId) -> bool {
    room.participant(user).is_some() && room.grants.roles(user).co_host
}
