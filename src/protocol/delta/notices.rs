//! What single people are told outside of any commit.

use super::queue;
use super::render::kick;
use super::view::View;
use crate::domain::id::{Revision, UserId};
use crate::domain::participant::MediaKind;
use crate::domain::room::{DismissalKind, LeaveReason, Room};
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

/// Somebody is muted, and may not have heard of it.
#[must_use]
pub fn muted(room: &Room, kind: MediaKind) -> Message {
    let mut payload = format!("{{\"kind\":\"{}\",\"by\":\"Host\"", kind.as_str());
    json::number(&mut payload, "rev", room.rev);
    payload.push('}');
    Message {
        name: server::FORCE_MUTE,
        payload,
    }
}

/// The meeting is over, which somebody did not hear.
#[must_use]
pub fn ended() -> Message {
    Message {
        name: server::MEETING_ENDED,
        payload: "{\"by\":\"Host\",\"reason\":\"ended\"}".to_owned(),
    }
}

/// The last word to somebody who was sent away, when it comes from elsewhere than its commit.
#[must_use]
pub fn sent_away(by: &str, kind: DismissalKind) -> Message {
    let (name, payload) = match kind {
        DismissalKind::Denied => (server::LOBBY_DENIED, denial(by)),
        DismissalKind::Kicked => (
            server::KICKED_FROM_ROOM,
            format!("{{{}}}", kick(by, LeaveReason::Kicked)),
        ),
        DismissalKind::Banned => (
            server::KICKED_FROM_ROOM,
            format!("{{{}}}", kick(by, LeaveReason::Banned)),
        ),
    };
    Message { name, payload }
}
