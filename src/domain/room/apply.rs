//! `apply`: the one place that changes a room's state.

use std::sync::Arc;

use super::command::GrantChange;
use super::event::Event;
use super::event::HostChangeCause;
use super::state::{HostSeat, Room, Status};
use crate::domain::grant::Held;
use crate::domain::id::{ConnectionId, UserId};
use crate::domain::participant::{Connection, Participant};

impl Room {
    /// Applies one event. Events about people who are not there change nothing, so that replaying a
    /// log can never fail.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::MeetingClaimed { creator } => self.creator = Some(creator.clone()),
            Event::MeetingAdopted {
                creator,
                policy,
                version,
            } => {
                self.creator = Some(creator.clone());
                self.record_version = *version;
                self.take_host_seat();
                self.policy = Arc::new((**policy).clone());
            }
            Event::ParticipantJoined { participant } => self.seat((**participant).clone()),
            Event::ConnectionAttached { user, connection } => self.attach(user, *connection),
            Event::ConnectionDetached {
                user, connection, ..
            } => self.detach(user, *connection),
            Event::ConnectionLost { user, lost } => self.change(user, |participant| {
                participant
                    .connections
                    .retain(|held| held.id != lost.connection.id);
                participant.lost = Some(*lost);
            }),
            Event::ProfileChanged { user, profile } => {
                self.change(user, |participant| participant.profile = profile.clone());
            }
            Event::MediaChanged { user, changes } => {
                self.change(user, |participant| {
                    participant.media = participant.media.with(changes);
                });
            }
            Event::ParticipantLeft { user, .. } => self.unseat(user),
            Event::RoleGranted {
                user,
                role,
                since,
                stamp,
                ..
            } => {
                let (since, stamp) = (Some(*since), *stamp);
                Arc::make_mut(&mut self.grants).merge(user, *role, Held { since, stamp });
                self.take_host_seat_if_present(user);
            }
            Event::RoleRevoked {
                user, role, stamp, ..
            } => {
                let (since, stamp) = (None, *stamp);
                Arc::make_mut(&mut self.grants).merge(user, *role, Held { since, stamp });
            }
            Event::RoleAffirmed {
                user, role, held, ..
            } => {
                Arc::make_mut(&mut self.grants).merge(user, *role, *held);
            }
            Event::GrantsRestored { changes } => {
                let grants = Arc::make_mut(&mut self.grants);
                for GrantChange { user, role, held } in changes {
                    grants.merge(user, *role, *held);
                }
                self.take_host_seat();
            }
            Event::HostVacated { deadline } => {
                self.host_seat = HostSeat::Vacant {
                    deadline: *deadline,
                };
            }
            Event::HostChanged { user, cause } => {
                self.host_seat = match (cause, user) {
                    (HostChangeCause::Succession, Some(user)) => {
                        HostSeat::Acting { user: user.clone() }
                    }
                    (HostChangeCause::HostReturned, _) => HostSeat::Taken,
                    (HostChangeCause::Succession, None) | (HostChangeCause::Hostless, _) => {
                        HostSeat::Hostless
                    }
                };
            }
            Event::MeetingEnded { .. } => self.status = Status::Ended,
        }
    }

    fn seat(&mut self, participant: Participant) {
        let user = participant.user.clone();
        self.next_seat = self.next_seat.max(participant.seat.saturating_add(1));
        Arc::make_mut(&mut self.seats).insert(user.clone(), participant.seat);
        Arc::make_mut(&mut self.by_seat).insert(participant.seat, Arc::new(participant));
        self.take_host_seat_if_present(&user);
    }

    fn unseat(&mut self, user: &UserId) {
        if let Some(seat) = Arc::make_mut(&mut self.seats).remove(user) {
            Arc::make_mut(&mut self.by_seat).remove(&seat);
        }
        if self.is_empty() {
            self.host_seat = HostSeat::NeverTaken;
        }
    }

    /// The first host to come takes the place silently; coming back to a vacancy is an event of its
    /// own, because people are waiting for it.
    fn take_host_seat_if_present(&mut self, user: &UserId) {
        if self.host_seat == HostSeat::NeverTaken
            && self.seats.contains_key(user)
            && self.is_rightful_host(user)
        {
            self.host_seat = HostSeat::Taken;
        }
    }

    /// The same, when it is not clear who became a host.
    pub(super) fn take_host_seat(&mut self) {
        if self.host_seat == HostSeat::NeverTaken && self.hosts_present().next().is_some() {
            self.host_seat = HostSeat::Taken;
        }
    }

    fn attach(&mut self, user: &UserId, connection: Connection) {
        self.change(user, |participant| {
            participant.lost = None;
            participant.connections.push(connection);
        });
    }

    fn detach(&mut self, user: &UserId, connection: ConnectionId) {
        self.change(user, |participant| {
            participant.connections.retain(|held| held.id != connection);
            if participant
                .lost
                .is_some_and(|lost| lost.connection.id == connection)
            {
                participant.lost = None;
            }
        });
    }

    fn change(&mut self, user: &UserId, change: impl FnOnce(&mut Participant)) {
        let Some(seat) = self.seats.get(user) else {
            return;
        };
        if let Some(held) = Arc::make_mut(&mut self.by_seat).get_mut(seat) {
            change(Arc::make_mut(held));
        }
    }
}
