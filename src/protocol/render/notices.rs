//! What single people are told outside of any commit.

use super::notice::Notice;
use super::queue;
use super::view::View;
use crate::domain::chat::{Opaque, SignalKind};
use crate::domain::id::{ConnectionId, Revision, UserId};
use crate::domain::participant::{MediaKind, Participant};
use crate::domain::room::{LeaveReason, Room};
use crate::protocol::json;
use crate::protocol::message::Message;
use crate::protocol::names::server;

/// Lock, lobby, passcode and seats, for somebody who may have missed changes of them.
#[must_use]
pub fn doors(room: &Room) -> Message {
    let mut payload = format!("{{\"updates\":{{{}}},\"by\":\"Host\"", View::doors(room));
    json::number(&mut payload, "rev", room.rev);
    payload.push('}');
    Message {
        name: server::ROOM_UPDATED,
        payload,
    }
}

/// Who waits in the lobby, for a moderator who may have missed changes of it.
#[must_use]
pub fn lobby(room: &Room) -> Message {
    Message {
        name: server::LOBBY_UPDATED,
        payload: queue::list(room),
    }
}

/// Somebody was let in from the lobby, and hears of it only now.
#[must_use]
pub fn admitted(room: &Room, user: &UserId) -> Message {
    let by = room
        .participant(user)
        .and_then(|it| it.admitted_by.as_ref());
    let by = by.map_or("Host", |by| &*by.name);
    Message {
        name: server::LOBBY_ADMITTED,
        payload: admission(room, by, room.rev),
    }
}

/// What somebody is told who was let in. They get no other acknowledgement of it: with epoch and rev they
/// can come back.
pub(super) fn admission(room: &Room, by: &str, rev: Revision) -> String {
    let mut payload = format!("{{\"roomId\":\"{}\",\"by\":", room.key.room);
    json::string(&mut payload, by);
    payload.push_str(&format!(",\"epoch\":\"{:016x}\"", room.epoch.0));
    json::number(&mut payload, "rev", rev);
    payload.push('}');
    payload
}

/// What somebody is told who was not let in.
pub(super) fn denial(by: &str) -> String {
    let mut payload = String::from("{\"by\":");
    json::string(&mut payload, by);
    payload.push('}');
    payload
}

/// What somebody who may have missed it has to hear of what moderators did to their microphone, camera
/// and screen.
#[must_use]
pub fn muted(room: &Room, person: &Participant) -> Vec<Notice<'static>> {
    let locks = room.locked_for(person);
    let kinds = MediaKind::ALL.into_iter();
    let held = kinds.filter(|kind| person.muted.has(*kind) || locks.has(*kind));
    let notice = |kind| Notice::Muted {
        kind,
        by: "Host",
        locked: locks.has(kind),
        all: false,
    };
    held.map(notice).collect()
}

/// The same of what they may switch on again: a moderator had muted it, and does not hold it any more.
#[must_use]
pub fn unlocked(room: &Room, person: &Participant) -> Vec<Notice<'static>> {
    let locks = room.locked_for(person);
    let kinds = MediaKind::ALL.into_iter();
    kinds
        .filter(|kind| person.muted.has(*kind) && !locks.has(*kind))
        .map(Notice::Unlocked)
        .collect()
}

/// The meeting is over, which somebody did not hear.
#[must_use]
pub fn ended() -> Message {
    Message {
        name: server::MEETING_ENDED,
        payload: "{\"by\":\"Host\",\"reason\":\"ended\"}".to_owned(),
    }
}

/// The last word to somebody who was not let in, when it comes from elsewhere than its commit.
#[must_use]
pub fn denied(by: &str) -> Message {
    Message {
        name: server::LOBBY_DENIED,
        payload: denial(by),
    }
}

/// The same to somebody who was taken out.
#[must_use]
pub fn kicked(by: &str, reason: LeaveReason) -> Message {
    Message {
        name: server::KICKED_FROM_ROOM,
        payload: format!("{{{}}}", kick(by, reason)),
    }
}

/// `"by":…,"reason":…`.
pub(super) fn kick(by: &str, reason: LeaveReason) -> String {
    let mut body = String::from("\"by\":");
    json::string(&mut body, by);
    body.push_str(&format!(",\"reason\":\"{}\"", reason.as_str()));
    body
}

/// What one participant has for another where its sender wrote a whole object: the same with who sent it.
#[must_use]
pub fn signal(
    from: &UserId,
    via: Option<ConnectionId>,
    kind: SignalKind,
    data: &Opaque,
) -> Message {
    let name = match kind {
        SignalKind::Signal => server::SIGNAL,
        SignalKind::Offer => server::OFFER,
        SignalKind::Answer => server::ANSWER,
        SignalKind::IceCandidate => server::ICE_CANDIDATE,
    };
    let socket = json::socket_id(via);
    let mut payload = format!("{{\"from\":\"{from}\",\"socketId\":{socket}");
    let rest = data.as_str().trim_start_matches('{');
    if rest != "}" {
        payload.push(',');
    }
    payload.push_str(rest);
    Message { name, payload }
}
