//! The [`Directory`] over SQL: SQLite by default, PostgreSQL alike.
//!
//! Reads go to a pool. Writes go to one writer, which puts everything that waits into one
//! transaction: see `writer`.

mod connect;
mod errors;
mod read;
mod rows;
mod statements;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use moka::sync::Cache;
use sea_orm::DatabaseConnection;
use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use self::statements::Op;
use self::writer::Job;
use crate::clock::Clock;
use crate::domain::grant::Grants;
use crate::domain::id::{RoomKey, TenantId};
use crate::domain::meeting::Meeting;
use crate::engine::directory::{
    AuditRow, Directory, DirectoryError, LedgerEntry, MeetingChange, MeetingFilter, Page,
};

pub use self::connect::migrate;

/// How long a query may run once nothing is in its way.
const QUERY_TIME: Duration = Duration::from_secs(3);

/// How the database is reached and how writes are grouped.
#[derive(Debug, Clone)]
pub struct DbOptions {
    /// Where it is; may hold a password.
    pub url: SecretString,
    /// Connections for reading. Writes have one of their own.
    pub max_connections: u32,
    /// How long a query waits for a connection, and for another program's lock.
    pub acquire_timeout: Duration,
    /// Least time between two flushes that nobody urgently waits for.
    pub write_window: Duration,
    /// Changes in one transaction.
    pub write_batch: usize,
    /// Changes that may wait.
    pub write_queue: usize,
    /// Meetings kept in memory.
    pub meeting_cache: u64,
    /// For how long they are believed without looking again.
    pub meeting_cache_ttl: Duration,
    /// SQLite waits for the disk on every commit (`synchronous=FULL`) instead of at checkpoints.
    pub sqlite_full_sync: bool,
}

/// Meetings, grants and the audit in SQL.
pub struct SqlDirectory {
    reader: DatabaseConnection,
    clock: Arc<dyn Clock>,
    cache: Cache<RoomKey, Arc<Meeting>>,
    /// Counts changes of meetings that are in SQL.
    generation: AtomicU64,
    patience: Duration,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    writable: Arc<AtomicBool>,
    tracker: TaskTracker,
}

impl std::fmt::Debug for SqlDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlDirectory")
            .field("writable", &self.is_writable())
            .finish_non_exhaustive()
    }
}

impl SqlDirectory {
    /// Opens the database, brings its schema up to date and starts the writer.
    ///
    /// # Errors
    /// The database cannot be opened or migrated.
    pub async fn connect(
        options: DbOptions,
        clock: Arc<dyn Clock>,
        tracker: TaskTracker,
    ) -> Result<Arc<Self>, DirectoryError> {
        let (reader, writer) = connect::open(&options).await?;
        let (jobs, inbox) = mpsc::channel(options.write_queue);
        let writable = Arc::new(AtomicBool::new(true));
        let cache = Cache::builder()
            .max_capacity(options.meeting_cache)
            .time_to_live(options.meeting_cache_ttl)
            .build();
        tracker.spawn(writer::run(writer::Writer {
            database: writer,
            checkpoints: connect::needs_checkpoints(&reader).then(|| reader.clone()),
            inbox,
            clock: clock.clone(),
            writable: writable.clone(),
            window: options.write_window,
            batch: options.write_batch,
            patience: patience(&options),
            flushed: Instant::now(),
            tracker: tracker.clone(),
        }));
        let jobs = Mutex::new(Some(jobs));
        let patience = patience(&options);
        Ok(Arc::new(Self {
            reader,
            clock,
            cache,
            generation: AtomicU64::new(0),
            patience,
            jobs,
            writable,
            tracker,
        }))
    }

    /// Writes what waits and closes. Later calls find the directory unavailable.
    pub async fn close(&self) {
        let jobs = self
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(jobs) = jobs {
            let (done, finished) = oneshot::channel();
            let last = Job {
                ops: Vec::new(),
                urgent: true,
                done,
            };
            if jobs.send(last).await.is_ok() {
                errors::ignore("the writer's last answer", finished.await);
            }
        }
        errors::ignore("closing the database", self.reader.close_by_ref().await);
        self.tracker.close();
    }

    /// The meeting as every write that was asked for before leaves it.
    async fn current(&self, key: &RoomKey) -> Result<Option<Meeting>, DirectoryError> {
        self.write(Vec::new(), true).await?;
        self.timely(read::meeting(&self.reader, key)).await
    }

    /// A database that hangs is one that does not answer.
    async fn timely<T>(
        &self,
        query: impl Future<Output = Result<T, DirectoryError>>,
    ) -> Result<T, DirectoryError> {
        let late = || DirectoryError::Unavailable("it did not answer in time".to_owned());
        timeout(self.patience, query)
            .await
            .map_err(|_elapsed| late())?
    }

    /// A meeting has changed in SQL. Readers that were under way must not remember what it was.
    fn forget(&self, key: &RoomKey) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.cache.invalidate(key);
    }

    async fn write(&self, ops: Vec<Op>, urgent: bool) -> Result<(), DirectoryError> {
        let jobs = self
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let closed = || DirectoryError::Unavailable("the database is closed".to_owned());
        let (done, finished) = oneshot::channel();
        let job = Job { ops, urgent, done };
        match jobs.ok_or_else(closed)?.try_send(job) {
            Ok(()) => finished.await.map_err(|_dropped| closed())?,
            Err(mpsc::error::TrySendError::Full(_)) => Err(DirectoryError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(closed()),
        }
    }

    fn remember(&self, meeting: Meeting) -> Arc<Meeting> {
        let meeting = Arc::new(meeting);
        self.cache.insert(meeting.key.clone(), meeting.clone());
        meeting
    }
}

/// How long a query may take: time for a lock, and then for the query itself.
fn patience(options: &DbOptions) -> Duration {
    options.acquire_timeout.saturating_add(QUERY_TIME)
}

#[async_trait]
impl Directory for SqlDirectory {
    async fn meeting(&self, key: &RoomKey) -> Result<Option<Arc<Meeting>>, DirectoryError> {
        if let Some(meeting) = self.cache.get(key) {
            return Ok(Some(meeting));
        }
        let generation = self.generation.load(Ordering::SeqCst);
        let Some(meeting) = self.timely(read::meeting(&self.reader, key)).await? else {
            return Ok(None);
        };
        let meeting = Arc::new(meeting);
        // What was read while somebody wrote may be what it was before.
        if self.generation.load(Ordering::SeqCst) == generation {
            self.cache.insert(key.clone(), meeting.clone());
        }
        Ok(Some(meeting))
    }

    async fn create(&self, meeting: Meeting) -> Result<Arc<Meeting>, DirectoryError> {
        if self.cache.contains_key(&meeting.key) {
            return Err(DirectoryError::Exists);
        }
        let audit = rows::created(&meeting);
        let key = meeting.key.clone();
        self.write(
            vec![Op::Insert(meeting.clone()), Op::Audit(key, audit)],
            true,
        )
        .await?;
        Ok(self.remember(meeting))
    }

    async fn list(
        &self,
        tenant: &TenantId,
        filter: &MeetingFilter,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page<Meeting>, DirectoryError> {
        self.timely(read::list(&self.reader, tenant, filter, after, limit))
            .await
    }

    async fn update(
        &self,
        key: &RoomKey,
        change: &MeetingChange,
        audit: Vec<AuditRow>,
    ) -> Result<Option<Arc<Meeting>>, DirectoryError> {
        if self.current(key).await?.is_none() {
            self.forget(key);
            return Ok(None);
        }
        let mut ops = vec![Op::Update(key.clone(), change.clone(), self.clock.now())];
        ops.extend(audit.into_iter().map(|row| Op::Audit(key.clone(), row)));
        self.write(ops, true).await?;
        self.forget(key);
        self.meeting(key).await
    }

    async fn delete(&self, key: &RoomKey, audit: AuditRow) -> Result<bool, DirectoryError> {
        if self.current(key).await?.is_none() {
            self.forget(key);
            return Ok(false);
        }
        let deleted = Op::Delete(key.clone(), self.clock.now());
        self.write(vec![deleted, Op::Audit(key.clone(), audit)], true)
            .await?;
        self.forget(key);
        Ok(true)
    }

    async fn grants(&self, key: &RoomKey) -> Result<Grants, DirectoryError> {
        self.timely(read::grants(&self.reader, key)).await
    }

    async fn is_closed(&self, key: &RoomKey) -> Result<bool, DirectoryError> {
        self.timely(read::is_closed(&self.reader, key)).await
    }

    async fn record(&self, key: &RoomKey, entries: Vec<LedgerEntry>) -> Result<(), DirectoryError> {
        if entries.is_empty() {
            return Ok(());
        }
        let changes_meeting = entries
            .iter()
            .any(|entry| matches!(entry, LedgerEntry::End { .. } | LedgerEntry::Claim { .. }));
        let ops = entries
            .into_iter()
            .map(|entry| Op::of(key, entry))
            .collect();
        self.write(ops, changes_meeting).await?;
        if changes_meeting {
            self.forget(key);
        }
        Ok(())
    }

    async fn audit(
        &self,
        key: &RoomKey,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page<AuditRow>, DirectoryError> {
        self.timely(read::audit(&self.reader, key, after, limit))
            .await
    }

    fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }
}
