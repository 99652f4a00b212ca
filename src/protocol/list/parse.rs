//! Incoming events that only the list dialect has. Who acts is the connection's user: what a payload says of
//! that, as of who created the meeting, is not read.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::chat::{Announcement, MessageMark, Opaque};
use crate::domain::id::RoomId;
use crate::domain::participant::{MediaChanges, MediaKind};
use crate::domain::refusal::Refusal;
use crate::domain::room::{Command, Deed, MuteTarget};
use crate::domain::text;
use crate::protocol::args::Packet;
use crate::protocol::delta;
use crate::protocol::names::client;
use crate::protocol::payload::{
    Target, invalid, is_string, maybe_room, maybe_room_of, object, opaque, refusal, room_of,
    user_id,
};
use crate::protocol::request::{PayloadLimits, Request};

/// Characters of a reaction.
const EMOJI_CHARS: usize = 16;

/// Bytes of what a client calls its session.
const SESSION_BYTES: usize = 256;

type Parsed = Result<Request, Refusal>;

/// Whether this is `join-room "room"` and nothing else.
#[must_use]
pub fn is_bare_join(packet: &Packet<'_>) -> bool {
    packet.event == client::JOIN_ROOM && packet.arguments.len() == 1 && is_string(packet.raw(0))
}

/// Reads `join-room "room"` as this dialect means it.
///
/// # Errors
/// [`Refusal::InvalidPayload`].
pub fn subscribe(packet: &Packet<'_>) -> (&'static str, Parsed) {
    let subscribed = room_of(packet).map(|_room| Request::Subscribe);
    (client::JOIN_ROOM, subscribed)
}

/// Reads an event that only this dialect has; `None` for every other. The name comes back as one of ours.
#[must_use]
pub fn parse(packet: &Packet<'_>, limits: &PayloadLimits) -> Option<(&'static str, Parsed)> {
    let text = packet.raw(0);
    Some(match &*packet.event {
        client::SET_USER_ID => (client::SET_USER_ID, identify(packet)),
        client::JOIN_MEDIASOUP_ROOM => {
            let joined = object::<serde::de::IgnoredAny>(text);
            let joined = joined.and_then(|_| delta::join(packet, limits));
            (client::JOIN_MEDIASOUP_ROOM, joined)
        }
        client::GET_RTP_CAPABILITIES => (client::GET_RTP_CAPABILITIES, Ok(Request::Media)),
        client::CREATE_WEBRTC_TRANSPORT => (client::CREATE_WEBRTC_TRANSPORT, Ok(Request::Media)),
        client::CONNECT_TRANSPORT => (client::CONNECT_TRANSPORT, Ok(Request::Media)),
        client::PRODUCE => (client::PRODUCE, Ok(Request::Media)),
        client::CONSUME => (client::CONSUME, Ok(Request::Media)),
        client::GET_ROUTER_RTP_CAPABILITIES => {
            (client::GET_ROUTER_RTP_CAPABILITIES, Ok(Request::Media))
        }
        client::GET_SOCKET_ID_FOR_USER => (client::GET_SOCKET_ID_FOR_USER, socket_of(text)),
        client::TYPING_START => {
            let announced = announce(packet, Announcement::TypingStarted);
            (client::TYPING_START, announced)
        }
        client::TYPING_STOP => {
            let announced = announce(packet, Announcement::TypingStopped);
            (client::TYPING_STOP, announced)
        }
        client::MESSAGE_REACT => (client::MESSAGE_REACT, react(text)),
        client::PIN_MESSAGE => (client::PIN_MESSAGE, pin(text)),
        client::VIDEO_REACTION => (client::VIDEO_REACTION, video_reaction(text)),
        client::SCREEN_SHARE_STARTED => (client::SCREEN_SHARE_STARTED, screen(packet, true)),
        client::SCREEN_SHARE_STOPPED => (client::SCREEN_SHARE_STOPPED, screen(packet, false)),
        _ => return controls(packet),
    })
}

/// What moderators do about microphones, cameras and screens.
fn controls(packet: &Packet<'_>) -> Option<(&'static str, Parsed)> {
    use MediaKind::{Audio, Screen, Video};
    let all = |kind, mute| {
        let target = MuteTarget::All;
        let lock = true;
        let command = if mute {
            Command::Mute { target, kind, lock }
        } else {
            Command::AskToUnmute { target, kind }
        };
        change(maybe_room_of(packet), command)
    };
    Some(match &*packet.event {
        client::TOGGLE_REMOTE_AUDIO => (client::TOGGLE_REMOTE_AUDIO, toggle(packet, Audio)),
        client::TOGGLE_REMOTE_VIDEO => (client::TOGGLE_REMOTE_VIDEO, toggle(packet, Video)),
        client::MUTE_ALL_PARTICIPANTS => (client::MUTE_ALL_PARTICIPANTS, all(Audio, true)),
        client::UNMUTE_ALL_PARTICIPANTS => (client::UNMUTE_ALL_PARTICIPANTS, all(Audio, false)),
        client::DISABLE_ALL_CAMERAS => (client::DISABLE_ALL_CAMERAS, all(Video, true)),
        client::ENABLE_ALL_CAMERAS => (client::ENABLE_ALL_CAMERAS, all(Video, false)),
        client::DISABLE_ALL_SCREEN_SHARING => {
            (client::DISABLE_ALL_SCREEN_SHARING, all(Screen, true))
        }
        client::ENABLE_ALL_SCREEN_SHARING => {
            (client::ENABLE_ALL_SCREEN_SHARING, all(Screen, false))
        }
        _ => return None,
    })
}

fn change(room: Result<Option<RoomId>, Refusal>, command: Command) -> Parsed {
    let room = room?;
    Ok(Request::Change { room, command })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserPayload<'a> {
    #[serde(borrow)]
    user_id: Cow<'a, str>,
}

/// A user given as the bare id, or as `{userId}`.
fn identify(packet: &Packet<'_>) -> Parsed {
    let text = packet.raw(0);
    let id = if is_string(text) {
        packet
            .get::<String>(0)
            .map_err(|error| invalid("userId", &error))?
    } else {
        object::<UserPayload<'_>>(text)?.user_id.into_owned()
    };
    user_id("userId", &id).map(Request::Identify)
}

fn socket_of(text: &str) -> Parsed {
    let payload: UserPayload<'_> = object(text)?;
    user_id("userId", &payload.user_id).map(Request::SocketIdOf)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TogglePayload<'a> {
    #[serde(borrow, default)]
    room_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    participant_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    target_user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    target_socket_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    force: Cow<'a, str>,
}

fn toggle(packet: &Packet<'_>, kind: MediaKind) -> Parsed {
    let payload: TogglePayload<'_> = object(packet.raw(0))?;
    let deed = match &*payload.force {
        "mute" | "pause" => Deed::Mute { kind, lock: true },
        "unmute" | "unpause" | "play" => Deed::AskToUnmute(kind),
        _ => return Err(refusal("force must be mute or unmute, pause or unpause")),
    };
    let target = Target::of(
        payload.participant_id.as_deref(),
        payload.target_user_id.as_deref(),
        payload.target_socket_id.as_deref(),
    )?;
    change(maybe_room(payload.room_id.as_deref()), target.suffers(deed))
}

fn announce(packet: &Packet<'_>, announcement: Announcement) -> Parsed {
    let via = None;
    change(
        maybe_room_of(packet),
        Command::Announce { announcement, via },
    )
}

fn screen(packet: &Packet<'_>, sharing: bool) -> Parsed {
    let changes = MediaChanges {
        screen_sharing: Some(sharing),
        ..MediaChanges::NONE
    };
    change(maybe_room_of(packet), Command::UpdateState { changes })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MarkPayload<'a> {
    #[serde(borrow, default)]
    room_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message_id: &'a RawValue,
    #[serde(borrow, default)]
    emoji: Option<Cow<'a, str>>,
    #[serde(default)]
    pinned: Option<bool>,
}

fn react(text: &str) -> Parsed {
    let payload: MarkPayload<'_> = object(text)?;
    let emoji = emoji(payload.emoji.as_deref())?;
    // Whether it is there already is seen in the room.
    mark(&payload, MessageMark::Reacted { emoji, added: true })
}

fn pin(text: &str) -> Parsed {
    let payload: MarkPayload<'_> = object(text)?;
    mark(
        &payload,
        MessageMark::Pinned(payload.pinned.unwrap_or(true)),
    )
}

fn mark(payload: &MarkPayload<'_>, mark: MessageMark) -> Parsed {
    let key = delta::key(payload.message_id);
    let key = key.ok_or_else(|| refusal("messageId must be short text or a number"))?;
    let via = None;
    change(
        maybe_room(payload.room_id.as_deref()),
        Command::MarkMessage { key, mark, via },
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReactionPayload<'a> {
    #[serde(borrow, default)]
    room_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    emoji: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    session_id: Option<&'a RawValue>,
}

fn video_reaction(text: &str) -> Parsed {
    let payload: ReactionPayload<'_> = object(text)?;
    let session = payload.session_id.filter(|raw| raw.get() != "null");
    let session: Option<Opaque> = session
        .map(|raw| opaque("sessionId", raw, SESSION_BYTES))
        .transpose()?;
    let emoji = emoji(payload.emoji.as_deref())?;
    let announcement = Announcement::Reaction { emoji, session };
    let via = None;
    change(
        maybe_room(payload.room_id.as_deref()),
        Command::Announce { announcement, via },
    )
}

fn emoji(given: Option<&str>) -> Result<std::sync::Arc<str>, Refusal> {
    let given = given.filter(|emoji| !emoji.is_empty());
    let given = given.ok_or_else(|| refusal("emoji is missing"))?;
    text::line(given, EMOJI_CHARS).map_err(|error| invalid("emoji", &error))
}
