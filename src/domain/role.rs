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
