//! What rooms and users are called at providers: UUIDs of our own, from which nobody learns our ids.
//!
//! They are derived, so that every node gives the same ones without asking, and nobody can guess them
//! without the installation's key.

use std::fmt;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use uuid::Builder;

use crate::domain::id::{RoomKey, TenantId, UserId};

/// Gives rooms and users their names.
pub struct Names {
    key: Key,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names(***)")
    }
}

impl Names {
    /// The names of the installation with this key.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Self {
            key: Key::new(HMAC_SHA256, key.as_bytes()),
        }
    }

    /// The name of a room: 122 bits that nobody can guess, in lower case.
    #[must_use]
    pub fn room(&self, key: &RoomKey) -> String {
        self.derive("room", &key.tenant, key.room.as_str())
    }

    /// The name of a user, the same in all of the tenant's rooms.
    #[must_use]
    pub fn user(&self, tenant: &TenantId, user: &UserId) -> String {
        self.derive("user", tenant, user.as_str())
    }

    /// No id holds a NUL, so different ones never give the same text.
    fn derive(&self, kind: &str, tenant: &TenantId, id: &str) -> String {
        let text = format!("{kind}\0{tenant}\0{id}");
        let tag = sign(&self.key, text.as_bytes());
        let mut bytes = [0; 16];
        for (byte, from) in bytes.iter_mut().zip(tag.as_ref()) {
            *byte = *from;
        }
        Builder::from_custom_bytes(bytes).into_uuid().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::RoomId;

    #[test]
    fn names_are_stable_and_tell_apart_what_is_different() {
        let names = Names::new("a key");
        let tenant = |id| TenantId::new(id).unwrap();
        let room = |tenant, room| RoomKey {
            tenant,
            room: RoomId::new(room).unwrap(),
        };
        let ann = UserId::new("ann").unwrap();
        let all = [
            names.room(&room(tenant("a"), "x")),
            names.room(&room(tenant("b"), "x")),
            names.room(&room(tenant("a"), "ann")),
            names.user(&tenant("a"), &ann),
            names.user(&tenant("b"), &ann),
            Names::new("another key").user(&tenant("a"), &ann),
        ];
        for (at, name) in all.iter().enumerate() {
            let parsed = uuid::Uuid::parse_str(name).unwrap();
            assert_eq!(parsed.get_version_num(), 8);
            assert_eq!(name, &name.to_lowercase());
            assert!(!all[..at].contains(name), "{name}");
        }
        assert_eq!(names.room(&room(tenant("a"), "x")), all[0]);
    }
}
