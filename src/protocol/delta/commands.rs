//! Incoming commands of people in a room: one payload each, one [`Command`] each.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::value::RawValue;

use crate::domain::chat::{Opaque, SignalKind};
use crate::domain::participant::{MediaChanges, MediaKind};
use crate::domain::passcode::{MAX_CHARS, MIN_CHARS, Passcode};
use crate::domain::policy::AccessChange;
use crate::domain::refusal::Refusal;
use crate::domain::room::{Command, Deed, EndCause, MuteTarget};
use crate::protocol::args::Packet;
use crate::protocol::names::client;
use crate::protocol::payload::{
    Target, maybe_room, opaque, owned_object, refusal as invalid, room_id, room_of, user_id,
};
use crate::protocol::request::{PayloadLimits, Request};

/// Bytes of what a client calls its message.
const MAX_KEY: usize = 256;

/// Reads one of them. The name comes back as one of ours, for answers.
pub(super) fn parse(
    packet: &Packet<'_>,
    limits: &PayloadLimits,
) -> (&'static str, Result<Request, Refusal>) {
    let text = packet.raw(0);
    match &*packet.event {
        client::UPDATE_MY_STATE => (client::UPDATE_MY_STATE, update_state(text)),
        client::MUTE_PARTICIPANT => (client::MUTE_PARTICIPANT, mute(text)),
        client::MUTE_ALL => (client::MUTE_ALL, mute_all(text)),
        client::ASK_TO_UNMUTE => (client::ASK_TO_UNMUTE, ask_to_unmute(text)),
        client::ASK_ALL_TO_UNMUTE => (client::ASK_ALL_TO_UNMUTE, ask_all_to_unmute(text)),
        client::LOWER_HAND => (client::LOWER_HAND, lower_hand(text)),
        client::REMOVE_PARTICIPANT => (client::REMOVE_PARTICIPANT, remove(text)),
        client::UNBAN_PARTICIPANT => {
            let unban = |target| Command::Unban { target };
            (client::UNBAN_PARTICIPANT, about(text, unban))
        }
        client::ADMIT_PARTICIPANT => {
            let admit = |target| Command::Admit { target };
            (client::ADMIT_PARTICIPANT, about(text, admit))
        }
        client::DENY_PARTICIPANT => {
            let deny = |target| Command::Deny { target };
            (client::DENY_PARTICIPANT, about(text, deny))
        }
        client::ADMIT_ALL => (client::ADMIT_ALL, of_room(packet, Command::AdmitAll)),
        client::UPDATE_ROOM => (client::UPDATE_ROOM, update_room(text)),
        client::LIFT_LOCKOUT => (client::LIFT_LOCKOUT, of_room(packet, Command::LiftLockout)),
        client::SIGNAL => (client::SIGNAL, signal_any(text, limits)),
        client::OFFER => (client::OFFER, signal(text, SignalKind::Offer, limits)),
        client::ANSWER => (client::ANSWER, signal(text, SignalKind::Answer, limits)),
        client::ICE_CANDIDATE => {
            let kind = SignalKind::IceCandidate;
            (client::ICE_CANDIDATE, signal(text, kind, limits))
        }
        client::SEND_MESSAGE => (client::SEND_MESSAGE, send_message(text, limits)),
        client::END_MEETING => {
            let cause = EndCause::Command;
            (client::END_MEETING, of_room(packet, Command::End { cause }))
        }
        _ => ("unknown", Err(Refusal::UnknownEvent)),
    }
}

/// Tells a null from a field that is not there.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatePayload {
    room_id: String,
    is_audio_muted: Option<bool>,
    is_video_paused: Option<bool>,
    is_screen_sharing: Option<bool>,
    is_hand_raised: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TargetPayload {
    room_id: String,
    #[serde(alias = "targetUserId")]
    participant_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MutePayload {
    room_id: String,
    #[serde(default)]
    participant_id: Option<String>,
    #[serde(default)]
    target_user_id: Option<String>,
    #[serde(default)]
    target_socket_id: Option<String>,
    kind: MediaKind,
    #[serde(default)]
    lock: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MuteAllPayload {
    room_id: String,
    kind: MediaKind,
    #[serde(default)]
    lock: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HandPayload {
    room_id: String,
    participant_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RemovePayload {
    room_id: String,
    #[serde(default)]
    participant_id: Option<String>,
    #[serde(default)]
    target_user_id: Option<String>,
    #[serde(default)]
    target_socket_id: Option<String>,
    #[serde(default)]
    ban: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessPayload {
    room_id: String,
    locked: Option<bool>,
    lobby: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    max_participants: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    passcode: Option<Option<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignalPayload {
    room_id: String,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    participant_id: Option<String>,
    #[serde(default)]
    target_user_id: Option<String>,
    #[serde(default)]
    target_socket_id: Option<String>,
    data: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessagePayload {
    room_id: String,
    message: Box<RawValue>,
}

/// A change of this room.
///
/// # Errors
/// [`Refusal::InvalidPayload`] for what is no room's id.
fn change(room: &str, command: Command) -> Result<Request, Refusal> {
    let room = Some(room_id(room)?);
    Ok(Request::Change { room, command })
}

fn of_room(packet: &Packet<'_>, command: Command) -> Result<Request, Refusal> {
    let room = Some(room_of(packet)?);
    Ok(Request::Change { room, command })
}

/// A command about one participant.
fn about(
    text: &str,
    command: impl FnOnce(crate::domain::id::UserId) -> Command,
) -> Result<Request, Refusal> {
    let payload: TargetPayload = owned_object(text)?;
    let target = user_id("participantId", &payload.participant_id)?;
    change(&payload.room_id, command(target))
}

fn update_state(text: &str) -> Result<Request, Refusal> {
    let payload: StatePayload = owned_object(text)?;
    let changes = MediaChanges {
        audio_muted: payload.is_audio_muted,
        video_paused: payload.is_video_paused,
        screen_sharing: payload.is_screen_sharing,
        hand_raised: payload.is_hand_raised,
    };
    change(&payload.room_id, Command::UpdateState { changes })
}

impl MutePayload {
    fn target(&self) -> Result<Target, Refusal> {
        Target::of(
            self.participant_id.as_deref(),
            self.target_user_id.as_deref(),
            self.target_socket_id.as_deref(),
        )
    }
}

fn mute(text: &str) -> Result<Request, Refusal> {
    let payload: MutePayload = owned_object(text)?;
    let (kind, lock) = (payload.kind, payload.lock.unwrap_or(false));
    let command = payload.target()?.suffers(Deed::Mute { kind, lock });
    change(&payload.room_id, command)
}

fn mute_all(text: &str) -> Result<Request, Refusal> {
    let payload: MuteAllPayload = owned_object(text)?;
    let (kind, lock) = (payload.kind, payload.lock.unwrap_or(false));
    let target = MuteTarget::All;
    change(&payload.room_id, Command::Mute { target, kind, lock })
}

fn ask_to_unmute(text: &str) -> Result<Request, Refusal> {
    let payload: MutePayload = owned_object(text)?;
    let deed = Deed::AskToUnmute(payload.kind);
    change(&payload.room_id, payload.target()?.suffers(deed))
}

fn ask_all_to_unmute(text: &str) -> Result<Request, Refusal> {
    let payload: MuteAllPayload = owned_object(text)?;
    let (target, kind) = (MuteTarget::All, payload.kind);
    change(&payload.room_id, Command::AskToUnmute { target, kind })
}

fn lower_hand(text: &str) -> Result<Request, Refusal> {
    let payload: HandPayload = owned_object(text)?;
    let target = payload.participant_id.as_deref();
    let target = target.map(|id| user_id("participantId", id)).transpose()?;
    change(&payload.room_id, Command::LowerHand { target })
}

fn remove(text: &str) -> Result<Request, Refusal> {
    let payload: RemovePayload = owned_object(text)?;
    let target = Target::of(
        payload.participant_id.as_deref(),
        payload.target_user_id.as_deref(),
        payload.target_socket_id.as_deref(),
    )?;
    let ban = payload.ban.unwrap_or(false);
    change(&payload.room_id, target.suffers(Deed::Remove { ban }))
}

fn update_room(text: &str) -> Result<Request, Refusal> {
    let payload: AccessPayload = quiet_object(text)?;
    if payload.max_participants == Some(Some(0)) {
        return Err(invalid("maxParticipants must be at least 1"));
    }
    let passcode = match &payload.passcode {
        None | Some(None) => None,
        Some(Some(text)) => Some(new_passcode(text)?),
    };
    let removes = payload.passcode == Some(None);
    let access = AccessChange {
        locked: payload.locked,
        lobby: payload.lobby,
        passcode: removes.then_some(None),
        max_participants: payload.max_participants,
    };
    let command = Command::UpdateAccess {
        change: access,
        passcode,
    };
    change(&payload.room_id, command)
}

fn new_passcode(text: &str) -> Result<Passcode, Refusal> {
    Passcode::new(text).ok_or_else(|| Refusal::InvalidPayload {
        reason: format!("passcode must have {MIN_CHARS} to {MAX_CHARS} characters, or be null"),
    })
}

/// What serde says of a passcode of another type would quote it.
fn quiet_object<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    owned_object(text).map_err(|_quoting| {
        invalid("The payload must be an object with roomId, and any of locked, lobby, maxParticipants and passcode")
    })
}

fn signal_any(text: &str, limits: &PayloadLimits) -> Result<Request, Refusal> {
    let payload: SignalPayload = owned_object(text)?;
    let target = match &payload.to {
        Some(to) => Target::either("to", to)?,
        None => Target::of(
            payload.participant_id.as_deref(),
            payload.target_user_id.as_deref(),
            payload.target_socket_id.as_deref(),
        )?,
    };
    let data = opaque("data", &payload.data, limits.signal_bytes)?;
    let (via, kind) = (None, SignalKind::Signal);
    change(
        &payload.room_id,
        target.suffers(Deed::Signal { via, kind, data }),
    )
}

/// An offer, an answer or a candidate: the whole object goes to its target, with who sent it in the place
/// of what the client says about that.
///
/// # Errors
/// [`Refusal::InvalidPayload`].
fn signal(text: &str, kind: SignalKind, limits: &PayloadLimits) -> Result<Request, Refusal> {
    let mut fields: BTreeMap<String, Box<RawValue>> = owned_object(text)?;
    let said = |name: &str| -> Result<Option<String>, Refusal> {
        let Some(value) = fields.get(name) else {
            return Ok(None);
        };
        let text = serde_json::from_str(value.get());
        text.map_err(|_quoting| invalid(&format!("{name} must be text")))
    };
    let (room, to, target) = (said("roomId")?, said("to")?, said("target")?);
    let (user, socket) = (said("targetUserId")?, said("targetSocketId")?);
    let target = match to.or(target) {
        Some(to) => Target::either("to", &to)?,
        None if user.is_none() && socket.is_none() => {
            return Err(invalid("to or target is missing: say for whom it is"));
        }
        None => Target::of(None, user.as_deref(), socket.as_deref())?,
    };
    for ours in ["from", "socketId"] {
        fields.remove(ours);
    }
    let data = serde_json::value::to_raw_value(&fields);
    let data = data.map_err(|_never| invalid("The payload is malformed"))?;
    let data = opaque("The payload", &data, limits.signal_bytes)?;
    let via = None;
    Ok(Request::Change {
        room: maybe_room(room.as_deref())?,
        command: target.suffers(Deed::Signal { via, kind, data }),
    })
}

fn send_message(text: &str, limits: &PayloadLimits) -> Result<Request, Refusal> {
    let payload: MessagePayload = owned_object(text)?;
    if payload.message.get() == "null" {
        return Err(invalid("message must not be null"));
    }
    let command = Command::SendMessage {
        key: key_of(&payload.message),
        message: opaque("message", &payload.message, limits.message_bytes)?,
        via: None,
    };
    change(&payload.room_id, command)
}

/// What a client calls its message: its `id`, where that is text or a number.
fn key_of(message: &RawValue) -> Option<Opaque> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        id: Option<Box<RawValue>>,
    }
    let named: Named = owned_object(message.get()).ok()?;
    key(&named.id?)
}

/// The name of a message as JSON text or number; `None` for what cannot be one.
#[must_use]
pub fn key(raw: &RawValue) -> Option<Opaque> {
    let text = raw.get();
    let is_name = text.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit());
    (is_name && text.len() <= MAX_KEY).then(|| Opaque::from_json(text))
}
