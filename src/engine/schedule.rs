//! Meetings that end by themselves: at their time, after their longest duration, or when nobody is there.

use super::actor::Loaded;
use super::directory::LedgerEntry;
use super::registry::{Message, Request};
use super::reply::ReplyTo;
use crate::domain::room::{Actor, Command, EndCause};
use crate::domain::time::Timestamp;

impl Loaded {
    /// When the room ends because nobody is in it; never while somebody waits to be let in.
    pub(super) fn ends_when_empty(&self) -> Option<Timestamp> {
        let room = self.room();
        let timeout = room.policy.schedule.empty_timeout?;
        let counts = room.is_deserted() && !room.is_ended() && room.started_at.is_some();
        let since = self.empty_since.filter(|_| counts)?;
        Some(since.plus(timeout))
    }

    /// Until when the room must not be forgotten although nobody is in it: guesses would be free again, or
    /// the meeting's time would begin anew.
    pub(super) fn kept_until(&self) -> Option<Timestamp> {
        let room = self.room();
        let limits = &room.policy.attempts;
        let guesses = room.failures.until(limits);
        let lasts = room.started_at.zip(room.policy.schedule.max_duration);
        let lasts = lasts.filter(|_| room.creator.is_some() && !room.is_ended());
        let lasts = lasts.map(|(start, most)| start.plus(most));
        guesses.into_iter().chain(lasts).max()
    }

    /// When the room ends by itself, and by which rule.
    pub(super) fn end_due(&self) -> Option<(Timestamp, EndCause)> {
        let room = self.room();
        let scheduled = room.ends_at().filter(|_| !room.is_ended());
        let empty = self.ends_when_empty().map(|at| (at, EndCause::Empty));
        scheduled.into_iter().chain(empty).min_by_key(|(at, _)| *at)
    }

    /// Ends the room if its time has come. What SQL or the store do not take is tried again.
    pub(super) async fn end_if_due(&mut self) {
        let now = self.parts.clock.now();
        let Some((_, cause)) = self.end_due().filter(|(at, _)| *at <= now) else {
            return;
        };
        let command = Command::End { cause };
        let request = Request::by_us(Actor::System, command);
        let reply = ReplyTo::Nobody;
        let entry = LedgerEntry::End { at: now };
        self.commit_durably(Message { request, reply }, entry).await;
        if !self.room().is_ended() {
            self.pause();
        }
    }
}
