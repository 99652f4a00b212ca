//! No provider: STUN, and credentials for TURN by the scheme of draft-uberti-behave-turn-rest-00.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::ticket::{Hidden, IceServer};
use crate::domain::time::Timestamp;

/// STUN and TURN servers.
pub struct Mesh {
    stun: Vec<Arc<str>>,
    turn: Vec<Arc<str>>,
    key: Option<Key>,
}

impl fmt::Debug for Mesh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mesh")
            .field("stun", &self.stun)
            .field("turn", &self.turn)
            .finish_non_exhaustive()
    }
}

impl Mesh {
    /// These servers; `secret` is what those for TURN share with us.
    #[must_use]
    pub fn new(stun: &[&str], turn: &[&str], secret: Option<&SecretString>) -> Self {
        let key = |secret: &SecretString| {
            let secret = secret.expose_secret().as_bytes();
            Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret)
        };
        Self {
            stun: stun.iter().map(|url| (*url).into()).collect(),
            turn: turn.iter().map(|url| (*url).into()).collect(),
            key: secret.map(key),
        }
    }

    /// Whether there is anything to hand out.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.stun.is_empty() && self.turn.is_empty()
    }

    /// The servers, with credentials of this user's that end then.
    ///
    /// The number in the user name is the expiry in seconds since 1970; the server checks it and that the
    /// password is the base64 of the HMAC-SHA1 of the user name.
    #[must_use]
    pub fn servers(&self, user: &str, expires_at: Timestamp) -> Vec<IceServer> {
        let mut servers = Vec::new();
        if !self.stun.is_empty() {
            servers.push(IceServer {
                urls: self.stun.clone(),
                credential: None,
            });
        }
        if let Some(key) = self.key.as_ref().filter(|_| !self.turn.is_empty()) {
            let name = format!("{}:{user}", expires_at.0 / 1000);
            let password = STANDARD.encode(sign(key, name.as_bytes()));
            servers.push(IceServer {
                urls: self.turn.clone(),
                credential: Some((name, Hidden(password))),
            });
        }
        servers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_those_of_the_draft() {
        let secret = SecretString::from("north");
        let mesh = Mesh::new(&["stun:a:3478"], &["turn:a:3478"], Some(&secret));
        let servers = mesh.servers("ann", Timestamp(1_433_895_918_506));
        assert_eq!(servers[0].credential, None);
        let (name, password) = servers[1].credential.clone().unwrap();
        assert_eq!(name, "1433895918:ann");
        // printf 1433895918:ann | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(password.0, "zAlhH20kpuDJR8ZKdq5vyQV+Ung=");
        assert!(!format!("{mesh:?}{servers:?}").contains(&password.0));
    }
}
