//! The state of one room at one revision.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::EndCause;
use super::seating::Seating;
use crate::domain::chat::ChatMessage;
use crate::domain::grant::Grants;
use crate::domain::id::{CommitId, ConnectionId, Epoch, Revision, RoomKey, UserId};
use crate::domain::participant::{Decider, MediaKind, MediaKinds, Muted, Participant, Seat};
use crate::domain::passcode::Failures;
use crate::domain::policy::RoomPolicy;
use crate::domain::role::{Rank, Roles};
use crate::domain::time::Timestamp;

/// Whether the room may still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// People may join.
    Open,
    /// Ended for everybody; a tombstone.
    Ended,
}

/// Who holds the host's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostSeat {
    /// No host has been here since the room filled.
    NeverTaken,
    /// At least one creator or granted host is in the room.
    Taken,
    /// The last one left; the succession is decided at the deadline.
    Vacant {
        /// When it is decided.
        deadline: Timestamp,
    },
    /// A co-host stands in until a host returns.
    Acting {
        /// Who stands in.
        user: UserId,
    },
    /// The deadline passed and nobody could stand in.
    Hostless,
}

impl HostSeat {
    /// Stable word for clients.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NeverTaken => "awaited",
            Self::Taken => "present",
            Self::Vacant { .. } => "vacant",
            Self::Acting { .. } => "acting",
            Self::Hostless => "hostless",
        }
    }
}

/// How somebody was sent away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DismissalKind {
    /// Not let in from the lobby.
    Denied,
    /// Taken out, and may come back.
    Kicked,
    /// Taken out for good.
    Banned,
}

/// That somebody was sent away lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dismissal {
    /// How.
    pub kind: DismissalKind,
    /// By whom.
    pub by: Decider,
    /// When.
    pub at: Timestamp,
}

/// What the room remembers of people who are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Absent {
    /// What moderators had muted when they left.
    #[serde(default, skip_serializing_if = "Muted::is_none")]
    pub muted: Muted,
    /// That they were sent away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dismissal: Option<Dismissal>,
}

/// A room. Cloning it is cheap: what is large is shared until one of the clones changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Which room.
    pub key: RoomKey,
    /// Which life of its log.
    pub epoch: Epoch,
    /// How many commits it has seen in this epoch.
    pub rev: Revision,
    /// The last of them.
    pub head: Option<CommitId>,
    /// Whether it may still be used.
    pub status: Status,
    /// Creator of the meeting; `None` for a room that nobody created.
    pub creator: Option<UserId>,
    /// Which state of the meeting's record creator and policy are of.
    pub record_version: Timestamp,
    /// Durable roles, of people present and absent.
    pub grants: Arc<Grants>,
    /// Who holds the host's place.
    pub host_seat: HostSeat,
    /// The rules' parameters.
    pub policy: Arc<RoomPolicy>,
    /// The next newcomer's seat.
    pub next_seat: Seat,
    /// When the first one came.
    pub started_at: Option<Timestamp>,
    /// Whether people have been warned of the end that the schedule sets, and of which.
    pub warned: Option<Timestamp>,
    /// The next message's number.
    pub next_message: u64,
    /// What plain participants may not switch on.
    pub restricted: MediaKinds,
    /// Wrong passcodes that still count.
    pub failures: Arc<Failures>,
    pub(super) people: Seating,
    pub(super) lobby: Seating,
    pub(super) absent: Arc<BTreeMap<UserId, Absent>>,
    pub(super) messages: Arc<VecDeque<Arc<ChatMessage>>>,
}

/// What SQL knows of a room before anybody is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The meeting's creator, if it was created.
    pub creator: Option<UserId>,
    /// Which state of its record that is.
    pub record_version: Timestamp,
    /// Durable roles.
    pub grants: Grants,
    /// Whether it was ended for everybody.
    pub ended: bool,
}

impl Room {
    /// An empty room at revision 0.
    #[must_use]
    pub fn new(key: RoomKey, epoch: Epoch, policy: RoomPolicy, authority: Authority) -> Self {
        Self {
            key,
            epoch,
            rev: 0,
            head: None,
            status: if authority.ended {
                Status::Ended
            } else {
                Status::Open
            },
            creator: authority.creator,
            record_version: authority.record_version,
            grants: Arc::new(authority.grants),
            host_seat: HostSeat::NeverTaken,
            policy: Arc::new(policy),
            next_seat: 1,
            started_at: None,
            warned: None,
            next_message: 1,
            restricted: MediaKinds::default(),
            failures: Arc::default(),
            people: Seating::default(),
            lobby: Seating::default(),
            absent: Arc::default(),
            messages: Arc::default(),
        }
    }

    /// Whether it was ended for everybody.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.status == Status::Ended
    }

    /// Everybody in the room in order of arrival.
    pub fn participants(&self) -> impl DoubleEndedIterator<Item = &Arc<Participant>> {
        self.people.iter()
    }

    /// How many people are in the room.
    #[must_use]
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether somebody sits on this seat.
    #[must_use]
    pub fn holds_seat(&self, seat: Seat) -> bool {
        self.people.holds(seat)
    }

    /// Whether nobody is in the room.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Whether nobody is in the room and nobody waits to be let in.
    #[must_use]
    pub fn is_deserted(&self) -> bool {
        self.people.is_empty() && self.lobby.is_empty()
    }

    /// One participant, by user id.
    #[must_use]
    pub fn participant(&self, user: &UserId) -> Option<&Arc<Participant>> {
        self.people.get(user)
    }

    /// Who waits to be let in, in order of arrival.
    #[must_use]
    pub const fn lobby(&self) -> &Seating {
        &self.lobby
    }

    /// Everybody with a connection: in the room, and in the lobby.
    pub fn everybody(&self) -> impl Iterator<Item = &Arc<Participant>> {
        self.people.iter().chain(self.lobby.iter())
    }

    /// One of [`Self::everybody`].
    #[must_use]
    pub fn person(&self, user: &UserId) -> Option<&Arc<Participant>> {
        self.people.get(user).or_else(|| self.lobby.get(user))
    }

    /// The one who holds this live connection, in the room or in the lobby.
    #[must_use]
    pub fn holder_of(&self, connection: ConnectionId) -> Option<&Arc<Participant>> {
        let waiting = || self.lobby.holder_of(connection);
        self.people.holder_of(connection).or_else(waiting)
    }

    /// The participant who holds this live connection.
    #[must_use]
    pub fn participant_of(&self, connection: ConnectionId) -> Option<&Arc<Participant>> {
        self.people.holder_of(connection)
    }

    /// What is remembered of somebody who is not in the room.
    #[must_use]
    pub fn absent(&self, user: &UserId) -> Option<&Absent> {
        self.absent.get(user)
    }

    /// What is remembered of everybody who is not in the room.
    pub fn absentees(&self) -> impl Iterator<Item = (&UserId, &Absent)> {
        self.absent.iter()
    }

    /// That this user was sent away lately and has not come back.
    #[must_use]
    pub fn dismissal(&self, user: &UserId) -> Option<&Dismissal> {
        self.absent(user)
            .and_then(|absent| absent.dismissal.as_ref())
    }

    /// The messages that are kept, oldest first.
    pub fn messages(
        &self,
    ) -> impl ExactSizeIterator<Item = &Arc<ChatMessage>> + DoubleEndedIterator {
        self.messages.iter()
    }

    /// Whether there is a place for one more plain participant.
    #[must_use]
    pub fn has_seat(&self) -> bool {
        self.people.len() < self.policy.max_participants
    }

    /// Whether somebody in the room can let people in from the lobby.
    #[must_use]
    pub fn has_moderator(&self) -> bool {
        self.participants()
            .any(|participant| self.rank_of(&participant.user).is_moderator())
    }

    /// When the schedule ends the meeting, and by which rule.
    #[must_use]
    pub fn ends_at(&self) -> Option<(Timestamp, EndCause)> {
        let schedule = &self.policy.schedule;
        let planned = schedule.not_after.map(|at| (at, EndCause::ScheduledEnd));
        let longest = self.started_at.zip(schedule.max_duration);
        let longest = longest.map(|(start, most)| (start.plus(most), EndCause::MaxDuration));
        planned.into_iter().chain(longest).min_by_key(|(at, _)| *at)
    }

    /// The rule by which the meeting is over, if it is.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> Option<EndCause> {
        let (at, cause) = self.ends_at()?;
        (at <= now).then_some(cause)
    }

    /// When people are warned of the end that the schedule sets; `None` when they have been.
    pub(super) fn warning_due(&self) -> Option<Timestamp> {
        let (ends, _) = self.ends_at()?;
        let warned = self.is_ended() || self.people.is_empty() || self.warned == Some(ends);
        let early = u64::try_from(self.policy.schedule.warning.as_millis()).unwrap_or(u64::MAX);
        (!warned).then_some(Timestamp(ends.0.saturating_sub(early)))
    }

    /// Whether this user created the meeting.
    #[must_use]
    pub fn is_creator(&self, user: &UserId) -> bool {
        self.creator.as_ref() == Some(user)
    }

    /// Whether this user may not be here. Nobody is banned from their own meeting.
    #[must_use]
    pub fn is_banned(&self, user: &UserId) -> bool {
        self.grants.is_banned(user) && !self.is_creator(user)
    }

    /// Whether this user is a host by right: creator or granted, not merely acting.
    #[must_use]
    pub fn is_rightful_host(&self, user: &UserId) -> bool {
        self.is_creator(user) || self.grants.roles(user).host
    }

    /// The role flags of a user at this revision, present or not.
    #[must_use]
    pub fn roles_of(&self, user: &UserId) -> Roles {
        let granted = self.grants.roles(user);
        let acting = matches!(&self.host_seat, HostSeat::Acting { user: acting } if acting == user);
        Roles {
            host: granted.host || acting || self.is_creator(user),
            co_host: granted.co_host,
        }
    }

    /// The rank that decides what this user may do.
    #[must_use]
    pub fn rank_of(&self, user: &UserId) -> Rank {
        let roles = self.roles_of(user);
        match (self.is_creator(user), roles.host, roles.co_host) {
            (true, _, _) => Rank::Creator,
            (false, true, _) => Rank::Host,
            (false, false, true) => Rank::CoHost,
            (false, false, false) => Rank::Participant,
        }
    }

    /// Rightful hosts who are in the room, reconnecting ones included.
    pub fn hosts_present(&self) -> impl Iterator<Item = &Arc<Participant>> {
        self.participants()
            .filter(|participant| self.is_rightful_host(&participant.user))
    }

    /// What this person may not switch on as long as a moderator is here: what was locked for them, and
    /// what is restricted for everybody. Moderators may switch on everything.
    #[must_use]
    pub fn locked_for(&self, person: &Participant) -> MediaKinds {
        if self.rank_of(&person.user) != Rank::Participant {
            return MediaKinds::default();
        }
        let (restricted, allowed) = (self.restricted, person.muted.allowed);
        let add = |kinds: MediaKinds, kind: MediaKind| {
            let shared = restricted.has(kind) && !allowed.has(kind);
            kinds.with(kind, kinds.has(kind) || shared)
        };
        MediaKind::ALL.into_iter().fold(person.muted.locked, add)
    }

    /// When [`Command::Expire`](super::Command::Expire) is next due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let graces = self
            .everybody()
            .filter_map(|p| p.lost.map(|lost| lost.deadline));
        let vacancy = match &self.host_seat {
            HostSeat::Vacant { deadline } => Some(*deadline),
            HostSeat::NeverTaken
            | HostSeat::Taken
            | HostSeat::Acting { .. }
            | HostSeat::Hostless => None,
        };
        graces.chain(vacancy).chain(self.warning_due()).min()
    }
}
