//! How often a user, an address and a tenant may do what costs something.
//!
//! Each node decides by itself, at once. Where nodes share a store, they tell it of whoever has used up a
//! part of a rate and learn what the others have seen, a moment later: so a limit holds over all
//! nodes but for what arrives on several of them in the same moment.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use moka::sync::Cache;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::store::StoreError;
use crate::clock::Clock;
use crate::domain::id::{TenantId, UserId};
use crate::domain::rate::Rate;
use crate::domain::refusal::Refusal;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// A command over a socket.
    Command,
    /// A join over a socket.
    Join,
    /// A Socket.IO connection.
    Connect,
    /// A request over REST.
    Request,
    /// A meeting created.
    Creation,
    /// A token that was refused.
    RefusedToken,
}

impl Counted {
    /// As keys name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Join => "join",
            Self::Connect => "connect",
            Self::Request => "request",
            Self::Creation => "creation",
            Self::RefusedToken => "refused-token",
        }
    }

    /// What somebody is told who does it too often.
    #[must_use]
    pub const fn complaint(self) -> &'static str {
        match self {
            Self::Command => "Too many commands; slow down",
            Self::Join => "Too many joins; slow down",
            Self::Connect => "Too many connections in a short time; slow down",
            Self::Request => "Too many requests; slow down",
            Self::Creation => "Too many meetings created; slow down",
            Self::RefusedToken => "Too many bad tokens; slow down",
        }
    }

    /// Commands are many, and a connection's own rate bounds them: no store hears of them.
    const fn is_shared(self) -> bool {
        !matches!(self, Self::Command)
    }
}

/// Whose rate it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Payer {
    /// A user of a tenant.
    User(TenantId, UserId),
    /// A back end of a tenant.
    Service(TenantId, UserId),
    /// A network: an IPv4 address, or the /64 of an IPv6 address.
    Network(IpAddr),
    /// A tenant.
    Tenant(TenantId),
}

impl fmt::Display for Payer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(tenant, user) => write!(f, "user/{tenant}/{user}"),
            Self::Service(tenant, id) => write!(f, "service/{tenant}/{id}"),
            Self::Network(network) => write!(f, "network/{network}"),
            Self::Tenant(tenant) => write!(f, "tenant/{tenant}"),
        }
    }
}

/// The rate of each thing, for each kind of payer; `None` is without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// For one user.
    pub user: Option<Rate>,
    /// For one back end.
    pub service: Option<Rate>,
    /// For one network.
    pub network: Option<Rate>,
    /// For one tenant.
    pub tenant: Option<Rate>,
}

/// Somebody did something too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// What.
    pub counted: Counted,
    /// When it is worth another try.
    pub retry_after: Duration,
}

impl From<Exceeded> for Refusal {
    fn from(exceeded: Exceeded) -> Self {
        Self::RateLimited {
            reason: exceeded.counted.complaint(),
            retry_after: exceeded.retry_after,
        }
    }
}

/// Port: buckets that all nodes share.
#[async_trait]
pub trait SharedBuckets: Send + Sync {
    /// Adds `micros` to the bucket of that name (a negative number takes from it). Returns how many
    /// microseconds of it have not come back, other nodes' share included.
    async fn charge(&self, name: &str, micros: i64) -> Result<u64, StoreError>;
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Name {
    counted: Counted,
    payer: Payer,
}

#[derive(Debug, Default)]
struct Bucket {
    mark: AtomicU64,
    /// Microseconds that the shared bucket has not heard of.
    owed: AtomicI64,
}

/// What every node counts.
pub struct Rates {
    limits: HashMap<Counted, Limits>,
    buckets: Cache<Name, Arc<Bucket>>,
    clock: Arc<dyn Clock>,
    debts: mpsc::Sender<(Name, Arc<Bucket>)>,
    collected: Mutex<mpsc::Receiver<(Name, Arc<Bucket>)>>,
}

impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rates")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Debts that may wait to be told; further ones wait for their payer's next deed.
const DEBTS: usize = 4_096;

/// Debts that are told at the same time.
const TOLD_TOGETHER: usize = 64;

impl Rates {
    /// Nothing was counted yet. `kept` buckets are kept at most: the least used goes first.
    #[must_use]
    pub fn new(limits: HashMap<Counted, Limits>, kept: u64, clock: Arc<dyn Clock>) -> Self {
        let all = limits.values();
        let longest = all
            .flat_map(|it| [it.user, it.service, it.network, it.tenant])
            .flatten()
            .map(|rate| rate.period)
            .max();
        let (debts, collected) = mpsc::channel(DEBTS);
        Self {
            limits,
            buckets: Cache::builder()
                .max_capacity(kept)
                .time_to_idle(longest.unwrap_or(Duration::from_secs(1)).saturating_mul(2))
                .build(),
            clock,
            debts,
            collected: Mutex::new(collected),
        }
    }

    fn now(&self) -> u64 {
        self.clock.now().0.saturating_mul(1_000)
    }

    fn rate(&self, counted: Counted, payer: &Payer) -> Option<Rate> {
        let limits = self.limits.get(&counted)?;
        match payer {
            Payer::User(..) => limits.user,
            Payer::Service(..) => limits.service,
            Payer::Network(_) => limits.network,
            Payer::Tenant(_) => limits.tenant,
        }
    }

    fn bucket(&self, name: &Name) -> Arc<Bucket> {
        self.buckets.get_with_by_ref(name, Arc::default)
    }

    /// Counts one for everybody who pays; when one of them may not, for nobody.
    ///
    /// # Errors
    /// Who waits longest decides when it is worth another try.
    pub fn admit(
        &self,
        counted: Counted,
        payers: impl IntoIterator<Item = Payer>,
    ) -> Result<(), Exceeded> {
        let now = self.now();
        let mut charged: Vec<(Name, Arc<Bucket>, Rate)> = Vec::new();
        let mut wait = Duration::ZERO;
        for payer in payers {
            let Some(rate) = self.rate(counted, &payer) else {
                continue;
            };
            let name = Name { counted, payer };
            let bucket = self.bucket(&name);
            let mut refused = None;
            let charge = |mark| rate.admit(mark, now).map_err(|it| refused = Some(it)).ok();
            let order = Ordering::Relaxed;
            if bucket.mark.fetch_update(order, order, charge).is_ok() {
                charged.push((name, bucket, rate));
            } else {
                wait = wait.max(refused.unwrap_or_default());
            }
        }
        if wait.is_zero() {
            for (name, bucket, rate) in charged {
                self.owe(name, bucket, rate, now);
            }
            return Ok(());
        }
        for (_, bucket, rate) in charged {
            give_back(&bucket, rate);
        }
        Err(Exceeded {
            counted,
            retry_after: wait,
        })
    }

    /// Takes one back: it turned out not to count.
    pub fn refund(&self, counted: Counted, payers: impl IntoIterator<Item = Payer>) {
        for payer in payers {
            if let Some(rate) = self.rate(counted, &payer) {
                let bucket = self.bucket(&Name { counted, payer });
                give_back(&bucket, rate);
                bucket.owed.fetch_sub(signed(rate), Ordering::Relaxed);
            }
        }
    }

    /// Whoever stays below a quarter of the rate costs the store nothing.
    fn owe(&self, name: Name, bucket: Arc<Bucket>, rate: Rate, now: u64) {
        if !name.counted.is_shared() {
            return;
        }
        bucket.owed.fetch_add(signed(rate), Ordering::Relaxed);
        let used = rate.used(bucket.mark.load(Ordering::Relaxed), now);
        if used.saturating_mul(4) > u64::from(rate.count) {
            // When too many wait, this one is told at the payer's next deed.
            drop(self.debts.try_send((name, bucket)));
        }
    }

    /// Tells the shared buckets what was used here, and learns what was used elsewhere, until `stop`.
    pub async fn share(&self, shared: Arc<dyn SharedBuckets>, stop: CancellationToken) {
        let mut collected = self.collected.lock().await;
        let mut debts = Vec::with_capacity(TOLD_TOGETHER);
        loop {
            let waiting = tokio::select! {
                () = stop.cancelled() => return,
                waiting = collected.recv_many(&mut debts, TOLD_TOGETHER) => waiting,
            };
            if waiting == 0 {
                return;
            }
            let told = debts.drain(..).map(|debt| self.tell(&*shared, debt));
            futures_util::future::join_all(told).await;
        }
    }

    async fn tell(&self, shared: &dyn SharedBuckets, (name, bucket): (Name, Arc<Bucket>)) {
        let owed = bucket.owed.swap(0, Ordering::Relaxed);
        if owed == 0 {
            return;
        }
        let key = format!("{}/{}", name.counted.as_str(), name.payer);
        match shared.charge(&key, owed).await {
            Ok(ahead) => {
                let mark = self.now().saturating_add(ahead);
                bucket.mark.fetch_max(mark, Ordering::Relaxed);
            }
            Err(error) => {
                // Whether it was counted is not known: rather too little than twice.
                tracing::debug!(%error, "a shared rate could not be told");
            }
        }
    }
}

fn signed(rate: Rate) -> i64 {
    i64::try_from(rate.interval()).unwrap_or(i64::MAX)
}

fn give_back(bucket: &Bucket, rate: Rate) {
    let order = Ordering::Relaxed;
    let back = |mark| Some(rate.refund(mark));
    bucket
        .mark
        .fetch_update(order, order, back)
        .unwrap_or_default();
}

/// The network that an address counts as: IPv4 as it is, IPv6 by its /64, which is one household's.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Lock;

    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::time::Timestamp;

    fn user(name: &str) -> Payer {
        Payer::User(TenantId::default_tenant(), UserId::new(name).unwrap())
    }

    fn network(text: &str) -> Payer {
        Payer::Network(network_of(text.parse().unwrap()))
    }

    fn rate(count: u32) -> Option<Rate> {
        let period = Duration::from_secs(60);
        Some(Rate { count, period })
    }

    fn rates(clock: &Arc<ManualClock>) -> Rates {
        let limits = Limits {
            user: rate(10),
            service: None,
            network: rate(15),
            tenant: None,
        };
        Rates::new(HashMap::from([(Counted::Join, limits)]), 100, clock.clone())
    }

    fn clock() -> Arc<ManualClock> {
        Arc::new(ManualClock::new(Timestamp(1_000_000)))
    }

    fn admitted(rates: &Rates, payers: &[Payer], times: usize) -> usize {
        (0..times)
            .filter(|_| rates.admit(Counted::Join, payers.to_vec()).is_ok())
            .count()
    }

    #[test]
    fn each_payer_has_a_rate_of_their_own() {
        let clock = clock();
        let rates = rates(&clock);
        let home = network("10.0.0.1");
        assert_eq!(admitted(&rates, &[user("ann"), home.clone()], 20), 10);
        assert_eq!(
            admitted(&rates, &[user("bob"), home], 20),
            5,
            "the network's"
        );
        assert_eq!(
            admitted(&rates, &[user("bob")], 20),
            5,
            "nobody paid for refusals"
        );
        let refused = rates.admit(Counted::Join, [user("ann")]).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_secs(6));
        clock.advance(refused.retry_after);
        assert_eq!(admitted(&rates, &[user("ann")], 20), 1);
        assert!(rates.admit(Counted::Command, [user("ann")]).is_ok());
    }

    #[test]
    fn a_household_is_one_network() {
        assert_eq!(network("2001:db8:1:2:3::4"), network("2001:db8:1:2::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }

    #[test]
    fn what_does_not_count_is_given_back() {
        let rates = rates(&clock());
        for _ in 0..100 {
            rates.admit(Counted::Join, [user("ann")]).unwrap();
            rates.refund(Counted::Join, [user("ann")]);
        }
    }

    /// Counts as Redis does, and how often it was asked.
    #[derive(Debug, Default)]
    struct Shared {
        used: Lock<HashMap<String, i64>>,
        calls: AtomicU64,
    }

    #[async_trait]
    impl SharedBuckets for Shared {
        async fn charge(&self, name: &str, micros: i64) -> Result<u64, StoreError> {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let mut used = self.used.lock().unwrap();
            let used = used.entry(name.to_owned()).or_default();
            *used = (*used + micros).max(0);
            Ok(u64::try_from(*used).unwrap())
        }
    }

    async fn told(rates: &Rates, shared: &Arc<Shared>) {
        let mut collected = rates.collected.lock().await;
        while let Ok(debt) = collected.try_recv() {
            rates.tell(&**shared, debt).await;
        }
    }

    #[tokio::test]
    async fn nodes_learn_from_one_another() {
        let clock = clock();
        let shared = Arc::new(Shared::default());
        let nodes = [rates(&clock), rates(&clock), rates(&clock)];
        let mut passed = 0;
        for round in 0..30 {
            let node = &nodes[round % 3];
            passed += admitted(node, &[user("ann")], 1);
            told(node, &shared).await;
        }
        // Each node lets a quarter pass before it asks.
        assert!((10..=16).contains(&passed), "{passed}");
    }

    #[tokio::test]
    async fn whoever_does_little_costs_the_store_nothing() {
        let rates = rates(&clock());
        let shared = Arc::new(Shared::default());
        for name in ["ann", "bob", "cy"] {
            assert_eq!(admitted(&rates, &[user(name)], 2), 2);
        }
        told(&rates, &shared).await;
        assert_eq!(shared.calls.load(Ordering::Relaxed), 0);
        assert_eq!(admitted(&rates, &[user("ann")], 1), 1);
        told(&rates, &shared).await;
        let used = shared.used.lock().unwrap()["join/user/default/ann"];
        assert_eq!(used, 3 * 6_000_000, "what was owed before is told, too");
    }
}
