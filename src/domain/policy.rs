//! Settings that the rules depend on: defaults of the installation, overridden per meeting.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What happens when somebody joins a room that nobody created over REST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UncreatedRooms {
    /// The room opens without a host.
    #[default]
    Allow,
    /// The join is refused with `room-not-found`.
    Deny,
    /// Whoever comes first becomes the meeting's creator.
    FirstJoinerHosts,
}

/// What happens when a user who is already in the room joins from another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DevicePolicy {
    /// All connections stay; together they are one participant.
    #[default]
    Multiple,
    /// The new connection stays, the older ones are told `session-replaced` and leave the room.
    NewestWins,
    /// The new connection is refused with `already-connected`.
    RejectNew,
}

/// The rules' parameters for one room. Part of the room's state, so that every node decides alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomPolicy {
    /// Joins to rooms without a meeting record.
    pub uncreated: UncreatedRooms,
    /// Several connections of one user.
    pub devices: DevicePolicy,
    /// From a lost transport to the leave.
    pub leave_after_lost: Duration,
    /// From a socket that the browser closed (tab closed, reload) to the leave.
    pub leave_after_close: Duration,
    /// From the last host's leave to the succession.
    pub role_grace: Duration,
    /// Seats for plain participants; moderators and the creator pass.
    pub max_participants: usize,
    /// Connections that one participant may hold.
    pub max_connections_per_participant: usize,
}

impl Default for RoomPolicy {
    fn default() -> Self {
        Self {
            uncreated: UncreatedRooms::Allow,
            devices: DevicePolicy::Multiple,
            leave_after_lost: Duration::from_secs(20),
            leave_after_close: Duration::from_secs(3),
            role_grace: Duration::from_secs(60),
            max_participants: 1000,
            max_connections_per_participant: 16,
        }
    }
}

/// A meeting's own settings; what is absent falls back to the installation's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MeetingSettings {
    /// Several connections of one user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<DevicePolicy>,
    /// Milliseconds from a lost transport to the leave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leave_after_lost_ms: Option<u32>,
    /// Milliseconds from a cleanly closed socket to the leave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leave_after_close_ms: Option<u32>,
    /// Milliseconds from the last host's leave to the succession.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_grace_ms: Option<u32>,
    /// Seats for plain participants, at most as many as the installation allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_participants: Option<u32>,
}

impl RoomPolicy {
    /// This policy with what the meeting sets for itself.
    #[must_use]
    pub fn for_meeting(&self, settings: &MeetingSettings) -> Self {
        let millis = |own: Option<u32>, default: Duration| {
            own.map_or(default, |ms| Duration::from_millis(u64::from(ms)))
        };
        Self {
            uncreated: self.uncreated,
            devices: settings.devices.unwrap_or(self.devices),
            leave_after_lost: millis(settings.leave_after_lost_ms, self.leave_after_lost),
            leave_after_close: millis(settings.leave_after_close_ms, self.leave_after_close),
            role_grace: millis(settings.role_grace_ms, self.role_grace),
            max_participants: settings
                .max_participants
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(self.max_participants)
                .clamp(1, self.max_participants.max(1)),
            max_connections_per_participant: self.max_connections_per_participant,
        }
    }
}
