//! Keeps the sessions of this node: what is known here at once, and a moment later in the store.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::sessions::{Change, Pid, Session, SessionKey, SessionStore};
use super::store::StoreError;
use crate::clock::Clock;
use crate::domain::id::{ConnectionId, NodeId};
use crate::domain::time::Timestamp;
use crate::ids::IdSource;

/// Changes that are written together, at most.
const BATCH: usize = 256;

/// How long the store keeps a session without a word of it, at least: what a node that was killed leaves
/// behind is not believed long before, and gone after this. Half of it is how often each is written.
const LASTING: Duration = Duration::from_secs(3600);

/// Bounds of what is kept, all of them settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepingLimits {
    /// How long a client may stay away.
    pub window: Duration,
    /// How many may be away at the same time; the first of them is forgotten first.
    pub away: usize,
    /// Between two words to the store that this node lives.
    pub beat: Duration,
}

/// A session of this node.
#[derive(Debug)]
struct Entry {
    /// The connection that it is of; while it is being put back, the new one.
    of: ConnectionId,
    session: Arc<Session>,
    /// When it was last written. The store does not have what never was.
    written: Option<Timestamp>,
    /// Since it has ended: until when somebody may come back.
    until: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<SessionKey, Entry>,
    /// What the store has to be told; what is here and no entry is taken out.
    changed: HashSet<SessionKey>,
    /// Those that have ended, in that order, and some that have been taken up again.
    away: VecDeque<(SessionKey, Timestamp)>,
    /// Those that somebody is being put back with.
    claimed: HashSet<SessionKey>,
    /// When to look next for those that were written long ago.
    look_at: Timestamp,
    /// How many were looked for in the store.
    sampled: usize,
}

/// A session, and the node that the store says it is of.
type Found = (Arc<Session>, Option<NodeId>);

/// The sessions of this node.
pub struct Sessions {
    table: Mutex<Table>,
    store: Arc<dyn SessionStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<IdSource>,
    limits: KeepingLimits,
    woken: Notify,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Sessions {
    /// None yet.
    #[must_use]
    pub fn new(
        store: Arc<dyn SessionStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<IdSource>,
        limits: KeepingLimits,
    ) -> Arc<Self> {
        Arc::new(Self {
            table: Mutex::default(),
            store,
            clock,
            ids,
            limits,
            woken: Notify::new(),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn node(&self) -> NodeId {
        self.ids.node()
    }

    fn lasting(&self) -> Duration {
        LASTING.max(self.limits.window.saturating_mul(2))
    }

    /// A pid for a new connection.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        let secret = self.ids.secret()?;
        Some(Pid::new(self.node(), secret))
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table().entries.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A connection's session is this now; `None` when there is nothing to put anybody back into. A
    /// connection from which the session has been taken over says so in vain.
    pub fn note(&self, key: SessionKey, of: ConnectionId, session: Option<Session>) {
        let mut table = self.table();
        let known = table.entries.get_mut(&key);
        match (known, session) {
            (None, None) => return,
            (Some(entry), _) if entry.of != of => return,
            (Some(entry), Some(session)) if *entry.session == session => return,
            (Some(entry), Some(session)) => entry.session = Arc::new(session),
            (Some(_), None) => drop(table.entries.remove(&key)),
            (None, Some(session)) => {
                let entry = Entry {
                    of,
                    session: Arc::new(session),
                    written: None,
                    until: None,
                };
                table.entries.insert(key, entry);
            }
        }
        table.changed.insert(key);
        drop(table);
        self.woken.notify_one();
    }

    /// A connection has ended without a leave: its client may come back for a while.
    pub fn ended(&self, key: SessionKey, of: ConnectionId) {
        let until = self.clock.now().plus(self.limits.window);
        let mut table = self.table();
        let Some(entry) = table.entries.get_mut(&key).filter(|entry| entry.of == of) else {
            return;
        };
        entry.until = Some(until);
        table.away.push_back((key, until));
        while table.away.len() > self.limits.away {
            table.forget_first();
        }
        drop(table);
        self.woken.notify_one();
    }

    /// The connection of this node that a session is of, as far as is known here and has not ended.
    #[must_use]
    pub fn holder(&self, pid: &Pid) -> Option<ConnectionId> {
        let table = self.table();
        let entry = table.entries.get(&pid.key());
        let open = entry.filter(|entry| entry.until.is_none());
        open.map(|entry| entry.of)
    }

    /// Takes up a session that `fits`, for this connection. Each is good once: who comes second, or while
    /// somebody is being put back with it, finds none.
    ///
    /// # Errors
    /// The store does not say.
    pub async fn claim(
        self: &Arc<Self>,
        pid: &Pid,
        by: ConnectionId,
        fits: impl Fn(&Session) -> bool,
    ) -> Result<Option<Claim>, StoreError> {
        let key = pid.key();
        if !self.table().claimed.insert(key) {
            return Ok(None);
        }
        let mut claim = Claim {
            sessions: self.clone(),
            key,
            by,
            session: None,
            before: None,
        };
        let found = self.look_up(&key).await?;
        let Some((session, holder)) = found.filter(|(session, _)| fits(session)) else {
            return Ok(None);
        };
        if let Some(holder) = holder.filter(|holder| *holder != self.node()) {
            let lasting = self.lasting();
            if !self.store.pass(&key, holder, self.node(), lasting).await? {
                return Ok(None);
            }
        }
        let mut table = self.table();
        let of = table.entries.get(&key).map(|entry| entry.of);
        let written = holder.map(|_| self.clock.now());
        let entry = Entry {
            of: by,
            session: session.clone(),
            written,
            until: None,
        };
        table.entries.insert(key, entry);
        drop(table);
        (claim.session, claim.before) = (Some(session), of);
        Ok(Some(claim))
    }

    /// The session as it is known best, and the node that the store says it is of. What is known here counts
    /// unless it has moved on to another node meanwhile.
    async fn look_up(&self, key: &SessionKey) -> Result<Option<Found>, StoreError> {
        let stored = self.store.read(key).await;
        let now = self.clock.now();
        let mut table = self.table();
        let own = table.entries.get(key);
        let is_open = |entry: &&Entry| entry.until.is_none_or(|until| until > now);
        Ok(match stored {
            Ok(Some(stored)) if stored.holder != self.node() => {
                let holder = stored.holder;
                table.entries.remove(key);
                Some((Arc::new(stored.session), Some(holder)))
            }
            Ok(Some(stored)) => {
                let own = own.filter(is_open);
                own.map(|own| (own.session.clone(), Some(stored.holder)))
            }
            Ok(None) => {
                // What the store has been told and does not have was ended by another node.
                let own = own.filter(is_open).filter(|it| it.written.is_none());
                own.map(|own| (own.session.clone(), None))
            }
            Err(error) => {
                tracing::debug!(%error, "a session is looked for on this node alone");
                let Some(own) = own.filter(is_open) else {
                    return Err(error);
                };
                Some((own.session.clone(), own.written.map(|_| self.node())))
            }
        })
    }

    /// Keeps the store informed until told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let kept = self.keep();
        if stop.run_until_cancelled(kept).await.is_none() {
            // What has just changed is worth one more word.
            drop(self.write().await);
        }
    }

    async fn keep(&self) {
        loop {
            let beat = self.clock.now();
            self.forget_late();
            let mut heard = self.beat().await.is_ok();
            let next = beat.plus(self.limits.beat);
            loop {
                // What the store does not take is tried again with the next beat.
                heard = heard && self.write().await.is_ok();
                tokio::select! {
                    () = self.clock.sleep_until(next) => break,
                    () = self.woken.notified(), if heard => {}
                }
            }
        }
    }

    async fn beat(&self) -> Result<(), StoreError> {
        let lasting = self.limits.window.saturating_add(self.limits.beat);
        let known = self.store.keep_list(self.node(), lasting).await;
        let known = known.inspect_err(|error| {
            tracing::debug!(%error, "sessions cannot be kept");
        })?;
        let known = known && self.has_a_sample().await?;
        let aged = self.lasting() / 2;
        let now = self.clock.now();
        let mut table = self.table();
        if known && now < table.look_at {
            return Ok(());
        }
        table.look_at = now.plus(aged / 8);
        let Table {
            entries, changed, ..
        } = &mut *table;
        for (key, entry) in entries {
            if !known {
                entry.written = None;
            }
            if entry.written.is_none_or(|at| now.since(at) >= aged) {
                changed.insert(*key);
            }
        }
        Ok(())
    }

    /// Whether the store has one of those that it was told, another one each time: it may have lost some and
    /// not the node, as after a failover.
    async fn has_a_sample(&self) -> Result<bool, StoreError> {
        let sample = {
            let mut table = self.table();
            table.sampled = table.sampled.wrapping_add(1);
            let at = table.sampled;
            let written = |entry: &&Entry| entry.written.is_some() && entry.until.is_none();
            let count = table.entries.values().filter(written).count();
            let nth = at.checked_rem(count);
            let entries = table.entries.iter().filter(|(_, entry)| written(entry));
            nth.and_then(|nth| entries.map(|(key, _)| *key).nth(nth))
        };
        match sample {
            Some(key) => Ok(self.store.read(&key).await?.is_some()),
            None => Ok(true),
        }
    }

    /// Forgets who has not come back in time.
    fn forget_late(&self) {
        let now = self.clock.now();
        let mut table = self.table();
        while table.away.front().is_some_and(|(_, until)| *until <= now) {
            table.forget_first();
        }
    }

    async fn write(&self) -> Result<(), StoreError> {
        loop {
            let batch = self.table().take_changes();
            if batch.is_empty() {
                return Ok(());
            }
            let written = self.store.write(self.node(), &batch, self.lasting()).await;
            let mut table = self.table();
            if let Err(error) = written {
                tracing::debug!(%error, "sessions could not be written");
                table.changed.extend(batch.iter().map(|change| change.key));
                return Err(error);
            }
            let now = self.clock.now();
            for change in batch {
                if let Some(entry) = table.entries.get_mut(&change.key) {
                    entry.written = Some(now);
                }
            }
        }
    }
}

impl Table {
    fn take_changes(&mut self) -> Vec<Change> {
        let keys: Vec<SessionKey> = self.changed.iter().copied().take(BATCH).collect();
        let changes = keys.into_iter().map(|key| {
            self.changed.remove(&key);
            let entry = self.entries.get(&key);
            Change {
                key,
                session: entry.map(|entry| entry.session.clone()),
                fresh: entry.is_some_and(|entry| entry.written.is_none()),
            }
        });
        changes.collect()
    }

    fn forget_first(&mut self) {
        let Some((key, until)) = self.away.pop_front() else {
            return;
        };
        let is_it = |entry: &Entry| entry.until == Some(until);
        if self.entries.get(&key).is_some_and(is_it) {
            self.entries.remove(&key);
            self.changed.insert(key);
        }
    }
}

/// A session that somebody is being put back with. Unless [`Claim::keep`] is called it is used up.
#[derive(Debug)]
pub struct Claim {
    sessions: Arc<Sessions>,
    key: SessionKey,
    by: ConnectionId,
    session: Option<Arc<Session>>,
    before: Option<ConnectionId>,
}

impl Claim {
    /// Where they were.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.session.as_deref()
    }

    /// The connection of this node from which it was taken over, if there was one.
    #[must_use]
    pub const fn before(&self) -> Option<ConnectionId> {
        self.before
    }

    /// They could not be put back now, and may try again.
    pub fn give_back(mut self) {
        self.session = None;
        self.sessions.ended(self.key, self.by);
    }

    /// They are back: the session is the new connection's.
    pub fn keep(mut self) {
        self.session = None;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut table = self.sessions.table();
        table.claimed.remove(&self.key);
        if self.session.is_some()
            && table
                .entries
                .get(&self.key)
                .is_some_and(|it| it.of == self.by)
        {
            table.entries.remove(&self.key);
            table.changed.insert(self.key);
            drop(table);
            self.sessions.woken.notify_one();
        }
    }
}
