//! The state of one room at one revision.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::grant::Grants;
use crate::domain::id::{CommitId, ConnectionId, Epoch, Revision, RoomKey, UserId};
use crate::domain::participant::{Participant, Seat};
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
    pub(super) by_seat: Arc<BTreeMap<Seat, Arc<Participant>>>,
    pub(super) seats: Arc<HashMap<UserId, Seat>>,
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
            by_seat: Arc::default(),
            seats: Arc::default(),
        }
    }

    /// Whether it was ended for everybody.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.status == Status::Ended
    }

    /// Everybody in the room in order of arrival.
    pub fn participants(&self) -> impl DoubleEndedIterator<Item = &Arc<Participant>> {
        self.by_seat.values()
    }

    /// How many people are in the room.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether somebody sits on this seat.
    #[must_use]
    pub fn holds_seat(&self, seat: Seat) -> bool {
        self.by_seat.contains_key(&seat)
    }

    /// Whether nobody is in the room.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// One participant, by user id.
    #[must_use]
    pub fn participant(&self, user: &UserId) -> Option<&Arc<Participant>> {
        self.seats.get(user).and_then(|seat| self.by_seat.get(seat))
    }

    /// The participant who holds this live connection.
    #[must_use]
    pub fn holder_of(&self, connection: ConnectionId) -> Option<&Arc<Participant>> {
        self.by_seat
            .values()
            .find(|participant| participant.holds(connection))
    }

    /// Whether this user created the meeting.
    #[must_use]
    pub fn is_creator(&self, user: &UserId) -> bool {
        self.creator.as_ref() == Some(user)
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

    /// When [`Command::Expire`](super::Command::Expire) is next due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let graces = self
            .participants()
            .filter_map(|p| p.lost.map(|lost| lost.deadline));
        let vacancy = match &self.host_seat {
            HostSeat::Vacant { deadline } => Some(*deadline),
            HostSeat::NeverTaken
            | HostSeat::Taken
            | HostSeat::Acting { .. }
            | HostSeat::Hostless => None,
        };
        graces.chain(vacancy).min()
    }
}
