//! Payloads of incoming events: their shapes, and what every one of them may hold.

use serde::de::{Deserialize, DeserializeOwned};
use serde_json::value::RawValue;

use super::args::Packet;
use crate::domain::chat::Opaque;
use crate::domain::id::{ConnectionId, InvalidId, RoomId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::room::{Command, Deed};

/// A room given as `{roomId}` or as the bare id.
///
/// # Errors
/// [`Refusal::InvalidPayload`].
pub fn room_of(packet: &Packet<'_>) -> Result<RoomId, Refusal> {
    room_id(&room_text(packet)?.unwrap_or_default())
}

/// The same where it may be left out by who is in one room only.
///
/// # Errors
/// [`Refusal::InvalidPayload`].
pub fn maybe_room_of(packet: &Packet<'_>) -> Result<Option<RoomId>, Refusal> {
    maybe_room(room_text(packet)?.as_deref())
}

fn room_text(packet: &Packet<'_>) -> Result<Option<String>, Refusal> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Payload {
        #[serde(default)]
        room_id: Option<String>,
    }
    match packet.raw(0) {
        "null" => Ok(None),
        text if is_string(text) => packet
            .get::<String>(0)
            .map(Some)
            .map_err(|error| malformed("roomId", &error)),
        text => Ok(object::<Payload>(text)?.room_id),
    }
}

/// A room's id that may be left out.
///
/// # Errors
/// [`Refusal::InvalidPayload`].
pub fn maybe_room(id: Option<&str>) -> Result<Option<RoomId>, Refusal> {
    id.map(room_id).transpose()
}

/// Whether an argument is text.
#[must_use]
pub fn is_string(text: &str) -> bool {
    text.starts_with('"')
}

/// A payload that is an object.
///
/// # Errors
/// [`Refusal::InvalidPayload`] with what is wrong and where.
pub fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Refusal> {
    // A sequence would be read as the struct's fields in order; the contract has objects only.
    if !text.starts_with('{') {
        return Err(refusal("The payload must be an object"));
    }
    serde_json::from_str(text).map_err(|error| malformed("payload", &error))
}

/// The same for a type that borrows nothing.
///
/// # Errors
/// As for [`object`].
pub fn owned_object<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    object(text)
}

/// A room's id.
///
/// # Errors
/// [`Refusal::InvalidPayload`].
pub fn room_id(value: &str) -> Result<RoomId, Refusal> {
    RoomId::new(value).map_err(|error: InvalidId| invalid("roomId", &error))
}

/// A user's id, in this field.
///
/// # Errors
/// [`Refusal::InvalidPayload`].
pub fn user_id(field: &str, value: &str) -> Result<UserId, Refusal> {
    UserId::new(value).map_err(|error: InvalidId| invalid(field, &error))
}

/// Who is meant by a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A user.
    User(UserId),
    /// Who holds this connection.
    Holder(ConnectionId),
    /// Who holds this connection, or else the user who is called that.
    Either(UserId, ConnectionId),
}

impl Target {
    /// A field that holds a user's id or a socket's.
    ///
    /// # Errors
    /// [`Refusal::InvalidPayload`].
    pub fn either(field: &str, value: &str) -> Result<Self, Refusal> {
        let user = user_id(field, value)?;
        Ok(match socket_id(value) {
            Some(holder) => Self::Either(user, holder),
            None => Self::User(user),
        })
    }

    /// Of the fields that clients name their target in, the first that is there.
    ///
    /// # Errors
    /// [`Refusal::InvalidPayload`].
    pub fn of(
        participant: Option<&str>,
        user: Option<&str>,
        socket: Option<&str>,
    ) -> Result<Self, Refusal> {
        if let Some(id) = participant {
            return user_id("participantId", id).map(Self::User);
        }
        if let Some(id) = user {
            return user_id("targetUserId", id).map(Self::User);
        }
        let id = socket.ok_or_else(|| {
            refusal("The payload is malformed: missing field `participantId`, `targetUserId` or `targetSocketId`")
        })?;
        socket_id(id)
            .map(Self::Holder)
            .ok_or_else(|| refusal("targetSocketId must be a socket's id: 16 hexadecimal digits"))
    }

    /// The command that does this to whom is meant.
    #[must_use]
    pub fn suffers(self, deed: Deed) -> Command {
        match self {
            Self::User(user) => deed.to(user),
            Self::Holder(holder) => deed.to_holder(holder, None),
            Self::Either(user, holder) => deed.to_holder(holder, Some(user)),
        }
    }
}

/// A connection as clients know it: 16 hexadecimal digits.
#[must_use]
pub fn socket_id(value: &str) -> Option<ConnectionId> {
    let plain = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let known = value.len() == 16 && value.bytes().all(plain);
    let number = u64::from_str_radix(value, 16).ok();
    number.filter(|_| known).map(ConnectionId)
}

/// JSON that nobody here looks into, within a bound.
///
/// # Errors
/// [`Refusal::InvalidPayload`] when it is longer.
pub fn opaque(field: &str, value: &RawValue, limit: usize) -> Result<Opaque, Refusal> {
    let text = value.get();
    if text.len() > limit {
        return Err(refusal(&format!(
            "{field} must not be longer than {limit} bytes as JSON"
        )));
    }
    Ok(Opaque::from_json(text))
}

/// Why a field does not do.
pub fn invalid(field: &str, error: &dyn std::fmt::Display) -> Refusal {
    refusal(&format!("{field} {error}"))
}

/// A payload that does not do, and why.
#[must_use]
pub fn refusal(reason: &str) -> Refusal {
    Refusal::InvalidPayload {
        reason: reason.to_owned(),
    }
}

/// What serde says, without its quotation of the input beyond what is needed to find the place.
#[must_use]
pub fn malformed(what: &str, error: &serde_json::Error) -> Refusal {
    let mut reason = format!("The {what} is malformed: {error}");
    if reason.chars().nth(200).is_some() {
        reason = reason.chars().take(200).collect();
    }
    Refusal::InvalidPayload { reason }
}
