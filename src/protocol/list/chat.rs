//! Messages between participants as the list dialect shows them.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::domain::chat::ChatMessage;
use crate::domain::room::Room;
use crate::protocol::json;
use crate::protocol::message::Message;
use crate::protocol::names::server;
use crate::protocol::rest::rfc3339;

/// `"socketId":…,"message":{…},"userId":…`.
pub(super) fn fields(message: &ChatMessage) -> String {
    let socket = json::socket_id(message.via);
    let shown = shown(message);
    format!(
        "\"socketId\":{socket},\"message\":{shown},\"userId\":\"{}\"",
        message.from
    )
}

/// `[{…}, …]`, the messages that are kept, oldest first, as the event that carries them.
#[must_use]
pub fn history(room: &Room) -> Message {
    let mut payload = String::from("[");
    for message in room.messages() {
        if payload.len() > 1 {
            payload.push(',');
        }
        payload.push('{');
        payload.push_str(&fields(message));
        payload.push('}');
    }
    payload.push(']');
    Message {
        name: server::CHAT_HISTORY,
        payload,
    }
}

/// The message as its sender wrote it, with what has become of it; or, where it is none of this dialect,
/// its text in the form of one.
fn shown(message: &ChatMessage) -> String {
    let sent = message.message.as_str();
    let fields: Option<BTreeMap<String, &RawValue>> = serde_json::from_str(sent).ok();
    let ours = |it: &BTreeMap<String, &RawValue>| it.contains_key("id") && it.contains_key("text");
    match fields.filter(ours) {
        Some(_) if message.pinned.is_none() && message.reactions.is_empty() => sent.to_owned(),
        Some(fields) => marked(fields, message),
        None => converted(message),
    }
}

fn marked(mut fields: BTreeMap<String, &RawValue>, message: &ChatMessage) -> String {
    let mut out = String::from("{");
    let pinned = message.pinned.map(|pinned| pinned.to_string());
    if pinned.is_some() {
        fields.remove("pinned");
    }
    fields.remove("reactions");
    for (name, value) in fields {
        json::string(&mut out, &name);
        out.push(':');
        out.push_str(value.get());
        out.push(',');
    }
    out.push_str("\"reactions\":{");
    out.push_str(&reactions(message));
    out.push('}');
    if let Some(pinned) = pinned {
        json::number(&mut out, "pinned", pinned);
    }
    out.push('}');
    out
}

/// `"emoji":["user", …], …`.
fn reactions(message: &ChatMessage) -> String {
    let mut out = String::new();
    for (emoji, users) in &message.reactions {
        if !out.is_empty() {
            out.push(',');
        }
        json::string(&mut out, emoji);
        let users: Vec<String> = users.iter().map(|user| format!("\"{user}\"")).collect();
        out.push_str(&format!(":[{}]", users.join(",")));
    }
    out
}

fn converted(message: &ChatMessage) -> String {
    let mut out = match &message.key {
        Some(key) => format!("{{\"id\":{},\"text\":", key.as_str()),
        None => format!("{{\"id\":\"{}\",\"text\":", message.number),
    };
    json::string(&mut out, &text_of(message.message.as_str()));
    out.push_str(",\"createdAt\":");
    json::string(&mut out, &rfc3339(message.at));
    json::flag(&mut out, "pinned", message.pinned.unwrap_or(false));
    out.push_str(&format!(
        ",\"sender\":{{\"id\":\"{}\",\"name\":",
        message.from
    ));
    json::string(&mut out, &message.name);
    out.push_str(&format!("}},\"reactions\":{{{}}}}}", reactions(message)));
    out
}

/// Text, the `text` of an object, or else the JSON itself.
fn text_of(sent: &str) -> String {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Known {
        Text(String),
        Object { text: String },
    }
    match serde_json::from_str(sent) {
        Ok(Known::Text(text) | Known::Object { text }) => text,
        Err(_other) => sent.to_owned(),
    }
}
