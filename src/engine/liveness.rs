//! Who is dead? Judged from the leases, and only by a node whose own lease has held.

use std::collections::BTreeSet;
use std::time::Duration;

use super::nodes::Roll;
use crate::domain::id::NodeId;
use crate::domain::time::Timestamp;

/// What one look at the list of nodes tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// These are dead.
    pub dead: BTreeSet<NodeId>,
    /// This node was away for so long that others may have taken it for dead.
    pub was_away: bool,
    /// The store has lost its list, so the dead may be missing on it: who is not among these has been
    /// gone for long enough.
    pub strangers_to: Option<BTreeSet<NodeId>>,
}

/// Remembers since when this node's own beats have come without a gap.
#[derive(Debug)]
pub struct Liveness {
    node: NodeId,
    lease: Duration,
    steady_since: Option<Timestamp>,
    lost_list_at: Option<Timestamp>,
}

/// Leases of steady beats before a node believes that most of the others are dead.
const LEASES_FOR_A_MAJORITY: u32 = 3;

impl Liveness {
    /// Of a node that has not beaten yet.
    #[must_use]
    pub const fn new(node: NodeId, lease: Duration) -> Self {
        Self {
            node,
            lease,
            steady_since: None,
            lost_list_at: None,
        }
    }

    /// Judges after a beat.
    ///
    /// When everybody seems to have died at once (the store stood still, its clock jumped), this node's
    /// own beat before is just as old, and it judges nobody until its beats have come steadily for a
    /// lease; that most are dead it believes only after three.
    pub fn judge(&mut self, roll: &Roll) -> Judgement {
        let mut judgement = Judgement::default();
        let gap = roll.before.map(|before| roll.now.since(before));
        match gap {
            Some(gap) if gap <= self.lease => {}
            Some(_) => {
                judgement.was_away = self.steady_since.is_some();
                self.steady_since = Some(roll.now);
            }
            None => {
                if self.steady_since.is_some() {
                    judgement.was_away = true;
                    self.lost_list_at = Some(roll.now);
                }
                self.steady_since = Some(roll.now);
            }
        }
        let steady = self
            .steady_since
            .map_or(Duration::ZERO, |since| roll.now.since(since));
        if steady < self.lease {
            return judgement;
        }
        let stale = |beat: Timestamp| roll.now.since(beat) > self.lease;
        let dead: BTreeSet<NodeId> = roll
            .beats
            .iter()
            .filter(|(node, beat)| *node != self.node && stale(*beat))
            .map(|(node, _)| *node)
            .collect();
        let majority = dead.len().saturating_mul(2) > roll.beats.len();
        if majority && steady < self.lease.saturating_mul(LEASES_FOR_A_MAJORITY) {
            return judgement;
        }
        if let Some(at) = self.lost_list_at
            && roll.now.since(at) > self.lease.saturating_mul(2)
        {
            self.lost_list_at = None;
            let living = roll.beats.iter().map(|(node, _)| *node);
            judgement.strangers_to = Some(living.filter(|node| !dead.contains(node)).collect());
        }
        judgement.dead = dead;
        judgement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: NodeId = NodeId(1);
    const LEASE: Duration = Duration::from_millis(3_500);

    struct Cluster {
        liveness: Liveness,
        now: u64,
        before: Option<u64>,
        others: Vec<(NodeId, u64)>,
    }

    impl Cluster {
        fn of(others: u64) -> Self {
            Self {
                liveness: Liveness::new(ME, LEASE),
                now: 1_000_000,
                before: None,
                others: (2..2 + others).map(|n| (NodeId(n), 1_000_000)).collect(),
            }
        }

        /// Time passes; these others beat at its end.
        fn beat(&mut self, after: u64, alive: &[u64]) -> Judgement {
            self.now += after;
            for (node, beat) in &mut self.others {
                if alive.contains(&node.0) {
                    *beat = self.now;
                }
            }
            let mut beats: Vec<_> = self
                .others
                .iter()
                .map(|(node, beat)| (*node, Timestamp(*beat)))
                .collect();
            beats.push((ME, Timestamp(self.now)));
            let roll = Roll {
                now: Timestamp(self.now),
                before: self.before.map(Timestamp),
                beats,
            };
            self.before = Some(self.now);
            self.liveness.judge(&roll)
        }

        fn steady(others: u64) -> Self {
            let mut cluster = Self::of(others);
            let alive: Vec<u64> = (2..2 + others).collect();
            for _ in 0..20 {
                assert_eq!(cluster.beat(1_000, &alive), Judgement::default());
            }
            cluster
        }

        fn dies(&mut self, alive: &[u64]) -> (u64, BTreeSet<NodeId>) {
            for second in 1..60 {
                let judgement = self.beat(1_000, alive);
                if !judgement.dead.is_empty() {
                    return (second, judgement.dead);
                }
            }
            panic!("nobody is taken for dead");
        }
    }

    #[test]
    fn a_silent_node_is_dead_after_its_lease() {
        let (second, dead) = Cluster::steady(2).dies(&[2]);
        assert_eq!((second, dead), (4, BTreeSet::from([NodeId(3)])));
    }

    #[test]
    fn most_of_the_others_may_die_under_a_steady_node() {
        let (second, dead) = Cluster::steady(2).dies(&[]);
        assert_eq!((second, dead.len()), (4, 2));
    }

    #[test]
    fn a_node_that_was_away_itself_judges_nobody_at_first() {
        let mut cluster = Cluster::steady(3);
        let back = cluster.beat(10_000, &[]);
        assert!(back.was_away && back.dead.is_empty(), "{back:?}");
        // The others come back a moment later, as after a pause of the store.
        assert_eq!(cluster.beat(1_000, &[2, 3, 4]), Judgement::default());
        for _ in 0..10 {
            assert_eq!(cluster.beat(1_000, &[2, 3, 4]), Judgement::default());
        }
    }

    #[test]
    fn a_newcomer_believes_in_the_death_of_most_only_later() {
        let mut cluster = Cluster::of(3);
        let (second, dead) = cluster.dies(&[]);
        assert_eq!((second, dead.len()), (12, 3));
    }

    #[test]
    fn after_a_restart_of_all_the_old_are_found_dead() {
        // Three old incarnations, three new ones: no majority is dead.
        let mut cluster = Cluster::of(5);
        let (second, dead) = cluster.dies(&[2, 3]);
        assert_eq!((second, dead.len()), (5, 3));
    }

    #[test]
    fn a_lost_list_is_noticed_and_strangers_are_named_once() {
        let mut cluster = Cluster::steady(2);
        cluster.before = None;
        cluster.others.pop();
        assert!(cluster.beat(1_000, &[2]).was_away);
        let mut named = Vec::new();
        for _ in 0..20 {
            named.extend(cluster.beat(1_000, &[2]).strangers_to);
        }
        assert_eq!(named, [BTreeSet::from([ME, NodeId(2)])]);
    }
}
