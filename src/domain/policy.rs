//! Settings that the rules depend on: defaults of the installation, overridden per meeting.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::TenantId;
use super::passcode::{AttemptLimits, PasscodeHash};
use super::ticket::Provider;
use super::time::Timestamp;

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

/// Who may come in: what a host switches while the meeting is on. Kept with the meeting's record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Access {
    /// Nobody but moderators enters.
    pub locked: bool,
    /// Whoever is no moderator waits until one lets them in.
    pub lobby: bool,
    /// What whoever is no moderator has to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passcode: Option<PasscodeHash>,
}

/// A change of [`Access`] and of the number of seats: what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessChange {
    /// Nobody but moderators enters.
    pub locked: Option<bool>,
    /// Plain participants wait.
    pub lobby: Option<bool>,
    /// Another passcode, or none.
    pub passcode: Option<Option<PasscodeHash>>,
    /// Another number of seats, or the installation's.
    pub max_participants: Option<Option<u32>>,
}

impl Access {
    /// These switches with the change made.
    #[must_use]
    pub fn with(&self, change: &AccessChange) -> Self {
        Self {
            locked: change.locked.unwrap_or(self.locked),
            lobby: change.lobby.unwrap_or(self.lobby),
            passcode: change
                .passcode
                .clone()
                .unwrap_or_else(|| self.passcode.clone()),
        }
    }
}

/// When a meeting may be held. What is absent sets no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Schedule {
    /// Before that only moderators enter.
    pub not_before: Option<Timestamp>,
    /// Then it ends.
    pub not_after: Option<Timestamp>,
    /// So long after the first one came it ends.
    pub max_duration: Option<Duration>,
    /// So long after the last one left it ends.
    pub empty_timeout: Option<Duration>,
    /// So long before the end people are warned.
    pub warning: Duration,
}

/// Bounds of what a room remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Memory {
    /// Messages kept for those who come later.
    pub messages: usize,
    /// People who were muted or sent away, and are not here.
    pub absent: usize,
    /// Reactions to one message.
    pub reactions: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            messages: 100,
            absent: 1_000,
            reactions: 100,
        }
    }
}

/// The rules' parameters for one room. Part of the room's state, so that every node decides alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
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
    /// The most seats that a meeting may ask for.
    pub seat_limit: usize,
    /// Connections that one participant may hold.
    pub max_connections_per_participant: usize,
    /// Lock, lobby and passcode.
    pub access: Access,
    /// Places in the lobby.
    pub max_waiting: usize,
    /// Whether the first host to come lets in everybody who waits.
    pub admit_on_host_join: bool,
    /// How long somebody who was denied may not knock again.
    pub denied_cooldown: Duration,
    /// Wrong passcodes.
    pub attempts: AttemptLimits,
    /// When the meeting may be held.
    pub schedule: Schedule,
    /// What the room remembers.
    pub memory: Memory,
    /// Who carries the media.
    pub provider: Provider,
    /// How long a ticket to the provider is good.
    pub ticket_lifetime: Duration,
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
            seat_limit: 1000,
            max_connections_per_participant: 16,
            access: Access::default(),
            max_waiting: 1000,
            admit_on_host_join: false,
            denied_cooldown: Duration::from_secs(5),
            attempts: AttemptLimits::default(),
            schedule: Schedule {
                warning: Duration::from_secs(300),
                ..Schedule::default()
            },
            memory: Memory::default(),
            provider: Provider::Mesh,
            ticket_lifetime: Duration::from_secs(1800),
        }
    }
}

/// The installation's policy, and where tenants differ from it.
#[derive(Debug, Clone, Default)]
pub struct Installation {
    /// Of every room.
    pub policy: RoomPolicy,
    /// Who carries the media of those tenants that have a provider of their own.
    pub providers: BTreeMap<TenantId, Provider>,
}

impl Installation {
    /// The policy of this tenant's rooms.
    #[must_use]
    pub fn policy_of(&self, tenant: &TenantId) -> RoomPolicy {
        let own = self.providers.get(tenant);
        RoomPolicy {
            provider: own.copied().unwrap_or(self.policy.provider),
            ..self.policy.clone()
        }
    }
}

impl From<RoomPolicy> for Installation {
    fn from(policy: RoomPolicy) -> Self {
        let providers = BTreeMap::new();
        Self { policy, providers }
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
    /// Before that only moderators enter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Then the meeting ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Milliseconds after the first one came when the meeting ends; 0 is never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duration_ms: Option<u64>,
    /// Milliseconds after the last one left when the meeting ends; 0 is never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_timeout_ms: Option<u64>,
    /// Whether the first host to come lets in everybody who waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admit_on_host_join: Option<bool>,
    /// Who carries the media.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
}

impl RoomPolicy {
    /// This policy with what the meeting sets for itself.
    #[must_use]
    pub fn for_meeting(&self, settings: &MeetingSettings, access: &Access) -> Self {
        // 0 lifts the installation's limit.
        let limit = |own: Option<u64>, default: Option<Duration>| match own {
            None => default,
            Some(ms) => (ms > 0).then(|| Duration::from_millis(ms)),
        };
        let millis = |own: Option<u32>, default: Duration| {
            own.map_or(default, |ms| Duration::from_millis(u64::from(ms)))
        };
        Self {
            uncreated: self.uncreated,
            devices: settings.devices.unwrap_or(self.devices),
            leave_after_lost: millis(settings.leave_after_lost_ms, self.leave_after_lost),
            leave_after_close: millis(settings.leave_after_close_ms, self.leave_after_close),
            role_grace: millis(settings.role_grace_ms, self.role_grace),
            max_participants: self.seats(settings.max_participants),
            access: access.clone(),
            admit_on_host_join: settings
                .admit_on_host_join
                .unwrap_or(self.admit_on_host_join),
            provider: settings.provider.unwrap_or(self.provider),
            schedule: Schedule {
                not_before: settings.not_before,
                not_after: settings.not_after,
                max_duration: limit(settings.max_duration_ms, self.schedule.max_duration),
                empty_timeout: limit(settings.empty_timeout_ms, self.schedule.empty_timeout),
                warning: self.schedule.warning,
            },
            ..self.clone()
        }
    }

    fn seats(&self, own: Option<u32>) -> usize {
        let own = own.and_then(|n| usize::try_from(n).ok());
        let most = self.seat_limit.max(1);
        own.map_or(self.max_participants, |own| own.clamp(1, most))
    }

    /// This policy with the change made, for a room without a record.
    #[must_use]
    pub fn with(&self, change: &AccessChange) -> Self {
        let seats = |own: Option<u32>| self.seats(Some(own.unwrap_or(u32::MAX)));
        Self {
            access: self.access.with(change),
            max_participants: change.max_participants.map_or(self.max_participants, seats),
            ..self.clone()
        }
    }
}
