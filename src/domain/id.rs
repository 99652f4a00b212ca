//! Identifiers. Each is its own type, so that a user id can never stand where a room id belongs.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

/// Longest id that a client may send, in characters (all of them ASCII).
pub const MAX_ID_LENGTH: usize = 128;

/// Why a string is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The empty string names nothing.
    #[error("must not be empty")]
    Empty,
    /// More than [`MAX_ID_LENGTH`] characters.
    #[error("must not be longer than 128 characters")]
    TooLong,
    /// A character outside `[A-Za-z0-9_.:@-]`, and in a user id `|`.
    #[error("may hold only letters, digits and the characters _ . : @ -, and user ids |")]
    Character,
}

fn check(value: &str, more: &[u8]) -> Result<(), InvalidId> {
    if value.is_empty() {
        return Err(InvalidId::Empty);
    }
    if value.len() > MAX_ID_LENGTH {
        return Err(InvalidId::TooLong);
    }
    let allowed =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'@' | b'-');
    if value.bytes().all(|b| allowed(b) || more.contains(&b)) {
        Ok(())
    } else {
        Err(InvalidId::Character)
    }
}

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident, $more:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `value` against `[A-Za-z0-9_.:@-]{1,128}`; a user id may also hold `|`.
            ///
            /// # Errors
            /// Which part of that grammar the value breaks.
            pub fn new(value: &str) -> Result<Self, InvalidId> {
                check(value, $more)?;
                Ok(Self(value.into()))
            }

            /// The id as text: JSON-safe ASCII without quotes or backslashes.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::new(&value).map_err(serde::de::Error::custom)
            }
        }
    };
}

string_id! {
    /// A person, as the frontend's identity provider names them (Auth0 writes `auth0|…`). Stable over
    /// connections.
    UserId, b"|"
}
string_id! {
    /// A room and the meeting held in it, as the client names it. Unique within a tenant.
    RoomId, b""
}
string_id! {
    /// The customer whose rooms these are.
    TenantId, b""
}

string_id! {
    /// One request of a client: what its answer, the log and the audit call it.
    RequestId, b""
}

impl TenantId {
    /// The tenant of every request while no token claim names another.
    #[must_use]
    pub fn default_tenant() -> Self {
        Self("default".into())
    }
}

/// A room's full name: two tenants may use the same room id for different rooms.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoomKey {
    /// Whose room.
    pub tenant: TenantId,
    /// Which room.
    pub room: RoomId,
}

impl fmt::Display for RoomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.room)
    }
}

/// One socket of a user, never reused: naming it in a leave is what fences a late disconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    /// What clients call the socket: 16 hexadecimal digits.
    #[must_use]
    pub fn public(self) -> String {
        format!("{:016x}", self.0)
    }

    /// The socket that clients call this; `None` when none is called so.
    #[must_use]
    pub fn from_public(text: &str) -> Option<Self> {
        hex_number(text).map(Self)
    }
}

/// A number from exactly 16 lower-case hexadecimal digits.
#[must_use]
pub fn hex_number(text: &str) -> Option<u64> {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let whole = text.len() == 16 && text.bytes().all(digit);
    whole.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// One run of one process. A restarted node is another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u64);

/// Names one commit for ever: the node that made it and that node's running number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommitId {
    /// Who made the commit.
    pub node: NodeId,
    /// How many commits that node had made before, plus one.
    pub number: u64,
}

/// One life of a room's log: revisions are comparable only within an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u64);

/// Position in a room's log: 0 before the first commit, then 1, 2, 3 without a hole.
pub type Revision = u64;

/// A place in the history of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Which life of the room.
    pub epoch: Epoch,
    /// Which revision of it.
    pub rev: Revision,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar_is_exact() {
        for good in ["a", "user_2abC", "room-1.2:3@x", &"x".repeat(128)] {
            assert_eq!(
                UserId::new(good).map(|id| id.to_string()),
                Ok(good.to_owned())
            );
        }
        assert_eq!(UserId::new(""), Err(InvalidId::Empty));
        assert_eq!(UserId::new(&"x".repeat(129)), Err(InvalidId::TooLong));
        for bad in [
            "a b",
            "a/b",
            "{a}",
            "a\n",
            "é",
            "a\"",
            "\u{202e}a",
            "a#",
            "*",
        ] {
            assert_eq!(RoomId::new(bad), Err(InvalidId::Character), "{bad:?}");
        }
    }

    #[test]
    fn only_a_user_id_may_hold_a_bar() {
        assert!(UserId::new("auth0|5f7c").is_ok());
        assert_eq!(RoomId::new("a|b"), Err(InvalidId::Character));
        assert_eq!(TenantId::new("a|b"), Err(InvalidId::Character));
    }

    #[test]
    fn a_public_id_is_read_back_and_nothing_else_is() {
        for id in [0, 1, 0xab_cdef, u64::MAX] {
            let text = ConnectionId(id).public();
            assert_eq!(text.len(), 16);
            assert_eq!(ConnectionId::from_public(&text), Some(ConnectionId(id)));
        }
        for bad in [
            "",
            "0",
            "00000000000000000",
            "000000000000000A",
            "+000000000000001",
            " 00000000000000a",
            "é0000000000000a",
        ] {
            assert_eq!(ConnectionId::from_public(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn ids_are_checked_when_read_from_json() {
        assert!(serde_json::from_str::<UserId>("\"ok\"").is_ok());
        assert!(serde_json::from_str::<UserId>("\"not ok\"").is_err());
    }
}
