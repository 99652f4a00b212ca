//! The directory itself: a cache and two ways to the tables.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::DatabaseConnection;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::state::State;
use super::writer::{Job, Link, Queue, Writer, WriterParts};
use super::{checkpoint, connect, options::DbOptions, reads};
use crate::clock::Clock;
use crate::domain::grant::Grants;
use crate::domain::id::{RoomKey, TenantId};
use crate::domain::meeting::Meeting;
use crate::engine::directory::{
    AuditRow, Directory, DirectoryError, LedgerEntry, MeetingChange, MeetingFilter, Page,
};

/// Meetings, grants and audit in a SQL database.
pub struct SqlDirectory {
    pub(super) read: DatabaseConnection,
    pub(super) queue: Queue,
    state: Arc<State>,
    /// Ends the tasks, also when the directory is merely dropped.
    stop: DropGuard,
    /// The writer is done.
    stopped: CancellationToken,
}

impl fmt::Debug for SqlDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlDirectory")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl SqlDirectory {
    /// Opens the database, brings its schema up to date and starts the tasks on `tracker`.
    ///
    /// # Errors
    /// [`DirectoryError::Unavailable`] when the database cannot be opened; without its password.
    pub async fn connect(
        options: DbOptions,
        clock: Arc<dyn Clock>,
        tracker: TaskTracker,
    ) -> Result<Arc<Self>, DirectoryError> {
        let pools = Box::pin(connect::open(&options)).await?;
        let state = Arc::new(State::new(&options));
        let hurry = Arc::new(Notify::new());
        let (queue, jobs) = Queue::new(options.write_queue, options.write_batch, hurry.clone());
        let stop = CancellationToken::new();
        let stopped = CancellationToken::new();
        if let Some(log) = pools.log {
            tracker.spawn(checkpoint::run(log, state.clone(), stop.clone()));
        }
        let writer = Writer::new(WriterParts {
            jobs,
            hurry,
            stop: stop.clone(),
            link: Link::new(pools.write),
            state: state.clone(),
            clock,
            window: options.write_window,
            batch: options.write_batch.max(1),
        });
        let done = stopped.clone().drop_guard();
        tracker.spawn(async move {
            writer.run().await;
            drop(done);
        });
        Ok(Arc::new(Self {
            read: pools.read,
            queue,
            state,
            stop: stop.drop_guard(),
            stopped,
        }))
    }

    /// Writes what waits and closes the database. Calls that come later fail.
    pub async fn close(&self) {
        self.stop.token().cancel();
        self.stopped.cancelled().await;
        if let Err(error) = self.read.close_by_ref().await {
            tracing::debug!(%error, "the database was not closed cleanly");
        }
    }
}

#[async_trait]
impl Directory for SqlDirectory {
    async fn meeting(&self, key: &RoomKey) -> Result<Option<Arc<Meeting>>, DirectoryError> {
        if let Some(meeting) = self.state.cache.get(key) {
            return Ok(Some(meeting));
        }
        let start = self.state.cache.begin_read();
        let Some(meeting) = reads::meeting(&self.read, key).await? else {
            return Ok(None);
        };
        let meeting = Arc::new(meeting);
        self.state.cache.keep(start, &meeting);
        Ok(Some(meeting))
    }

    async fn create_audited(
        &self,
        meeting: Meeting,
        audit: AuditRow,
    ) -> Result<Arc<Meeting>, DirectoryError> {
        // a record never goes away, so what is in memory is taken
        if self.state.cache.get(&meeting.key).is_some() {
            return Err(DirectoryError::Exists);
        }
        let meeting = Arc::new(meeting);
        self.queue
            .submit(|done| Job::Create {
                meeting,
                audit,
                done,
            })
            .await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        filter: &MeetingFilter,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page<Meeting>, DirectoryError> {
        reads::list(&self.read, tenant, filter, after, limit).await
    }

    async fn update(
        &self,
        key: &RoomKey,
        change: &MeetingChange,
        audit: Vec<AuditRow>,
    ) -> Result<Option<Arc<Meeting>>, DirectoryError> {
        let (key, change) = (key.clone(), change.clone());
        self.queue
            .submit(|done| Job::Update {
                key,
                change,
                audit,
                done,
            })
            .await
    }

    async fn delete(&self, key: &RoomKey, audit: AuditRow) -> Result<bool, DirectoryError> {
        let key = key.clone();
        self.queue
            .submit(|done| Job::Delete { key, audit, done })
            .await
    }

    async fn grants(&self, key: &RoomKey) -> Result<Grants, DirectoryError> {
        reads::grants(&self.read, key).await
    }

    async fn is_closed(&self, key: &RoomKey) -> Result<bool, DirectoryError> {
        match self.state.cache.get(key) {
            // what has ended stays ended; the opposite may have changed in another process
            Some(meeting) if meeting.ended_at.is_some() => Ok(true),
            Some(_) | None => reads::is_closed(&self.read, key).await,
        }
    }

    async fn record(&self, key: &RoomKey, entries: Vec<LedgerEntry>) -> Result<(), DirectoryError> {
        if entries.is_empty() {
            return Ok(());
        }
        let key = key.clone();
        self.queue
            .submit(|done| Job::Record { key, entries, done })
            .await
    }

    async fn audit(
        &self,
        key: &RoomKey,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page<AuditRow>, DirectoryError> {
        reads::audit(&self.read, key, after, limit).await
    }

    fn is_writable(&self) -> bool {
        self.state.is_writable()
    }
}
