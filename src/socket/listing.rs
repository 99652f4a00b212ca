//! Whole lists for members who are spoken to in the list dialect: after changes, but not after each.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::fanout::{Fanout, deliver};
use super::parcel::{Parcel, Piece};
use crate::domain::id::ConnectionId;
use crate::domain::room::Room;
use crate::domain::time::Timestamp;
use crate::protocol::dialect::Dialect;
use crate::protocol::list;
use crate::protocol::render::View;

/// However large a room is, no list comes later than this.
const LATEST: Duration = Duration::from_secs(1);

/// How often whole lists are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListLimits {
    /// Changes of so long share one.
    pub interval: Duration,
    /// Bytes of all lists of one room on this node, in a second. Lists come more seldom in rooms that
    /// would need more, but within a second all the same.
    pub bytes_per_second: u64,
}

impl ListLimits {
    /// Until the next list may follow one that was so many bytes in all.
    fn pause(&self, bytes: u64) -> Duration {
        let millis = bytes.saturating_mul(1_000);
        let millis = millis.checked_div(self.bytes_per_second).unwrap_or(0);
        Duration::from_millis(millis).clamp(self.interval, LATEST.max(self.interval))
    }
}

/// When members are sent the list again.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Then; `None` when they have been.
    due: Option<Timestamp>,
    /// Not before then.
    not_before: Timestamp,
    /// Who still had something to read when all were sent it: they get the next one instead of two.
    late: HashSet<ConnectionId>,
    /// Whether `late` alone is meant.
    only_late: bool,
}

impl Fanout {
    /// The list is not what members were sent.
    pub(super) fn list_later(&mut self) {
        if !self.hub.is_listed() || !self.members.any_listed() {
            return;
        }
        self.listing.only_late = false;
        if self.listing.due.is_none() {
            let soon = Timestamp(self.hub.now()).plus(self.hub.limits.lists.interval);
            self.listing.due = Some(soon.max(self.listing.not_before));
        }
    }

    /// When [`Self::send_lists`] is to be called.
    pub(super) const fn lists_due(&self) -> Option<Timestamp> {
        self.listing.due
    }

    /// Sends the list to those who do not get changes.
    pub(super) fn send_lists(&mut self, room: &Room) {
        self.listing.due = None;
        let only = std::mem::take(&mut self.listing.late);
        let only = std::mem::take(&mut self.listing.only_late).then_some(only);
        let view = self.view.get_or_insert_with(|| View::of(room));
        let list = Arc::new(list::listed(view.list(room)));
        let bytes = list.payload.len();
        let list = Parcel::new(vec![Piece::Event(list)]);
        let (mut sent, mut late) = (0_u64, HashSet::new());
        for (id, connection) in self.members.iter() {
            let theirs = connection.dialect() == Dialect::List
                && only.as_ref().is_none_or(|only| only.contains(&id));
            if !theirs {
                continue;
            }
            if connection.is_backed_up() {
                late.insert(id);
                continue;
            }
            deliver(&self.hub, connection, &[&list], None);
            sent = sent.saturating_add(1);
        }
        let limits = &self.hub.limits.lists;
        let pause = limits.pause(
            u64::try_from(bytes)
                .unwrap_or(u64::MAX)
                .saturating_mul(sent),
        );
        let now = Timestamp(self.hub.now());
        self.listing.not_before = now.plus(pause);
        if !late.is_empty() {
            self.listing.due = Some(now.plus(pause));
            self.listing.only_late = true;
        }
        self.listing.late = late;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_rooms_get_lists_more_seldom_but_get_them() {
        let limits = ListLimits {
            interval: Duration::from_millis(40),
            bytes_per_second: 1_000_000,
        };
        assert_eq!(limits.pause(0), Duration::from_millis(40));
        assert_eq!(limits.pause(100_000), Duration::from_millis(100));
        assert_eq!(limits.pause(u64::MAX), LATEST);
        let unbounded = ListLimits {
            bytes_per_second: 0,
            ..limits
        };
        assert_eq!(unbounded.pause(u64::MAX), Duration::from_millis(40));
    }
}
