//! Port: the nodes of the cluster, and what a dead one leaves behind.

use async_trait::async_trait;

use super::store::StoreError;
use crate::domain::id::{NodeId, RoomKey};
use crate::domain::time::Timestamp;

/// Everybody's last beat, in the time of the store that keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roll {
    /// Now.
    pub now: Timestamp,
    /// The asking node's own beat before this one; `None` when it was not on the list.
    pub before: Option<Timestamp>,
    /// Every node that is on the list.
    pub beats: Vec<(NodeId, Timestamp)>,
}

/// Leases of nodes. A node that does not renew its own is dead for the others.
#[async_trait]
pub trait NodeRegistry: Send + Sync {
    /// Renews this node's lease, sends a probe through the feeds, and reads everybody's.
    async fn beat(&self, node: NodeId) -> Result<Roll, StoreError>;

    /// How many probes have come back so far.
    fn deliveries(&self) -> u64;

    /// Gives up a connection that answers but delivers nothing.
    fn distrust(&self);

    /// Compares where each open room is with what the store holds, and ends the feeds that missed
    /// something.
    async fn check_positions(&self) -> Result<(), StoreError>;

    /// The rooms that a node had open, and perhaps some more.
    async fn rooms_of(&self, dead: NodeId) -> Result<Vec<RoomKey>, StoreError>;

    /// Whether `by` is the one to look after what the dead node left. For a while.
    async fn claim(&self, dead: NodeId, by: NodeId) -> Result<bool, StoreError>;

    /// The dead node's people have been taken out of this room.
    async fn release(&self, dead: NodeId, key: &RoomKey) -> Result<(), StoreError>;

    /// Strikes a node from the list, with what is kept of it.
    async fn bury(&self, dead: NodeId) -> Result<(), StoreError>;

    /// Why the store cannot be used at the moment, if it cannot.
    fn trouble(&self) -> Option<String>;
}
