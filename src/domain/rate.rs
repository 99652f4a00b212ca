//! How often something may happen: the generic cell rate algorithm, as a pure function.

use std::time::Duration;

/// So many at once, and as many again in each period, evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many, at least 1.
    pub count: u32,
    /// In which time.
    pub period: Duration,
}

/// What was used of a rate and has not come back yet, as a moment: the bucket is empty again then.
/// Microseconds since 1970.
pub type Mark = u64;

impl Rate {
    /// What one costs, in microseconds; at least 1.
    #[must_use]
    pub fn interval(self) -> u64 {
        let micros = self.period.as_micros() / u128::from(self.count.max(1));
        u64::try_from(micros).unwrap_or(u64::MAX).max(1)
    }

    fn capacity(self) -> u64 {
        self.interval().saturating_mul(u64::from(self.count))
    }

    /// The mark after one more at `now` (microseconds since 1970).
    ///
    /// # Errors
    /// After how long there will be room for one.
    pub fn admit(self, mark: Mark, now: u64) -> Result<Mark, Duration> {
        let after = mark.max(now).saturating_add(self.interval());
        let over = after.saturating_sub(now).saturating_sub(self.capacity());
        if over == 0 {
            Ok(after)
        } else {
            Err(Duration::from_micros(over))
        }
    }

    /// The mark after one was given back.
    #[must_use]
    pub fn refund(self, mark: Mark) -> Mark {
        mark.saturating_sub(self.interval())
    }

    /// How many were used and have not come back.
    #[must_use]
    pub fn used(self, mark: Mark, now: u64) -> u64 {
        mark.saturating_sub(now).div_ceil(self.interval())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEN_A_MINUTE: Rate = Rate {
        count: 10,
        period: Duration::from_secs(60),
    };

    fn passed(rate: Rate, at: impl Iterator<Item = u64>) -> Vec<bool> {
        let mut mark = 0;
        at.map(|now| match rate.admit(mark, now) {
            Ok(after) => {
                mark = after;
                true
            }
            Err(_) => false,
        })
        .collect()
    }

    #[test]
    fn ten_at_once_and_then_one_every_six_seconds() {
        let second = 1_000_000;
        let burst = passed(TEN_A_MINUTE, std::iter::repeat_n(second, 11));
        assert_eq!(burst.iter().filter(|passed| **passed).count(), 10);
        let mut mark = 0;
        for _ in 0..10 {
            mark = TEN_A_MINUTE.admit(mark, second).unwrap();
        }
        let wait = TEN_A_MINUTE.admit(mark, second).unwrap_err();
        assert_eq!(wait, Duration::from_secs(6));
        assert!(TEN_A_MINUTE.admit(mark, second * 7).is_ok());
        assert!(TEN_A_MINUTE.admit(mark, second * 7 - 1).is_err());
    }

    #[test]
    fn what_is_given_back_can_be_used_again() {
        let mut mark = 0;
        for _ in 0..10 {
            mark = TEN_A_MINUTE.admit(mark, 5).unwrap();
        }
        assert_eq!(TEN_A_MINUTE.used(mark, 5), 10);
        assert!(TEN_A_MINUTE.admit(TEN_A_MINUTE.refund(mark), 5).is_ok());
    }

    proptest! {
        #[test]
        fn never_more_than_twice_the_count_in_a_period(
            count in 1_u32..50,
            millis in 1_u64..100_000,
            mut moments in prop::collection::vec(0_u64..200_000_000, 0..400),
        ) {
            let rate = Rate { count, period: Duration::from_millis(millis) };
            moments.sort_unstable();
            let passed = passed(rate, moments.iter().copied());
            let admitted: Vec<u64> = moments
                .iter()
                .zip(passed)
                .filter_map(|(at, passed)| passed.then_some(*at))
                .collect();
            let period = rate.interval() * u64::from(count);
            for (first, at) in admitted.iter().enumerate() {
                let within = admitted[first..].iter().filter(|other| **other < at + period);
                prop_assert!(within.count() <= 2 * usize::try_from(count).unwrap());
            }
        }

        #[test]
        fn whoever_waits_as_told_passes(count in 1_u32..50, millis in 1_u64..100_000) {
            let rate = Rate { count, period: Duration::from_millis(millis) };
            let mut mark = 0;
            let mut now = 1_000_000;
            for _ in 0..200 {
                match rate.admit(mark, now) {
                    Ok(after) => mark = after,
                    Err(wait) => {
                        now += u64::try_from(wait.as_micros()).unwrap();
                        prop_assert!(rate.admit(mark, now).is_ok());
                    }
                }
            }
        }
    }
}
