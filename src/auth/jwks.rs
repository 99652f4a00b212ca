//! The keys that an issuer publishes, fetched when they are needed and kept.
//!
//! Nobody waits while the kept keys are fresh. Stale ones serve while they are fetched again, and go on
//! serving when that fails. Whatever is asked, there is one fetch at a time, and a pause after each.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::keys::Key;
use crate::clock::Clock;
use crate::domain::time::Timestamp;

/// Keys as they were published.
#[derive(Debug)]
pub struct Published {
    /// The usable ones.
    pub keys: Vec<Key>,
    /// For how long the publisher says that they hold.
    pub max_age: Option<Duration>,
}

/// Where keys are published.
#[async_trait]
pub trait KeySource: Send + Sync + fmt::Debug {
    /// Fetches them, within limits of time and size.
    ///
    /// # Errors
    /// What went wrong, for the log.
    async fn fetch(&self) -> Result<Published, String>;
}

/// How long keys are kept, and how often they are fetched at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepLimits {
    /// Keys are fresh for this long at least, whatever their publisher says.
    pub fresh_min: Duration,
    /// Keys are fresh for this long at most.
    pub fresh_max: Duration,
    /// For how long after that keys serve that cannot be fetched again.
    pub stale: Duration,
    /// Between two fetches.
    pub pause: Duration,
}

#[derive(Debug, Default)]
struct State {
    kept: Option<Kept>,
    /// No fetch begins before.
    not_before: Timestamp,
    /// Closes when the fetch under way has ended.
    under_way: Option<watch::Receiver<()>>,
}

#[derive(Debug, Clone)]
struct Kept {
    keys: Arc<[Key]>,
    fresh_until: Timestamp,
    usable_until: Timestamp,
}

/// A fetch; dropping it ends it.
struct UnderWay<'a>(&'a Jwks);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.state().under_way = None;
    }
}

/// The keys of one issuer.
pub struct Jwks {
    url: String,
    source: Arc<dyn KeySource>,
    limits: KeepLimits,
    clock: Arc<dyn Clock>,
    tracker: TaskTracker,
    state: Mutex<State>,
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks")
            .field("url", &shown(&self.url))
            .finish_non_exhaustive()
    }
}

impl Jwks {
    /// The keys at `url`, which `source` fetches. None is fetched before it is needed.
    #[must_use]
    pub fn new(
        url: String,
        source: Arc<dyn KeySource>,
        limits: KeepLimits,
        clock: Arc<dyn Clock>,
        tracker: TaskTracker,
    ) -> Arc<Self> {
        Arc::new(Self {
            url,
            source,
            limits,
            clock,
            tracker,
            state: Mutex::default(),
        })
    }

    /// Takes over what was kept at the same address.
    pub fn inherit(&self, before: &Self) {
        if self.url == before.url {
            let kept = before.state().kept.clone();
            self.state().kept = kept;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keys among which `wanted` finds the one it looks for; after a fetch, if need be, they may be
    /// without it. `None` when there are no keys that may still be used.
    pub async fn keys(
        self: &Arc<Self>,
        wanted: impl Fn(&[Key]) -> bool + Send,
    ) -> Option<Arc<[Key]>> {
        let (kept, now) = (self.usable(), self.clock.now());
        if let Some(kept) = &kept
            && wanted(&kept.keys)
        {
            if kept.fresh_until <= now {
                drop(self.refresh());
            }
            return Some(kept.keys.clone());
        }
        if let Some(mut end) = self.refresh() {
            // Nothing is ever sent: the end of the sender is the end of the fetch.
            drop(end.changed().await);
        }
        self.usable().map(|kept| kept.keys)
    }

    fn usable(&self) -> Option<Kept> {
        let now = self.clock.now();
        let kept = self.state().kept.clone();
        kept.filter(|kept| now < kept.usable_until)
    }

    /// Has the keys fetched, unless that was tried a moment ago. What comes back closes at the end of
    /// the fetch, which goes on when nobody waits for it any more.
    fn refresh(self: &Arc<Self>) -> Option<watch::Receiver<()>> {
        let mut state = self.state();
        if let Some(under_way) = &state.under_way {
            return Some(under_way.clone());
        }
        if self.clock.now() < state.not_before {
            return None;
        }
        let (ended, end) = watch::channel(());
        state.under_way = Some(end.clone());
        let this = self.clone();
        self.tracker.spawn(async move {
            // Also when the fetch does not end as it should.
            let under_way = UnderWay(&this);
            let fetched = this.source.fetch().await;
            this.keep(fetched);
            drop(under_way);
            drop(ended);
        });
        Some(end)
    }

    fn keep(&self, fetched: Result<Published, String>) {
        let now = self.clock.now();
        let mut state = self.state();
        state.under_way = None;
        state.not_before = now.plus(self.limits.pause);
        match fetched {
            Ok(published) => {
                let KeepLimits {
                    fresh_min,
                    fresh_max,
                    stale,
                    ..
                } = self.limits;
                let age = published.max_age.unwrap_or(fresh_max);
                let fresh_until = now.plus(age.max(fresh_min).min(fresh_max));
                state.kept = Some(Kept {
                    keys: published.keys.into(),
                    fresh_until,
                    usable_until: fresh_until.plus(stale),
                });
            }
            Err(error) => {
                let serving = state.kept.is_some();
                tracing::warn!(url = shown(&self.url), %error, serving, "keys could not be fetched");
            }
        }
    }
}

/// A URL without its query, which may hold a key.
pub(super) fn shown(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use secrecy::SecretString;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::clock::ManualClock;

    /// Publishes as many keys as it was asked times; each fetch waits for a permit.
    #[derive(Debug)]
    struct Source {
        fetches: AtomicUsize,
        permits: Semaphore,
        broken: std::sync::atomic::AtomicBool,
        max_age: Option<Duration>,
    }

    #[async_trait]
    impl KeySource for Source {
        async fn fetch(&self) -> Result<Published, String> {
            let number = self.fetches.fetch_add(1, Ordering::SeqCst) + 1;
            self.permits
                .acquire()
                .await
                .map_err(|e| e.to_string())?
                .forget();
            if self.broken.load(Ordering::SeqCst) {
                return Err("broken".to_owned());
            }
            let secret = SecretString::from("0123456789abcdef");
            Ok(Published {
                keys: (0..number).map(|_| Key::secret(&secret)).collect(),
                max_age: self.max_age,
            })
        }
    }

    struct World {
        clock: Arc<ManualClock>,
        source: Arc<Source>,
        jwks: Arc<Jwks>,
    }

    const LIMITS: KeepLimits = KeepLimits {
        fresh_min: Duration::from_secs(60),
        fresh_max: Duration::from_secs(3_600),
        stale: Duration::from_secs(86_400),
        pause: Duration::from_secs(10),
    };

    fn world(max_age: Option<Duration>, permits: usize) -> World {
        let clock = Arc::new(ManualClock::new(Timestamp(1_000_000)));
        let source = Arc::new(Source {
            fetches: AtomicUsize::new(0),
            permits: Semaphore::new(permits),
            broken: false.into(),
            max_age,
        });
        let jwks = Jwks::new(
            String::new(),
            source.clone(),
            LIMITS,
            clock.clone(),
            TaskTracker::new(),
        );
        World {
            clock,
            source,
            jwks,
        }
    }

    impl World {
        async fn ask(&self, least: usize) -> usize {
            let keys = self.jwks.keys(|keys| keys.len() >= least).await;
            keys.map_or(0, |keys| keys.len())
        }

        fn fetches(&self) -> usize {
            self.source.fetches.load(Ordering::SeqCst)
        }

        async fn settled(&self) {
            while self.jwks.state().under_way.is_some() {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn many_who_ask_at_once_wait_for_one_fetch() {
        let world = world(None, 0);
        let asking = futures_util::future::join_all((0..100).map(|_| world.ask(1)));
        let answer = async {
            while world.fetches() == 0 {
                tokio::task::yield_now().await;
            }
            world.source.permits.add_permits(1);
        };
        let (answers, ()) = tokio::join!(asking, answer);
        assert_eq!((answers, world.fetches()), (vec![1; 100], 1));
    }

    #[tokio::test]
    async fn an_unknown_key_is_looked_for_once_in_a_while() {
        let world = world(None, 100);
        assert_eq!(world.ask(1).await, 1);
        for _ in 0..50 {
            assert_eq!(world.ask(2).await, 1, "it was fetched a moment ago");
        }
        world.clock.advance(LIMITS.pause);
        assert_eq!((world.ask(2).await, world.fetches()), (2, 2));
    }

    #[tokio::test]
    async fn what_the_publisher_says_of_their_age_has_a_floor_and_a_ceiling() {
        for (said, kept) in [
            (Some(Duration::ZERO), LIMITS.fresh_min),
            (Some(Duration::from_secs(600)), Duration::from_secs(600)),
            (Some(Duration::MAX), LIMITS.fresh_max),
            (None, LIMITS.fresh_max),
        ] {
            let world = world(said, 100);
            world.ask(1).await;
            world.clock.advance(kept - Duration::from_millis(1));
            world.ask(1).await;
            assert_eq!(world.fetches(), 1, "{said:?}: still fresh");
            world.clock.advance(Duration::from_millis(1));
            assert_eq!(world.ask(1).await, 1, "{said:?}: nobody waits");
            world.settled().await;
            assert_eq!(world.fetches(), 2, "{said:?}: no longer fresh");
        }
    }

    #[tokio::test]
    async fn stale_keys_serve_while_there_are_no_others_but_not_for_ever() {
        let world = world(None, 100);
        world.ask(1).await;
        world.source.broken.store(true, Ordering::SeqCst);
        world
            .clock
            .advance(LIMITS.fresh_max + LIMITS.stale - Duration::from_millis(1));
        assert_eq!(world.ask(1).await, 1);
        world.settled().await;
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(world.ask(1).await, 0);
        world.source.broken.store(false, Ordering::SeqCst);
        world.clock.advance(LIMITS.pause);
        assert_eq!(world.ask(1).await, world.fetches());
    }

    #[tokio::test]
    async fn who_stops_waiting_does_not_stop_the_fetch() {
        let world = world(None, 0);
        {
            let mut asking = std::pin::pin!(world.ask(1));
            assert!(futures_util::poll!(asking.as_mut()).is_pending());
        }
        world.source.permits.add_permits(1);
        world.settled().await;
        assert_eq!((world.ask(1).await, world.fetches()), (1, 1));
    }
}
