//! How many calls go out at a time and how fast, and who waits for whom.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, Semaphore, SemaphorePermit};

use crate::clock::Clock;
use crate::domain::rate::{Mark, Rate};
use crate::engine::providers::ProviderFault;

/// Calls of one urgency that may wait in a lane; further ones are refused.
const QUEUED: usize = 256;

/// Who waits for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// A person does, or somebody has to be put out.
    Awaited,
    /// Nobody: these leave half of the places and a quarter of the rate to the others.
    Background,
}

/// The calls of one urgency.
struct Line {
    queue: Semaphore,
    places: Semaphore,
    /// Only the first in line looks at the rate.
    turn: Turn<()>,
}

impl Line {
    fn new(places: usize) -> Self {
        Self {
            queue: Semaphore::new(QUEUED),
            places: Semaphore::new(places),
            turn: Turn::new(()),
        }
    }
}

/// A way to the provider with its own rate.
pub struct Gate {
    places: Semaphore,
    awaited: Line,
    background: Line,
    rate: Option<Rate>,
    mark: Mutex<Mark>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

/// A call's place while it is under way.
#[derive(Debug)]
pub struct Place<'a> {
    _in_line: SemaphorePermit<'a>,
    _in_all: SemaphorePermit<'a>,
}

impl Gate {
    /// So many calls at once, at that rate if there is one.
    #[must_use]
    pub fn new(at_once: usize, rate: Option<Rate>, clock: Arc<dyn Clock>) -> Self {
        let places = at_once.max(1);
        Self {
            places: Semaphore::new(places),
            awaited: Line::new(places),
            background: Line::new(places.div_ceil(2)),
            rate,
            mark: Mutex::default(),
            clock,
        }
    }

    /// Waits for a place, and until the rate lets one more go.
    ///
    /// # Errors
    /// [`ProviderFault::RateLimited`] when too many wait already.
    pub async fn enter(&self, urgency: Urgency) -> Result<Place<'_>, ProviderFault> {
        let line = match urgency {
            Urgency::Awaited => &self.awaited,
            Urgency::Background => &self.background,
        };
        let full = |_full| ProviderFault::RateLimited;
        let _queued = line.queue.try_acquire().map_err(full)?;
        let closed = |_closed| ProviderFault::RateLimited;
        let in_line = line.places.acquire().await.map_err(closed)?;
        let in_all = self.places.acquire().await.map_err(closed)?;
        if let Some(rate) = self.rate {
            let _turn = line.turn.lock().await;
            self.wait(allowed(rate, urgency)).await;
        }
        Ok(Place {
            _in_line: in_line,
            _in_all: in_all,
        })
    }

    /// The provider says that it was too much: nothing is left of the burst.
    pub fn exhaust(&self) {
        if let Some(rate) = self.rate {
            let full = rate.interval().saturating_mul(u64::from(rate.count));
            let mark = self.micros().saturating_add(full);
            *self.mark() = mark;
        }
    }

    async fn wait(&self, rate: Rate) {
        while let Some(wait) = self.taken(rate) {
            // The clock shows milliseconds: rounded down, the wait would be over too early.
            let wait = Duration::from_micros(wait.div_ceil(1_000).saturating_mul(1_000));
            self.clock.sleep_until(self.clock.now().plus(wait)).await;
        }
    }

    /// Takes one from the bucket, or says after how many microseconds there is one.
    fn taken(&self, rate: Rate) -> Option<u64> {
        let now = self.micros();
        let mut mark = self.mark();
        match rate.admit(*mark, now) {
            Ok(after) => {
                *mark = after;
                None
            }
            Err(wait) => Some(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)),
        }
    }

    fn mark(&self) -> MutexGuard<'_, Mark> {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn micros(&self) -> u64 {
        self.clock.now().0.saturating_mul(1_000)
    }
}

/// As fast, from a bucket that is smaller for those who can wait.
fn allowed(rate: Rate, urgency: Urgency) -> Rate {
    match urgency {
        Urgency::Awaited => rate,
        Urgency::Background => {
            let count = (rate.count / 4).saturating_mul(3).max(1);
            let period = rate.interval().saturating_mul(u64::from(count));
            Rate {
                count,
                period: Duration::from_micros(period),
            }
        }
    }
}

#[cfg(test)]
mod tests;
