//! Whether this node should be given work, and why not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::directory::Directory;
use super::nodes::NodeRegistry;

/// What readiness depends on.
pub struct Readiness {
    draining: AtomicBool,
    directory: Arc<dyn Directory>,
    nodes: Option<Arc<dyn NodeRegistry>>,
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readiness")
            .field("draining", &self.draining)
            .finish_non_exhaustive()
    }
}

/// One reason for not being ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotReady {
    /// What is not as it should be: `draining`, `database`, `store`.
    pub part: &'static str,
    /// In what way.
    pub reason: String,
}

impl Readiness {
    /// Over a database and, with several nodes, the registry of nodes.
    #[must_use]
    pub const fn new(directory: Arc<dyn Directory>, nodes: Option<Arc<dyn NodeRegistry>>) -> Self {
        Self {
            draining: AtomicBool::new(false),
            directory,
            nodes,
        }
    }

    /// From now on this node wants no more work.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether this node is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Everything that speaks against more work; nothing when the node is ready.
    #[must_use]
    pub fn faults(&self) -> Vec<NotReady> {
        let mut faults = Vec::new();
        let mut fault = |part, reason: &str| {
            faults.push(NotReady {
                part,
                reason: reason.to_owned(),
            });
        };
        if self.is_draining() {
            fault("draining", "the node is about to stop");
        }
        if !self.directory.is_writable() {
            fault("database", "the database takes no writes");
        }
        if let Some(reason) = self.nodes.as_ref().and_then(|nodes| nodes.trouble()) {
            fault("store", &reason);
        }
        faults
    }
}
