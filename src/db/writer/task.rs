//! The task: takes what waits, writes it, answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::flush::Flush;
use super::ids::AuditIds;
use super::job::{Job, answer, closed};
use super::link::Link;
use super::together::{Results, Written, write_shared};
use crate::clock::Clock;
use crate::db::failure::Failure;
use crate::db::state::State;
use crate::db::{changes, convert, providers, security};
use crate::domain::id::RoomKey;
use crate::domain::meeting::Meeting;
use crate::engine::directory::{DirectoryError, LedgerEntry};

/// How often a database that refused a write is asked again.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);

/// What the writer is made of.
pub(in crate::db) struct WriterParts {
    /// The jobs.
    pub(in crate::db) jobs: mpsc::Receiver<Job>,
    /// Cuts the waiting for company short.
    pub(in crate::db) hurry: Arc<Notify>,
    /// Ends the task once it has written what waits.
    pub(in crate::db) stop: CancellationToken,
    /// The connection.
    pub(in crate::db) link: Link,
    /// What others see.
    pub(in crate::db) state: Arc<State>,
    /// Time of the records, and of the probes.
    pub(in crate::db) clock: Arc<dyn Clock>,
    /// How long a patient job waits for company.
    pub(in crate::db) window: Duration,
    /// Jobs in one transaction, at most.
    pub(in crate::db) batch: usize,
}

/// The task that writes.
pub(in crate::db) struct Writer {
    parts: WriterParts,
    ids: AuditIds,
    /// The next job, which could not join the transaction before.
    held_back: Option<Job>,
    /// Whether patient jobs come one after the other: then it is cheaper to look at the queue
    /// once in a while than to be woken by the first.
    busy: bool,
}

impl Writer {
    /// A writer that has not begun.
    pub(in crate::db) fn new(parts: WriterParts) -> Self {
        Self {
            parts,
            ids: AuditIds::new(),
            held_back: None,
            busy: false,
        }
    }

    /// Works until it is stopped and everything that waits was written.
    pub(in crate::db) async fn run(mut self) {
        let mut batch = Vec::new();
        while self.collect(&mut batch).await {
            self.busy = !self.parts.window.is_zero() && batch.iter().all(Job::is_patient);
            self.write(&mut batch).await;
            if !self.parts.state.is_writable() {
                self.sit_out().await;
            }
        }
        self.parts.link.close().await;
    }

    /// Fills the empty `batch`; `false` when there will never be anything again.
    async fn collect(&mut self, batch: &mut Vec<Job>) -> bool {
        while batch.is_empty() {
            if let Some(job) = self.held_back.take() {
                batch.push(job);
            } else if self.busy {
                self.wait_for_company().await;
            } else {
                let Some(job) = self.next().await else {
                    return false;
                };
                let patient = job.is_patient();
                batch.push(job);
                if patient {
                    self.wait_for_company().await;
                }
            }
            self.gather(batch);
            self.busy &= !batch.is_empty();
        }
        true
    }

    async fn next(&mut self) -> Option<Job> {
        let parts = &mut self.parts;
        tokio::select! {
            job = parts.jobs.recv() => return job,
            () = parts.stop.cancelled() => parts.jobs.close(),
        }
        // closed: gives what is left, then nothing
        parts.jobs.recv().await
    }

    async fn wait_for_company(&self) {
        let parts = &self.parts;
        if parts.window.is_zero() || parts.jobs.len() >= parts.batch {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(parts.window) => {}
            () = parts.hurry.notified() => {}
            () = parts.stop.cancelled() => {}
        }
    }

    /// Adds what waits in the queue, as far as it may share a transaction.
    fn gather(&mut self, batch: &mut Vec<Job>) {
        while batch.len() < self.parts.batch {
            let Ok(job) = self.parts.jobs.try_recv() else {
                return;
            };
            let joins = batch.is_empty()
                || (job.is_shared() && batch.iter().all(Job::is_shared))
                    && !batch.iter().any(|earlier| job.must_follow(earlier));
            if joins {
                batch.push(job);
            } else {
                self.held_back = Some(job);
                return;
            }
        }
    }

    async fn write(&mut self, batch: &mut Vec<Job>) {
        if batch.iter().all(Job::is_shared) {
            let flush = Flush::of(batch, &mut self.ids, self.parts.clock.now());
            let results = write_shared(&mut self.parts.link, &flush, batch.len()).await;
            self.note(&results);
            for (job, result) in batch.drain(..).zip(results) {
                self.finish(job, result);
            }
        } else {
            for job in batch.drain(..) {
                self.change(job).await;
            }
        }
        self.parts.state.written.notify_one();
    }

    fn note(&self, results: &Results) {
        for result in results {
            if let Err(Failure::Outage(reason) | Failure::Transient(reason)) = result {
                self.fail(reason);
                return;
            }
        }
    }

    fn fail(&self, reason: &str) {
        tracing::warn!(reason, "the database takes no writes");
        self.parts.state.set_writable(false);
    }

    /// Answers a job that was written together with others.
    fn finish(&self, job: Job, result: Result<Written, Failure>) {
        let cache = &self.parts.state.cache;
        match (job, result) {
            (job, Err(failure)) => job.refuse(failure.into()),
            (Job::Create { meeting, done, .. }, Ok(Written::Done)) => {
                cache.created(&meeting);
                answer(done, Ok(meeting));
            }
            (Job::Create { done, .. }, Ok(Written::IdTaken)) => {
                answer(done, Err(DirectoryError::Exists));
            }
            (Job::Record { key, entries, done }, Ok(_)) => {
                if entries
                    .iter()
                    .any(|entry| matches!(entry, LedgerEntry::End { .. }))
                {
                    cache.forget(&key);
                }
                answer(done, Ok(()));
            }
            // not shared, so never here
            (
                job @ (Job::Update { .. }
                | Job::Delete { .. }
                | Job::Providers { .. }
                | Job::Security { .. }),
                Ok(_),
            ) => job.refuse(closed()),
        }
    }

    /// Writes and answers a job that shares its transaction with nobody.
    async fn change(&mut self, job: Job) {
        let now = self.parts.clock.now();
        let (ids, link) = (&mut self.ids, &mut self.parts.link);
        match job {
            Job::Update {
                key,
                change,
                audit,
                done,
            } => {
                let audit: Vec<_> = audit.iter().map(|row| (ids.next(now), row)).collect();
                let result = link
                    .run(|db| changes::update(db, &key, &change, &audit, now))
                    .await;
                let result = self.settle(&key, result).map(|row| {
                    let meeting = row.map(convert::meeting).transpose()?.map(Arc::new);
                    if let Some(meeting) = &meeting {
                        self.parts.state.cache.changed(meeting);
                    }
                    Ok::<Option<Arc<Meeting>>, DirectoryError>(meeting)
                });
                answer(done, result.flatten());
            }
            Job::Delete { key, audit, done } => {
                let audit = vec![(ids.next(now), &audit)];
                let result = link.run(|db| changes::delete(db, &key, &audit, now)).await;
                answer(done, self.settle(&key, result));
            }
            Job::Security {
                rows,
                forget_before,
                done,
            } => {
                let rows: Vec<_> = rows.iter().map(|row| (ids.next(row.at), row)).collect();
                let result = link
                    .run(|db| security::write(db, &rows, forget_before))
                    .await;
                answer(done, result.map_err(Into::into));
            }
            Job::Providers { change, done } => {
                let result = link.run(|db| providers::write(db, &change)).await;
                answer(done, result.map_err(Into::into));
            }
            // shared, so never here
            job @ (Job::Create { .. } | Job::Record { .. }) => job.refuse(closed()),
        }
    }

    /// After a change of a meeting that was or was not written.
    fn settle<T>(&self, key: &RoomKey, result: Result<T, Failure>) -> Result<T, DirectoryError> {
        self.parts.state.cache.forget(key);
        result.map_err(|failure| {
            match &failure {
                Failure::Outage(reason) | Failure::Transient(reason) => self.fail(reason),
                Failure::Refused(_) => {}
            }
            failure.into()
        })
    }

    /// Refuses everything until the database takes a write again.
    async fn sit_out(&mut self) {
        self.busy = false;
        let clock = self.parts.clock.clone();
        loop {
            let mut next_probe = clock.sleep_until(clock.now().plus(PROBE_INTERVAL));
            loop {
                if let Some(job) = self.held_back.take() {
                    job.refuse(refused());
                }
                tokio::select! {
                    () = &mut next_probe => break,
                    job = self.next() => match job {
                        Some(job) => job.refuse(refused()),
                        None => return,
                    },
                }
            }
            let now = clock.now();
            match self.parts.link.run(|db| changes::probe(db, now)).await {
                Ok(()) => {
                    tracing::info!("the database takes writes again");
                    self.parts.state.set_writable(true);
                    return;
                }
                Err(failure) => tracing::debug!(reason = failure.reason(), "still no writes"),
            }
        }
    }
}

fn refused() -> DirectoryError {
    DirectoryError::Unavailable("the database takes no writes".to_owned())
}
