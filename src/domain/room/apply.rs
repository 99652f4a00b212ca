//! `apply`: the one place that changes a room's state.

use std::sync::Arc;

use super::command::{Actor, GrantChange};
use super::event::{Event, HostChangeCause};
use super::state::{Absent, Dismissal, DismissalKind, HostSeat, Room, Status};
use crate::domain::chat::ChatMessage;
use crate::domain::grant::Held;
use crate::domain::id::{ConnectionId, UserId};
use crate::domain::participant::{
    Connection, LostConnection, MediaChanges, MediaKind, Muted, Participant, Seat,
};
use crate::domain::role::Mark;

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
                ..
            } => {
                if let Some(creator) = creator {
                    self.creator = Some(creator.clone());
                }
                self.record_version = *version;
                self.take_host_seat();
                if self.policy.access.passcode != policy.access.passcode {
                    self.failures = Arc::default();
                }
                self.policy = Arc::new((**policy).clone());
                self.forget_messages();
            }
            Event::RoleGranted { .. }
            | Event::RoleRevoked { .. }
            | Event::RoleAffirmed { .. }
            | Event::BanChanged { .. }
            | Event::GrantsRestored { .. } => self.apply_mark(event),
            Event::HostVacated { deadline } => {
                self.host_seat = HostSeat::Vacant {
                    deadline: *deadline,
                };
            }
            Event::HostChanged { user, cause } => self.change_host(user.as_ref(), *cause),
            Event::EndingSoon { ends_at, .. } => self.warned = Some(*ends_at),
            Event::MeetingEnded { .. } => self.status = Status::Ended,
            Event::PasscodeFailed { failure, .. } => {
                Arc::make_mut(&mut self.failures).note(&self.policy.attempts, failure.clone());
            }
            Event::LockoutLifted { .. } => self.failures = Arc::default(),
            Event::MessageSent { message } => self.remember_message(message),
            Event::MessageMarked {
                number, user, mark, ..
            } => self.mark_message(*number, |message| message.mark(user, mark)),
            Event::MediaRestricted { kind, restricted } => {
                self.restricted = self.restricted.with(*kind, *restricted);
            }
            Event::Signalled { .. } | Event::Announced { .. } | Event::ProviderSynced { .. } => {}
            Event::AbsentForgotten { users } => {
                for user in users {
                    Arc::make_mut(&mut self.absent).remove(user);
                }
            }
            Event::ParticipantJoined { .. }
            | Event::LobbyEntered { .. }
            | Event::LobbyLeft { .. }
            | Event::Admitted { .. }
            | Event::Denied { .. }
            | Event::Removed { .. }
            | Event::ParticipantLeft { .. } => self.apply_coming_and_going(event),
            Event::ConnectionAttached { .. }
            | Event::ConnectionDetached { .. }
            | Event::ConnectionLost { .. }
            | Event::ProfileChanged { .. }
            | Event::MediaChanged { .. }
            | Event::UnmuteAsked { .. }
            | Event::Muted { .. } => self.apply_to_person(event),
        }
    }

    fn apply_mark(&mut self, event: &Event) {
        let held = |since, stamp| Held { since, stamp };
        if let Event::RoleGranted {
            user,
            role,
            since,
            stamp,
            ..
        } = event
        {
            self.mark(user, (*role).into(), held(Some(*since), *stamp));
            self.take_host_seat_if_present(user);
        } else if let Event::RoleRevoked {
            user, role, stamp, ..
        } = event
        {
            self.mark(user, (*role).into(), held(None, *stamp));
        } else if let Event::RoleAffirmed {
            user, role, held, ..
        } = event
        {
            self.mark(user, (*role).into(), *held);
        } else if let Event::BanChanged { user, held, .. } = event {
            self.mark(user, Mark::Banned, *held);
        } else if let Event::GrantsRestored { changes } = event {
            for GrantChange { user, mark, held } in changes {
                self.mark(user, *mark, *held);
            }
            self.take_host_seat();
        }
    }

    fn mark(&mut self, user: &UserId, mark: Mark, held: Held) {
        Arc::make_mut(&mut self.grants).merge(user, mark, held);
    }

    fn change_host(&mut self, user: Option<&UserId>, cause: HostChangeCause) {
        self.host_seat = match (cause, user) {
            (HostChangeCause::Succession, Some(user)) => HostSeat::Acting { user: user.clone() },
            (HostChangeCause::HostReturned, _) => HostSeat::Taken,
            (HostChangeCause::Succession, None) | (HostChangeCause::Hostless, _) => {
                HostSeat::Hostless
            }
        };
    }

    fn apply_coming_and_going(&mut self, event: &Event) {
        if let Event::ParticipantJoined { participant } = event {
            self.seat((**participant).clone());
        } else if let Event::LobbyEntered { participant } = event {
            self.take_number(participant.seat);
            self.knock(&participant.user);
            self.lobby.insert((**participant).clone());
        } else if let Event::LobbyLeft { user, .. } = event {
            let gone = self.lobby.remove(user);
            self.remember(user, gone.map(|it| it.muted), None);
        } else if let Event::Admitted { user, seat, at, by } = event {
            if let Some(waiting) = self.lobby.remove(user) {
                let off = Muted::default().and_locked(self.locked_for(&waiting));
                let media = MediaChanges::NONE.held_by(off);
                self.seat(Participant {
                    seat: *seat,
                    joined_at: *at,
                    media: waiting.media.with(&media),
                    admitted_by: Some(by.decider()),
                    ..Participant::clone(&waiting)
                });
            }
        } else if let Event::Denied { user, at, by } = event {
            let gone = self.lobby.remove(user);
            let (kind, by, at) = (DismissalKind::Denied, by.decider(), *at);
            self.remember(
                user,
                gone.map(|it| it.muted),
                Some(Dismissal { kind, by, at }),
            );
        } else if let Event::Removed {
            user,
            banned,
            at,
            by,
        } = event
        {
            let kind = if *banned {
                DismissalKind::Banned
            } else {
                DismissalKind::Kicked
            };
            let (by, at) = (by.decider(), *at);
            self.unseat(user, Some(Dismissal { kind, by, at }));
        } else if let Event::ParticipantLeft { user, .. } = event {
            self.unseat(user, None);
        }
    }

    fn apply_to_person(&mut self, event: &Event) {
        if let Event::ConnectionAttached { user, connection } = event {
            self.attach(user, *connection);
        } else if let Event::ConnectionDetached {
            user, connection, ..
        } = event
        {
            self.detach(user, *connection);
        } else if let Event::ConnectionLost { user, lost } = event {
            self.lose(user, *lost);
        } else if let Event::ProfileChanged { user, profile } = event {
            self.change(user, |participant| participant.profile = profile.clone());
        } else if let Event::MediaChanged { user, changes } = event {
            self.change_media(user, changes);
        } else if let Event::Muted {
            user,
            kind,
            locked,
            all,
            by,
            ..
        } = event
        {
            self.change(user, |participant| {
                let muted = &mut participant.muted;
                *muted = muted.with(*kind, true);
                // What is for all is the room's: it holds for who comes later, too.
                // That somebody is told again what holds for them locks nothing anew.
                if *locked && by.actor != Actor::System {
                    *muted = muted.lock(*kind, true);
                    muted.locked = muted.locked.with(*kind, !*all);
                }
                participant.media = participant.media.with(&kind.off());
            });
        } else if let Event::UnmuteAsked { user, kind, .. } = event {
            self.change(user, |participant| {
                participant.muted = participant.muted.lock(*kind, false);
            });
        }
    }

    fn seat(&mut self, participant: Participant) {
        let user = participant.user.clone();
        self.take_number(participant.seat);
        self.started_at = self.started_at.or(Some(participant.joined_at));
        self.come_back(&user);
        self.people.insert(participant);
        self.take_host_seat_if_present(&user);
    }

    fn take_number(&mut self, seat: Seat) {
        self.next_seat = self.next_seat.max(seat.saturating_add(1));
    }

    fn unseat(&mut self, user: &UserId, dismissal: Option<Dismissal>) {
        let gone = self.people.remove(user);
        if gone.is_none() && dismissal.is_none() {
            return;
        }
        self.remember(user, gone.map(|it| it.muted), dismissal);
        if self.is_empty() {
            self.host_seat = HostSeat::NeverTaken;
        }
    }

    /// Who comes in again has not been sent away.
    fn come_back(&mut self, user: &UserId) {
        if self.absent.contains_key(user) {
            Arc::make_mut(&mut self.absent).remove(user);
        }
    }

    /// Who knocks again after having been denied is decided about anew. That somebody was taken out of
    /// the room is remembered until they are in it again.
    fn knock(&mut self, user: &UserId) {
        let denied = |it: &Dismissal| it.kind == DismissalKind::Denied;
        if self.dismissal(user).is_some_and(denied) {
            Arc::make_mut(&mut self.absent).remove(user);
        }
    }

    fn remember(&mut self, user: &UserId, muted: Option<Muted>, dismissal: Option<Dismissal>) {
        let before = self.absent.get(user).cloned().unwrap_or_default();
        let muted = muted.map_or(before.muted, Muted::in_absence);
        let dismissal = dismissal.or(before.dismissal);
        if !muted.is_none() || dismissal.is_some() {
            let absent = Absent { muted, dismissal };
            Arc::make_mut(&mut self.absent).insert(user.clone(), absent);
        }
    }

    fn remember_message(&mut self, message: &ChatMessage) {
        self.next_message = self.next_message.max(message.number.saturating_add(1));
        let kept = Arc::make_mut(&mut self.messages);
        kept.push_back(Arc::new(message.clone()));
        self.forget_messages();
    }

    fn mark_message(&mut self, number: u64, mark: impl FnOnce(&mut ChatMessage)) {
        let kept = Arc::make_mut(&mut self.messages);
        if let Some(message) = kept.iter_mut().find(|it| it.number == number) {
            mark(Arc::make_mut(message));
        }
    }

    fn forget_messages(&mut self) {
        let over = self
            .messages
            .len()
            .saturating_sub(self.policy.memory.messages);
        if over > 0 {
            drop(Arc::make_mut(&mut self.messages).drain(..over));
        }
    }

    /// The first host to come takes the place silently; coming back to a vacancy is an event of its
    /// own, because people are waiting for it.
    fn take_host_seat_if_present(&mut self, user: &UserId) {
        if self.host_seat == HostSeat::NeverTaken
            && self.people.get(user).is_some()
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

    fn lose(&mut self, user: &UserId, lost: LostConnection) {
        self.change(user, |participant| {
            participant
                .connections
                .retain(|held| held.id != lost.connection.id);
            participant.lost = Some(lost);
        });
    }

    /// Whoever switches on again what a moderator muted is muted no longer.
    fn change_media(&mut self, user: &UserId, changes: &MediaChanges) {
        self.change(user, |participant| {
            participant.media = participant.media.with(changes);
            for kind in MediaKind::ALL {
                if changes.switches_on(kind) {
                    participant.muted = participant.muted.with(kind, false);
                }
            }
        });
    }

    fn change(&mut self, user: &UserId, change: impl FnOnce(&mut Participant)) {
        if self.people.get(user).is_some() {
            self.people.change(user, change);
        } else {
            self.lobby.change(user, change);
        }
    }
}
