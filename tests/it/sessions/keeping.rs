//! The keeper of a node's sessions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use usher::clock::ManualClock;
use usher::domain::id::NodeId;
use usher::engine::keeping::{KeepingLimits, Sessions};
use usher::engine::sessions::{Change, Session, SessionKey, SessionStore, Stored};
use usher::engine::store::StoreError;
use usher::ids::IdSource;
use usher::store::MemorySessions;

use super::{ONE, TWO, bob_in, connection, pid};
use crate::support::people::START;

const WINDOW: Duration = Duration::from_secs(120);
const BEAT: Duration = Duration::from_secs(1);
const JUST_BEFORE: Duration = Duration::from_millis(119_999);

/// A store that a test can break and empty.
struct Breakable {
    inner: Mutex<Arc<MemorySessions>>,
    clock: Arc<ManualClock>,
    down: AtomicBool,
}

impl Breakable {
    fn is_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    fn loses_everything(&self) {
        *self.inner.lock().unwrap() = Arc::new(MemorySessions::new(self.clock.clone()));
    }

    fn inner(&self) -> Result<Arc<MemorySessions>, StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the test says so".to_owned()));
        }
        Ok(self.inner.lock().unwrap().clone())
    }
}

#[async_trait]
impl SessionStore for Breakable {
    async fn keep_list(&self, node: NodeId, lasting: Duration) -> Result<bool, StoreError> {
        self.inner()?.keep_list(node, lasting).await
    }

    async fn write(
        &self,
        node: NodeId,
        changes: &[Change],
        lasting: Duration,
    ) -> Result<(), StoreError> {
        self.inner()?.write(node, changes, lasting).await
    }

    async fn read(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
        self.inner()?.read(key).await
    }

    async fn pass(
        &self,
        key: &SessionKey,
        from: NodeId,
        to: NodeId,
        lasting: Duration,
    ) -> Result<bool, StoreError> {
        self.inner()?.pass(key, from, to, lasting).await
    }
}

/// Nodes that share a store.
struct Cluster {
    clock: Arc<ManualClock>,
    store: Arc<Breakable>,
    tracker: TaskTracker,
}

impl Cluster {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let store = Arc::new(Breakable {
            inner: Mutex::new(Arc::new(MemorySessions::new(clock.clone()))),
            clock: clock.clone(),
            down: AtomicBool::new(false),
        });
        let tracker = TaskTracker::new();
        Self {
            clock,
            store,
            tracker,
        }
    }

    /// A node that keeps `away` sessions of who is away; the token kills it.
    fn node_keeping(&self, node: NodeId, away: usize) -> (Arc<Sessions>, CancellationToken) {
        let limits = KeepingLimits {
            window: WINDOW,
            away,
            beat: BEAT,
        };
        let ids = Arc::new(IdSource::counting(node));
        let sessions = Sessions::new(self.store.clone(), self.clock.clone(), ids, limits);
        let stop = CancellationToken::new();
        self.tracker.spawn(sessions.clone().run(stop.clone()));
        (sessions, stop)
    }

    fn node(&self, node: NodeId) -> Arc<Sessions> {
        self.node_keeping(node, 100).0
    }

    /// Everything that is to be written at this moment is.
    async fn settles(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    /// Time passes, beat by beat.
    async fn passes(&self, mut time: Duration) {
        while !time.is_zero() {
            let step = time.min(BEAT);
            self.clock.advance(step);
            time -= step;
            self.settles().await;
        }
    }

    async fn holds(&self, number: u128) -> Option<Session> {
        let stored = self.store.read(&pid(number).key()).await.unwrap();
        stored.map(|stored| stored.session)
    }
}

fn notes(sessions: &Sessions, number: u64, session: Option<Session>) {
    sessions.note(pid(number.into()).key(), connection(number), session);
}

fn ends(sessions: &Sessions, number: u64) {
    sessions.ended(pid(number.into()).key(), connection(number));
}

/// Somebody who may be anybody comes back over this connection, and is let in.
async fn returns(sessions: &Arc<Sessions>, number: u128, over: u64) -> Option<Session> {
    let claim = sessions
        .claim(&pid(number), connection(over), |_| true)
        .await
        .ok()??;
    let session = claim.session().cloned();
    claim.keep();
    session
}

#[tokio::test]
async fn who_comes_back_is_known_here_at_once_and_elsewhere_a_moment_later() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(ONE), cluster.node(TWO));
    notes(&one, 1, Some(bob_in(&["a"])));
    assert_eq!(returns(&one, 1, 11).await, Some(bob_in(&["a"])));
    one.note(pid(1).key(), connection(11), Some(bob_in(&["a", "b"])));
    cluster.settles().await;
    assert_eq!(returns(&two, 1, 21).await, Some(bob_in(&["a", "b"])));
    assert_eq!(returns(&two, 2, 22).await, None);
}

#[tokio::test]
async fn a_store_that_is_away_holds_nobody_up() {
    let cluster = Cluster::new();
    let one = cluster.node(ONE);
    cluster.store.is_down(true);
    notes(&one, 1, Some(bob_in(&["a"])));
    cluster.passes(BEAT * 3).await;
    assert_eq!(returns(&one, 1, 11).await, Some(bob_in(&["a"])));
    cluster.store.is_down(false);
    cluster.settles().await;
    assert_eq!(cluster.holds(1).await, None, "not before the next beat");
    cluster.passes(BEAT).await;
    assert_eq!(cluster.holds(1).await, Some(bob_in(&["a"])));
}

#[tokio::test]
async fn the_window_ends() {
    for after in [JUST_BEFORE, WINDOW] {
        for here in [true, false] {
            let cluster = Cluster::new();
            let (one, two) = (cluster.node(ONE), cluster.node(TWO));
            notes(&one, 1, Some(bob_in(&["a"])));
            cluster.passes(WINDOW * 2).await;
            assert!(cluster.holds(1).await.is_some(), "its connection is there");
            ends(&one, 1);
            cluster.passes(after).await;
            let node = if here { &one } else { &two };
            let back = returns(node, 1, 11).await.is_some();
            assert_eq!(back, after < WINDOW, "{after:?}, here: {here}");
            cluster.passes(BEAT).await;
            assert_eq!(one.len(), usize::from(back && here), "{after:?}, {here}");
        }
    }
}

#[tokio::test]
async fn who_has_left_or_lost_their_rooms_is_forgotten() {
    let cluster = Cluster::new();
    let one = cluster.node(ONE);
    notes(&one, 1, Some(bob_in(&["a"])));
    cluster.settles().await;
    notes(&one, 1, None);
    assert_eq!(returns(&one, 1, 11).await, None);
    cluster.settles().await;
    assert_eq!(cluster.holds(1).await, None);
    notes(&one, 2, Some(bob_in(&["a"])));
    ends(&one, 2);
    notes(&one, 2, None);
    cluster.passes(BEAT).await;
    assert_eq!(returns(&one, 2, 11).await, None, "sent away while away");
    assert_eq!(one.len(), 0);
}

#[tokio::test]
async fn a_killed_node_leaves_its_sessions_for_the_window() {
    for (after, back) in [(JUST_BEFORE, true), (WINDOW + BEAT * 2, false)] {
        let cluster = Cluster::new();
        let (one, killed) = cluster.node_keeping(ONE, 100);
        let two = cluster.node(TWO);
        notes(&one, 1, Some(bob_in(&["a"])));
        cluster.passes(BEAT * 5).await;
        killed.cancel();
        cluster.passes(after).await;
        assert_eq!(returns(&two, 1, 21).await.is_some(), back, "{after:?}");
    }
}

#[tokio::test]
async fn what_the_store_has_lost_is_written_again() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(ONE), cluster.node(TWO));
    for number in 1..=600 {
        notes(&one, number, Some(bob_in(&["a"])));
    }
    cluster.passes(BEAT).await;
    cluster.store.loses_everything();
    assert_eq!(returns(&two, 1, 21).await, None);
    cluster.passes(BEAT).await;
    for number in [1, 300, 600] {
        assert_eq!(returns(&two, number, 21).await, Some(bob_in(&["a"])));
    }
}

/// What a store that is away does to somebody's return is no fault of theirs.
#[tokio::test]
async fn who_cannot_be_put_back_now_may_come_again() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(ONE), cluster.node(TWO));
    notes(&one, 1, Some(bob_in(&["a"])));
    cluster.passes(BEAT).await;
    cluster.store.is_down(true);
    let claim = two.claim(&pid(1), connection(21), |_| true).await;
    assert!(claim.is_err(), "nobody knows");
    cluster.store.is_down(false);
    let claim = two.claim(&pid(1), connection(21), |_| true).await;
    claim.unwrap().unwrap().give_back();
    cluster.passes(BEAT).await;
    assert!(returns(&one, 1, 11).await.is_some());
}

/// After a failover the store may know the nodes, and not what they wrote last.
#[tokio::test]
async fn sessions_that_alone_are_lost_are_written_again() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(ONE), cluster.node(TWO));
    for number in 1..=10 {
        notes(&one, number, Some(bob_in(&["a"])));
    }
    cluster.passes(BEAT).await;
    cluster.store.loses_everything();
    for node in [ONE, TWO] {
        cluster.store.keep_list(node, WINDOW).await.unwrap();
    }
    cluster.passes(BEAT).await;
    cluster.passes(BEAT).await;
    for number in [1, 10] {
        assert_eq!(returns(&two, number, 21).await, Some(bob_in(&["a"])));
    }
}

#[tokio::test]
async fn the_first_who_went_away_are_forgotten_first() {
    let cluster = Cluster::new();
    let (one, _stop) = cluster.node_keeping(ONE, 2);
    for number in 1..=4 {
        notes(&one, number, Some(bob_in(&["a"])));
    }
    for number in [1, 2, 3] {
        ends(&one, number);
    }
    cluster.settles().await;
    assert_eq!(returns(&one, 1, 11).await, None);
    assert_eq!(cluster.holds(1).await, None);
    for number in [2, 3, 4] {
        assert!(returns(&one, number, 11).await.is_some(), "{number}");
    }
}

#[tokio::test]
async fn a_pid_in_the_wrong_hands_stays_good() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(ONE), cluster.node(TWO));
    notes(&one, 1, Some(bob_in(&["a"])));
    cluster.settles().await;
    for node in [&one, &two] {
        let claim = node.claim(&pid(1), connection(9), |_| false).await;
        assert!(claim.unwrap().is_none());
    }
    assert!(returns(&two, 1, 21).await.is_some());
}

#[tokio::test]
async fn one_comes_back_at_a_time_and_whose_return_fails_has_used_it_up() {
    let cluster = Cluster::new();
    let one = cluster.node(ONE);
    notes(&one, 1, Some(bob_in(&["a"])));
    let claim = one.claim(&pid(1), connection(11), |_| true).await;
    let claim = claim.unwrap().unwrap();
    assert_eq!(claim.before(), Some(connection(1)));
    assert_eq!(returns(&one, 1, 12).await, None);
    drop(claim);
    assert_eq!(returns(&one, 1, 12).await, None);
    cluster.settles().await;
    assert_eq!(cluster.holds(1).await, None);
}

#[tokio::test]
async fn the_old_connection_has_no_say_any_more() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(ONE), cluster.node(TWO));
    notes(&one, 1, Some(bob_in(&["a"])));
    cluster.settles().await;
    assert!(returns(&one, 1, 11).await.is_some());
    ends(&one, 1);
    notes(&one, 1, None);
    cluster.passes(WINDOW * 2).await;
    assert_eq!(returns(&two, 1, 21).await, Some(bob_in(&["a"])));
    // On the other node as well, where it is of nobody any more after a while.
    ends(&one, 11);
    cluster.passes(WINDOW * 2).await;
    assert_eq!(cluster.holds(1).await, Some(bob_in(&["a"])));
    two.note(pid(1).key(), connection(21), None);
    cluster.settles().await;
    assert_eq!(returns(&one, 1, 12).await, None, "left on purpose, there");
}
