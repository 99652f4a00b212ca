//! Port: live rooms. A store keeps each room's log and lets a commit in only at the head.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::domain::id::{NodeId, Revision, RoomKey};
use crate::domain::room::{Commit, Room};

/// Why the store did not do it. Nothing was changed, or the outcome is unknown and the same commit
/// may be appended again: it takes effect once.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Out of reach or refusing writes.
    #[error("room store unavailable: {0}")]
    Unavailable(String),
    /// There is no such room (any more).
    #[error("the room store does not hold the room")]
    Forgotten,
    /// What is stored cannot be understood.
    #[error("room store unreadable: {0}")]
    Unreadable(String),
}

/// What a node gets when it opens a room.
#[derive(Debug)]
pub struct Opened {
    /// The room as it is.
    pub room: Room,
    /// Commits of other nodes from here on, in order. A commit may be missing: its revision tells,
    /// and [`RoomStore::since`] fills the hole. A feed that ends says that the node was too slow: it
    /// has to open the room again.
    pub feed: mpsc::Receiver<Arc<Commit>>,
}

/// What a replica has missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// The commits after its revision, in order.
    Commits(Vec<Arc<Commit>>),
    /// Too much, or another epoch: start again from this.
    Snapshot(Box<Room>),
}

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// The commit is in the log, by this call or by an earlier one with the same id.
    Accepted,
    /// The head has moved on; decide again on what was missed.
    Conflict(Missed),
}

/// Live rooms. Implementations: `MemoryRoomStore` (the reference), `RedisRoomStore`.
#[async_trait]
pub trait RoomStore: Send + Sync {
    /// Opens a room for a node; when there is none, `fresh` becomes the room (first writer wins).
    async fn open(&self, node: NodeId, fresh: &Room) -> Result<Opened, StoreError>;

    /// Opens a room again that the node holds a replica of: after its feed has ended. `None` when the
    /// store does not hold the room any more, or not all of it: it then has to be restored.
    async fn reopen(&self, node: NodeId, replica: &Room) -> Result<Option<Opened>, StoreError>;

    /// Gives back a room that the store has lost, or the end of it: `reborn` becomes the room, unless
    /// somebody else was faster or the store holds more than the replica.
    async fn restore(
        &self,
        node: NodeId,
        replica: &Room,
        reborn: &Room,
    ) -> Result<Opened, StoreError>;

    /// Appends at the head. `after` is the room as the commit leaves it.
    async fn append(&self, commit: &Arc<Commit>, after: &Room) -> Result<Appended, StoreError>;

    /// What a replica at `rev` of the room's epoch has missed; `None` when there is no such room.
    async fn since(&self, replica: &Room, rev: Revision) -> Result<Option<Missed>, StoreError>;

    /// The room as the store holds it, for those who do not open it; `None` when there is none.
    async fn peek(&self, key: &RoomKey) -> Result<Option<Room>, StoreError>;

    /// The rooms that some node has open.
    async fn rooms(&self) -> Result<BTreeSet<RoomKey>, StoreError>;

    /// The nodes that have the room open.
    async fn openers(&self, key: &RoomKey) -> Result<BTreeSet<NodeId>, StoreError>;

    /// Forgets a room in which nobody is, if its head is still the replica's. `false` otherwise.
    async fn forget(&self, node: NodeId, replica: &Room) -> Result<bool, StoreError>;

    /// The retained tail of a room's log, oldest first. For tests and operators.
    async fn log(&self, key: &RoomKey) -> Result<Vec<Arc<Commit>>, StoreError>;
}
