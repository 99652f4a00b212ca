//! `RoomStore` on Redis: each call is one script, atomic and safe to repeat.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use redis::Value;

use super::RedisRoomStore;
use super::codec::{self, Change};
use super::keys;
use super::scripts::{Reply, texts, unexpected};
use crate::domain::id::{NodeId, Revision, RoomKey};
use crate::domain::room::{Commit, Room};
use crate::engine::store::{Appended, Missed, Opened, RoomStore, StoreError};

impl RedisRoomStore {
    /// Subscribes first and reads then: what comes in between is in both, and nothing in neither.
    ///
    /// A room that was open before is in this node's set, which another shard of a cluster keeps: it does
    /// not stay closed because of that one.
    async fn enter(
        &self,
        node: NodeId,
        held: &Room,
        offered: Option<&Room>,
    ) -> Result<Option<Opened>, StoreError> {
        let _turn = self.openings.acquire().await;
        let keys = self.keys.room(&held.key);
        let fields = offered.map(codec::fields).transpose()?.unwrap_or_default();
        let noted = self.note_room(node, &held.key).await;
        if offered.is_some() {
            noted?;
        }
        let feed = self.feeds.open(&keys.feed, &held.key, node);
        self.link.subscribe(&keys.feed).await?;
        let value = self
            .link
            .run_script(|server| {
                let mut script = self.scripts.open.prepare_invoke();
                script.key(&keys.state).key(&keys.log).key(&keys.nodes);
                script.arg(keys::node_name(node)).arg(server);
                script.arg(codec::epoch_text(held.epoch)).arg(held.rev);
                script.arg(codec::head_text(held.head)).arg(&fields);
                script
            })
            .await?;
        let room = match Reply::read(value, &held.key)? {
            Reply::None => {
                self.leave_feed(&keys.feed, node).await;
                return Ok(None);
            }
            Reply::Made => offered.unwrap_or(held).clone(),
            Reply::Same => held.clone(),
            Reply::Room(room) => *room,
            Reply::Ok | Reply::Commits(_) => return Err(unexpected()),
        };
        self.feeds.note(&keys.feed, room.head);
        Ok(Some(Opened { room, feed }))
    }

    /// Written before the node's first commit in the room, so that the set is never too small.
    async fn note_room(&self, node: NodeId, key: &RoomKey) -> Result<(), StoreError> {
        let mut add = redis::cmd("SADD");
        add.arg(self.keys.rooms_of(node)).arg(key.to_string());
        self.link.run(add).await.map(drop)
    }

    async fn leave_feed(&self, channel: &str, node: NodeId) {
        if self.feeds.close(channel, node) {
            self.link.unsubscribe(channel).await;
        }
    }
}

#[async_trait]
impl RoomStore for RedisRoomStore {
    async fn open(&self, node: NodeId, fresh: &Room) -> Result<Opened, StoreError> {
        let opened = self.enter(node, fresh, Some(fresh)).await?;
        opened.ok_or_else(unexpected)
    }

    async fn restore(
        &self,
        node: NodeId,
        replica: &Room,
        reborn: &Room,
    ) -> Result<Opened, StoreError> {
        let opened = self.enter(node, replica, Some(reborn)).await?;
        opened.ok_or_else(unexpected)
    }

    async fn reopen(&self, node: NodeId, replica: &Room) -> Result<Option<Opened>, StoreError> {
        self.enter(node, replica, None).await
    }

    async fn append(&self, commit: &Arc<Commit>, after: &Room) -> Result<Appended, StoreError> {
        let keys = self.keys.room(&after.key);
        let change = Change::of(commit, after)?;
        let bytes = codec::commit_bytes(commit)?;
        let value = self
            .link
            .run_script(|server| {
                let mut script = self.scripts.append.prepare_invoke();
                script.key(&keys.state).key(&keys.log);
                script.arg(codec::epoch_text(commit.epoch));
                script.arg(codec::head_text(commit.parent)).arg(commit.rev);
                script.arg(codec::id_text(commit.id)).arg(self.log_length);
                // Asked anew for each attempt: over another connection this node may not listen yet.
                let readers = self.feeds.readers(&keys.feed);
                script.arg(server).arg(&keys.feed).arg(readers).arg(&bytes);
                script.arg(change.set.len());
                script.arg(&change.set).arg(&change.removed);
                script
            })
            .await?;
        let reply = Reply::read(value, &after.key)?;
        if matches!(reply, Reply::Ok) {
            self.feeds.note(&keys.feed, Some(commit.id));
            return Ok(Appended::Accepted);
        }
        let missed = reply.into_missed()?;
        missed.map(Appended::Conflict).ok_or(StoreError::Forgotten)
    }

    async fn since(&self, replica: &Room, rev: Revision) -> Result<Option<Missed>, StoreError> {
        let keys = self.keys.room(&replica.key);
        // The head is that of the replica's own revision; of another one it is not known.
        let head = if rev == replica.rev {
            codec::head_text(replica.head)
        } else {
            "*".to_owned()
        };
        let value = self
            .link
            .run_script(|server| {
                let mut script = self.scripts.since.prepare_invoke();
                script.key(&keys.state).key(&keys.log).arg(server);
                script.arg(codec::epoch_text(replica.epoch)).arg(rev);
                script.arg(&head);
                script
            })
            .await?;
        Reply::read(value, &replica.key)?.into_missed()
    }

    async fn peek(&self, key: &RoomKey) -> Result<Option<Room>, StoreError> {
        let mut read = redis::cmd("HGETALL");
        read.arg(self.keys.room(key).state);
        let reply = self.link.run(read).await?;
        let fields = if let Value::Map(fields) = reply {
            let pairs = fields.into_iter();
            pairs.flat_map(|(field, value)| [field, value]).collect()
        } else if let Value::Array(fields) = reply {
            fields
        } else {
            return Err(unexpected());
        };
        if fields.is_empty() {
            return Ok(None);
        }
        codec::room(key, &texts(Value::Array(fields))?).map(Some)
    }

    async fn rooms(&self) -> Result<BTreeSet<RoomKey>, StoreError> {
        let mut nodes = redis::cmd("ZRANGE");
        nodes.arg(self.keys.nodes()).arg(0).arg(-1);
        let names = texts(self.link.run(nodes).await?)?;
        let names = names
            .iter()
            .filter_map(|name| keys::node_from(std::str::from_utf8(name).ok()?));
        let read = names.map(|node| {
            let mut read = redis::cmd("SMEMBERS");
            read.arg(self.keys.rooms_of(node));
            read
        });
        let mut rooms = BTreeSet::new();
        for reply in self.link.run_all(read.collect()).await? {
            let (Value::Set(names) | Value::Array(names)) = reply else {
                return Err(unexpected());
            };
            let names = texts(Value::Array(names))?;
            let names = names
                .iter()
                .filter_map(|name| keys::room_from(std::str::from_utf8(name).ok()?));
            rooms.extend(names);
        }
        Ok(rooms)
    }

    async fn openers(&self, key: &RoomKey) -> Result<BTreeSet<NodeId>, StoreError> {
        let mut read = redis::cmd("SMEMBERS");
        read.arg(self.keys.room(key).nodes);
        let (Value::Set(nodes) | Value::Array(nodes)) = self.link.run(read).await? else {
            return Err(unexpected());
        };
        let names = texts(Value::Array(nodes))?;
        let names = names
            .iter()
            .filter_map(|name| std::str::from_utf8(name).ok());
        Ok(names.filter_map(keys::node_from).collect())
    }

    async fn forget(&self, node: NodeId, replica: &Room) -> Result<bool, StoreError> {
        if !replica.is_deserted() {
            return Ok(false);
        }
        let keys = self.keys.room(&replica.key);
        let value = self
            .link
            .run_script(|_server| {
                let mut script = self.scripts.forget.prepare_invoke();
                script.key(&keys.state).key(&keys.log).key(&keys.nodes);
                script.arg(keys::node_name(node));
                script.arg(codec::epoch_text(replica.epoch));
                script.arg(codec::head_text(replica.head));
                script
            })
            .await?;
        let Value::Int(forgotten) = value else {
            return Err(unexpected());
        };
        let forgotten = forgotten == 1;
        if forgotten {
            self.leave_feed(&keys.feed, node).await;
            let mut remove = redis::cmd("SREM");
            remove
                .arg(self.keys.rooms_of(node))
                .arg(replica.key.to_string());
            // A room too many in the set costs one look when the node dies.
            drop(self.link.run(remove).await);
        }
        Ok(forgotten)
    }

    async fn log(&self, key: &RoomKey) -> Result<Vec<Arc<Commit>>, StoreError> {
        let mut read = redis::cmd("XRANGE");
        read.arg(self.keys.room(key).log).arg("-").arg("+");
        let Value::Array(entries) = self.link.run(read).await? else {
            return Err(unexpected());
        };
        entries.into_iter().map(log_entry).collect()
    }
}

/// The commit of one entry: id, then field and value in turn, the commit last.
fn log_entry(entry: Value) -> Result<Arc<Commit>, StoreError> {
    if let Value::Array(entry) = entry
        && let Some(Value::Array(fields)) = entry.into_iter().nth(1)
        && let Some(Value::BulkString(bytes)) = fields.last()
    {
        return codec::commit_from(bytes);
    }
    Err(unexpected())
}
