//! What SQL has to know: before anybody sees it, or before it is acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt;

use super::actor::Loaded;
use super::authority;
use super::committing::{Authority, DATABASE_DOWN, Fate, Freshness, STORE_DOWN, answer};
use super::directory::{DirectoryError, LedgerEntry};
use super::followed::Concerned;
use super::providers::Reasons;
use super::registry::{Message, Request};
use super::reply::{Outcome, ReplyTo};
use super::ticketing::Told;
use crate::domain::grant::{Grants, Held};
use crate::domain::id::{Revision, UserId};
use crate::domain::role::Mark;
use crate::domain::room::{By, Command, Commit, decide};

/// Commands whose effect everybody sees already, but which are acknowledged only when it is durable.
#[derive(Debug)]
pub(super) struct Pending {
    /// What SQL was told of; `None` when there was nothing, but earlier commits are still under way.
    commit: Option<Arc<Commit>>,
    rev: Revision,
    replies: Vec<(ReplyTo, Outcome)>,
    /// Whom it concerns at the media provider.
    concerned: Concerned,
}

impl Loaded {
    pub(super) async fn commit_durably(&mut self, message: Message, entry: LedgerEntry) {
        let Request::Change { actor, command, .. } = &message.request else {
            return;
        };
        let claims = matches!(entry, LedgerEntry::Claim { .. });
        // What was decided before has to reach SQL before.
        while let Some((pending, result)) = self.recording.next().await {
            self.recorded(pending, result).await;
        }
        // What SQL is told, the room has to hear, too.
        if matches!(self.refreshed().await, Freshness::Unknown) {
            return self.answer_one(message.reply, Err(STORE_DOWN));
        }
        let now = self.parts.clock.now();
        let ends = matches!(command, Command::End { .. });
        let allowed = decide(self.room(), actor, command, now);
        if allowed.as_ref().is_ok_and(|events| !events.is_empty()) {
            let mut entries = vec![entry];
            if ends {
                let whole_room = BTreeMap::from([(None, Reasons::STANDING)]);
                entries.extend(self.to_follow(whole_room, now));
            }
            if let Err(error) = self.parts.directory.record(&self.key, entries).await {
                tracing::warn!(room.id = %self.key, %error, "a change could not be made durable");
                return self.answer_one(message.reply, Err(DATABASE_DOWN));
            }
            if claims {
                self.adopt_record().await;
            }
        }
        let fate = self.commit(vec![message], Authority::Recorded).await;
        // The end stands in SQL: the room hears of it as soon as the store answers.
        self.stale |= ends && fate == Fate::Refused;
    }

    /// Somebody else may have created the meeting meanwhile: what SQL holds counts.
    pub(super) async fn adopt_record(&mut self) {
        let Ok(Some(meeting)) = self.parts.directory.meeting(&self.key).await else {
            return;
        };
        let command = authority::adopting(&self.parts.policy, &meeting, By::system());
        self.decree(command).await;
    }

    /// Tells SQL of a commit, and of whom it concerns at the media provider. `replies` wait for its answer,
    /// and for those to all earlier commits.
    pub(super) fn record(
        &mut self,
        commit: Option<Arc<Commit>>,
        concerned: Concerned,
        replies: Vec<(ReplyTo, Outcome)>,
    ) {
        let mut entries = commit
            .as_deref()
            .map(authority::entries)
            .unwrap_or_default();
        if let Some(commit) = &commit {
            entries.extend(self.to_follow(concerned.clone(), commit.at));
        }
        if !entries.is_empty() || !replies.is_empty() {
            self.write(commit, (entries, concerned), replies);
        }
    }

    pub(super) fn write(
        &mut self,
        commit: Option<Arc<Commit>>,
        (entries, concerned): (Vec<LedgerEntry>, Concerned),
        replies: Vec<(ReplyTo, Outcome)>,
    ) {
        let (directory, key) = (self.parts.directory.clone(), self.key.clone());
        let rev = self.room().rev;
        self.unconfirmed.extend(commit.clone());
        self.recording.push_back(Box::pin(async move {
            let result = directory.record(&key, entries).await;
            (
                Pending {
                    commit,
                    rev,
                    replies,
                    concerned,
                },
                result,
            )
        }));
    }

    /// SQL has answered: so can we.
    pub(super) async fn recorded(&mut self, pending: Pending, result: Result<(), DirectoryError>) {
        let Pending {
            commit,
            rev,
            replies,
            concerned,
        } = pending;
        let events = commit.as_deref().map_or(&[][..], |commit| &commit.events);
        if commit.is_some() {
            self.unconfirmed.pop_front();
        }
        match &result {
            Ok(()) => authority::fold(&mut self.confirmed, events),
            Err(error) => {
                tracing::warn!(room.id = %self.key, %error, "roles could not be made durable");
                let lost = authority::changed_marks(events)
                    .map(|(user, role, held)| ((user.clone(), role), held.stamp));
                self.to_undo.extend(lost);
                if commit.is_none() {
                    self.reconcile_later();
                }
            }
        }
        let durable = result.is_ok();
        if let Some(commit) = &commit
            && durable
        {
            self.make_good(commit).await;
        }
        let mut told = Told::default();
        if let Some(commit) = commit.as_deref().filter(|_| durable) {
            self.tickets_once_durable(commit, &mut told);
        }
        for (reply, outcome) in replies {
            let outcome = if durable {
                Ok(outcome)
            } else {
                Err(DATABASE_DOWN)
            };
            answer(reply, self.room(), rev, outcome, &mut told.answers);
        }
        self.tell(told);
        // The answer first: what the provider makes of it follows.
        if durable {
            self.follow_up(concerned).await;
        } else {
            self.follow_later(concerned);
        }
        self.undo(false).await;
    }

    /// While SQL was being told of a commit, the store may have lost it, and the room gone on without it.
    /// What was acknowledged is then done once more.
    async fn make_good(&mut self, commit: &Commit) {
        let mut made = Grants::default();
        authority::fold(&mut made, &commit.events);
        if self.restore(&made).await == Fate::Refused {
            self.reconcile_later();
        }
    }

    /// Brings roles into the room that it does not know, or knew before.
    pub(super) async fn restore(&mut self, known: &Grants) -> Fate {
        if known.newer_than(&self.room().grants).next().is_none() {
            return Fate::Unchanged;
        }
        let command = authority::restoring(known.newer_than(&self.room().grants));
        self.decree(command).await
    }

    /// Takes back what could not be made durable, once nothing is under way that it might undo too.
    /// Tried again until the store takes it, and SQL: a write without an answer may have been kept.
    pub(super) async fn undo(&mut self, again: bool) {
        if self.to_undo.is_empty() || !self.recording.is_empty() {
            return;
        }
        let room = self.replica.room();
        let (held, confirmed) = (&room.grants, &self.confirmed);
        // What somebody has changed since is not ours to undo.
        self.to_undo
            .retain(|(user, role), failed| held.of(user).held(*role).stamp <= *failed);
        let seen = self
            .to_undo
            .iter()
            .all(|((user, role), _)| held.of(user).since(*role) == confirmed.of(user).since(*role));
        // Everybody has seen it; SQL alone has not, and is not asked without a pause.
        if seen && !(again && self.parts.directory.is_writable()) {
            return self.pause();
        }
        let before = self.before_failures();
        match self.restore(&before).await {
            // Unchanged: another node was faster, and there is nothing left to undo.
            Fate::Committed | Fate::Unchanged => self.to_undo.clear(),
            Fate::Refused => self.pause(),
        }
    }

    /// What SQL held before the writes that failed, as the change that comes next after each.
    ///
    /// Of other nodes' changes it is believed that they are durable as soon as they are heard of. SQL is
    /// not asked: it may be about to acknowledge what it does not hold yet.
    fn before_failures(&self) -> Grants {
        let undone = self.to_undo.iter().map(|((user, role), failed)| {
            let since = self.confirmed.of(user).since(*role);
            let stamp = failed.undoing();
            (user.clone(), *role, Held { since, stamp })
        });
        undone.collect()
    }

    /// What SQL holds, as far as a snapshot tells. Whatever is new in it may be a commit of this node that
    /// it never heard of, so SQL is told again.
    pub(super) fn confirm_snapshot(&mut self, grants: &Grants) {
        let news = self.of_others(grants.newer_than(&self.confirmed));
        self.tell_sql(news.iter().map(authority::grant_entry).collect());
        self.confirmed.merge_all(&news);
    }

    /// These roles, but for what this node is still writing and what it has to undo.
    pub(super) fn of_others<'a>(
        &self,
        roles: impl Iterator<Item = (&'a UserId, Mark, Held)>,
    ) -> Grants {
        let mut own = self.to_undo.clone();
        for commit in &self.unconfirmed {
            let roles = authority::changed_marks(&commit.events);
            own.extend(roles.map(|(user, role, held)| ((user.clone(), role), held.stamp)));
        }
        roles
            .map(|(user, role, held)| (user.clone(), role, held))
            .filter(|(user, role, held)| own.get(&(user.clone(), *role)) != Some(&held.stamp))
            .collect()
    }

    /// Tells SQL of roles that it may not have heard of.
    pub(super) fn tell_sql(&mut self, entries: Vec<LedgerEntry>) {
        if !entries.is_empty() {
            self.write(None, (entries, Concerned::new()), Vec::new());
        }
    }
}
