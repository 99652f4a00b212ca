//! Port: what is kept of a connection so that its client, once it has lost it, is put back into its rooms.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use super::store::StoreError;
use crate::domain::id::{NodeId, RoomId, TenantId, UserId, hex_number};
use crate::domain::participant::Profile;

/// Characters of a [`Pid`].
const PID_LENGTH: usize = 49;

/// What a client shows to be put back. A secret: whoever has it is taken for that client.
#[derive(Clone, PartialEq, Eq)]
pub struct Pid(Arc<str>);

impl std::fmt::Debug for Pid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pid")
    }
}

impl Pid {
    /// A new one, made by this node.
    #[must_use]
    pub fn new(node: NodeId, secret: u128) -> Self {
        Self(format!("{:016x}-{secret:032x}", node.0).into())
    }

    /// Reads what a client shows; `None` when it is surely none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != PID_LENGTH {
            return None;
        }
        let (node, secret) = text.split_once('-')?;
        let (high, low) = secret.split_at_checked(16)?;
        let numbers = [node, high, low].map(hex_number);
        numbers
            .iter()
            .all(Option::is_some)
            .then(|| Self(text.into()))
    }

    /// As the client is told.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Under what it is kept: whoever reads the store learns no pid.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        let hash = digest::digest(&digest::SHA256, self.0.as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(hash.as_ref());
        SessionKey(key)
    }
}

/// The hash of a [`Pid`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey([u8; 32]);

impl std::fmt::Display for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Who a connection belongs to and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose rooms these are.
    pub tenant: TenantId,
    /// Whose connection it is.
    pub user: UserId,
    /// Whether a token said so.
    pub verified: bool,
    /// The rooms, or their lobbies.
    pub rooms: Vec<SessionRoom>,
}

/// A room that a connection is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRoom {
    /// Which.
    pub room: RoomId,
    /// How its user appears there.
    pub profile: Profile,
}

/// What becomes of a session in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub key: SessionKey,
    /// As it is from now on; `None` takes it out.
    pub session: Option<Arc<Session>>,
    /// The store does not have it yet. Any other is written only where this node still holds it: it may
    /// have moved to another, and ended there.
    pub fresh: bool,
}

/// A session as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The node that its connection is on, or was.
    pub holder: NodeId,
    /// What is kept of it.
    pub session: Session,
}

/// Sessions that all nodes can get at. Implementations: `MemorySessions`, `RedisRoomStore`.
///
/// A session belongs to a node and ends with it: sessions are believed only as long as their node is on the
/// list, which it stays on for a while without a word of it.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Keeps a node on the list for so long. `false` when it was not on it: the store may have lost what
    /// the node has written.
    async fn keep_list(&self, node: NodeId, lasting: Duration) -> Result<bool, StoreError>;

    /// Writes what a node has changed; each is kept for so long. Repeating it does no harm.
    async fn write(
        &self,
        node: NodeId,
        changes: &[Change],
        lasting: Duration,
    ) -> Result<(), StoreError>;

    /// A session, if the node that it belongs to is on the list.
    async fn read(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError>;

    /// Gives a session to another node, if it still belongs to this one. Whether it was given.
    async fn pass(
        &self,
        key: &SessionKey,
        from: NodeId,
        to: NodeId,
        lasting: Duration,
    ) -> Result<bool, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_read_back_and_hides_itself() {
        let pid = Pid::new(NodeId(0xab), u128::MAX - 7);
        assert_eq!(pid.expose().len(), PID_LENGTH);
        assert_eq!(Pid::parse(pid.expose()), Some(pid.clone()));
        assert_eq!(format!("{pid:?}"), "Pid");
    }

    #[test]
    fn what_is_no_pid_is_not_looked_for() {
        let good = Pid::new(NodeId(1), 2).expose().to_owned();
        let multibyte = format!("{}é", "0".repeat(47));
        for bad in [
            "",
            "x",
            &good.replacen('0', "", 1),
            &good.to_uppercase().replace('0', "A"),
            &good.replace('-', "_"),
            &format!("{good} "),
            &multibyte,
            &"-".repeat(PID_LENGTH),
        ] {
            assert_eq!(Pid::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_does_not_tell_its_pid() {
        let (one, two) = (Pid::new(NodeId(1), 1), Pid::new(NodeId(1), 2));
        assert_ne!(one.key(), two.key());
        let text = one.key().to_string();
        assert_eq!(text.len(), 64);
        let (_, secret) = one.expose().split_once('-').unwrap();
        assert!(!text.contains(secret));
    }
}
