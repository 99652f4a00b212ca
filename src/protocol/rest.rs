//! Bodies of the canonical REST surface.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::domain::id::UserId;
use crate::domain::meeting::Meeting;
use crate::domain::participant::Participant;
use crate::domain::policy::MeetingSettings;
use crate::domain::room::Room;
use crate::domain::time::Timestamp;

/// A moment as RFC 3339 in UTC with milliseconds.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    i64::try_from(at.0)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn timestamp<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*at))
}

fn optional_timestamp<S: Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.serialize_some(&rfc3339(*at)),
        None => serializer.serialize_none(),
    }
}

/// An object, or nothing: a list is not read as its fields in their order.
fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(ObjectOnly(PhantomData))
}

struct ObjectOnly<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectOnly<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Some)
    }
}

/// `POST /api/meetings`. Unknown fields are ignored, as frontends send more than is needed.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateMeeting {
    /// The room's id; drawn by the server when neither this nor `id` is given.
    #[serde(alias = "id")]
    pub room_id: Option<String>,
    /// The creator; with tokens it must be the token's subject, or be absent.
    pub user_id: Option<String>,
    /// The creator's display name.
    pub user_name: Option<String>,
    /// A line about the meeting; `Meeting` when absent.
    pub description: Option<String>,
    /// RFC 3339 text or milliseconds since 1970; now when absent.
    pub starts_at: Option<Moment>,
    /// The meeting's own settings.
    #[serde(default, deserialize_with = "object")]
    pub settings: Option<MeetingSettings>,
}

/// `PATCH /api/meetings/{id}`: what is absent stays as it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateMeeting {
    /// A line about the meeting.
    pub description: Option<String>,
    /// The planned start.
    pub starts_at: Option<Moment>,
    /// The meeting's own settings, replaced whole.
    #[serde(default, deserialize_with = "object")]
    pub settings: Option<MeetingSettings>,
    /// The new owner.
    pub created_by: Option<String>,
    /// Who asks, where no token says so.
    pub user_id: Option<String>,
}

/// The end of the year 9999: RFC 3339 has no later moment.
const LAST_MOMENT: u64 = 253_402_300_799_999;

/// A moment as JavaScript clients send it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Moment {
    /// Milliseconds since 1970, `Date.now()`.
    Millis(u64),
    /// `new Date().toISOString()`.
    Text(String),
}

impl Moment {
    /// The moment; `None` when the text is not RFC 3339 or the year has more than four digits.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        let millis = match self {
            Self::Millis(millis) => *millis,
            Self::Text(text) => {
                u64::try_from(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis()).ok()?
            }
        };
        (millis <= LAST_MOMENT).then_some(Timestamp(millis))
    }
}

/// A meeting as clients see it: flat, and once more under `meeting` for frontends that look there.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MeetingBody<'a> {
    success: bool,
    id: &'a str,
    room_id: &'a str,
    created_by: &'a UserId,
    creator_name: Option<&'a str>,
    description: &'a str,
    #[serde(serialize_with = "timestamp")]
    starts_at: Timestamp,
    #[serde(serialize_with = "timestamp")]
    created_at: Timestamp,
    #[serde(serialize_with = "optional_timestamp")]
    ended_at: Option<Timestamp>,
    status: &'static str,
    settings: MeetingSettings,
    meeting: InnerMeeting<'a>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct InnerMeeting<'a> {
    id: &'a str,
    creator_id: &'a UserId,
    #[serde(serialize_with = "timestamp")]
    created_at: Timestamp,
}

impl<'a> From<&'a Meeting> for MeetingBody<'a> {
    fn from(meeting: &'a Meeting) -> Self {
        let id = meeting.key.room.as_str();
        Self {
            success: true,
            id,
            room_id: id,
            created_by: &meeting.created_by,
            creator_name: meeting.creator_name.as_deref(),
            description: &meeting.description,
            starts_at: meeting.starts_at,
            created_at: meeting.created_at,
            ended_at: meeting.ended_at,
            status: if meeting.ended_at.is_some() {
                "ended"
            } else {
                "open"
            },
            settings: meeting.settings,
            meeting: InnerMeeting {
                id,
                creator_id: &meeting.created_by,
                created_at: meeting.created_at,
            },
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, Serialize)]
pub struct PageBody<T> {
    /// The items.
    pub items: Vec<T>,
    /// Pass as `after` for the next page; `null` at the end.
    pub next: Option<String>,
}

/// Somebody in a room, over REST.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantBody {
    id: UserId,
    name: Arc<str>,
    image_url: Option<Arc<str>>,
    is_host: bool,
    is_co_host: bool,
    is_audio_muted: bool,
    is_video_paused: bool,
    is_screen_sharing: bool,
    is_hand_raised: bool,
    is_reconnecting: bool,
    connections: usize,
    #[serde(serialize_with = "timestamp")]
    joined_at: Timestamp,
}

impl ParticipantBody {
    /// A participant of `room` at its revision.
    #[must_use]
    pub fn new(room: &Room, participant: &Participant) -> Self {
        let roles = room.roles_of(&participant.user);
        Self {
            id: participant.user.clone(),
            name: participant.profile.name.clone(),
            image_url: participant.profile.image_url.clone(),
            is_host: roles.host,
            is_co_host: roles.co_host,
            is_audio_muted: participant.media.audio_muted,
            is_video_paused: participant.media.video_paused,
            is_screen_sharing: participant.media.screen_sharing,
            is_hand_raised: participant.media.hand_raised,
            is_reconnecting: participant.is_reconnecting(),
            connections: participant.connections.len(),
            joined_at: participant.joined_at,
        }
    }
}

/// The people of a live room at one revision.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantsBody {
    /// Which meeting.
    pub meeting_id: String,
    /// At which revision of the room; 0 when nobody has been there.
    pub rev: u64,
    /// How many there are.
    pub count: usize,
    /// Everybody, in order of arrival.
    pub participants: Vec<ParticipantBody>,
}
