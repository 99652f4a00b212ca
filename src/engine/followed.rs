//! The room's part in what media providers have to follow: whom a commit concerns there, in the same
//! transaction as the commit itself.

use std::collections::BTreeMap;
use std::time::Duration;

use super::actor::Loaded;
use super::authority;
use super::directory::LedgerEntry;
use super::providers::Reasons;
use super::ticketing::{Coming, changes_standing};
use crate::domain::id::UserId;
use crate::domain::role::Role;
use crate::domain::room::{Command, Commit, Room};
use crate::domain::ticket::{SyncState, role_of};
use crate::domain::time::Timestamp;

/// Before SQL is told again of what it did not take.
const AGAIN: Duration = Duration::from_secs(1);

/// Whom something concerns at the provider (`None`: the whole room), and why.
pub(super) type Concerned = BTreeMap<Option<UserId>, Reasons>;

impl Loaded {
    /// Whether there is a provider that follows changes.
    pub(super) fn is_followed(&self) -> bool {
        self.room().policy.provider.is_controlled() && self.hands_out()
    }

    /// Whom a commit of this node concerns: those whom it names, and those whose role is another one because
    /// of it. `before` is the room as it was.
    pub(super) fn concerned(&self, commit: &Commit, before: Option<&Room>) -> Concerned {
        let mut concerned = authority::concerned(commit);
        let before = before.filter(|_| commit.events.iter().any(changes_standing));
        let Some(before) = before else {
            return concerned;
        };
        let room = self.room();
        for person in room.participants() {
            let user = &person.user;
            let was = role_of(before.rank_of(user));
            let is = role_of(room.rank_of(user));
            if was != is {
                let demoted = was == Some(Role::Host);
                let why = if demoted {
                    Reasons::DEMOTED
                } else {
                    Reasons::STANDING
                };
                *concerned.entry(Some(user.clone())).or_default() |= why;
            }
        }
        concerned
    }

    /// What the media provider has to follow of this, for SQL.
    pub(super) fn to_follow(&self, concerned: Concerned, at: Timestamp) -> Vec<LedgerEntry> {
        let provider = self.room().policy.provider;
        if concerned.is_empty() || !self.is_followed() {
            return Vec::new();
        }
        let entries = concerned
            .into_iter()
            .map(|(user, reasons)| LedgerEntry::Sync {
                user,
                provider,
                reasons,
                at,
            });
        entries.collect()
    }

    /// SQL did not take this: it is told again, until it does.
    pub(super) fn follow_later(&mut self, concerned: Concerned) {
        if concerned.is_empty() || !self.is_followed() {
            return;
        }
        let clock = self.parts.clock.clone();
        self.ticketing.expect(Box::pin(async move {
            clock.sleep_until(clock.now().plus(AGAIN)).await;
            Coming::Unfollowed(concerned)
        }));
    }

    /// SQL has heard of a commit: so should the provider.
    pub(super) async fn follow_up(&mut self, concerned: Concerned) {
        if concerned.is_empty() || !self.hands_out() {
            return;
        }
        let provider = self.room().policy.provider;
        if provider.is_controlled() {
            return self.parts.to_sync.notify_one();
        }
        let state = SyncState::Unsupported;
        for user in concerned.into_keys().flatten() {
            let report = Command::ReportSync {
                user,
                provider,
                state,
            };
            self.decree(report).await;
        }
    }
}
