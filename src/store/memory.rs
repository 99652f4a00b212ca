//! The reference store: rooms in this process's memory. What it does is what every store must do.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::domain::id::{CommitId, NodeId, Revision, RoomKey};
use crate::domain::room::{Commit, Replica, Room};
use crate::engine::store::{Appended, Missed, Opened, RoomStore, StoreError};

/// Commits that may wait for one slow subscriber before it has to read the log.
const FEED_LENGTH: usize = 256;

#[derive(Debug)]
struct Stored {
    replica: Replica,
    log: VecDeque<Arc<Commit>>,
    subscribers: Vec<(NodeId, mpsc::Sender<Arc<Commit>>)>,
}

/// Rooms in memory. Several nodes in one process may share one.
#[derive(Debug)]
pub struct MemoryRoomStore {
    rooms: Mutex<HashMap<RoomKey, Stored>>,
    log_length: usize,
}

impl MemoryRoomStore {
    /// A store that keeps the last `log_length` commits of each room.
    #[must_use]
    pub fn new(log_length: usize) -> Self {
        Self {
            rooms: Mutex::default(),
            log_length,
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<RoomKey, Stored>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stored {
    fn new(room: &Room) -> Self {
        let replica = Replica::new(room.clone());
        Self {
            replica,
            log: VecDeque::new(),
            subscribers: Vec::new(),
        }
    }

    /// What a replica of `room`'s epoch at `rev` lacks.
    fn missed(&self, replica: &Room, rev: Revision) -> Missed {
        let room = self.replica.room();
        let kept = self
            .log
            .front()
            .map_or(room.rev, |oldest| oldest.rev.saturating_sub(1));
        let forked = rev >= kept && rev == replica.rev && self.head_at(rev) != replica.head;
        if room.epoch != replica.epoch || rev < kept || rev > room.rev || forked {
            return Missed::Snapshot(Box::new(room.clone()));
        }
        Missed::Commits(
            self.log
                .iter()
                .filter(|commit| commit.rev > rev)
                .cloned()
                .collect(),
        )
    }

    /// The last commit up to this revision, as far as the log tells.
    fn head_at(&self, rev: Revision) -> Option<CommitId> {
        let next = self.log.iter().find(|commit| commit.rev > rev);
        next.map_or(self.replica.room().head, |commit| commit.parent)
    }

    fn subscribe(&mut self, node: NodeId) -> Opened {
        let (sender, feed) = mpsc::channel(FEED_LENGTH);
        self.subscribers
            .retain(|(subscribed, _)| *subscribed != node);
        self.subscribers.push((node, sender));
        Opened {
            room: self.replica.room().clone(),
            feed,
        }
    }

    fn publish(&mut self, commit: &Arc<Commit>) {
        self.subscribers.retain(|(node, subscriber)| {
            if *node == commit.id.node {
                return !subscriber.is_closed();
            }
            // A full feed ends: its reader learns that it has missed something, even if nothing
            // more happens in the room.
            subscriber.try_send(commit.clone()).is_ok()
        });
    }
}

#[async_trait]
impl RoomStore for MemoryRoomStore {
    async fn open(&self, node: NodeId, fresh: &Room) -> Result<Opened, StoreError> {
        let mut rooms = self.table();
        let stored = rooms
            .entry(fresh.key.clone())
            .or_insert_with(|| Stored::new(fresh));
        Ok(stored.subscribe(node))
    }

    async fn reopen(&self, node: NodeId, replica: &Room) -> Result<Option<Opened>, StoreError> {
        Ok(self
            .table()
            .get_mut(&replica.key)
            .map(|stored| stored.subscribe(node)))
    }

    async fn restore(
        &self,
        node: NodeId,
        _replica: &Room,
        reborn: &Room,
    ) -> Result<Opened, StoreError> {
        self.open(node, reborn).await
    }

    async fn peek(&self, key: &RoomKey) -> Result<Option<Room>, StoreError> {
        let rooms = self.table();
        Ok(rooms.get(key).map(|stored| stored.replica.room().clone()))
    }

    async fn rooms(&self) -> Result<BTreeSet<RoomKey>, StoreError> {
        Ok(self.table().keys().cloned().collect())
    }

    async fn openers(&self, key: &RoomKey) -> Result<BTreeSet<NodeId>, StoreError> {
        let rooms = self.table();
        let open = rooms.get(key).into_iter().flat_map(|it| &it.subscribers);
        Ok(open.map(|(node, _)| *node).collect())
    }

    async fn append(&self, commit: &Arc<Commit>, after: &Room) -> Result<Appended, StoreError> {
        let mut rooms = self.table();
        let Some(stored) = rooms.get_mut(&after.key) else {
            return Err(StoreError::Forgotten);
        };
        if stored.log.iter().rev().any(|known| known.id == commit.id) {
            return Ok(Appended::Accepted);
        }
        if stored.replica.apply(commit) != Ok(true) {
            let mut before = after.clone();
            before.rev = commit.rev.saturating_sub(1);
            before.head = commit.parent;
            return Ok(Appended::Conflict(stored.missed(&before, before.rev)));
        }
        stored.log.push_back(commit.clone());
        if stored.log.len() > self.log_length {
            stored.log.pop_front();
        }
        stored.publish(commit);
        Ok(Appended::Accepted)
    }

    async fn since(&self, replica: &Room, rev: Revision) -> Result<Option<Missed>, StoreError> {
        Ok(self
            .table()
            .get(&replica.key)
            .map(|stored| stored.missed(replica, rev)))
    }

    async fn forget(&self, node: NodeId, replica: &Room) -> Result<bool, StoreError> {
        let mut rooms = self.table();
        let Some(stored) = rooms.get_mut(&replica.key) else {
            return Ok(true);
        };
        let room = stored.replica.room();
        if room.head != replica.head || room.epoch != replica.epoch || !room.is_deserted() {
            return Ok(false);
        }
        stored
            .subscribers
            .retain(|(subscribed, _)| *subscribed != node);
        if stored.subscribers.is_empty() {
            rooms.remove(&replica.key);
        }
        Ok(true)
    }

    async fn log(&self, key: &RoomKey) -> Result<Vec<Arc<Commit>>, StoreError> {
        let rooms = self.table();
        Ok(rooms
            .get(key)
            .map(|stored| stored.log.iter().cloned().collect())
            .unwrap_or_default())
    }
}
