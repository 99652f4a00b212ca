//! What members are told, in the words of the list dialect.

use super::chat;
use crate::domain::chat::{Announcement, MessageMark};
use crate::domain::id::Revision;
use crate::domain::participant::MediaKind;
use crate::domain::role::Roles;
use crate::protocol::delta;
use crate::protocol::json;
use crate::protocol::message::Message;
use crate::protocol::names::server;
use crate::protocol::render::{Notice, Update};

/// One notice, in none, one or several events. Who came, and what else only the list shows, is told by
/// the list.
#[must_use]
pub fn say(notice: &Notice<'_>, rev: Revision) -> Vec<Message> {
    let message = |name, body: &str| Message {
        name,
        payload: json::object(body, rev),
    };
    match notice {
        Notice::Updated {
            user,
            update: Update::Media(changes),
        } => {
            let mut body = format!("\"userId\":\"{user}\"");
            delta::media(&mut body, changes);
            vec![message(server::PARTICIPANT_STATE_CHANGED, &body)]
        }
        Notice::Updated {
            update: Update::Role { .. },
            ..
        }
        | Notice::Signal { .. } => delta::say(notice, rev).into_iter().collect(),
        Notice::Joined { .. }
        | Notice::Updated {
            update: Update::Profile(_) | Update::Presence { .. } | Update::Locks { .. },
            ..
        } => Vec::new(),
        Notice::Role {
            role,
            granted,
            held,
            by,
        } => {
            let name = delta::granted_name(*role, *granted);
            let now = format!("\"role\":\"{}\"", role_word(*held));
            vec![
                message(name, &delta::by_name(by)),
                message(server::ROLE_CHANGED, &now),
            ]
        }
        Notice::Muted {
            kind,
            by,
            locked,
            all,
        } => muted(*kind, &delta::by_name(by), (*locked, *all && *locked))
            .iter()
            .map(|(name, body)| message(name, body))
            .collect(),
        Notice::UnmuteAsked { kind, by, all } => {
            let (name, more) = allowed(*kind, *all);
            let body = format!("{more}{}", delta::by_name(by));
            vec![message(name, &body)]
        }
        Notice::Unlocked(kind) => {
            let (name, more) = allowed(*kind, false);
            let body = format!("{more}{}", delta::by_name("Host"));
            vec![message(name, &body)]
        }
        Notice::Locked(kind) => muted(*kind, &delta::by_name("Host"), (true, false))
            .iter()
            .map(|(name, body)| message(name, body))
            .collect(),
        Notice::Chat(it) => vec![message(server::RECEIVE_MESSAGE, &chat::fields(it))],
        Notice::MessageMarked { key, user, mark } => {
            let (name, body) = marked(key.as_str(), user.as_str(), mark);
            vec![message(name, &body)]
        }
        Notice::Announced {
            user,
            name,
            via,
            announcement,
        } => {
            let socket = json::socket_id(*via);
            let (event, body) = announced(announcement, (user.as_str(), name), &socket);
            vec![message(event, &body)]
        }
    }
}

fn marked(key: &str, user: &str, mark: &MessageMark) -> (&'static str, String) {
    match mark {
        MessageMark::Pinned(pinned) => (
            server::PIN_MESSAGE_UPDATE,
            format!("\"messageId\":{key},\"pinned\":{pinned},\"userId\":\"{user}\""),
        ),
        MessageMark::Reacted { emoji, added } => {
            let action = if *added { "add" } else { "remove" };
            let mut body = format!(
                "\"messageId\":{key},\"userId\":\"{user}\",\"action\":\"{action}\",\"emoji\":"
            );
            json::string(&mut body, emoji);
            (server::MESSAGE_REACT_UPDATE, body)
        }
    }
}

const fn role_word(held: Roles) -> &'static str {
    match (held.host, held.co_host) {
        (true, _) => "HOST",
        (false, true) => "COHOST",
        (false, false) => "PARTICIPANT",
    }
}

/// What somebody is told who was muted; `all` where everybody was, until that is lifted.
fn muted(kind: MediaKind, by: &str, (locked, all): (bool, bool)) -> Vec<(&'static str, String)> {
    let lock = if locked { ",\"locked\":true" } else { "" };
    let may_share = |enabled: bool| {
        let body = format!("\"enabled\":{enabled},{by}");
        (server::SCREENSHARE_CONTROL, body)
    };
    match (kind, all, locked) {
        (MediaKind::Audio, _, _) => {
            vec![(server::FORCE_MUTE, format!("\"audio\":true,{by}{lock}"))]
        }
        (MediaKind::Video, true, _) => vec![(server::DISABLE_ALL_CAMERAS, by.to_owned())],
        (MediaKind::Video, false, _) => {
            let body = format!("\"video\":true,{by}{lock}");
            vec![(server::FORCE_VIDEO_PAUSE, body)]
        }
        (MediaKind::Screen, true, _) => {
            let body = format!("\"enabled\":false,{by}");
            vec![(server::SCREENSHARE_GLOBAL_UPDATE, body)]
        }
        (MediaKind::Screen, false, true) => vec![may_share(false)],
        // The only word for "stop" is "you may not"; so the next says "you may".
        (MediaKind::Screen, false, false) => vec![may_share(false), may_share(true)],
    }
}

/// What somebody is told who may switch it on again: the event, and what precedes `by` in it.
const fn allowed(kind: MediaKind, all: bool) -> (&'static str, &'static str) {
    match (kind, all) {
        (MediaKind::Audio, _) => (server::ALLOW_UNMUTE, ""),
        (MediaKind::Video, true) => (server::ENABLE_ALL_CAMERAS, ""),
        (MediaKind::Video, false) => (server::ALLOW_VIDEO_ENABLE, ""),
        (MediaKind::Screen, true) => (server::SCREENSHARE_GLOBAL_UPDATE, "\"enabled\":true,"),
        (MediaKind::Screen, false) => (server::SCREENSHARE_CONTROL, "\"enabled\":true,"),
    }
}

fn announced(
    announcement: &Announcement,
    (user, name): (&str, &str),
    socket: &str,
) -> (&'static str, String) {
    let mut shown = String::new();
    json::string(&mut shown, name);
    match announcement {
        Announcement::TypingStarted => (
            server::TYPING_START,
            format!("\"socketId\":{socket},\"userId\":\"{user}\",\"name\":{shown}"),
        ),
        Announcement::TypingStopped => (
            server::TYPING_STOP,
            format!("\"socketId\":{socket},\"userId\":\"{user}\""),
        ),
        Announcement::Reaction { emoji, session } => {
            let session = session.as_ref().map_or("null", |it| it.as_str());
            let mut body = format!(
                "\"socketId\":{socket},\"userId\":\"{user}\",\"userName\":{shown},\"sessionId\":{session},\"emoji\":"
            );
            json::string(&mut body, emoji);
            (server::RECEIVE_VIDEO_REACTION, body)
        }
    }
}
