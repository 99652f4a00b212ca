//! Sessions in this process's memory. Several nodes in one process may share them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Clock;
use crate::domain::id::NodeId;
use crate::domain::time::Timestamp;
use crate::engine::sessions::{Change, Session, SessionKey, SessionStore, Stored};
use crate::engine::store::StoreError;

#[derive(Debug, Default)]
struct Table {
    /// Until when each node is believed without a word of it.
    nodes: HashMap<NodeId, Timestamp>,
    sessions: HashMap<SessionKey, (NodeId, Arc<Session>)>,
}

/// Sessions in memory.
#[derive(Debug)]
pub struct MemorySessions {
    table: Mutex<Table>,
    clock: Arc<dyn Clock>,
}

impl MemorySessions {
    /// None yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            table: Mutex::default(),
            clock,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SessionStore for MemorySessions {
    async fn keep_list(&self, node: NodeId, lasting: Duration) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut table = self.table();
        let before = table.nodes.insert(node, now.plus(lasting));
        let Table { nodes, sessions } = &mut *table;
        nodes.retain(|_, until| *until > now);
        sessions.retain(|_, (holder, _)| nodes.contains_key(holder));
        Ok(before.is_some_and(|until| until > now))
    }

    async fn write(
        &self,
        node: NodeId,
        changes: &[Change],
        _lasting: Duration,
    ) -> Result<(), StoreError> {
        let mut table = self.table();
        for Change {
            key,
            session,
            fresh,
        } in changes
        {
            let holder = table.sessions.get(key).map(|(holder, _)| *holder);
            let may = holder.map_or(*fresh, |holder| holder == node);
            match session.as_ref().filter(|_| may) {
                Some(session) => drop(table.sessions.insert(*key, (node, session.clone()))),
                None if may => drop(table.sessions.remove(key)),
                None => {}
            }
        }
        Ok(())
    }

    async fn read(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
        let now = self.clock.now();
        let table = self.table();
        let stored = table.sessions.get(key);
        let listed = |holder| table.nodes.get(holder).is_some_and(|until| *until > now);
        let stored = stored.filter(|(holder, _)| listed(holder));
        Ok(stored.map(|(holder, session)| Stored {
            holder: *holder,
            session: Session::clone(session),
        }))
    }

    async fn pass(
        &self,
        key: &SessionKey,
        from: NodeId,
        to: NodeId,
        _lasting: Duration,
    ) -> Result<bool, StoreError> {
        let mut table = self.table();
        let held = table.sessions.get_mut(key);
        let Some((holder, _)) = held.filter(|(holder, _)| *holder == from) else {
            return Ok(false);
        };
        *holder = to;
        Ok(true)
    }
}
