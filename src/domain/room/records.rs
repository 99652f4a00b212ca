//! A room taken apart into records, and put together again: what a store outside this process keeps.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::state::{HostSeat, Room, Status};
use crate::domain::grant::Grants;
use crate::domain::id::{CommitId, Epoch, Revision, RoomKey, UserId};
use crate::domain::participant::{Participant, Seat};
use crate::domain::policy::RoomPolicy;
use crate::domain::time::Timestamp;

/// What is small and changes often, besides the people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Whether the room may still be used.
    pub status: Status,
    /// Creator of the meeting.
    pub creator: Option<UserId>,
    /// Which state of its record that is, and the policy.
    #[serde(default)]
    pub record_version: Timestamp,
    /// Who holds the host's place.
    pub host_seat: HostSeat,
    /// The next newcomer's seat.
    pub next_seat: Seat,
}

/// Everything that a room is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// Which room.
    pub key: RoomKey,
    /// Which life of its log.
    pub epoch: Epoch,
    /// How many commits it has seen in this epoch.
    pub rev: Revision,
    /// The last of them.
    pub head: Option<CommitId>,
    /// What is small.
    pub summary: Summary,
    /// The rules' parameters.
    pub policy: RoomPolicy,
    /// Durable roles.
    pub grants: Grants,
    /// Everybody in the room, in any order.
    pub participants: Vec<Participant>,
}

/// Which records a commit may have changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched<'a> {
    /// The summary.
    pub summary: bool,
    /// The policy.
    pub policy: bool,
    /// These people's participant records.
    pub participants: Vec<&'a UserId>,
    /// These people's grants.
    pub grants: Vec<&'a UserId>,
}

impl Room {
    /// The small part.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            status: self.status,
            creator: self.creator.clone(),
            record_version: self.record_version,
            host_seat: self.host_seat.clone(),
            next_seat: self.next_seat,
        }
    }

    /// Puts a room together.
    #[must_use]
    pub fn assemble(records: Records) -> Self {
        let seats: HashMap<UserId, Seat> = records
            .participants
            .iter()
            .map(|participant| (participant.user.clone(), participant.seat))
            .collect();
        let by_seat: BTreeMap<Seat, Arc<Participant>> = records
            .participants
            .into_iter()
            .map(|participant| (participant.seat, Arc::new(participant)))
            .collect();
        Self {
            key: records.key,
            epoch: records.epoch,
            rev: records.rev,
            head: records.head,
            status: records.summary.status,
            creator: records.summary.creator,
            record_version: records.summary.record_version,
            grants: Arc::new(records.grants),
            host_seat: records.summary.host_seat,
            policy: Arc::new(records.policy),
            next_seat: records.summary.next_seat,
            by_seat: Arc::new(by_seat),
            seats: Arc::new(seats),
        }
    }

    /// The same people under a new epoch, with the authority that SQL knows: how a room begins again
    /// after the store has lost it.
    #[must_use]
    pub fn reborn(&self, epoch: Epoch, creator: Option<UserId>, grants: Grants) -> Self {
        let mut room = self.clone();
        room.epoch = epoch;
        room.rev = 0;
        room.head = None;
        room.creator = creator.or(room.creator);
        room.grants = Arc::new(grants);
        room.take_host_seat();
        room
    }
}

impl<'a> Touched<'a> {
    /// By these events.
    #[must_use]
    pub fn by(events: &'a [Event]) -> Self {
        let mut touched = Self::default();
        for event in events {
            touched.add(event);
        }
        touched.participants.sort_unstable();
        touched.participants.dedup();
        touched.grants.sort_unstable();
        touched.grants.dedup();
        touched
    }

    fn add(&mut self, event: &'a Event) {
        match event {
            Event::ConnectionAttached { user, .. }
            | Event::ConnectionDetached { user, .. }
            | Event::ConnectionLost { user, .. }
            | Event::ProfileChanged { user, .. }
            | Event::MediaChanged { user, .. } => self.participants.push(user),
            Event::ParticipantJoined { participant } => {
                self.summary = true;
                self.participants.push(&participant.user);
            }
            Event::ParticipantLeft { user, .. } => {
                self.summary = true;
                self.participants.push(user);
            }
            Event::RoleGranted { user, .. } | Event::RoleRevoked { user, .. } => {
                self.summary = true;
                self.grants.push(user);
            }
            Event::RoleAffirmed { user, .. } => self.grants.push(user),
            Event::GrantsRestored { changes } => {
                self.summary = true;
                self.grants
                    .extend(changes.iter().map(|change| &change.user));
            }
            Event::MeetingAdopted { .. } => {
                self.summary = true;
                self.policy = true;
            }
            Event::MeetingClaimed { .. }
            | Event::HostVacated { .. }
            | Event::HostChanged { .. }
            | Event::MeetingEnded { .. } => self.summary = true,
        }
    }
}
