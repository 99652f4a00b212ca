//! SQL is the truth about who owns a room, who holds which role, and whether it has ended. Where the
//! store came back older than that, or never heard of an end, the room is brought in line.

use std::time::Duration;

use super::actor::Loaded;
use super::committing::{Authority, Fate};
use super::registry::{Message, Request};
use super::reply::ReplyTo;
use crate::domain::grant::Grants;
use crate::domain::role::Role;
use crate::domain::room::{Actor, Command, GrantChange};

/// By then every node that lives has noticed that the store had lost the room: it compares positions
/// more often than that.
const OPENERS_AFTER: Duration = Duration::from_secs(40);

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
            return self.room().is_ended() || self.decree(Command::End).await != Fate::Refused;
        }
        if let Some(meeting) = meeting {
            let adopt = Command::AdoptMeeting {
                creator: meeting.created_by.clone(),
                policy: Box::new(self.parts.policy.for_meeting(&meeting.settings)),
            };
            if self.decree(adopt).await == Fate::Refused {
                return false;
            }
        }
        let changes = self.differing(&grants);
        if changes.is_empty() {
            return true;
        }
        tracing::warn!(room.id = %self.key, "the store held an older room: its roles are SQL's now");
        let restore = Command::RestoreGrants {
            changes,
            epoch: self.room().epoch,
            rev: self.room().rev,
        };
        self.decree(restore).await == Fate::Committed
    }

    /// Roles that the room and SQL disagree about, but for those that are being written just now.
    fn differing(&self, known: &Grants) -> Vec<GrantChange> {
        let held = &self.room().grants;
        let users = known.iter().chain(held.iter()).map(|(user, _)| user);
        let mut changes: Vec<GrantChange> = users
            .flat_map(|user| [Role::Host, Role::CoHost].map(|role| (user, role)))
            .filter(|(user, role)| {
                let (ours, theirs) = (held.of(user).since(*role), known.of(user).since(*role));
                ours.is_some() != theirs.is_some() && !self.is_being_recorded(user, *role)
            })
            .map(|(user, role)| GrantChange {
                user: user.clone(),
                role,
                since: known.of(user).since(role),
            })
            .collect();
        changes
            .sort_unstable_by(|one, other| (&one.user, one.role).cmp(&(&other.user, other.role)));
        changes.dedup();
        changes
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

    async fn decree(&mut self, command: Command) -> Fate {
        let request = Request::Change {
            actor: Actor::System,
            command,
        };
        let reply = ReplyTo::Nobody;
        let message = Message { request, reply };
        self.commit(vec![message], Authority::Recorded).await
    }
}
