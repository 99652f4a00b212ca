//! The bodies of webhooks, as LiveKit and Daily write them.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{DailyEvent, DailyStanding, Happening, LiveKitEvent, WebhookEvent};
use crate::domain::time::Timestamp;
use crate::providers::livekit_api::ROLE_ATTRIBUTE;

/// From here on a number of Unix time is one of milliseconds: as seconds it is the year 5138.
const MILLIS_FROM: f64 = 1e11;

/// A number of seconds since 1970; Daily does not say whether it may be one of milliseconds.
pub(super) fn moment(number: f64) -> Option<Timestamp> {
    let secs = if number < MILLIS_FROM {
        number
    } else {
        number / 1_000.0
    };
    let since = Duration::try_from_secs_f64(secs).ok()?;
    Some(Timestamp::default().plus(since))
}

#[derive(Deserialize)]
pub(super) struct LiveKitBody {
    event: String,
    id: String,
    #[serde(
        alias = "created_at",
        rename = "createdAt",
        default,
        deserialize_with = "number"
    )]
    created: u64,
    room: Option<LiveKitRoom>,
    participant: Option<LiveKitParticipant>,
}

#[derive(Deserialize)]
struct LiveKitRoom {
    name: Option<String>,
}

#[derive(Deserialize)]
struct LiveKitParticipant {
    sid: Option<String>,
    identity: Option<String>,
    #[serde(default)]
    attributes: HashMap<String, String>,
}

impl LiveKitBody {
    pub(super) fn reduced(self) -> LiveKitEvent {
        let kind = match self.event.as_str() {
            "participant_joined" => Happening::Joined,
            "participant_left" | "participant_connection_aborted" => Happening::Left,
            _ => Happening::Other,
        };
        let (user, session, standing) = self.participant.map_or((None, None, None), |mut it| {
            (it.identity, it.sid, it.attributes.remove(ROLE_ATTRIBUTE))
        });
        WebhookEvent {
            id: self.id,
            kind,
            room: self.room.and_then(|room| room.name),
            user,
            session,
            standing,
            at: Timestamp(self.created.saturating_mul(1_000)),
        }
    }
}

/// Protobuf writes numbers of 64 bits as strings.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.ok_or_else(|| serde::de::Error::custom("no number"))
}

#[derive(Deserialize)]
pub(super) struct DailyBody {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    event_ts: f64,
    #[serde(default)]
    payload: DailyPayload,
}

#[derive(Deserialize, Default)]
struct DailyPayload {
    room: Option<String>,
    user_id: Option<String>,
    session_id: Option<String>,
    #[serde(default)]
    owner: Option<bool>,
    /// Kept as it is: what other events have under that name is nobody's business.
    #[serde(default)]
    permissions: Value,
}

impl DailyBody {
    pub(super) fn reduced(self) -> DailyEvent {
        let kind = match self.kind.as_str() {
            "participant.joined" => Happening::Joined,
            "participant.left" => Happening::Left,
            _ => Happening::Other,
        };
        let DailyPayload {
            room,
            user_id,
            session_id,
            owner,
            permissions,
        } = self.payload;
        let standing = DailyStanding {
            owner: owner.unwrap_or_default(),
            admin: manages(permissions.get("canAdmin")),
        };
        // The same event told again may have another id.
        let id = session_id
            .as_ref()
            .map(|session| format!("{}/{session}", self.kind));
        let at = moment(self.event_ts).unwrap_or_default();
        let (id, user, session) = (id.unwrap_or(self.id), user_id, session_id);
        WebhookEvent {
            id,
            kind,
            room,
            user,
            session,
            standing,
            at,
        }
    }
}

fn manages(admin: Option<&Value>) -> bool {
    let listed = |list: &Vec<Value>| list.iter().any(|it| it == "participants");
    admin.is_some_and(|it| it == true || it.as_array().is_some_and(listed))
}
