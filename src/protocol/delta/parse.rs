//! Incoming events of the delta dialect.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::commands;
use crate::domain::id::{Epoch, Position};
use crate::domain::participant::MediaChanges;
use crate::domain::passcode::Passcode;
use crate::domain::refusal::{Refusal, RoleChange};
use crate::domain::role::Role;
use crate::domain::room::Deed;
use crate::domain::text;
use crate::protocol::args::Packet;
use crate::protocol::names::client;
use crate::protocol::payload::{
    Target, invalid, is_string, malformed, maybe_room_of, object, owned_object, room_id, room_of,
    user_id,
};
use crate::protocol::request::{JoinRequest, PayloadLimits, Request, Token};

/// Reads one event. The name comes back as one of ours, for answers.
///
/// # Errors
/// [`Refusal::UnknownEvent`], or [`Refusal::InvalidPayload`] with what is wrong and where.
pub fn parse(
    packet: &Packet<'_>,
    limits: &PayloadLimits,
) -> (&'static str, Result<Request, Refusal>) {
    let role = |role, grant| RoleChange { role, grant };
    match &*packet.event {
        client::JOIN_ROOM => (client::JOIN_ROOM, join(packet, limits)),
        client::LEAVE_ROOM => (client::LEAVE_ROOM, leave(packet)),
        client::MAKE_HOST => (
            client::MAKE_HOST,
            change_role(packet, role(Role::Host, true)),
        ),
        client::REMOVE_HOST => (
            client::REMOVE_HOST,
            change_role(packet, role(Role::Host, false)),
        ),
        client::MAKE_COHOST => (
            client::MAKE_COHOST,
            change_role(packet, role(Role::CoHost, true)),
        ),
        client::REMOVE_COHOST => (
            client::REMOVE_COHOST,
            change_role(packet, role(Role::CoHost, false)),
        ),
        client::ROOM_STATE => (client::ROOM_STATE, room_of(packet).map(Request::RoomState)),
        client::REFRESH_TOKEN => {
            let request = room_of(packet).map(Request::RefreshTicket);
            (client::REFRESH_TOKEN, request)
        }
        client::REQUEST_CHAT_HISTORY => {
            let request = maybe_room_of(packet).map(Request::ChatHistory);
            (client::REQUEST_CHAT_HISTORY, request)
        }
        client::REFRESH_AUTH => (client::REFRESH_AUTH, refresh_auth(packet)),
        _ => commands::parse(packet, limits),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JoinPayload<'a> {
    #[serde(borrow)]
    room_id: Cow<'a, str>,
    #[serde(borrow, default)]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    user_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    user_image_url: Option<Cow<'a, str>>,
    #[serde(default)]
    is_audio_muted: Option<bool>,
    #[serde(default)]
    is_video_paused: Option<bool>,
    #[serde(borrow, default)]
    passcode: Option<&'a RawValue>,
    #[serde(borrow, default)]
    epoch: Option<Cow<'a, str>>,
    #[serde(default)]
    rev: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RolePayload<'a> {
    #[serde(borrow)]
    room_id: Cow<'a, str>,
    #[serde(borrow, default)]
    participant_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    target_user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    target_socket_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RefreshPayload {
    token: String,
}

/// Reads a join in any of its forms.
///
/// # Errors
/// [`Refusal::InvalidPayload`].
pub fn join(packet: &Packet<'_>, limits: &PayloadLimits) -> Result<Request, Refusal> {
    let text = packet.raw(0);
    let payload: JoinPayload<'_> = if is_string(text) {
        positional_join(packet)?
    } else {
        object(text)?
    };
    let name = text::line(
        payload.user_name.as_deref().unwrap_or_default(),
        limits.name_chars,
    )
    .map_err(|error| invalid("userName", &error))?;
    let image_url = match payload.user_image_url.as_deref() {
        None | Some("") => None,
        Some(url) if url.len() > limits.image_url_bytes => {
            let bytes = limits.image_url_bytes;
            let reason = format!("userImageUrl must not be longer than {bytes} bytes");
            return Err(Refusal::InvalidPayload { reason });
        }
        Some(url) => Some(
            text::line(url, limits.image_url_bytes)
                .map_err(|error| invalid("userImageUrl", &error))?,
        ),
    };
    Ok(Request::Join(Box::new(JoinRequest {
        room: room_id(&payload.room_id)?,
        user: payload
            .user_id
            .as_deref()
            .map(|id| user_id("userId", id))
            .transpose()?,
        name,
        image_url,
        media: MediaChanges {
            audio_muted: payload.is_audio_muted,
            video_paused: payload.is_video_paused,
            ..MediaChanges::default()
        },
        passcode: payload.passcode.map(given_passcode).transpose()?,
        seen: seen(payload.epoch.as_deref(), payload.rev)?,
    })))
}

/// What no passcode can be is compared all the same: it is a wrong one like others. What is said of one
/// of another type does not quote it.
fn given_passcode(raw: &RawValue) -> Result<Passcode, Refusal> {
    let text: String = serde_json::from_str(raw.get()).map_err(|_quoting| {
        let reason = "passcode must be text".to_owned();
        Refusal::InvalidPayload { reason }
    })?;
    Ok(Passcode::new(&text).unwrap_or_else(Passcode::impossible))
}

/// Where the client was when it lost the room: both or neither.
fn seen(epoch: Option<&str>, rev: Option<u64>) -> Result<Option<Position>, Refusal> {
    let (Some(epoch), Some(rev)) = (epoch, rev) else {
        return match (epoch, rev) {
            (None, None) => Ok(None),
            _ => Err(Refusal::InvalidPayload {
                reason: "epoch and rev belong together: send both or neither".to_owned(),
            }),
        };
    };
    let parsed = u64::from_str_radix(epoch, 16).ok();
    let parsed = parsed.filter(|_| epoch.len() <= 16 && !epoch.starts_with('+'));
    let epoch = parsed.map(Epoch).ok_or_else(|| Refusal::InvalidPayload {
        reason: "epoch must be the text that the acknowledgement of a join gave".to_owned(),
    })?;
    Ok(Some(Position { epoch, rev }))
}

/// `join-room "room"` or `join-room "room", "user", "name"`.
fn positional_join(packet: &Packet<'_>) -> Result<JoinPayload<'static>, Refusal> {
    let argument = |index: usize, name: &str| -> Result<Option<Cow<'static, str>>, Refusal> {
        let value: Option<String> = packet
            .get(index)
            .map_err(|error| malformed(&format!("argument {name}"), &error))?;
        Ok(value.map(Cow::Owned))
    };
    Ok(JoinPayload {
        room_id: argument(0, "roomId")?.unwrap_or_default(),
        user_id: argument(1, "userId")?,
        user_name: argument(2, "userName")?,
        user_image_url: None,
        is_audio_muted: None,
        is_video_paused: None,
        passcode: None,
        epoch: None,
        rev: None,
    })
}

fn leave(packet: &Packet<'_>) -> Result<Request, Refusal> {
    match packet.raw(0) {
        "null" => Ok(Request::Leave(None)),
        _ => room_of(packet).map(|room| Request::Leave(Some(room))),
    }
}

fn change_role(packet: &Packet<'_>, change: RoleChange) -> Result<Request, Refusal> {
    let payload: RolePayload<'_> = object(packet.raw(0))?;
    let room = room_id(&payload.room_id)?;
    let target = Target::of(
        payload.participant_id.as_deref(),
        payload.target_user_id.as_deref(),
        payload.target_socket_id.as_deref(),
    )?;
    Ok(match target {
        Target::User(target) => Request::ChangeRole {
            room,
            target,
            change,
        },
        holder @ (Target::Holder(_) | Target::Either(..)) => Request::Change {
            room: Some(room),
            command: holder.suffers(Deed::ChangeRole(change)),
        },
    })
}

fn refresh_auth(packet: &Packet<'_>) -> Result<Request, Refusal> {
    // What serde says of a token of another type would quote it.
    let payload = owned_object::<RefreshPayload>(packet.raw(0));
    let payload = payload.map_err(|_quoting| Refusal::InvalidPayload {
        reason: "The payload must be an object with the text `token`".to_owned(),
    })?;
    Ok(Request::RefreshAuth(Token(payload.token)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::id::RoomId;
    use crate::protocol::dialect::{self, Dialect};

    fn read(body: &str) -> Result<Request, Refusal> {
        parse(&Packet::parse(body).unwrap(), &PayloadLimits::default()).1
    }

    fn joined(body: &str) -> JoinRequest {
        match read(body) {
            Ok(Request::Join(join)) => *join,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn join_has_three_forms() {
        let object = joined(
            r#"["join-room",{"roomId":"r","userId":"u","userName":"Ann","userImageUrl":null,"x":1}]"#,
        );
        let positional = joined(r#"["join-room","r","u","Ann"]"#);
        assert_eq!(object, positional);
        let bare = joined(r#"["join-room","r"]"#);
        assert_eq!(
            (bare.room.as_str(), bare.user, &*bare.name),
            ("r", None, "")
        );
    }

    #[test]
    fn leave_has_three_forms() {
        let room = RoomId::new("r").unwrap();
        assert_eq!(
            read(r#"["leave-room",{"roomId":"r"}]"#),
            Ok(Request::Leave(Some(room.clone())))
        );
        assert_eq!(
            read(r#"["leave-room","r"]"#),
            Ok(Request::Leave(Some(room)))
        );
        assert_eq!(read(r#"["leave-room"]"#), Ok(Request::Leave(None)));
    }

    proptest! {
        #[test]
        fn no_payload_makes_the_reader_fall_over(
            event in prop::sample::select(client::ALL.to_vec()),
            payload in "[\\[\\]{}\",:0-9a-zA-Z ]{0,60}|\\PC{0,60}",
        ) {
            let body = format!("[\"{event}\",{payload}]");
            if let Ok(packet) = Packet::parse(&body) {
                let limits = PayloadLimits::default();
                let (name, read) = dialect::parse(&packet, &limits, Dialect::List);
                prop_assert_eq!(name, event);
                let refused = matches!(read, Err(Refusal::InvalidPayload { .. }));
                prop_assert!(read.is_ok() || refused);
            }
        }

        #[test]
        fn ids_and_names_are_taken_as_they_are_or_refused(room in "\\PC{0,20}", name in "\\PC{0,20}") {
            let payload = serde_json::json!({"roomId": room, "userId": "u", "userName": name});
            let body = serde_json::json!(["join-room", payload]).to_string();
            match read(&body) {
                Ok(Request::Join(join)) => {
                    prop_assert_eq!(join.room.as_str(), room.as_str());
                    prop_assert_eq!(&*join.name, name.as_str());
                }
                other => {
                    let refused = matches!(other, Err(Refusal::InvalidPayload { .. }));
                    prop_assert!(refused);
                }
            }
        }
    }

    #[test]
    fn malformed_payloads_are_named_not_believed() {
        let long = format!(
            r#"["join-room",{{"roomId":"r","userName":"{}"}}]"#,
            "x".repeat(129)
        );
        for bad in [
            r#"["join-room"]"#,
            r#"["join-room",null]"#,
            r#"["join-room",7]"#,
            r#"["join-room",["r","u"]]"#,
            r#"["join-room",{}]"#,
            r#"["join-room",{"roomId":""}]"#,
            r#"["join-room",{"roomId":"a b"}]"#,
            r#"["join-room",{"roomId":"r","roomId":"s"}]"#,
            r#"["join-room",{"roomId":"r","userId":7}]"#,
            r#"["join-room",{"roomId":"r","userName":"a\u0000"}]"#,
            r#"["join-room",{"roomId":"r","userName":"\u202eevil"}]"#,
            r#"["join-room",{"roomId":"r","isAudioMuted":"yes"}]"#,
            r#"["make-host",{"roomId":"r"}]"#,
            r#"["make-host","r"]"#,
            r#"["make-host",{"roomId":"r","participantId":{"a":1}}]"#,
            r#"["update-my-state",{"roomId":"r","isAudioMuted":1}]"#,
            r#"["room-state",{"roomId":null}]"#,
            long.as_str(),
        ] {
            assert!(
                matches!(read(bad), Err(Refusal::InvalidPayload { .. })),
                "{bad}"
            );
        }
        assert_eq!(read(r#"["no-such-event",1]"#), Err(Refusal::UnknownEvent));
    }
}
