//! What every store of sessions must do.

use std::sync::Arc;
use std::time::Duration;

use usher::clock::ManualClock;
use usher::engine::sessions::{Change, Session, SessionStore, Stored};
use usher::store::MemorySessions;

use super::{ONE, TWO, bob_in, fresh, pid};
use crate::support::people::START;
use crate::support::redis::redis_store;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(40);

/// A store, and its time.
struct Subject {
    store: Arc<dyn SessionStore>,
    clock: Option<Arc<ManualClock>>,
}

impl Subject {
    fn memory() -> Self {
        let clock = Arc::new(ManualClock::new(START));
        Self {
            store: Arc::new(MemorySessions::new(clock.clone())),
            clock: Some(clock),
        }
    }

    fn redis() -> Self {
        Self {
            store: redis_store(8),
            clock: None,
        }
    }

    async fn passes(&self, time: Duration) {
        match &self.clock {
            Some(clock) => clock.advance(time),
            None => tokio::time::sleep(time + Duration::from_millis(20)).await,
        }
    }

    async fn lists(&self, nodes: &[usher::domain::id::NodeId]) {
        for node in nodes {
            self.store.keep_list(*node, LONG).await.unwrap();
        }
    }

    async fn writes(&self, node: usher::domain::id::NodeId, change: Change) {
        self.store.write(node, &[change], LONG).await.unwrap();
    }

    async fn reads(&self, number: u128) -> Option<Stored> {
        self.store.read(&pid(number).key()).await.unwrap()
    }
}

fn changed(number: u128, session: Option<&Session>) -> Change {
    Change {
        key: pid(number).key(),
        session: session.cloned().map(Arc::new),
        fresh: false,
    }
}

async fn what_is_written_is_read(subject: Subject) {
    subject.lists(&[ONE]).await;
    assert_eq!(subject.reads(1).await, None);
    for session in [bob_in(&["a"]), bob_in(&["a", "b"]), bob_in(&["a", "b"])] {
        subject.writes(ONE, fresh(1, &session)).await;
        let holder = ONE;
        assert_eq!(subject.reads(1).await, Some(Stored { holder, session }));
    }
    assert_eq!(subject.reads(2).await, None);
    subject.writes(ONE, changed(1, None)).await;
    assert_eq!(subject.reads(1).await, None);
}

async fn many_are_written_together(subject: Subject) {
    subject.lists(&[ONE]).await;
    let changes: Vec<Change> = (0..300).map(|it| fresh(it, &bob_in(&["a"]))).collect();
    subject.store.write(ONE, &changes, LONG).await.unwrap();
    for number in [0, 150, 299] {
        assert!(subject.reads(number).await.is_some());
    }
}

async fn a_node_is_believed_for_so_long(subject: Subject) {
    let lists = |lasting| subject.store.keep_list(ONE, lasting);
    subject.writes(ONE, fresh(1, &bob_in(&["a"]))).await;
    assert_eq!(subject.reads(1).await, None, "it is not on the list");
    assert!(!lists(LONG).await.unwrap());
    assert!(subject.reads(1).await.is_some());
    assert!(lists(SHORT).await.unwrap());
    subject.passes(SHORT).await;
    assert_eq!(subject.reads(1).await, None);
    assert!(!lists(LONG).await.unwrap(), "it was off the list");
}

async fn who_took_it_over_has_it(subject: Subject) {
    subject.lists(&[ONE, TWO]).await;
    let (before, after) = (bob_in(&["a"]), bob_in(&["a", "b"]));
    subject.writes(ONE, fresh(1, &before)).await;
    let key = pid(1).key();
    let pass = || subject.store.pass(&key, ONE, TWO, LONG);
    assert!(pass().await.unwrap());
    assert!(!pass().await.unwrap(), "once");
    let (holder, session) = (TWO, before);
    let held = Some(Stored { holder, session });
    assert_eq!(subject.reads(1).await, held);
    for late in [fresh(1, &after), changed(1, Some(&after)), changed(1, None)] {
        subject.writes(ONE, late).await;
        assert_eq!(subject.reads(1).await, held);
    }
    subject.writes(TWO, changed(1, Some(&after))).await;
    assert_eq!(subject.reads(1).await.unwrap().session, after);
    assert!(
        !subject
            .store
            .pass(&pid(2).key(), ONE, TWO, LONG)
            .await
            .unwrap()
    );
}

async fn what_has_ended_elsewhere_does_not_come_back(subject: Subject) {
    subject.lists(&[ONE, TWO]).await;
    subject.writes(ONE, fresh(1, &bob_in(&["a"]))).await;
    subject
        .store
        .pass(&pid(1).key(), ONE, TWO, LONG)
        .await
        .unwrap();
    subject.writes(TWO, changed(1, None)).await;
    subject.writes(ONE, changed(1, Some(&bob_in(&["b"])))).await;
    assert_eq!(subject.reads(1).await, None);
}

/// Turns claims about any store into tests of each.
macro_rules! conformance {
    ($($claim:ident),+) => {
        mod memory {
            $(#[tokio::test] async fn $claim() { super::$claim(super::Subject::memory()).await; })+
        }
        mod redis {
            $(#[tokio::test] async fn $claim() { super::$claim(super::Subject::redis()).await; })+
        }
    };
}

conformance!(
    what_is_written_is_read,
    many_are_written_together,
    a_node_is_believed_for_so_long,
    who_took_it_over_has_it,
    what_has_ended_elsewhere_does_not_come_back
);
