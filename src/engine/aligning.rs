//! SQL is the truth about who owns a room, who holds which role, and whether it has ended. Where the
//! store came back older than that, or never heard of an end, the room is brought in line.

use std::time::Duration;

use super::actor::Loaded;
use super::authority;
use super::committing::{Authority, Fate};
use super::registry::{Message, Request};
use super::reply::ReplyTo;
use crate::domain::grant::Grants;
use crate::domain::room::{Actor, By, Command, EndCause};

/// By then every node that lives has noticed that the store had lost the room: it compares positions
/// more often than that.
const OPENERS_AFTER: Duration = Duration::from_secs(40);

/// The end that SQL knows of.
const END: Command = Command::End {
    cause: EndCause::Command,
};

impl Loaded {
    /// Makes owner, roles and end what SQL says they are. Tried again until SQL and the store answer.
    pub(super) async fn align(&mut self) {
        self.stale = !self.aligned().await;
        if self.stale {
            self.pause();
        }
    }

    async fn aligned(&mut self) -> bool {
        let (directory, key) = (self.parts.directory.clone(), self.key.clone());
        let (Ok(meeting), Ok(grants)) =
            (directory.meeting(&key).await, directory.grants(&key).await)
        else {
            return false;
        };
        let ended = match &meeting {
            Some(meeting) => meeting.ended_at.is_some(),
            None => match directory.is_closed(&key).await {
                Ok(closed) => closed,
                Err(_unknown) => return false,
            },
        };
        if ended {
            return self.room().is_ended() || self.decree(END).await != Fate::Refused;
        }
        if let Some(meeting) = meeting {
            let adopt = authority::adopting(&self.parts.policy, &meeting, By::system());
            if self.decree(adopt).await == Fate::Refused {
                return false;
            }
        }
        self.exchange(&grants).await
    }

    /// Of each role that SQL and the room know differently, the later word counts for both. `false`
    /// when the room could not be told.
    pub(super) async fn exchange(&mut self, known: &Grants) -> bool {
        let held = (*self.room().grants).clone();
        let (room, now) = (self.replica.room(), self.parts.clock.now());
        let unheard = self.of_others(held.newer_than(known));
        let told = unheard.iter().flat_map(|role| {
            let row = authority::recovered_row(room, now, role);
            [authority::grant_entry(role), row]
        });
        let told = told.collect();
        self.tell_sql(told);
        let known_of_others = self.of_others(known.iter());
        self.confirmed.merge_all(&known_of_others);
        if known.newer_than(&held).next().is_none() {
            return true;
        }
        tracing::warn!(room.id = %self.key, "the store held older roles: they are SQL's now");
        self.restore(known).await != Fate::Refused
    }

    /// The room was put into the store from what this node held: whoever is in it through a node that
    /// does not have the room open by then is connected nowhere.
    pub(super) fn count_openers_later(&mut self) {
        self.count_at = Some(self.parts.clock.now().plus(OPENERS_AFTER));
    }

    pub(super) async fn count_openers(&mut self) {
        let openers = self.parts.store.openers(&self.key).await;
        let Ok(mut known) = openers else {
            return self.pause();
        };
        self.count_at = None;
        known.insert(self.parts.ids.node());
        let known = known.into();
        if self.decree(Command::LoseStrangers { known }).await == Fate::Refused {
            self.count_openers_later();
        }
    }

    pub(super) async fn decree(&mut self, command: Command) -> Fate {
        let request = Request::by_us(Actor::System, command);
        let reply = ReplyTo::Nobody;
        let message = Message { request, reply };
        self.commit(vec![message], Authority::Recorded).await
    }
}
