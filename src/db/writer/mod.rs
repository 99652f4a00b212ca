//! The one task that writes.
//!
//! Callers put jobs into a bounded queue and wait. The task takes what is there, makes one
//! transaction of it and answers in the order of submission. Creations, changes and deletions are
//! written as soon as the task is idle; what the rooms record may wait a few milliseconds for
//! company, because a commit costs about as much as ten role changes in it.

mod flush;
mod ids;
mod job;
mod link;
mod postgres;
mod queue;
mod sqlite;
mod task;
mod together;

pub(super) use job::Job;
pub(super) use link::Link;
pub(super) use queue::Queue;
pub(super) use task::{Writer, WriterParts};
