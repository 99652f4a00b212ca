//! Durable authority: which roles a user holds in a meeting, present or not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::id::UserId;
use super::role::{Role, Roles};
use super::time::Timestamp;

/// The roles one user was granted, each with the moment it was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grant {
    /// Host since then.
    pub host: Option<Timestamp>,
    /// Co-host since then.
    pub co_host: Option<Timestamp>,
}

impl Grant {
    /// When this role was granted, if it is held.
    #[must_use]
    pub const fn since(&self, role: Role) -> Option<Timestamp> {
        match role {
            Role::Host => self.host,
            Role::CoHost => self.co_host,
        }
    }

    fn set(&mut self, role: Role, since: Option<Timestamp>) {
        match role {
            Role::Host => self.host = since,
            Role::CoHost => self.co_host = since,
        }
    }
}

/// All grants of a meeting, by user id. A user without a role has no entry.
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
            host: grant.host.is_some(),
            co_host: grant.co_host.is_some(),
        }
    }

    /// Grants (`Some`) or revokes (`None`) one role.
    pub fn set(&mut self, user: &UserId, role: Role, since: Option<Timestamp>) {
        let grant = self.0.entry(user.clone()).or_default();
        grant.set(role, since);
        if *grant == Grant::default() {
            self.0.remove(user);
        }
    }

    /// Everybody who holds a role, by user id.
    pub fn iter(&self) -> impl Iterator<Item = (&UserId, &Grant)> {
        self.0.iter()
    }
}

impl FromIterator<(UserId, Grant)> for Grants {
    fn from_iter<I: IntoIterator<Item = (UserId, Grant)>>(rows: I) -> Self {
        Self(rows.into_iter().collect())
    }
}

impl FromIterator<(UserId, Role, Timestamp)> for Grants {
    fn from_iter<I: IntoIterator<Item = (UserId, Role, Timestamp)>>(rows: I) -> Self {
        let mut grants = Self::default();
        for (user, role, since) in rows {
            grants.set(&user, role, Some(since));
        }
        grants
    }
}
