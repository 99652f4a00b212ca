//! What single people are told outside of any commit.

use super::queue;
use super::render::kick;
use super::view::View;
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

/// The last word to somebody who was sent away, when it comes from elsewhere than its commit.
#[must_use]
pub fn sent_away(by: &str, kind: DismissalKind) -> Message {
    let (name, payload) = match kind {
        DismissalKind::Denied => {
            let mut payload = String::from("{\"by\":");
            json::string(&mut payload, by);
            payload.push('}');
            (server::LOBBY_DENIED, payload)
        }
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
