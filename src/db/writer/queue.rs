//! The way to the writer.

use std::sync::Arc;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot};

use super::job::{Done, Job, closed};
use crate::engine::directory::DirectoryError;

/// A bounded queue of jobs.
#[derive(Debug)]
pub(in crate::db) struct Queue {
    jobs: mpsc::Sender<Job>,
    hurry: Arc<Notify>,
    batch: usize,
}

impl Queue {
    /// A queue of so many places, and its other end. `hurry` cuts the writer's waiting short; so
    /// does a backlog of `batch` jobs.
    pub(in crate::db) fn new(
        places: usize,
        batch: usize,
        hurry: Arc<Notify>,
    ) -> (Self, mpsc::Receiver<Job>) {
        let (jobs, writer) = mpsc::channel(places.max(1));
        (Self { jobs, hurry, batch }, writer)
    }

    /// Has a job done. The order of the calls is the order of the writes, even before the answers
    /// are waited for: the job is in the queue once the future was polled for the first time.
    pub(in crate::db) async fn submit<T>(
        &self,
        job: impl FnOnce(Done<T>) -> Job,
    ) -> Result<T, DirectoryError> {
        let (done, answer) = oneshot::channel();
        let job = job(done);
        let patient = job.is_patient();
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => DirectoryError::Busy,
            TrySendError::Closed(_) => closed(),
        })?;
        if !patient || self.backlog() >= self.batch {
            self.hurry.notify_one();
        }
        answer.await.unwrap_or_else(|_dropped| Err(closed()))
    }

    fn backlog(&self) -> usize {
        self.jobs
            .max_capacity()
            .saturating_sub(self.jobs.capacity())
    }
}
