//! `SessionStore` on Redis: one key per session, which names the node that it belongs to, and one per node.

use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use super::RedisRoomStore;
use super::keys;
use super::scripts::unexpected;
use crate::domain::id::NodeId;
use crate::engine::sessions::{Change, Session, SessionKey, SessionStore, Stored};
use crate::engine::store::StoreError;

/// Characters of the node before a session.
const NODE: usize = 16;

#[async_trait]
impl SessionStore for RedisRoomStore {
    async fn keep_list(&self, node: NodeId, lasting: Duration) -> Result<bool, StoreError> {
        let (key, lasting) = (self.keys.sessions_of(node), millis(lasting));
        let mut extend = redis::cmd("PEXPIRE");
        extend.arg(&key).arg(lasting);
        if self.link.run(extend).await? == Value::Int(1) {
            return Ok(true);
        }
        let mut begin = redis::cmd("SET");
        begin.arg(&key).arg(1).arg("PX").arg(lasting);
        self.link.run(begin).await?;
        Ok(false)
    }

    async fn write(
        &self,
        node: NodeId,
        changes: &[Change],
        lasting: Duration,
    ) -> Result<(), StoreError> {
        let commands = changes.iter().map(|change| {
            let session = change.session.as_ref();
            let session = session.map(|session| serde_json::to_string(&**session));
            let session = session.transpose().map_err(|error| unreadable(&error))?;
            let mut write = redis::cmd("EVAL");
            write.arg(include_str!("keep.lua")).arg(1);
            write.arg(self.keys.session(&change.key));
            write
                .arg(keys::node_name(node))
                .arg(session.unwrap_or_default());
            write.arg(millis(lasting)).arg(u8::from(change.fresh));
            Ok(write)
        });
        let commands = commands.collect::<Result<Vec<_>, StoreError>>()?;
        self.link.run_all(commands).await.map(drop)
    }

    async fn read(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
        let mut read = redis::cmd("GET");
        read.arg(self.keys.session(key));
        let reply = self.link.run(read).await?;
        let Value::BulkString(bytes) = reply else {
            return if reply == Value::Nil {
                Ok(None)
            } else {
                Err(unexpected())
            };
        };
        let (holder, session) = bytes.split_at_checked(NODE).ok_or_else(unexpected)?;
        let holder = std::str::from_utf8(holder).ok().and_then(keys::node_from);
        let holder = holder.ok_or_else(unexpected)?;
        let session: Session =
            serde_json::from_slice(session).map_err(|error| unreadable(&error))?;
        let mut listed = redis::cmd("EXISTS");
        listed.arg(self.keys.sessions_of(holder));
        let listed = self.link.run(listed).await? == Value::Int(1);
        Ok(listed.then_some(Stored { holder, session }))
    }

    async fn pass(
        &self,
        key: &SessionKey,
        from: NodeId,
        to: NodeId,
        lasting: Duration,
    ) -> Result<bool, StoreError> {
        let mut script = self.scripts.pass.prepare_invoke();
        script.key(self.keys.session(key));
        script.arg(keys::node_name(from)).arg(keys::node_name(to));
        script.arg(millis(lasting));
        Ok(self.link.run_once(script).await? == Value::Int(1))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Says nothing of what the session holds.
fn unreadable(error: &serde_json::Error) -> StoreError {
    let kind = error.classify();
    StoreError::Unreadable(format!("a session is not one: {kind:?}"))
}
