//! Tokens that expire while their owner is connected: a warning before, the end some time after.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::fanout::send_answer;
use super::hub::Hub;
use super::parcel::{Parcel, Piece};
use crate::clock::Clock;
use crate::domain::id::ConnectionId;
use crate::domain::time::Timestamp;
use crate::protocol::delta;

/// When a connection hears of its token's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiryTimes {
    /// Before `exp`: the warning.
    pub warning: Duration,
    /// After `exp`: the end.
    pub grace: Duration,
}

/// The moments at which something is to be done about a connection's token.
#[derive(Debug)]
pub struct Expiries {
    times: ExpiryTimes,
    clock: Arc<dyn Clock>,
    due: Mutex<BTreeSet<(Timestamp, ConnectionId)>>,
    earlier: Notify,
}

impl Expiries {
    /// Nothing is due.
    #[must_use]
    pub fn new(times: ExpiryTimes, clock: Arc<dyn Clock>) -> Self {
        Self {
            times,
            clock,
            due: Mutex::default(),
            earlier: Notify::new(),
        }
    }

    fn due(&self) -> MutexGuard<'_, BTreeSet<(Timestamp, ConnectionId)>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time by the clock that moments are told by.
    #[must_use]
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Looks after the token of a connection; does nothing for one that never expires.
    pub fn watch(&self, connection: &Connection) {
        let Some(expires) = connection.expires_at() else {
            return;
        };
        self.plan(warning(expires, self.times), connection.id());
    }

    fn plan(&self, at: Timestamp, connection: ConnectionId) {
        let entry = (at, connection);
        let mut due = self.due();
        due.insert(entry);
        if due.first() == Some(&entry) {
            self.earlier.notify_one();
        }
    }

    /// A connection has gone, or its token was replaced.
    pub fn forget(&self, connection: &Connection) {
        let Some(expires) = connection.expires_at() else {
            return;
        };
        let id = connection.id();
        let warn = warning(expires, self.times);
        let mut due = self.due();
        due.remove(&(warn, id));
        due.remove(&(expires.plus(self.times.grace), id));
    }

    /// Warns and ends connections until `stop`.
    pub async fn run(&self, hub: Arc<Hub>, stop: CancellationToken) {
        loop {
            let next = self.due().first().copied();
            let time = async {
                match next {
                    Some((at, _)) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.earlier.notified() => continue,
                () = time => {}
            }
            let now = self.clock.now();
            let first = self.due().pop_first();
            match first {
                Some((at, id)) if at <= now => self.act(&hub, id, now),
                Some((at, id)) => self.plan(at, id),
                None => {}
            }
        }
    }

    fn act(&self, hub: &Arc<Hub>, id: ConnectionId, now: Timestamp) {
        let Some(connection) = hub.connection(id) else {
            return;
        };
        let Some(expires) = connection.expires_at() else {
            return;
        };
        let end = expires.plus(self.times.grace);
        if now >= end {
            tracing::info!("a connection was ended: its token has expired");
            return hub.expel(&connection);
        }
        if now < warning(expires, self.times) {
            // This moment was that of a token before it.
            return self.watch(&connection);
        }
        let message = delta::token_expiring(expires, end);
        let parcel = Parcel::new(vec![Piece::Event(Arc::new(message))]);
        send_answer(hub, &connection, &parcel);
        self.plan(end, id);
    }
}

/// When a connection hears that its token is about to expire.
fn warning(expires: Timestamp, times: ExpiryTimes) -> Timestamp {
    let before = u64::try_from(times.warning.as_millis()).unwrap_or(u64::MAX);
    Timestamp(expires.0.saturating_sub(before))
}
