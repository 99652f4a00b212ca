//! Names of keys and channels. The hash tag keeps a room in one slot, so that rooms spread over a
//! cluster and a script may touch all that belongs to one.

use crate::domain::id::{NodeId, RoomId, RoomKey, TenantId};
use crate::engine::sessions::SessionKey;

/// Names everything under one prefix.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
}

/// The keys of one room.
#[derive(Debug)]
pub(super) struct RoomKeys {
    /// Hash: epoch, rev, head, summary, policy, a field per participant and per grant.
    pub(super) state: String,
    /// Stream of commits, id `<rev>-0`.
    pub(super) log: String,
    /// Set of nodes that have the room open.
    pub(super) nodes: String,
    /// Channel of commits.
    pub(super) feed: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    pub(super) fn room(&self, key: &RoomKey) -> RoomKeys {
        let name = |part: &str| format!("{}:{{{key}}}:{part}", self.prefix);
        RoomKeys {
            state: name("state"),
            log: name("log"),
            nodes: name("nodes"),
            feed: name("feed"),
        }
    }

    /// A bucket of a rate.
    pub(super) fn rate(&self, name: &str) -> String {
        format!("{}:rate:{{{name}}}", self.prefix)
    }

    /// Nodes by the time of their last beat.
    pub(super) fn nodes(&self) -> String {
        format!("{}:nodes", self.prefix)
    }

    /// The set of rooms that a node has open, and perhaps some that it has not.
    pub(super) fn rooms_of(&self, node: NodeId) -> String {
        self.of_node(node, "rooms")
    }

    /// Who may bury this node.
    pub(super) fn burial_of(&self, node: NodeId) -> String {
        self.of_node(node, "burial")
    }

    /// Where a node listens to itself.
    pub(super) fn probe_of(&self, node: NodeId) -> String {
        self.of_node(node, "probe")
    }

    /// That this node's sessions are to be believed. A burial leaves it: they outlive their node.
    pub(super) fn sessions_of(&self, node: NodeId) -> String {
        self.of_node(node, "sessions")
    }

    /// A connection's session.
    pub(super) fn session(&self, key: &SessionKey) -> String {
        format!("{}:session:{key}", self.prefix)
    }

    fn of_node(&self, node: NodeId, part: &str) -> String {
        format!("{}:node:{}:{part}", self.prefix, node_name(node))
    }
}

/// A node as text.
pub(super) fn node_name(node: NodeId) -> String {
    format!("{:016x}", node.0)
}

/// A node from text.
pub(super) fn node_from(name: &str) -> Option<NodeId> {
    u64::from_str_radix(name, 16).ok().map(NodeId)
}

/// A room from `<tenant>/<room>`.
pub(super) fn room_from(name: &str) -> Option<RoomKey> {
    let (tenant, room) = name.split_once('/')?;
    Some(RoomKey {
        tenant: TenantId::new(tenant).ok()?,
        room: RoomId::new(room).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let key = room_from("default/room-1").unwrap();
        assert_eq!(key.to_string(), "default/room-1");
        let state = Keys::new("usher").room(&key).state;
        assert_eq!(state, "usher:{default/room-1}:state");
        assert_eq!(room_from("default"), None);
        let node = NodeId(u64::MAX);
        assert_eq!(node_from(&node_name(node)), Some(node));
    }
}
