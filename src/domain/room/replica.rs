//! A replica: the fold of a room's commits, which notices when one is missing.

use super::event::Commit;
use super::state::Room;
use crate::domain::id::{CommitId, Epoch, Revision};

/// Why a commit does not follow on what the replica holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// The commit belongs to another life of the log.
    #[error("commit of epoch {found:?}, replica is in {held:?}")]
    Epoch {
        /// What the replica is in.
        held: Epoch,
        /// What the commit is of.
        found: Epoch,
    },
    /// Commits in between are missing.
    #[error("commit {found} after {held}")]
    Missing {
        /// The replica's revision.
        held: Revision,
        /// The commit's.
        found: Revision,
    },
    /// Right revision, other history.
    #[error("commit was decided on {found:?}, replica holds {held:?}")]
    Fork {
        /// The replica's head.
        held: Option<CommitId>,
        /// The commit's parent.
        found: Option<CommitId>,
    },
}

/// A room together with the rule by which it may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    room: Room,
}

impl Replica {
    /// A replica that starts from a snapshot.
    #[must_use]
    pub const fn new(room: Room) -> Self {
        Self { room }
    }

    /// The room at the replica's revision.
    #[must_use]
    pub const fn room(&self) -> &Room {
        &self.room
    }

    /// Folds the next commit; `false` when the replica has had it already.
    ///
    /// # Errors
    /// The commit does not follow; nothing was changed and the caller has to resynchronise.
    pub fn apply(&mut self, commit: &Commit) -> Result<bool, Gap> {
        if commit.epoch != self.room.epoch {
            return Err(Gap::Epoch {
                held: self.room.epoch,
                found: commit.epoch,
            });
        }
        if commit.rev <= self.room.rev {
            return Ok(false);
        }
        if commit.rev != self.room.rev.saturating_add(1) {
            return Err(Gap::Missing {
                held: self.room.rev,
                found: commit.rev,
            });
        }
        if commit.parent != self.room.head {
            return Err(Gap::Fork {
                held: self.room.head,
                found: commit.parent,
            });
        }
        for event in &commit.events {
            self.room.apply(event);
        }
        self.room.rev = commit.rev;
        self.room.head = Some(commit.id);
        Ok(true)
    }

    /// Takes over a room that the caller has already folded from exactly this commit.
    pub fn advance(&mut self, room: Room) {
        self.room = room;
    }
}
