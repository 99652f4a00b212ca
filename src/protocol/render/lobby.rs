//! What happens in the lobby, told to who waits and to who decides; to nobody else.

use std::sync::Arc;

use super::notices::{admission, denial, lobby};
use super::queue;
use super::{Attached, Rendering};
use crate::domain::id::UserId;
use crate::domain::room::Event;
use crate::protocol::message::Audience;
use crate::protocol::names::server;

impl Rendering<'_> {
    pub(super) fn lobby(&mut self, event: &Event, later: &[Event]) {
        self.queue_changed = true;
        if let Event::LobbyEntered { participant } = event {
            self.view.wait(&participant.user);
            self.out.waiting.extend(Attached::all(participant));
        } else if let Event::LobbyLeft { user, .. } = event {
            self.waits_no_longer(user);
        } else if let Event::Denied { user, by, .. } = event {
            let body = denial(by.display());
            self.line(Audience::Waiting(user.clone()), server::LOBBY_DENIED, body);
            self.waits_no_longer(user);
        } else if let Event::Admitted { user, by, .. } = event {
            let body = admission(self.room, by.display(), self.rev);
            self.line(
                Audience::Waiting(user.clone()),
                server::LOBBY_ADMITTED,
                body,
            );
            self.waits_no_longer(user);
            self.admitted(user, later);
        }
    }

    fn waits_no_longer(&mut self, user: &UserId) {
        self.view.wait_no_longer(user);
        let waiting = std::mem::take(&mut self.out.waiting);
        let (passing, staying): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|new| new.user == *user);
        self.out.waiting = staying;
        self.out.waited_in_passing.extend(passing);
    }

    /// From the lobby into the room. Whoever has left it again with the same commit was never in it.
    fn admitted(&mut self, user: &UserId, later: &[Event]) {
        match self.room.participant(user).cloned() {
            Some(participant) => {
                self.attached(&participant);
                self.joined(&participant, later);
            }
            None => drop(self.unseen.insert(user.clone())),
        }
    }

    /// Tells who waits where they are, and who decides who waits.
    pub(super) fn tell_queue(&mut self, moderators_before: &[UserId]) {
        if self.room.lobby().is_empty() && !self.queue_changed {
            return;
        }
        let present = self.room.has_moderator();
        for (at, waiting) in (1..).zip(self.room.lobby().iter()) {
            if self.view.show_place(&waiting.user, at, present) {
                let payload = format!("{{{}}}", queue::position(at, present));
                let audience = Audience::Waiting(waiting.user.clone());
                self.line(audience, server::LOBBY_WAITING, payload);
            }
        }
        let newly = |user: &UserId| {
            let came = self.out.attached.iter().any(|new| new.user == *user);
            came || moderators_before.binary_search(user).is_err()
        };
        let told: Vec<UserId> = self
            .room
            .participants()
            .map(|participant| &participant.user)
            .filter(|user| self.room.rank_of(user).is_moderator())
            .filter(|user| self.queue_changed || newly(user))
            .cloned()
            .collect();
        if told.is_empty() {
            return;
        }
        let message = Arc::new(lobby(self.room));
        for user in told {
            self.line_of(Audience::User(user), message.clone());
        }
    }
}
