//! The one writer: everything that waits goes into one transaction.
//!
//! SQLite has one writer anyway, and on either database a commit costs more than what is in it. A
//! creation is flushed as soon as the writer is free; changes of authority share a transaction per
//! window, since people see them before they are acknowledged. All writes of one call succeed or fail
//! together; when a flush fails each call is tried alone, so that one cannot fail its neighbours.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::TaskTracker;

use super::errors::{directory_error, ignore};
use super::statements::{Op, probe, text, transaction};
use crate::clock::Clock;
use crate::engine::directory::DirectoryError;

/// How often a database that took no writes is tried again.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);

/// Least time between two checkpoints of SQLite's write-ahead log.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);

/// One call's writes and who waits for them.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) ops: Vec<Op>,
    pub(super) urgent: bool,
    pub(super) done: oneshot::Sender<Result<(), DirectoryError>>,
}

/// What the writer works with.
pub(super) struct Writer {
    pub(super) database: DatabaseConnection,
    /// Where checkpoints run, when the database needs ours.
    pub(super) checkpoints: Option<DatabaseConnection>,
    pub(super) inbox: mpsc::Receiver<Job>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) writable: Arc<AtomicBool>,
    pub(super) window: Duration,
    pub(super) batch: usize,
    /// How long a transaction may take before the database counts as down.
    pub(super) patience: Duration,
    /// When the last flush ended.
    pub(super) flushed: Instant,
    /// Where checkpoints run.
    pub(super) tracker: TaskTracker,
}

/// Writes until nobody can ask for it any more.
pub(super) async fn run(mut writer: Writer) {
    let mut checkpoint_due: Option<Instant> = None;
    loop {
        let next = async {
            match checkpoint_due {
                Some(due) => timeout_at(due, writer.inbox.recv()).await,
                None => Ok(writer.inbox.recv().await),
            }
        };
        match next.await {
            Ok(Some(first)) => {
                let jobs = writer.collect(first).await;
                writer.flush(jobs).await;
                writer.flushed = Instant::now();
                checkpoint_due.get_or_insert_with(|| Instant::now() + CHECKPOINT_INTERVAL);
            }
            Ok(None) => break,
            Err(_due) => {}
        }
        if checkpoint_due.is_some_and(|due| due <= Instant::now()) {
            checkpoint_due = None;
            writer.checkpoint();
        }
        if !writer.writable.load(Ordering::Relaxed) {
            writer.recover().await;
        }
    }
    ignore("closing the writer", writer.database.close_by_ref().await);
}

impl Writer {
    /// Everything that waits. A flush that nobody urgently waits for comes no sooner than one window
    /// after the last: a single change is written at once, a stream of them shares transactions.
    async fn collect(&mut self, first: Job) -> Vec<Job> {
        let deadline = self.flushed + self.window;
        let mut urgent = first.urgent;
        let mut ops = first.ops.len();
        let mut jobs = vec![first];
        while ops < self.batch {
            let next = if urgent {
                self.inbox.try_recv().ok()
            } else {
                timeout_at(deadline, self.inbox.recv()).await.ok().flatten()
            };
            let Some(job) = next else { break };
            urgent |= job.urgent;
            ops = ops.saturating_add(job.ops.len());
            jobs.push(job);
        }
        jobs
    }

    async fn flush(&self, jobs: Vec<Job>) {
        let together = self.write(jobs.iter().flat_map(|job| &job.ops)).await;
        if together.is_ok() {
            for job in jobs {
                answer(job.done, Ok(()));
            }
            return;
        }
        for job in jobs {
            let down = !self.writable.load(Ordering::Relaxed);
            let alone = if down {
                Err(refused())
            } else {
                self.write_alone(&job.ops).await
            };
            answer(job.done, alone);
        }
    }

    /// One call by itself. When it fails, a probe tells whether the call is to blame or the database.
    async fn write_alone(&self, ops: &[Op]) -> Result<(), DirectoryError> {
        let result = self
            .write(ops.iter())
            .await
            .map_err(|error| directory_error(&error));
        if let Err(DirectoryError::Unavailable(reason)) = &result
            && !self.probe().await
        {
            tracing::warn!(%reason, "the database takes no writes");
            self.writable.store(false, Ordering::Relaxed);
        }
        result
    }

    async fn probe(&self) -> bool {
        let sql = text(
            self.database.get_database_backend(),
            &probe(self.clock.now()),
        );
        self.execute(&sql).await.is_ok()
    }

    async fn write<'a>(&self, ops: impl Iterator<Item = &'a Op> + Clone) -> Result<(), DbErr> {
        if ops.clone().next().is_none() {
            return Ok(());
        }
        let sql = transaction(self.database.get_database_backend(), ops);
        if let Err(error) = self.execute(&sql).await {
            ignore("rolling back", self.execute("ROLLBACK").await);
            return Err(error);
        }
        Ok(())
    }

    async fn execute(&self, sql: &str) -> Result<(), DbErr> {
        match timeout(self.patience, self.database.execute_unprepared(sql)).await {
            Ok(done) => done.map(drop),
            Err(_elapsed) => Err(DbErr::Custom("it did not answer in time".to_owned())),
        }
    }

    /// Waits until a real write succeeds. Whoever asks meanwhile is refused at once.
    async fn recover(&mut self) {
        let mut next = self.clock.now().plus(PROBE_INTERVAL);
        loop {
            let clock = self.clock.clone();
            tokio::select! {
                job = self.inbox.recv() => {
                    let Some(job) = job else { return };
                    answer(job.done, Err(refused()));
                }
                () = clock.sleep_until(next) => {
                    if self.probe().await {
                        tracing::info!("the database takes writes again");
                        return self.writable.store(true, Ordering::Relaxed);
                    }
                    next = self.clock.now().plus(PROBE_INTERVAL);
                }
            }
        }
    }

    /// Moves the write-ahead log into the database, beside the writes: it waits for the disk.
    fn checkpoint(&self) {
        if let Some(database) = self.checkpoints.clone() {
            self.tracker.spawn(async move {
                let done = database
                    .execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)")
                    .await;
                ignore("a checkpoint", done);
            });
        }
    }
}

fn refused() -> DirectoryError {
    DirectoryError::Unavailable("it took no writes a moment ago".to_owned())
}

fn answer(done: oneshot::Sender<Result<(), DirectoryError>>, result: Result<(), DirectoryError>) {
    if done.send(result).is_err() {
        tracing::debug!("nobody waited for a write");
    }
}
