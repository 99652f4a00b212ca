//! Commits of other nodes, and what was missed of them.

use std::sync::Arc;
use std::time::Duration;

use super::actor::Loaded;
use super::authority;
use super::registry::Message;
use super::store::Missed;
use super::ticketing::Told;
use crate::domain::room::{Commit, Gap, Room};

/// Long enough for roles that are under way to SQL on any node to be there.
const RECONCILE_AFTER: Duration = Duration::from_secs(2);

impl Loaded {
    /// Another node's commit.
    pub(super) async fn follow(&mut self, commit: &Arc<Commit>) {
        match self.take_in(commit) {
            Ok(()) => self.bring_back().await,
            Err(gap) => self.resynchronise(gap).await,
        }
    }

    /// Folds a commit that this actor did not make and tells of it.
    pub(super) fn take_in(&mut self, commit: &Arc<Commit>) -> Result<(), Gap> {
        let before = self
            .takes_out_ours(&commit.events)
            .then(|| self.room().clone());
        if self.replica.apply(commit)? {
            if let Some(before) = before {
                // Asked before anybody is told: who is told to have left is not connected any more.
                self.note_missing(&before);
            }
            self.adopted(commit);
        }
        Ok(())
    }

    /// Lets in again who was taken out although connected here, unless the store has just failed.
    pub(super) async fn bring_back(&mut self) {
        let now = self.parts.clock.now();
        if self.retry_at.is_some_and(|retry| retry > now) {
            return;
        }
        if self.to_reopen {
            self.reopen().await;
        } else if self.to_reassert || !self.returning.is_empty() {
            self.reassert().await;
        }
    }

    fn adopted(&mut self, commit: &Arc<Commit>) {
        let mut told = Told::default();
        let ours = commit.id.node == self.parts.ids.node();
        self.tickets_after(commit, &mut told);
        self.release(&mut told);
        let Told { answers, tickets } = told;
        self.sink
            .publish(self.replica.room(), Some(commit), answers, &tickets);
        self.note_emptiness();
        if ours {
            // Ours after all: the store had taken it, but we never heard so. SQL has not.
            let concerned = self.concerned(commit, None);
            self.record(Some(commit.clone()), concerned, Vec::new());
        } else {
            authority::fold(&mut self.confirmed, &commit.events);
        }
    }

    /// Takes over what the store holds, if that is another room than the replica.
    pub(super) async fn compare(&mut self, stored: Room) {
        if stored.epoch != self.room().epoch {
            self.start_from(stored);
        } else if stored.head != self.room().head {
            let (held, found) = (self.room().rev, stored.rev);
            self.resynchronise(Gap::Missing { held, found }).await;
        }
    }

    async fn resynchronise(&mut self, gap: Gap) {
        tracing::info!(room.id = %self.key, %gap, "the replica has a gap");
        self.look_again().await;
    }

    /// Reads what the store holds beyond the replica.
    pub(super) async fn look_again(&mut self) {
        match self.parts.store.since(self.room(), self.room().rev).await {
            Ok(Some(missed)) => {
                self.in_doubt = false;
                self.catch_up(missed);
                self.bring_back().await;
            }
            Ok(None) => self.reopen().await,
            Err(error) => {
                tracing::warn!(room.id = %self.key, %error, "cannot read what was missed");
                self.in_doubt = true;
                self.pause_graces();
            }
        }
    }

    pub(super) fn catch_up(&mut self, missed: Missed) {
        match missed {
            Missed::Commits(commits) => {
                self.begin_to_catch_up();
                for commit in commits {
                    if let Err(gap) = self.take_in(&commit) {
                        tracing::error!(room.id = %self.key, %gap, "the log has a hole");
                    }
                }
                self.have_caught_up();
            }
            // The store has lost the end of the log, which this replica still holds.
            Missed::Snapshot(room)
                if room.epoch == self.room().epoch && room.rev < self.room().rev =>
            {
                self.to_reopen = true;
            }
            Missed::Snapshot(room) => self.start_from(*room),
        }
    }

    /// Roles will be compared with SQL, once what is under way to it is there.
    pub(super) fn reconcile_later(&mut self) {
        let at = self.parts.clock.now().plus(RECONCILE_AFTER);
        self.reconcile_at.get_or_insert(at);
    }

    /// The replica starts again from what the store holds.
    fn start_from(&mut self, room: Room) {
        let before = self.room().clone();
        self.confirm_snapshot(&room.grants);
        self.replica.advance(room);
        self.note_missing(&before);
        self.to_reassert = true;
        self.reconcile_later();
        self.sink.resync(self.replica.room());
        self.tickets_again(None);
        self.told_since = self.room().rev;
        self.note_emptiness();
    }

    /// Somebody comes back who saw more of the room than this node did: the log may tell what they
    /// missed.
    pub(super) async fn recall(&mut self, messages: &[Message]) {
        let (epoch, floor) = (self.room().epoch, self.told_since);
        let seen = messages
            .iter()
            .filter_map(|message| message.reply.seen())
            .filter(|seen| seen.epoch == epoch && seen.rev < floor)
            .map(|seen| seen.rev)
            .min();
        let Some(seen) = seen else { return };
        // Asked once: what the log does not hold now, it will not hold later.
        self.told_since = 0;
        let missed = self.parts.store.since(self.room(), seen).await;
        if let Ok(Some(Missed::Commits(commits))) = missed {
            let (room, upto) = (self.replica.room(), self.replica.room().rev);
            let known: Vec<_> = commits.into_iter().filter(|it| it.rev <= upto).collect();
            self.sink.recall(room, &known);
        }
    }
}
