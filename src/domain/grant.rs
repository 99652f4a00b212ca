//! Durable authority: which roles a user holds in a meeting, present or not.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::UserId;
use super::role::{Role, Roles};
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

/// One role of one user: granted since then, or revoked, or never touched (the default).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Held {
    /// Held since then, or not at all.
    pub since: Option<Timestamp>,
    /// Which change made it so.
    pub stamp: Stamp,
}

impl Held {
    /// Whether this is the later word about the role.
    #[must_use]
    pub fn is_newer_than(self, other: Self) -> bool {
        (self.stamp, self.since.is_some()) > (other.stamp, other.since.is_some())
    }
}

/// The roles of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grant {
    host: Held,
    co_host: Held,
}

impl Grant {
    /// When this role was granted, if it is held.
    #[must_use]
    pub const fn since(&self, role: Role) -> Option<Timestamp> {
        self.held(role).since
    }

    /// What is known of this role.
    #[must_use]
    pub const fn held(&self, role: Role) -> Held {
        match role {
            Role::Host => self.host,
            Role::CoHost => self.co_host,
        }
    }
}

/// All grants of a meeting, by user id, and the memory of those that were revoked.
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

    /// The stamp of the last change.
    #[must_use]
    pub fn newest(&self) -> Stamp {
        let stamps = self.0.values().map(|g| g.host.stamp.max(g.co_host.stamp));
        stamps.max().unwrap_or_default()
    }

    /// Takes over a role, unless what is held is newer.
    pub fn merge(&mut self, user: &UserId, role: Role, held: Held) {
        if !held.is_newer_than(self.of(user).held(role)) {
            return;
        }
        let grant = self.0.entry(user.clone()).or_default();
        match role {
            Role::Host => grant.host = held,
            Role::CoHost => grant.co_host = held,
        }
    }

    /// Takes over every role that is newer there.
    pub fn merge_all(&mut self, other: &Self) {
        for (user, role, held) in other.iter() {
            self.merge(user, role, held);
        }
    }

    /// Every role that was ever granted or revoked, by user id.
    pub fn iter(&self) -> impl Iterator<Item = (&UserId, Role, Held)> {
        self.0.iter().flat_map(|(user, grant)| {
            let roles = [Role::Host, Role::CoHost].map(|role| (user, role, grant.held(role)));
            let known = |(_, _, held): &(_, _, Held)| *held != Held::default();
            roles.into_iter().filter(known)
        })
    }

    /// The roles about which this is the later word.
    pub fn newer_than<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (&'a UserId, Role, Held)> {
        self.iter()
            .filter(|(user, role, held)| held.is_newer_than(other.of(user).held(*role)))
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

impl FromIterator<(UserId, Role, Held)> for Grants {
    fn from_iter<I: IntoIterator<Item = (UserId, Role, Held)>>(rows: I) -> Self {
        let mut grants = Self::default();
        for (user, role, held) in rows {
            grants.merge(&user, role, held);
        }
        grants
    }
}
