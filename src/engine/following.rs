//! Commits of other nodes, and what was missed of them.

use std::sync::Arc;

use super::actor::{Confirmed, Loaded};
use super::authority;
use super::store::Missed;
use crate::domain::room::{Commit, Gap};

impl Loaded {
    /// Another node's commit.
    pub(super) async fn follow(&mut self, commit: &Arc<Commit>) {
        match self.replica.apply(commit) {
            Ok(true) => self.adopted(commit),
            Ok(false) => {}
            Err(gap) => self.resynchronise(gap).await,
        }
    }

    pub(super) fn adopted(&mut self, commit: &Commit) {
        authority::fold(&mut self.confirmed.grants, &commit.events);
        self.confirm_creator(commit);
        self.sink
            .publish(self.replica.room(), Some(commit), Vec::new());
        self.note_emptiness();
    }

    pub(super) async fn resynchronise(&mut self, gap: Gap) {
        tracing::info!(room.id = %self.key, %gap, "the replica has a gap");
        match self.parts.store.since(self.room(), self.room().rev).await {
            Ok(Some(missed)) => self.catch_up(missed),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(room.id = %self.key, %error, "cannot read what was missed");
            }
        }
    }

    pub(super) fn catch_up(&mut self, missed: Missed) {
        match missed {
            Missed::Commits(commits) => {
                for commit in commits {
                    if self.replica.apply(&commit) == Ok(true) {
                        self.adopted(&commit);
                    }
                }
            }
            Missed::Snapshot(room) => {
                self.confirmed = Confirmed::of(&room);
                self.replica.advance(*room);
                self.sink.resync(self.replica.room());
                self.note_emptiness();
            }
        }
    }
}
