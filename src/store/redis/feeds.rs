//! From Redis's pushes to the feeds of rooms. Runs inside the connection's task, so it never waits: a
//! feed that is full ends, and its reader opens the room again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::{PushInfo, PushKind, Value};
use tokio::sync::mpsc;

use super::codec;
use crate::domain::id::{CommitId, NodeId, RoomKey};
use crate::domain::room::Commit;

/// What is known of one room that this process has open.
#[derive(Debug)]
struct Open {
    key: RoomKey,
    readers: Vec<(NodeId, mpsc::Sender<Arc<Commit>>)>,
    /// The newest commit that went through here, in either direction.
    head: Option<CommitId>,
}

/// The feeds of this process.
#[derive(Debug)]
pub(super) struct Feeds {
    rooms: Mutex<HashMap<String, Open>>,
    /// Channel of the probes.
    probe: String,
    /// Counts the probes that came back.
    heard: AtomicU64,
    length: usize,
}

impl Feeds {
    pub(super) fn new(probe: String, length: usize) -> Self {
        Self {
            rooms: Mutex::default(),
            probe,
            heard: AtomicU64::new(0),
            length,
        }
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<String, Open>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new feed; an older one of the same node ends.
    pub(super) fn open(
        &self,
        channel: &str,
        key: &RoomKey,
        node: NodeId,
    ) -> mpsc::Receiver<Arc<Commit>> {
        let (sender, feed) = mpsc::channel(self.length);
        let mut rooms = self.rooms();
        let open = rooms.entry(channel.to_owned()).or_insert_with(|| Open {
            key: key.clone(),
            readers: Vec::new(),
            head: None,
        });
        open.readers.retain(|(reader, _)| *reader != node);
        open.readers.push((node, sender));
        feed
    }

    /// Ends a node's feed; `true` when nobody reads the channel any more.
    pub(super) fn close(&self, channel: &str, node: NodeId) -> bool {
        let mut rooms = self.rooms();
        let Some(open) = rooms.get_mut(channel) else {
            return true;
        };
        open.readers.retain(|(reader, _)| *reader != node);
        let unread = open.readers.is_empty();
        if unread {
            rooms.remove(channel);
        }
        unread
    }

    /// How many nodes of this process read the channel: one, except in tests.
    pub(super) fn readers(&self, channel: &str) -> usize {
        self.rooms()
            .get(channel)
            .map_or(0, |open| open.readers.len())
    }

    /// Notes where the room is, as far as this process knows.
    pub(super) fn note(&self, channel: &str, head: Option<CommitId>) {
        if let Some(open) = self.rooms().get_mut(channel) {
            open.head = head;
        }
    }

    /// The rooms that are open, with their channels and where they are.
    pub(super) fn positions(&self) -> Vec<(String, RoomKey, Option<CommitId>)> {
        self.rooms()
            .iter()
            .map(|(channel, open)| (channel.clone(), open.key.clone(), open.head))
            .collect()
    }

    /// Ends the feeds of a room that is not where the store says. A commit that is on its way may make
    /// this wrong; opening the room again then finds nothing new.
    pub(super) fn end_unless_at(&self, channel: &str, head: Option<CommitId>) {
        if let Some(open) = self.rooms().get_mut(channel)
            && open.head != head
        {
            open.readers.clear();
        }
    }

    /// Ends the feeds of one room.
    pub(super) fn end(&self, channel: &str) {
        if let Some(open) = self.rooms().get_mut(channel) {
            open.readers.clear();
        }
    }

    /// Ends every feed: the connection was lost, so anything may have been missed.
    pub(super) fn end_all(&self) {
        for open in self.rooms().values_mut() {
            open.readers.clear();
        }
    }

    /// How many probes have come back.
    pub(super) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// What Redis pushes.
    pub(super) fn push(&self, push: &PushInfo) {
        match push.kind {
            PushKind::Message | PushKind::SMessage => self.hear(push),
            // The room's slot has moved to another server of the cluster.
            PushKind::SUnsubscribe => self.end_told(push),
            PushKind::Disconnection
            | PushKind::Other(_)
            | PushKind::Invalidate
            | PushKind::PMessage
            | PushKind::Unsubscribe
            | PushKind::PUnsubscribe
            | PushKind::Subscribe
            | PushKind::PSubscribe
            | PushKind::SSubscribe
            | _ => {}
        }
    }

    fn end_told(&self, push: &PushInfo) {
        if let Some(Value::BulkString(channel)) = push.data.first()
            && let Ok(channel) = std::str::from_utf8(channel)
        {
            self.end(channel);
        }
    }

    fn hear(&self, push: &PushInfo) {
        let [Value::BulkString(channel), Value::BulkString(payload)] = push.data.as_slice() else {
            return;
        };
        let Ok(channel) = std::str::from_utf8(channel) else {
            return;
        };
        if channel == self.probe {
            self.heard.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut rooms = self.rooms();
        let Some(open) = rooms.get_mut(channel) else {
            return;
        };
        match codec::commit_from(payload) {
            Ok(commit) => open.deliver(&commit),
            Err(error) => {
                tracing::error!(room.id = %open.key, %error, "a commit cannot be read");
                open.readers.clear();
            }
        }
    }
}

impl Open {
    fn deliver(&mut self, commit: &Arc<Commit>) {
        self.head = Some(commit.id);
        self.readers.retain(|(node, reader)| {
            if *node == commit.id.node {
                return !reader.is_closed();
            }
            reader.try_send(commit.clone()).is_ok()
        });
    }
}
