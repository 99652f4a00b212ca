//! What was refused and may matter to whoever guards the server.
//!
//! Whoever is refused waits for none of this: events are gathered for a moment, the same ones as one,
//! and then logged and written. However many there are, only so many rows come of them.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::directory::{DirectoryError, Page};
use crate::clock::Clock;
use crate::domain::id::{RequestId, RoomId, RoomKey, TenantId, UserId};
use crate::domain::time::Timestamp;

/// What was attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecurityKind {
    /// A meeting of another tenant was asked for.
    ForeignTenant,
    /// A user id that is not the token's was claimed.
    ForgedId,
    /// A token was not believed.
    TokenRefused,
    /// Somebody did too much of something.
    LimitHit,
    /// A joiner did not know a meeting's passcode.
    WrongPasscode,
    /// Somebody without the right to it wanted to change or see something.
    Forbidden,
}

impl SecurityKind {
    /// Stable, kebab-case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ForeignTenant => "foreign-tenant",
            Self::ForgedId => "forged-id",
            Self::TokenRefused => "token-refused",
            Self::LimitHit => "limit-hit",
            Self::WrongPasscode => "wrong-passcode",
            Self::Forbidden => "forbidden",
        }
    }
}

/// An attempt, by everything in which two may be the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// What.
    pub kind: SecurityKind,
    /// What exactly was wrong, kebab-case.
    pub reason: &'static str,
    /// Whose, as far as a verified token says.
    pub tenant: Option<TenantId>,
    /// The verified user who tried.
    pub user: Option<UserId>,
    /// From which network; `None` for this machine.
    pub network: Option<IpAddr>,
    /// Which meeting it was about.
    pub room: Option<RoomId>,
}

impl Attempt {
    /// An attempt of which nothing more is known.
    #[must_use]
    pub const fn of(kind: SecurityKind, reason: &'static str) -> Self {
        Self {
            kind,
            reason,
            tenant: None,
            user: None,
            network: None,
            room: None,
        }
    }
}

/// Attempts of one sort, as they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityRow {
    /// When the first of them happened.
    pub at: Timestamp,
    /// [`SecurityKind::as_str`].
    pub kind: String,
    /// What exactly was wrong.
    pub reason: String,
    /// Whose; `None` where no token said so.
    pub tenant: Option<TenantId>,
    /// The verified user who tried.
    pub user: Option<UserId>,
    /// From which network.
    pub network: Option<String>,
    /// Which meeting it was about.
    pub room: Option<RoomId>,
    /// What the first request was called.
    pub request: Option<RequestId>,
    /// How many.
    pub count: u64,
}

/// Port: where security events are kept.
#[async_trait]
pub trait SecurityStore: Send + Sync {
    /// Writes events, and forgets those from before `forget_before`.
    async fn note(
        &self,
        rows: Vec<SecurityRow>,
        forget_before: Timestamp,
    ) -> Result<(), DirectoryError>;

    /// Events of a tenant, newest first.
    async fn events(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page<SecurityRow>, DirectoryError>;

    /// Whether another tenant has a meeting of this id.
    async fn is_elsewhere(&self, key: &RoomKey) -> Result<bool, DirectoryError>;
}

/// How much is gathered and kept, all of it settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecurityLimits {
    /// How long events are gathered.
    pub window: Duration,
    /// How many sorts of them one window tells apart.
    pub sorts: usize,
    /// How long they are kept.
    pub keep: Duration,
}

/// Events that may wait to be gathered; further ones are only counted.
const WAITING: usize = 1_024;

/// Sorts of events in one window, over all tenants and kinds.
const MOST_SORTS: usize = 4_096;

/// The reason of events that are not told apart.
const MANY: &str = "many";

type Noted = (Attempt, Option<RequestId>, Timestamp);

/// Gathers security events.
pub struct Security {
    store: Arc<dyn SecurityStore>,
    clock: Arc<dyn Clock>,
    limits: SecurityLimits,
    noted: mpsc::Sender<Noted>,
    collected: Mutex<mpsc::Receiver<Noted>>,
    unheard: AtomicU64,
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Gathered {
    first: Timestamp,
    request: Option<RequestId>,
    count: u64,
}

impl Security {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(
        store: Arc<dyn SecurityStore>,
        clock: Arc<dyn Clock>,
        limits: SecurityLimits,
    ) -> Self {
        let (noted, collected) = mpsc::channel(WAITING);
        Self {
            store,
            clock,
            limits,
            noted,
            collected: Mutex::new(collected),
            unheard: AtomicU64::new(0),
        }
    }

    /// Notes an attempt. Never waits.
    pub fn note(&self, attempt: Attempt, request: Option<RequestId>) {
        let noted = (attempt, request, self.clock.now());
        if self.noted.try_send(noted).is_err() {
            self.unheard.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A meeting was asked for that this tenant does not have. Whether another has it is found out
    /// later, so that the answer takes as long either way.
    pub fn note_unknown(
        &self,
        key: &RoomKey,
        user: Option<UserId>,
        network: Option<IpAddr>,
        request: Option<RequestId>,
    ) {
        let attempt = Attempt {
            tenant: Some(key.tenant.clone()),
            user,
            network,
            room: Some(key.room.clone()),
            ..Attempt::of(SecurityKind::ForeignTenant, "unknown-meeting")
        };
        self.note(attempt, request);
    }

    /// Events of a tenant, newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn events(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page<SecurityRow>, DirectoryError> {
        self.store.events(tenant, after, limit).await
    }

    /// Gathers and writes until `stop`, and then what is left.
    pub async fn run(&self, stop: CancellationToken) {
        let mut collected = self.collected.lock().await;
        loop {
            let first = tokio::select! {
                first = collected.recv() => first,
                () = stop.cancelled() => None,
            };
            // What is left when the server stops is written, too.
            let first = first.or_else(|| collected.try_recv().ok());
            let Some(first) = first else { return };
            let mut sorts = HashMap::new();
            self.gather(&mut sorts, first);
            let end = self.clock.now().plus(self.limits.window);
            let over = self.clock.sleep_until(end);
            let mut over = std::pin::pin!(over);
            loop {
                tokio::select! {
                    () = &mut over => break,
                    () = stop.cancelled() => break,
                    noted = collected.recv() => match noted {
                        Some(noted) => self.gather(&mut sorts, noted),
                        None => break,
                    },
                }
            }
            self.write(sorts).await;
        }
    }

    /// Notes of one kind in one tenant share a budget, so that no flood hides what is not of it. Beyond
    /// it only who tried is told apart, and beyond that nothing is.
    fn gather(&self, sorts: &mut HashMap<Attempt, Gathered>, (attempt, request, at): Noted) {
        let alike = |it: &&Attempt| it.kind == attempt.kind && it.tenant == attempt.tenant;
        let known = sorts.contains_key(&attempt);
        let used = if known {
            0
        } else {
            sorts.keys().filter(alike).count()
        };
        let attempt = if known || used < self.limits.sorts {
            attempt
        } else if used < self.limits.sorts.saturating_mul(2) {
            Attempt {
                reason: MANY,
                room: None,
                ..attempt
            }
        } else {
            Attempt {
                tenant: attempt.tenant,
                ..Attempt::of(attempt.kind, MANY)
            }
        };
        if sorts.len() >= MOST_SORTS && !sorts.contains_key(&attempt) {
            self.unheard.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let gathered = sorts.entry(attempt).or_insert(Gathered {
            first: at,
            request,
            count: 0,
        });
        gathered.count = gathered.count.saturating_add(1);
    }

    async fn write(&self, sorts: HashMap<Attempt, Gathered>) {
        let mut rows = Vec::with_capacity(sorts.len());
        for (attempt, gathered) in sorts {
            if self.counts(&attempt).await {
                rows.push(row(attempt, gathered));
            }
        }
        rows.sort_by_key(|row| row.at);
        rows.iter().for_each(log);
        let unheard = self.unheard.swap(0, Ordering::Relaxed);
        if unheard > 0 {
            tracing::warn!(unheard, "security events were too many to tell apart");
        }
        if !rows.is_empty() {
            self.keep(rows).await;
        }
    }

    async fn keep(&self, rows: Vec<SecurityRow>) {
        let keep = u64::try_from(self.limits.keep.as_millis()).unwrap_or(u64::MAX);
        let forget_before = Timestamp(self.clock.now().0.saturating_sub(keep));
        if let Err(error) = self.store.note(rows, forget_before).await {
            tracing::warn!(%error, "security events could not be written");
        }
    }

    /// Whether it is an event at all: an id that nobody has is none.
    async fn counts(&self, attempt: &Attempt) -> bool {
        let (SecurityKind::ForeignTenant, Some(tenant), Some(room)) =
            (attempt.kind, &attempt.tenant, &attempt.room)
        else {
            // Too many ids were tried for each to be looked up: that is an event of its own.
            return true;
        };
        let key = RoomKey {
            tenant: tenant.clone(),
            room: room.clone(),
        };
        self.store.is_elsewhere(&key).await.unwrap_or(false)
    }
}

fn log(row: &SecurityRow) {
    tracing::warn!(
        kind = row.kind,
        reason = row.reason,
        tenant = row.tenant.as_ref().map(TenantId::as_str),
        user = row.user.as_ref().map(UserId::as_str),
        network = row.network,
        room = row.room.as_ref().map(RoomId::as_str),
        request = row.request.as_ref().map(RequestId::as_str),
        count = row.count,
        "security event"
    );
}

fn row(attempt: Attempt, gathered: Gathered) -> SecurityRow {
    SecurityRow {
        at: gathered.first,
        kind: attempt.kind.as_str().to_owned(),
        reason: attempt.reason.to_owned(),
        tenant: attempt.tenant,
        user: attempt.user,
        network: attempt.network.map(|network| network.to_string()),
        room: attempt.room,
        request: gathered.request,
        count: gathered.count,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Lock;

    use super::*;
    use crate::clock::ManualClock;

    #[derive(Debug, Default)]
    struct Kept(Lock<Vec<SecurityRow>>);

    #[async_trait]
    impl SecurityStore for Kept {
        async fn note(
            &self,
            rows: Vec<SecurityRow>,
            _forget_before: Timestamp,
        ) -> Result<(), DirectoryError> {
            self.0.lock().unwrap().extend(rows);
            Ok(())
        }

        async fn events(
            &self,
            _tenant: &TenantId,
            _after: Option<&str>,
            _limit: u64,
        ) -> Result<Page<SecurityRow>, DirectoryError> {
            let items = self.0.lock().unwrap().clone();
            Ok(Page { items, next: None })
        }

        async fn is_elsewhere(&self, key: &RoomKey) -> Result<bool, DirectoryError> {
            Ok(key.room.as_str() == "theirs")
        }
    }

    /// What is kept of these attempts, all within one window.
    async fn kept(attempts: Vec<Attempt>) -> Vec<SecurityRow> {
        let store = Arc::new(Kept::default());
        let clock = Arc::new(ManualClock::new(Timestamp(1_000)));
        let limits = SecurityLimits {
            window: Duration::from_secs(1),
            sorts: 4,
            keep: Duration::from_secs(60),
        };
        let security = Security::new(store.clone(), clock, limits);
        for attempt in attempts {
            security.note(attempt, None);
        }
        let mut sorts = HashMap::new();
        while let Ok(noted) = security.collected.lock().await.try_recv() {
            security.gather(&mut sorts, noted);
        }
        security.write(sorts).await;
        store.0.lock().unwrap().clone()
    }

    fn from(network: u8) -> Attempt {
        Attempt {
            network: Some(IpAddr::from([192, 0, 2, network])),
            ..Attempt::of(SecurityKind::TokenRefused, "token-expired")
        }
    }

    #[tokio::test]
    async fn the_same_is_one_row() {
        let rows = kept(vec![from(1), from(2), from(1), from(1)]).await;
        let mut counts: Vec<u64> = rows.iter().map(|row| row.count).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 3]);
    }

    #[tokio::test]
    async fn a_flood_of_different_ones_makes_few_rows_and_none_is_lost() {
        let rows = kept((0..200).map(from).collect()).await;
        assert_eq!(rows.len(), 9);
        assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), 200);
        assert!(rows.iter().any(|row| row.reason == "many"));
    }

    #[tokio::test]
    async fn an_id_that_nobody_has_is_no_event() {
        let asked = |room: &str| Attempt {
            tenant: Some(TenantId::default_tenant()),
            room: RoomId::new(room).ok(),
            ..Attempt::of(SecurityKind::ForeignTenant, "unknown-meeting")
        };
        let rows = kept(vec![asked("nobodys"), asked("theirs")]).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].room, RoomId::new("theirs").ok());
    }

    #[tokio::test]
    async fn a_flood_of_unknown_ids_hides_nothing_else() {
        let mut attempts: Vec<_> = (0..100)
            .map(|number| Attempt {
                tenant: Some(TenantId::default_tenant()),
                room: RoomId::new(&format!("room-{number}")).ok(),
                ..Attempt::of(SecurityKind::ForeignTenant, "unknown-meeting")
            })
            .collect();
        attempts.push(Attempt {
            tenant: Some(TenantId::default_tenant()),
            user: UserId::new("mallory").ok(),
            ..Attempt::of(SecurityKind::ForgedId, "user-id")
        });
        let rows = kept(attempts).await;
        let forged = rows.iter().find(|row| row.kind == "forged-id").unwrap();
        assert_eq!(forged.user, UserId::new("mallory").ok());
        assert!(
            rows.iter()
                .any(|row| row.kind == "foreign-tenant" && row.reason == MANY)
        );
    }
}
