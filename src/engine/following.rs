//! Commits of other nodes, and what was missed of them.

use std::sync::Arc;

use super::actor::Loaded;
use super::authority;
use super::store::Missed;
use crate::domain::room::{Commit, Gap, Room};

impl Loaded {
    /// Another node's commit.
    pub(super) async fn follow(&mut self, commit: &Arc<Commit>) {
        match self.replica.apply(commit) {
            Ok(true) => self.adopted(commit),
            Ok(false) => {}
            Err(gap) => self.resynchronise(gap).await,
        }
    }

    fn adopted(&mut self, commit: &Arc<Commit>) {
        self.sink
            .publish(self.replica.room(), Some(commit), Vec::new());
        self.note_emptiness();
        if commit.id.node == self.parts.ids.node() {
            // Ours after all: the store had taken it, but we never heard so. SQL has not.
            self.record(Some(commit.clone()), &[], Vec::new());
        } else {
            authority::fold(&mut self.confirmed, &commit.events);
        }
    }

    /// Takes over what the store holds, if that is more than the replica.
    pub(super) async fn compare(&mut self, stored: Room) {
        if stored.epoch == self.room().epoch && stored.head == self.room().head {
            return;
        }
        let (held, found) = (self.room().rev, stored.rev);
        self.resynchronise(Gap::Missing { held, found }).await;
    }

    pub(super) async fn resynchronise(&mut self, gap: Gap) {
        tracing::info!(room.id = %self.key, %gap, "the replica has a gap");
        self.look_again().await;
    }

    /// Reads what the store holds beyond the replica.
    pub(super) async fn look_again(&mut self) {
        match self.parts.store.since(self.room(), self.room().rev).await {
            Ok(missed) => {
                self.in_doubt = false;
                if let Some(missed) = missed {
                    self.catch_up(missed);
                }
            }
            Err(error) => {
                tracing::warn!(room.id = %self.key, %error, "cannot read what was missed");
                self.in_doubt = true;
                self.pause();
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
                self.confirm_snapshot(&room.grants);
                self.replica.advance(*room);
                self.sink.resync(self.replica.room());
                self.note_emptiness();
            }
        }
    }
}
