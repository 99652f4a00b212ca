//! `Nodes` on Redis: leases in the server's own time, and what a dead node leaves behind.

use async_trait::async_trait;
use redis::Value;

use super::RedisRoomStore;
use super::keys;
use super::scripts::{texts, unexpected};
use crate::domain::id::{NodeId, RoomKey};
use crate::domain::time::Timestamp;
use crate::engine::nodes::{NodeRegistry, Roll};
use crate::engine::store::StoreError;

/// How long one node has for burying another before a third may try.
const BURIAL_MS: u64 = 30_000;

#[async_trait]
impl NodeRegistry for RedisRoomStore {
    async fn beat(&self, node: NodeId) -> Result<Roll, StoreError> {
        let beat = self.keep_lease(node).await;
        let reason = beat.as_ref().err().map(ToString::to_string);
        *self.missed_beat() = reason;
        beat
    }

    fn deliveries(&self) -> u64 {
        self.feeds.heard()
    }

    fn distrust(&self) {
        self.link
            .distrust("Redis answers, but delivers nothing that is published");
    }

    async fn check_positions(&self) -> Result<(), StoreError> {
        for piece in self.feeds.positions().chunks(256) {
            let read = piece.iter().map(|(_, key, _)| {
                let mut read = redis::cmd("HGET");
                read.arg(self.keys.room(key).state).arg("head");
                read
            });
            let heads = self.link.run_all(read.collect()).await?;
            for ((channel, _, before), head) in piece.iter().zip(heads) {
                let stored = if let Value::BulkString(text) = head {
                    super::codec::head_from_bytes(&text).ok()
                } else {
                    None
                };
                match stored {
                    Some(stored) if stored == *before => {}
                    Some(stored) => self.feeds.end_unless_at(channel, stored),
                    // The room is gone: whoever has it open brings it back.
                    None => self.feeds.end(channel),
                }
            }
        }
        Ok(())
    }

    async fn rooms_of(&self, dead: NodeId) -> Result<Vec<RoomKey>, StoreError> {
        let mut read = redis::cmd("SMEMBERS");
        read.arg(self.keys.rooms_of(dead));
        let (Value::Set(rooms) | Value::Array(rooms)) = self.link.run(read).await? else {
            return Err(unexpected());
        };
        let rooms = texts(Value::Array(rooms))?;
        Ok(rooms
            .iter()
            .filter_map(|name| keys::room_from(std::str::from_utf8(name).ok()?))
            .collect())
    }

    async fn claim(&self, dead: NodeId, by: NodeId) -> Result<bool, StoreError> {
        let mut claim = redis::cmd("SET");
        claim
            .arg(self.keys.burial_of(dead))
            .arg(keys::node_name(by));
        claim.arg("NX").arg("PX").arg(BURIAL_MS);
        let reply = self.link.run(claim).await?;
        Ok(matches!(reply, Value::Okay | Value::SimpleString(_)))
    }

    async fn release(&self, dead: NodeId, key: &RoomKey) -> Result<(), StoreError> {
        let mut node = redis::cmd("SREM");
        node.arg(self.keys.room(key).nodes)
            .arg(keys::node_name(dead));
        let mut room = redis::cmd("SREM");
        room.arg(self.keys.rooms_of(dead)).arg(key.to_string());
        self.link.run_all(vec![node, room]).await.map(drop)
    }

    async fn bury(&self, dead: NodeId) -> Result<(), StoreError> {
        let mut lease = redis::cmd("ZREM");
        lease.arg(self.keys.nodes()).arg(keys::node_name(dead));
        let mut rooms = redis::cmd("DEL");
        rooms.arg(self.keys.rooms_of(dead));
        let mut burial = redis::cmd("DEL");
        burial.arg(self.keys.burial_of(dead));
        let commands = vec![lease, rooms, burial];
        self.link.run_all(commands).await.map(drop)
    }

    fn trouble(&self) -> Option<String> {
        let trouble = self.link.trouble().map(|reason| reason.to_string());
        trouble.or_else(|| self.missed_beat().clone())
    }
}

impl RedisRoomStore {
    async fn keep_lease(&self, node: NodeId) -> Result<Roll, StoreError> {
        let value = self
            .link
            .run_script(|_server| {
                let mut script = self.scripts.beat.prepare_invoke();
                script.key(self.keys.nodes()).arg(keys::node_name(node));
                script.arg(self.keys.probe_of(node)).arg("beat");
                script
            })
            .await?;
        let reply = texts(value)?;
        let mut words = reply
            .iter()
            .map(|word| std::str::from_utf8(word).unwrap_or(""));
        let now = words.next().and_then(moment).ok_or_else(unexpected)?;
        let before = words.next().and_then(moment);
        let mut beats = Vec::new();
        while let (Some(name), Some(beat)) = (words.next(), words.next()) {
            if let (Some(node), Some(beat)) = (keys::node_from(name), moment(beat)) {
                beats.push((node, beat));
            }
        }
        Ok(Roll { now, before, beats })
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    // A score may come with a fraction.
    text.split('.').next()?.parse().ok().map(Timestamp)
}
