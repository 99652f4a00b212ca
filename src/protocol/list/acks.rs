//! Acknowledgements and refusals of the list dialect.

use crate::domain::id::{ConnectionId, Revision, UserId};
use crate::domain::participant::MediaKind;
use crate::domain::refusal::Refusal;
use crate::domain::room::Room;
use crate::domain::time::Timestamp;
use crate::protocol::delta::{self, Provided};
use crate::protocol::json;
use crate::protocol::message::Message;
use crate::protocol::names::server;
use crate::protocol::render::place;
use crate::protocol::rest::rfc3339;

/// The event that carries the list.
#[must_use]
pub fn listed(list: String) -> Message {
    Message {
        name: server::PARTICIPANT_LIST_UPDATE,
        payload: list,
    }
}

/// The acknowledgement of a join.
#[must_use]
pub fn joined_ack(room: &Room, joiner: &UserId, already: bool, provided: Provided<'_>) -> String {
    let roles = room.roles_of(joiner);
    let mut out = String::from("{\"success\":true,\"existingProducers\":[]");
    json::flag(&mut out, "isHost", roles.host);
    json::flag(&mut out, "isCoHost", roles.co_host);
    if let Some(person) = room.person(joiner) {
        let media = &person.media;
        let (audio, video) = (media.audio_muted, media.video_paused);
        out.push_str(&format!(
            ",\"mediaState\":{{\"isAudioMuted\":{audio},\"isVideoPaused\":{video}}}"
        ));
    }
    if already {
        json::flag(&mut out, "alreadyJoined", true);
    }
    provided.write(&mut out);
    json::number(&mut out, "rev", room.rev);
    out.push('}');
    out
}

/// The acknowledgement of a join that ended in the lobby.
#[must_use]
pub fn waiting_ack(room: &Room, user: &UserId) -> String {
    let place = place(room, user);
    let sentence = "Wait here until somebody lets you in";
    format!("{{\"error\":\"{sentence}\",\"code\":\"lobby-waiting\",\"waiting\":true,{place}}}")
}

/// The acknowledgement of a command that has nothing more to say.
#[must_use]
pub fn done_ack(rev: Option<Revision>) -> String {
    let mut out = String::from("{\"success\":true");
    if let Some(rev) = rev {
        json::number(&mut out, "rev", rev);
    }
    out.push('}');
    out
}

/// The acknowledgement of `refresh-token`.
#[must_use]
pub fn ticket_ack(rev: Revision, provided: Provided<'_>) -> String {
    let mut out = format!("{{\"success\":true,\"rev\":{rev}");
    provided.write(&mut out);
    out.push('}');
    out
}

/// The acknowledgement of `refresh-auth`: until when the connection's token is valid now.
#[must_use]
pub fn refreshed_ack(expires: Option<Timestamp>) -> String {
    let expires = expires.map(rfc3339);
    let mut out = String::from("{\"success\":true,\"expiresAt\":");
    json::optional_string(&mut out, expires.as_deref());
    out.push('}');
    out
}

/// The acknowledgement of `request-chat-history`.
#[must_use]
pub fn chat_ack(rev: Revision, history: &str) -> String {
    format!("{{\"success\":true,\"messages\":{history},\"rev\":{rev}}}")
}

/// The acknowledgement of `get-socket-id-for-user`.
#[must_use]
pub fn socket_ack(connection: Option<ConnectionId>) -> String {
    format!("{{\"socketId\":{}}}", json::socket_id(connection))
}

/// The acknowledgement of what a media server would answer.
#[must_use]
pub fn no_media_ack() -> String {
    "{\"error\":\"This server carries no media; the provider's token says where it goes\",\
     \"code\":\"no-media\"}"
        .to_owned()
}

/// The acknowledgement of a refused command.
#[must_use]
pub fn refused_ack(refusal: &Refusal) -> String {
    let mut out = String::from("{\"error\":");
    json::string(&mut out, &refusal.to_string());
    out.push_str(&format!(",\"code\":\"{}\"", refusal.code()));
    delta::details(&mut out, refusal);
    out.push('}');
    out
}

/// What a client is told beside a refusal, so that it does not show what is not so.
#[must_use]
pub fn said_with(refusal: &Refusal) -> Option<Message> {
    let Refusal::MediaLocked(kind) = refusal else {
        return None;
    };
    if *kind == MediaKind::Screen {
        let mut payload = String::from("{\"reason\":");
        json::string(&mut payload, &refusal.to_string());
        payload.push('}');
        let name = server::SCREENSHARE_DENIED;
        return Some(Message { name, payload });
    }
    let (name, muted) = match kind {
        MediaKind::Audio => (server::FORCE_MUTE, "audio"),
        MediaKind::Video | MediaKind::Screen => (server::FORCE_VIDEO_PAUSE, "video"),
    };
    let payload = format!("{{\"{muted}\":true,\"by\":\"Host\",\"locked\":true}}");
    Some(Message { name, payload })
}
