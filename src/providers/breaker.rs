//! Leaves a provider alone that fails again and again, and tries with one call whether it is back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many calls in a row have failed.
    Closed(u32),
    /// No call before this moment.
    Open(Timestamp),
    /// One call is under way that finds out.
    Probing,
}

/// The circuit breaker of one provider.
#[derive(Debug)]
pub struct Breaker {
    failures: u32,
    pause: Duration,
    state: Mutex<State>,
}

/// That a call may be made. Dropped without a verdict, it counts for nothing.
#[derive(Debug)]
pub struct Pass<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Breaker {
    /// Opens for `pause` after so many failures in a row.
    #[must_use]
    pub const fn new(failures: u32, pause: Duration) -> Self {
        let state = Mutex::new(State::Closed(0));
        Self {
            failures,
            pause,
            state,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call would be admitted now.
    #[must_use]
    pub fn lets_through(&self, now: Timestamp) -> bool {
        match *self.state() {
            State::Closed(_) => true,
            State::Open(until) => until <= now,
            State::Probing => false,
        }
    }

    /// Leave for one call; none while the provider is left alone.
    #[must_use]
    pub fn admit(&self, now: Timestamp) -> Option<Pass<'_>> {
        let mut state = self.state();
        let is_probe = match *state {
            State::Closed(_) => false,
            State::Open(until) if until <= now => true,
            State::Open(_) | State::Probing => return None,
        };
        if is_probe {
            *state = State::Probing;
        }
        Some(Pass {
            breaker: self,
            is_probe,
        })
    }
}

impl Pass<'_> {
    /// The provider has answered, whatever it said.
    pub fn answered(mut self) {
        let mut state = self.breaker.state();
        // What began before the breaker opened says nothing about now.
        if self.is_probe || matches!(*state, State::Closed(_)) {
            *state = State::Closed(0);
        }
        self.is_probe = false;
    }

    /// It has not, or said that it is broken.
    pub fn failed(mut self, now: Timestamp) {
        let mut state = self.breaker.state();
        let before = match *state {
            State::Closed(failures) => Some(failures),
            State::Open(_) | State::Probing => None,
        };
        let failures = before.map(|it| it.saturating_add(1));
        if self.is_probe || failures.is_some_and(|it| it >= self.breaker.failures) {
            *state = State::Open(now.plus(self.breaker.pause));
        } else if let Some(failures) = failures {
            *state = State::Closed(failures);
        }
        self.is_probe = false;
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            // Nobody waited for the probe's end: the next call is one.
            *self.breaker.state() = State::Open(Timestamp::default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);
    const PAUSE: Duration = Duration::from_secs(5);

    fn after(secs: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(secs))
    }

    fn fail(breaker: &Breaker, times: u32, now: Timestamp) {
        for _ in 0..times {
            breaker.admit(now).unwrap().failed(now);
        }
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let breaker = Breaker::new(3, PAUSE);
        fail(&breaker, 2, NOW);
        breaker.admit(NOW).unwrap().answered();
        fail(&breaker, 2, NOW);
        assert!(breaker.lets_through(NOW));
        fail(&breaker, 1, NOW);
        assert!(!breaker.lets_through(NOW));
        assert!(breaker.admit(after(4)).is_none());
    }

    #[test]
    fn one_probe_decides() {
        let breaker = Breaker::new(1, PAUSE);
        fail(&breaker, 1, NOW);
        let probe = breaker.admit(after(5)).unwrap();
        assert!(breaker.admit(after(5)).is_none(), "one at a time");
        probe.failed(after(5));
        assert!(
            breaker.admit(after(9)).is_none(),
            "a failed probe begins a new pause"
        );
        breaker.admit(after(10)).unwrap().answered();
        assert!(breaker.admit(after(10)).is_some());
        assert!(breaker.admit(after(10)).is_some());
    }

    #[test]
    fn a_probe_that_was_given_up_leaves_its_place_to_the_next() {
        let breaker = Breaker::new(1, PAUSE);
        fail(&breaker, 1, NOW);
        drop(breaker.admit(after(5)).unwrap());
        breaker.admit(after(5)).unwrap().answered();
        assert!(breaker.lets_through(after(5)));
    }

    #[test]
    fn late_verdicts_of_older_calls_change_nothing() {
        let breaker = Breaker::new(1, PAUSE);
        let (slow, slower) = (breaker.admit(NOW).unwrap(), breaker.admit(NOW).unwrap());
        fail(&breaker, 1, NOW);
        slow.answered();
        assert!(!breaker.lets_through(after(1)));
        slower.failed(after(4));
        assert!(breaker.lets_through(after(5)));
    }
}
