//! The lobby as the delta dialect shows it: to who waits, and to who decides.

use crate::domain::id::UserId;
use crate::domain::room::Room;
use crate::protocol::json;
use crate::protocol::message::Message;
use crate::protocol::names::server;
use crate::protocol::rest::rfc3339;

/// `"position":…,"moderatorPresent":…`: what somebody who waits is told.
#[must_use]
pub fn place(room: &Room, user: &UserId) -> String {
    let ahead = room
        .lobby()
        .iter()
        .take_while(|it| it.user != *user)
        .count();
    position(ahead.saturating_add(1), room.has_moderator())
}

/// The same for a known position, counted from 1.
pub(super) fn position(position: usize, moderator_present: bool) -> String {
    format!("\"position\":{position},\"moderatorPresent\":{moderator_present}")
}

/// The event that tells somebody who waits where they are.
#[must_use]
pub fn waiting(room: &Room, user: &UserId) -> Message {
    Message {
        name: server::LOBBY_WAITING,
        payload: format!("{{{}}}", place(room, user)),
    }
}

/// `[{id, name, imageUrl, waitingSince}, …]` in order: what moderators are shown.
pub(super) fn list(room: &Room) -> String {
    let mut out = String::with_capacity(room.lobby().len().saturating_mul(128).saturating_add(2));
    out.push('[');
    for waiting in room.lobby().iter() {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str("{\"id\":");
        json::string(&mut out, waiting.user.as_str());
        out.push_str(",\"name\":");
        json::string(&mut out, &waiting.profile.name);
        out.push_str(",\"imageUrl\":");
        json::optional_string(&mut out, waiting.profile.image_url.as_deref());
        out.push_str(",\"waitingSince\":");
        json::string(&mut out, &rfc3339(waiting.joined_at));
        out.push('}');
    }
    out.push(']');
    out
}
