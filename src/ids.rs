//! Randomness, injected: production draws it, tests count.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::id::{CommitId, ConnectionId, Epoch, NodeId};

/// Hands out ids that are never handed out again.
#[derive(Debug)]
pub struct IdSource {
    node: NodeId,
    commits: AtomicU64,
    connections: AtomicU64,
    epochs: AtomicU64,
    secrets: Option<AtomicU64>,
}

impl IdSource {
    /// Ids of a fresh process: 64 random bits tell it from every other, and from its own past.
    #[must_use]
    pub fn random() -> Self {
        let (node, start) = uuid::Uuid::new_v4().as_u64_pair();
        Self::of(NodeId(node), start, None)
    }

    /// Ids that repeat from run to run, and that no other node hands out.
    #[must_use]
    pub const fn counting(node: NodeId) -> Self {
        let start = node.0.wrapping_shl(32);
        Self::of(node, start, Some(AtomicU64::new(start)))
    }

    const fn of(node: NodeId, start: u64, secrets: Option<AtomicU64>) -> Self {
        Self {
            node,
            commits: AtomicU64::new(0),
            connections: AtomicU64::new(start),
            epochs: AtomicU64::new(start),
            secrets,
        }
    }

    /// 128 bits that nobody guesses; `None` when the machine has no randomness.
    pub fn secret(&self) -> Option<u128> {
        if let Some(counter) = &self.secrets {
            return Some(counter.fetch_add(1, Ordering::Relaxed).into());
        }
        let mut bits = [0; 16];
        aws_lc_rs::rand::fill(&mut bits).ok()?;
        Some(u128::from_ne_bytes(bits))
    }

    /// This process.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.node
    }

    /// A name for a commit.
    pub fn commit(&self) -> CommitId {
        let number = self.commits.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        CommitId {
            node: self.node,
            number,
        }
    }

    /// A name for a socket.
    pub fn connection(&self) -> ConnectionId {
        ConnectionId(
            self.connections
                .fetch_add(1, Ordering::Relaxed)
                .wrapping_add(1),
        )
    }

    /// A name for a log.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.epochs.fetch_add(1, Ordering::Relaxed).wrapping_add(1))
    }
}
