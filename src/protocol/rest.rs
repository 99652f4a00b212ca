//! Bodies of the canonical REST surface.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::domain::id::{RoomId, UserId};
use crate::domain::meeting::Meeting;
use crate::domain::participant::Participant;
use crate::domain::policy::{DevicePolicy, MeetingSettings};
use crate::domain::room::Room;
use crate::domain::ticket::Provider;
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
#[derive(Clone, Deserialize)]
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
    pub settings: Option<SettingsInput>,
    /// Nobody but moderators enters.
    pub locked: Option<bool>,
    /// Whoever is no moderator waits to be let in.
    pub lobby: Option<bool>,
    /// What whoever is no moderator has to know.
    #[serde(default, deserialize_with = "given")]
    pub passcode: Option<Option<String>>,
}

/// `PATCH /api/meetings/{id}`: what is absent stays as it is.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateMeeting {
    /// A line about the meeting.
    pub description: Option<String>,
    /// The planned start.
    pub starts_at: Option<Moment>,
    /// The meeting's own settings, replaced whole.
    #[serde(default, deserialize_with = "object")]
    pub settings: Option<SettingsInput>,
    /// Nobody but moderators enters.
    pub locked: Option<bool>,
    /// Whoever is no moderator waits to be let in.
    pub lobby: Option<bool>,
    /// Another passcode, or `null` for none.
    #[serde(default, deserialize_with = "given")]
    pub passcode: Option<Option<String>>,
    /// The new owner.
    pub created_by: Option<String>,
    /// Who asks, where no token says so.
    pub user_id: Option<String>,
}

impl fmt::Debug for CreateMeeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateMeeting").finish_non_exhaustive()
    }
}

impl fmt::Debug for UpdateMeeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateMeeting").finish_non_exhaustive()
    }
}

/// Tells a `null` from a field that is not there.
///
/// What is said of a passcode of another type does not quote it.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None => Ok(Some(None)),
        Some(Value::String(text)) => Ok(Some(Some(text))),
        Some(_) => Err(D::Error::custom("passcode must be text or null")),
    }
}

/// A meeting's own settings as clients send them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SettingsInput {
    devices: Option<DevicePolicy>,
    leave_after_lost_ms: Option<u32>,
    leave_after_close_ms: Option<u32>,
    role_grace_ms: Option<u32>,
    max_participants: Option<u32>,
    not_before: Option<Moment>,
    not_after: Option<Moment>,
    max_duration_ms: Option<u64>,
    empty_timeout_ms: Option<u64>,
    admit_on_host_join: Option<bool>,
    provider: Option<Provider>,
}

impl SettingsInput {
    /// The settings; `None` when a moment is none, the end comes before the beginning, or something
    /// lasts longer than a year.
    #[must_use]
    pub fn settings(&self) -> Option<MeetingSettings> {
        let moment = |given: &Option<Moment>| match given {
            Some(given) => given.timestamp().map(Some),
            None => Some(None),
        };
        let (not_before, not_after) = (moment(&self.not_before)?, moment(&self.not_after)?);
        let backwards = not_before
            .zip(not_after)
            .is_some_and(|(from, to)| from >= to);
        let lasts = [self.max_duration_ms, self.empty_timeout_ms];
        let too_long = lasts.iter().flatten().any(|ms| *ms > LONGEST_MS);
        (!backwards && !too_long).then_some(MeetingSettings {
            devices: self.devices,
            leave_after_lost_ms: self.leave_after_lost_ms,
            leave_after_close_ms: self.leave_after_close_ms,
            role_grace_ms: self.role_grace_ms,
            max_participants: self.max_participants,
            not_before,
            not_after,
            max_duration_ms: self.max_duration_ms,
            empty_timeout_ms: self.empty_timeout_ms,
            admit_on_host_join: self.admit_on_host_join,
            provider: self.provider,
        })
    }
}

/// The same as clients see them: what is not set is not there.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct SettingsBody {
    #[serde(flatten)]
    own: MeetingSettings,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "optional_timestamp"
    )]
    not_before: Option<Timestamp>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "optional_timestamp"
    )]
    not_after: Option<Timestamp>,
}

impl From<&MeetingSettings> for SettingsBody {
    fn from(settings: &MeetingSettings) -> Self {
        Self {
            own: MeetingSettings {
                not_before: None,
                not_after: None,
                ..*settings
            },
            not_before: settings.not_before,
            not_after: settings.not_after,
        }
    }
}

/// The longest that a meeting may be told to last: a leap year.
const LONGEST_MS: u64 = 366 * 24 * 3_600 * 1_000;

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
    settings: SettingsBody,
    locked: bool,
    lobby: bool,
    passcode_required: bool,
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
            settings: SettingsBody::from(&meeting.settings),
            locked: meeting.access.locked,
            lobby: meeting.access.lobby,
            passcode_required: meeting.access.passcode.is_some(),
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
    /// Those of this page, in order of arrival.
    pub participants: Vec<ParticipantBody>,
    /// Pass as `after` for the next page; `null` at the end.
    pub next: Option<String>,
}

impl ParticipantsBody {
    /// Nobody has been there lately.
    #[must_use]
    pub fn empty(meeting: &RoomId) -> Self {
        Self {
            meeting_id: meeting.to_string(),
            rev: 0,
            count: 0,
            participants: Vec::new(),
            next: None,
        }
    }
}

/// Somebody in a lobby, over REST.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct WaitingBody {
    id: UserId,
    name: Arc<str>,
    image_url: Option<Arc<str>>,
    is_reconnecting: bool,
    #[serde(serialize_with = "timestamp")]
    waiting_since: Timestamp,
}

/// The lobby of a live room at one revision.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LobbyBody {
    meeting_id: String,
    rev: u64,
    count: usize,
    waiting: Vec<WaitingBody>,
    next: Option<String>,
}

impl LobbyBody {
    /// Those of this page, in order; nobody where nobody has been lately.
    #[must_use]
    pub fn new(
        meeting: &RoomId,
        room: Option<&Room>,
        (page, next): (Vec<&Participant>, Option<String>),
    ) -> Self {
        let waiting: Vec<WaitingBody> = page
            .into_iter()
            .map(|person| WaitingBody {
                id: person.user.clone(),
                name: person.profile.name.clone(),
                image_url: person.profile.image_url.clone(),
                is_reconnecting: person.lost.is_some(),
                waiting_since: person.joined_at,
            })
            .collect();
        Self {
            meeting_id: meeting.to_string(),
            rev: room.map_or(0, |room| room.rev),
            count: room.map_or(0, |room| room.lobby().len()),
            waiting,
            next,
        }
    }
}

/// A live room in a list.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomBody {
    id: String,
    count: usize,
    waiting: usize,
    locked: bool,
    lobby: bool,
    created_by: Option<UserId>,
    host: &'static str,
    rev: u64,
    epoch: String,
    #[serde(serialize_with = "optional_timestamp")]
    started_at: Option<Timestamp>,
    #[serde(serialize_with = "optional_timestamp")]
    ends_at: Option<Timestamp>,
}

impl From<&Room> for RoomBody {
    fn from(room: &Room) -> Self {
        Self {
            id: room.key.room.to_string(),
            count: room.len(),
            waiting: room.lobby().len(),
            locked: room.policy.access.locked,
            lobby: room.policy.access.lobby,
            created_by: room.creator.clone(),
            host: room.host_seat.as_str(),
            rev: room.rev,
            epoch: format!("{:016x}", room.epoch.0),
            started_at: room.started_at,
            ends_at: room.ends_at().map(|(at, _)| at),
        }
    }
}
