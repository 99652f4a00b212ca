//! Keeps this node's lease and looks after rooms of nodes that lost theirs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::liveness::{Judgement, Liveness};
use super::nodes::NodeRegistry;
use super::registry::{Message, Request, Rooms};
use super::reply::ReplyTo;
use super::store::StoreError;
use crate::clock::Clock;
use crate::domain::id::{NodeId, RoomKey};
use crate::domain::room::{Actor, Command};

/// Times of the leases, all of them settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepTimes {
    /// Between two beats.
    pub beat: Duration,
    /// From the last beat to death.
    pub lease: Duration,
    /// Between two comparisons of positions.
    pub position_check: Duration,
}

/// Beats without a delivery before the connection is distrusted.
const SILENT_BEATS: u32 = 3;

/// Counts beats whose probe did not come back.
#[derive(Debug, Default)]
struct Silence {
    heard: u64,
    beats: u32,
}

impl Silence {
    /// After a beat: whether the silence has lasted too long. It then begins anew.
    const fn lasts(&mut self, deliveries: u64) -> bool {
        self.beats = if deliveries == self.heard {
            self.beats.saturating_add(1)
        } else {
            0
        };
        self.heard = deliveries;
        let lasts = self.beats > SILENT_BEATS;
        if lasts {
            self.beats = 0;
        }
        lasts
    }
}

/// The task.
pub struct Sweeper {
    /// Leases.
    pub nodes: Arc<dyn NodeRegistry>,
    /// The rooms of this node.
    pub rooms: Arc<Rooms>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// This process.
    pub node: NodeId,
    /// How often and how long.
    pub times: SweepTimes,
}

impl std::fmt::Debug for Sweeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sweeper")
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

impl Sweeper {
    /// Works until told to stop. The lease is left to run out: the others then look after the people
    /// who have not come back to any of them.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut liveness = Liveness::new(self.node, self.times.lease);
        let mut silence = Silence::default();
        let mut next_check = self.clock.now().plus(self.times.position_check);
        loop {
            match self.nodes.beat(self.node).await {
                Ok(roll) => {
                    if silence.lasts(self.nodes.deliveries()) {
                        self.nodes.distrust();
                    }
                    self.act(liveness.judge(&roll));
                }
                Err(error) => tracing::debug!(%error, "a beat was missed"),
            }
            let now = self.clock.now();
            if now >= next_check {
                next_check = now.plus(self.times.position_check);
                self.check_positions().await;
            }
            tokio::select! {
                () = self.clock.sleep_until(now.plus(self.times.beat)) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn check_positions(&self) {
        if let Err(error) = self.nodes.check_positions().await {
            tracing::debug!(%error, "positions could not be compared");
        }
    }

    fn act(self: &Arc<Self>, judgement: Judgement) {
        if judgement.was_away {
            tracing::warn!("this node's lease had run out; its people are asserted again");
            self.tell_all(|| Request::Reassert);
        }
        if let Some(known) = judgement.strangers_to {
            let known = Arc::new(known);
            self.tell_all(|| {
                change(Command::LoseStrangers {
                    known: known.clone(),
                })
            });
        }
        if judgement.dead.is_empty() {
            return;
        }
        let nodes = Arc::new(judgement.dead);
        // The rooms of both hear of it at once, from every survivor; the first one's commit counts.
        self.tell_all(|| {
            change(Command::LoseNodes {
                nodes: nodes.clone(),
            })
        });
        // Beside the beats: this node's own lease must not run out over it.
        let sweeper = self.clone();
        self.rooms.tracker().spawn(async move {
            for dead in nodes.iter() {
                if let Err(error) = sweeper.bury(*dead, &nodes).await {
                    tracing::warn!(%error, "a dead node's rooms could not all be looked after");
                }
            }
        });
    }

    /// Takes the dead node's people out of the rooms that nobody here has open.
    async fn bury(&self, dead: NodeId, nodes: &Arc<BTreeSet<NodeId>>) -> Result<(), StoreError> {
        if !self.nodes.claim(dead, self.node).await? {
            return Ok(());
        }
        tracing::warn!(node = dead.0, "a node is dead");
        let mut failure = None;
        for key in self.nodes.rooms_of(dead).await? {
            // One room that cannot be read does not keep the dead in all others.
            if let Err(error) = self.sweep(dead, &key, nodes).await {
                failure = Some(error);
            }
        }
        match failure {
            None => self.nodes.bury(dead).await,
            Some(error) => Err(error),
        }
    }

    async fn sweep(
        &self,
        dead: NodeId,
        key: &RoomKey,
        nodes: &Arc<BTreeSet<NodeId>>,
    ) -> Result<(), StoreError> {
        let nodes = nodes.clone();
        let lost = self
            .rooms
            .change(key, Actor::System, Command::LoseNodes { nodes })
            .await;
        match lost {
            Ok(_) => self.nodes.release(dead, key).await,
            // Left in the set: whoever claims the dead node next tries again.
            Err(refusal) => Err(StoreError::Unavailable(refusal.code().to_owned())),
        }
    }

    fn tell_all(&self, request: impl Fn() -> Request) {
        for key in self.rooms.keys() {
            let message = Message {
                request: request(),
                reply: ReplyTo::Nobody,
            };
            if let Err(undelivered) = self.rooms.send(&key, message) {
                let rooms = self.rooms.clone();
                self.rooms.tracker().spawn(async move {
                    rooms.insist(&key, undelivered.message).await;
                });
            }
        }
    }
}

const fn change(command: Command) -> Request {
    Request::by_us(Actor::System, command)
}
