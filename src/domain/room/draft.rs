//! A draft: what several commands decide together, before the store has accepted it.

use super::command::{Actor, Command};
use super::decide;
use super::event::{Commit, Event};
use super::state::Room;
use crate::domain::id::{CommitId, RequestId};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// A working copy of a room and the events that led from the original to it.
#[derive(Debug, Clone)]
pub struct Draft {
    room: Room,
    events: Vec<Event>,
}

impl Draft {
    /// A draft without changes.
    #[must_use]
    pub fn of(room: &Room) -> Self {
        Self {
            room: room.clone(),
            events: Vec::new(),
        }
    }

    /// The room as the commands so far have left it.
    #[must_use]
    pub const fn room(&self) -> &Room {
        &self.room
    }

    /// What has been decided so far.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Decides one more command on the state that the earlier ones left.
    ///
    /// # Errors
    /// The refusal; the draft is then as it was before.
    pub fn execute(
        &mut self,
        actor: &Actor,
        command: &Command,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        decide::into_draft(self, actor, command, now)
    }

    /// Says of the events from the `first` on by which request they were caused.
    pub fn attribute(&mut self, first: usize, request: &RequestId) {
        for event in self.events.iter_mut().skip(first) {
            if let Some(by) = event.by_mut() {
                by.request = Some(request.clone());
            }
        }
    }

    /// Notes an event and applies it.
    pub(super) fn record(&mut self, event: Event) {
        self.room.apply(&event);
        self.events.push(event);
    }

    /// The commit of everything decided, with the room as it is after it; `None` when nothing was.
    #[must_use]
    pub fn into_commit(mut self, id: CommitId, at: Timestamp) -> Option<(Commit, Room)> {
        if self.events.is_empty() {
            return None;
        }
        let commit = Commit {
            id,
            parent: self.room.head,
            epoch: self.room.epoch,
            rev: self.room.rev.saturating_add(1),
            at,
            events: self.events,
        };
        self.room.rev = commit.rev;
        self.room.head = Some(id);
        Some((commit, self.room))
    }
}
