//! A store that a test can break.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::watch;
use usher::domain::id::{NodeId, Revision, RoomKey};
use usher::domain::room::{Commit, Room};
use usher::engine::store::{Appended, Missed, Opened, RoomStore, StoreError};
use usher::store::MemoryRoomStore;

/// What the store does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// What is asked.
    Well,
    /// Nothing.
    Refusing,
    /// What is asked, but the answer is lost on the way. Once; then it is well.
    LosingOneAnswer,
    /// Answers, and takes nothing: out of memory, or a replica.
    Full,
}

/// Where a call may be kept waiting.
#[derive(Debug, Default)]
struct Gate(watch::Sender<Passage>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Passage {
    #[default]
    Open,
    Shut,
    SomebodyWaits,
}

impl Gate {
    fn shut(&self) {
        self.0.send_replace(Passage::Shut);
    }

    fn open(&self) {
        self.0.send_replace(Passage::Open);
    }

    async fn somebody_waits(&self) {
        let mut passage = self.0.subscribe();
        super::within(passage.wait_for(|now| *now == Passage::SomebodyWaits))
            .await
            .unwrap();
    }

    async fn pass(&self) {
        if *self.0.borrow() == Passage::Shut {
            self.0.send_replace(Passage::SomebodyWaits);
        }
        drop(
            self.0
                .subscribe()
                .wait_for(|now| *now == Passage::Open)
                .await,
        );
    }
}

/// A store in memory behind switches.
pub(crate) struct BreakableStore {
    inner: MemoryRoomStore,
    mood: Mutex<Mood>,
    attempts: AtomicUsize,
    conflicts: AtomicUsize,
    /// Commits of node 1 on their way to the store.
    appending: Gate,
    /// The answer to a `forget`.
    forgetting: Gate,
}

impl BreakableStore {
    pub(crate) fn new() -> Arc<Self> {
        Self::keeping(256)
    }

    /// One that keeps this many commits per room.
    pub(crate) fn keeping(log_length: usize) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryRoomStore::new(log_length),
            mood: Mutex::new(Mood::Well),
            attempts: AtomicUsize::new(0),
            conflicts: AtomicUsize::new(0),
            appending: Gate::default(),
            forgetting: Gate::default(),
        })
    }

    pub(crate) fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// How often somebody tried to append while the store was refusing.
    pub(crate) fn attempts(&self) -> usize {
        self.attempts.load(Ordering::SeqCst)
    }

    /// How often somebody came too late.
    pub(crate) fn conflicts(&self) -> usize {
        self.conflicts.load(Ordering::SeqCst)
    }

    /// From now on the answer to a `forget` is held back.
    pub(crate) fn holds_forgetting(&self) {
        self.forgetting.shut();
    }

    /// Waits until the room is forgotten and nobody has been told.
    pub(crate) async fn is_forgetting(&self) {
        self.forgetting.somebody_waits().await;
    }

    pub(crate) fn releases_forgetting(&self) {
        self.forgetting.open();
    }

    /// From now on commits of node 1 are held up on their way to the store.
    pub(crate) fn holds_commits_of_node_one(&self) {
        self.appending.shut();
    }

    pub(crate) async fn is_waited_for_by_node_one(&self) {
        self.appending.somebody_waits().await;
    }

    pub(crate) fn releases_commits_of_node_one(&self) {
        self.appending.open();
    }

    /// The connection over which this node hears of the others breaks.
    pub(crate) async fn loses_the_feed_of(&self, node: NodeId, room: &Room) {
        drop(self.inner.open(node, room).await.unwrap());
    }

    async fn asked(&self) -> Result<(), StoreError> {
        // As over a network, others come in between.
        tokio::task::yield_now().await;
        if *self.mood.lock().unwrap() == Mood::Refusing {
            Err(down())
        } else {
            Ok(())
        }
    }
}

fn down() -> StoreError {
    StoreError::Unavailable("the test says so".to_owned())
}

#[async_trait]
impl RoomStore for BreakableStore {
    async fn open(&self, node: NodeId, fresh: &Room) -> Result<Opened, StoreError> {
        self.asked().await?;
        self.inner.open(node, fresh).await
    }

    async fn reopen(&self, node: NodeId, replica: &Room) -> Result<Option<Opened>, StoreError> {
        self.asked().await?;
        self.inner.reopen(node, replica).await
    }

    async fn restore(
        &self,
        node: NodeId,
        replica: &Room,
        reborn: &Room,
    ) -> Result<Opened, StoreError> {
        self.asked().await?;
        self.inner.restore(node, replica, reborn).await
    }

    async fn append(&self, commit: &Arc<Commit>, after: &Room) -> Result<Appended, StoreError> {
        if let Err(error) = self.asked().await {
            self.attempts.fetch_add(1, Ordering::SeqCst);
            return Err(error);
        }
        if *self.mood.lock().unwrap() == Mood::Full {
            return Err(down());
        }
        if commit.id.node == NodeId(1) {
            self.appending.pass().await;
        }
        let appended = self.inner.append(commit, after).await;
        if matches!(appended, Ok(Appended::Conflict(_))) {
            self.conflicts.fetch_add(1, Ordering::SeqCst);
        }
        let mut mood = self.mood.lock().unwrap();
        if *mood == Mood::LosingOneAnswer {
            *mood = Mood::Well;
            return Err(down());
        }
        appended
    }

    async fn since(&self, replica: &Room, rev: Revision) -> Result<Option<Missed>, StoreError> {
        self.asked().await?;
        self.inner.since(replica, rev).await
    }

    async fn peek(&self, key: &RoomKey) -> Result<Option<Room>, StoreError> {
        self.inner.peek(key).await
    }

    async fn rooms(&self) -> Result<BTreeSet<RoomKey>, StoreError> {
        self.inner.rooms().await
    }

    async fn openers(&self, key: &RoomKey) -> Result<BTreeSet<NodeId>, StoreError> {
        self.inner.openers(key).await
    }

    async fn forget(&self, node: NodeId, replica: &Room) -> Result<bool, StoreError> {
        self.asked().await?;
        let forgotten = self.inner.forget(node, replica).await;
        self.forgetting.pass().await;
        forgotten
    }

    async fn log(&self, key: &RoomKey) -> Result<Vec<Arc<Commit>>, StoreError> {
        self.inner.log(key).await
    }
}
