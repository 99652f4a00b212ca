//! Writing many jobs in one transaction, and what is done when that fails.

use std::collections::HashSet;

use super::flush::Flush;
use super::link::Link;
use crate::db::failure::Failure;

/// What became of the jobs of a flush, by their numbers.
pub(super) type Results = Vec<Result<Written, Failure>>;

/// What became of one job that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It is in the database.
    Done,
    /// Its meeting id belongs to somebody else.
    IdTaken,
}

impl Written {
    /// Of this job, where these found their ids taken.
    pub(super) fn of(job: usize, taken: &HashSet<usize>) -> Self {
        if taken.contains(&job) {
            Self::IdTaken
        } else {
            Self::Done
        }
    }
}

/// Writes a flush of so many jobs, as far as the database lets it.
pub(super) async fn write_shared(link: &mut Link, flush: &Flush<'_>, jobs: usize) -> Results {
    let mut result = link.write(flush).await;
    if let Err(Failure::Transient(_)) = result {
        result = link.write(flush).await;
        if let Ok(taken) = &mut result {
            result = match own(link, flush, taken).await {
                Ok(own) => Ok(taken.difference(&own).copied().collect()),
                Err(failure) => Err(failure),
            };
        }
    }
    match result {
        Ok(taken) => (0..jobs).map(|job| Ok(Written::of(job, &taken))).collect(),
        Err(Failure::Refused(_)) if jobs > 1 => one_by_one(link, flush, jobs).await,
        Err(failure) => vec![Err(failure); jobs],
    }
}

/// After a second attempt: ids that are taken by the first, whose answer was lost.
async fn own(
    link: &mut Link,
    flush: &Flush<'_>,
    taken: &HashSet<usize>,
) -> Result<HashSet<usize>, Failure> {
    let mut own = HashSet::new();
    for (row, line) in flush
        .creations
        .iter()
        .filter(|(row, _)| taken.contains(&row.job))
    {
        if link.has_audit(line).await? {
            own.insert(row.job);
        }
    }
    Ok(own)
}

/// One job was refused, and it must not take its neighbours down.
async fn one_by_one(link: &mut Link, flush: &Flush<'_>, jobs: usize) -> Results {
    let mut results = Results::new();
    let mut broken = None;
    for job in 0..jobs {
        let result = match &broken {
            Some(failure) => Err(Failure::clone(failure)),
            None => link.write(&flush.only(job)).await,
        };
        if let Err(failure @ (Failure::Outage(_) | Failure::Transient(_))) = &result {
            broken = Some(failure.clone());
        }
        results.push(result.map(|taken| Written::of(job, &taken)));
    }
    results
}
