//! Roles that can be granted, and the ranks that follow from them.

use serde::{Deserialize, Serialize};

/// What a host can grant to another participant. The two are independent flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the meeting: roles, lock, lobby, end.
    Host,
    /// Helps to run it: admits, mutes, removes people of lower rank.
    CoHost,
}

impl Role {
    /// The stable word for this role in SQL, logs and the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::CoHost => "co-host",
        }
    }
}

/// What is remembered of a user in a meeting for good, present or not: a role, or that they are banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// [`Role::Host`].
    Host,
    /// [`Role::CoHost`].
    CoHost,
    /// May not enter until the ban is lifted.
    Banned,
}

impl Mark {
    /// Every mark.
    pub const ALL: [Self; 3] = [Self::Host, Self::CoHost, Self::Banned];

    /// The stable word for this mark in SQL and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => Role::Host.as_str(),
            Self::CoHost => Role::CoHost.as_str(),
            Self::Banned => "banned",
        }
    }

    /// The role, where it is one.
    #[must_use]
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Host => Some(Role::Host),
            Self::CoHost => Some(Role::CoHost),
            Self::Banned => None,
        }
    }
}

impl From<Role> for Mark {
    fn from(role: Role) -> Self {
        match role {
            Role::Host => Self::Host,
            Role::CoHost => Self::CoHost,
        }
    }
}

/// Both role flags of one participant at one revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles {
    /// Creator, granted host or acting host.
    pub host: bool,
    /// Granted co-host.
    pub co_host: bool,
}

/// How much one participant may do to another; ordered from low to high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Neither host nor co-host.
    Participant,
    /// Co-host only.
    CoHost,
    /// Host, granted or acting.
    Host,
    /// Created the meeting; always a host, whatever anybody does.
    Creator,
}

impl Rank {
    /// Every rank, lowest first.
    pub const ALL: [Self; 4] = [Self::Participant, Self::CoHost, Self::Host, Self::Creator];

    /// Hosts and co-hosts are moderators.
    #[must_use]
    pub fn is_moderator(self) -> bool {
        self >= Self::CoHost
    }
}
