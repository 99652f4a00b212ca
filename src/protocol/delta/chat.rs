//! Messages between participants as the delta dialect shows them.

use crate::domain::chat::ChatMessage;
use crate::domain::room::Room;
use crate::protocol::json;
use crate::protocol::message::Message;
use crate::protocol::names::server;
use crate::protocol::rest::rfc3339;

/// `"id":…,"message":…,"from":…,"name":…,"at":…`.
pub(super) fn fields(message: &ChatMessage) -> String {
    let mut out = format!("\"id\":{},\"message\":", message.number);
    out.push_str(message.message.as_str());
    out.push_str(",\"from\":");
    json::string(&mut out, message.from.as_str());
    out.push_str(",\"name\":");
    json::string(&mut out, &message.name);
    out.push_str(",\"at\":");
    json::string(&mut out, &rfc3339(message.at));
    out
}

/// `[{…}, …]`, the messages that are kept, oldest first.
#[must_use]
pub fn history(room: &Room) -> String {
    let mut out = String::from("[");
    for message in room.messages() {
        if out.len() > 1 {
            out.push(',');
        }
        out.push('{');
        out.push_str(&fields(message));
        out.push('}');
    }
    out.push(']');
    out
}

/// The event that carries them.
#[must_use]
pub fn history_event(history: String) -> Message {
    Message {
        name: server::CHAT_HISTORY,
        payload: history,
    }
}
