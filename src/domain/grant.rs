//! Durable authority: which roles a user holds in a meeting, present or not, and who is banned from it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::UserId;
use super::role::{Mark, Role, Roles};
use super::time::Timestamp;

/// Orders all changes of a meeting's roles, over nodes, epochs and restarts.
///
/// A hybrid logical clock: microseconds since 1970, but always more than any stamp that the meeting
/// has seen. SQL, the store and every replica hear of a change by different ways and in any order;
/// each keeps the one with the highest stamp, and so all end with the same.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Stamp(pub u64);

impl Stamp {
    /// The stamp of a change that follows on this one. It leaves [`Self::undoing`] free.
    #[must_use]
    pub fn next(self, now: Timestamp) -> Self {
        Self(now.0.saturating_mul(1_000)).max(Self(self.0.saturating_add(2)))
    }

    /// The stamp by which this change is undone: less than that of any change that follows on it.
    #[must_use]
    pub const fn undoing(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// How long ago that was.
    #[must_use]
    pub const fn age(self, now: Timestamp) -> Duration {
        now.since(Timestamp(self.0 / 1_000))
    }
}

/// One mark of one user: held since then, or taken away, or never touched (the default).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Held {
    /// Held since then, or not at all.
    pub since: Option<Timestamp>,
    /// Which change made it so.
    pub stamp: Stamp,
}

impl Held {
    /// Whether this is the later word about the mark.
    #[must_use]
    pub fn is_newer_than(self, other: Self) -> bool {
        (self.stamp, self.since.is_some()) > (other.stamp, other.since.is_some())
    }
}

/// The marks of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grant {
    host: Held,
    co_host: Held,
    #[serde(default)]
    banned: Held,
}

impl Grant {
    /// Since when this mark is held, if it is.
    #[must_use]
    pub fn since(&self, mark: impl Into<Mark>) -> Option<Timestamp> {
        self.held(mark).since
    }

    /// What is known of this mark.
    #[must_use]
    pub fn held(&self, mark: impl Into<Mark>) -> Held {
        match mark.into() {
            Mark::Host => self.host,
            Mark::CoHost => self.co_host,
            Mark::Banned => self.banned,
        }
    }

    fn newest(&self) -> Stamp {
        let stamps = Mark::ALL.map(|mark| self.held(mark).stamp);
        stamps.into_iter().max().unwrap_or_default()
    }
}

/// All marks of a meeting, by user id, and the memory of those that were taken away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grants(BTreeMap<UserId, Grant>);

impl Grants {
    /// The grant of one user; empty when nothing was granted.
    #[must_use]
    pub fn of(&self, user: &UserId) -> Grant {
        self.0.get(user).copied().unwrap_or_default()
    }

    /// The role flags that follow from the grant alone (neither creator nor acting host).
    #[must_use]
    pub fn roles(&self, user: &UserId) -> Roles {
        let grant = self.of(user);
        Roles {
            host: grant.since(Role::Host).is_some(),
            co_host: grant.since(Role::CoHost).is_some(),
        }
    }

    /// Whether this user may not enter.
    #[must_use]
    pub fn is_banned(&self, user: &UserId) -> bool {
        self.of(user).since(Mark::Banned).is_some()
    }

    /// The stamp of the last change.
    #[must_use]
    pub fn newest(&self) -> Stamp {
        let stamps = self.0.values().map(Grant::newest);
        stamps.max().unwrap_or_default()
    }

    /// Takes over a mark, unless what is held is newer.
    pub fn merge(&mut self, user: &UserId, mark: impl Into<Mark>, held: Held) {
        let mark = mark.into();
        if !held.is_newer_than(self.of(user).held(mark)) {
            return;
        }
        let grant = self.0.entry(user.clone()).or_default();
        match mark {
            Mark::Host => grant.host = held,
            Mark::CoHost => grant.co_host = held,
            Mark::Banned => grant.banned = held,
        }
    }

    /// Takes over every mark that is newer there.
    pub fn merge_all(&mut self, other: &Self) {
        for (user, mark, held) in other.iter() {
            self.merge(user, mark, held);
        }
    }

    /// Every mark that was ever given or taken, by user id.
    pub fn iter(&self) -> impl Iterator<Item = (&UserId, Mark, Held)> {
        self.0.iter().flat_map(|(user, grant)| {
            let marks = Mark::ALL.map(|mark| (user, mark, grant.held(mark)));
            let known = |(_, _, held): &(_, _, Held)| *held != Held::default();
            marks.into_iter().filter(known)
        })
    }

    /// The marks about which this is the later word.
    pub fn newer_than<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (&'a UserId, Mark, Held)> {
        self.iter()
            .filter(|(user, mark, held)| held.is_newer_than(other.of(user).held(*mark)))
    }

    /// Everybody of whom something is known, by user id.
    pub fn by_user(&self) -> impl Iterator<Item = (&UserId, &Grant)> {
        self.0.iter()
    }
}

impl FromIterator<(UserId, Grant)> for Grants {
    fn from_iter<I: IntoIterator<Item = (UserId, Grant)>>(rows: I) -> Self {
        Self(rows.into_iter().collect())
    }
}

impl FromIterator<(UserId, Mark, Held)> for Grants {
    fn from_iter<I: IntoIterator<Item = (UserId, Mark, Held)>>(rows: I) -> Self {
        let mut grants = Self::default();
        for (user, mark, held) in rows {
            grants.merge(&user, mark, held);
        }
        grants
    }
}
