//! A room taken apart into records, and put together again: what a store outside this process keeps.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::state::{Absent, HostSeat, Room, Status};
use crate::domain::chat::ChatMessage;
use crate::domain::grant::Grants;
use crate::domain::id::{CommitId, Epoch, Revision, RoomKey, UserId};
use crate::domain::participant::{MediaKinds, Participant, Seat};
use crate::domain::passcode::Failures;
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
    /// When the first one came.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// The end of which people have been warned.
    #[serde(default)]
    pub warned: Option<Timestamp>,
    /// The next message's number.
    #[serde(default)]
    pub next_message: u64,
    /// What plain participants may not switch on.
    #[serde(default, skip_serializing_if = "MediaKinds::is_empty")]
    pub restricted: MediaKinds,
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
    /// Everybody in the lobby, in any order.
    pub lobby: Vec<Participant>,
    /// What is remembered of people who are not here.
    pub absent: BTreeMap<UserId, Absent>,
    /// Messages, in any order.
    pub messages: Vec<ChatMessage>,
    /// Wrong passcodes that still count.
    pub failures: Failures,
}

/// Which records a commit may have changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched<'a> {
    /// The summary.
    pub summary: bool,
    /// The policy.
    pub policy: bool,
    /// Wrong passcodes.
    pub failures: bool,
    /// These people's records, in the room or in the lobby.
    pub people: Vec<&'a UserId>,
    /// These people came into the lobby or left it.
    pub lobby: Vec<&'a UserId>,
    /// What is remembered of these people while they are not here.
    pub absent: Vec<&'a UserId>,
    /// These people's grants.
    pub grants: Vec<&'a UserId>,
    /// New messages of these numbers.
    pub messages: Vec<u64>,
    /// Older messages of these numbers.
    pub marked: Vec<u64>,
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
            started_at: self.started_at,
            warned: self.warned,
            next_message: self.next_message,
            restricted: self.restricted,
        }
    }

    /// Puts a room together.
    #[must_use]
    pub fn assemble(records: Records) -> Self {
        let mut messages = records.messages;
        messages.sort_unstable_by_key(|message| message.number);
        let over = messages
            .len()
            .saturating_sub(records.policy.memory.messages);
        let kept = messages.into_iter().skip(over).map(Arc::new);
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
            started_at: records.summary.started_at,
            warned: records.summary.warned,
            next_message: records.summary.next_message,
            restricted: records.summary.restricted,
            failures: Arc::new(records.failures),
            people: records.participants.into_iter().collect(),
            lobby: records.lobby.into_iter().collect(),
            absent: Arc::new(records.absent),
            messages: Arc::new(kept.collect()),
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
        for users in [
            &mut touched.people,
            &mut touched.lobby,
            &mut touched.absent,
            &mut touched.grants,
        ] {
            users.sort_unstable();
            users.dedup();
        }
        touched
    }

    fn add(&mut self, event: &'a Event) {
        match event {
            Event::ConnectionAttached { user, .. }
            | Event::ConnectionDetached { user, .. }
            | Event::ConnectionLost { user, .. }
            | Event::ProfileChanged { user, .. }
            | Event::MediaChanged { user, .. }
            | Event::UnmuteAsked { user, .. }
            | Event::Muted { user, .. } => self.people.push(user),
            Event::ParticipantJoined { participant } => {
                self.summary = true;
                self.people.push(&participant.user);
                self.absent.push(&participant.user);
            }
            Event::LobbyEntered { participant } => {
                self.summary = true;
                self.lobby.push(&participant.user);
                self.absent.push(&participant.user);
            }
            Event::ParticipantLeft { user, .. } | Event::Removed { user, .. } => {
                self.summary = true;
                self.people.push(user);
                self.absent.push(user);
            }
            Event::Admitted { user, .. } => {
                self.summary = true;
                self.people.push(user);
                self.lobby.push(user);
                self.absent.push(user);
            }
            Event::LobbyLeft { user, .. } | Event::Denied { user, .. } => {
                self.lobby.push(user);
                self.absent.push(user);
            }
            Event::AbsentForgotten { users } => self.absent.extend(users),
            Event::RoleGranted { user, .. } | Event::RoleRevoked { user, .. } => {
                self.summary = true;
                self.grants.push(user);
            }
            Event::RoleAffirmed { user, .. } | Event::BanChanged { user, .. } => {
                self.grants.push(user);
            }
            Event::GrantsRestored { changes } => {
                self.summary = true;
                self.grants
                    .extend(changes.iter().map(|change| &change.user));
            }
            Event::MeetingAdopted { .. } => {
                self.summary = true;
                self.policy = true;
                self.failures = true;
            }
            Event::PasscodeFailed { .. } | Event::LockoutLifted { .. } => self.failures = true,
            Event::MessageSent { message } => {
                self.summary = true;
                self.messages.push(message.number);
            }
            Event::MessageMarked { number, .. } => self.marked.push(*number),
            Event::Signalled { .. } | Event::Announced { .. } | Event::ProviderSynced { .. } => {}
            Event::MeetingClaimed { .. }
            | Event::MediaRestricted { .. }
            | Event::HostVacated { .. }
            | Event::HostChanged { .. }
            | Event::EndingSoon { .. }
            | Event::MeetingEnded { .. } => self.summary = true,
        }
    }
}
