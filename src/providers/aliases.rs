//! Keeps what rooms and users are called at providers, without anybody waiting for it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::engine::providers::{Alias, ProviderStore};

/// Names that are known to be kept.
const KNOWN: u64 = 100_000;

/// Names that wait to be kept; what does not fit is kept when it is used next.
const WAITING: usize = 4_096;

/// Names that are written at once.
const BATCH: usize = 256;

/// Before another try, when the database takes no writes.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps names.
pub struct Aliases {
    known: Cache<String, ()>,
    new: mpsc::Sender<Alias>,
    waiting: Mutex<mpsc::Receiver<Alias>>,
}

impl fmt::Debug for Aliases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aliases")
    }
}

impl Default for Aliases {
    fn default() -> Self {
        let (new, waiting) = mpsc::channel(WAITING);
        Self {
            known: Cache::new(KNOWN),
            new,
            waiting: Mutex::new(waiting),
        }
    }
}

impl Aliases {
    /// Keeps a name, unless it is known to be kept. Never waits.
    pub fn note(&self, name: &str, alias: impl FnOnce() -> Alias) {
        if !self.known.contains_key(name) && self.new.try_send(alias()).is_ok() {
            self.known.insert(name.to_owned(), ());
        }
    }

    /// Writes until `stop`, and then what is left.
    pub async fn run(
        &self,
        store: Arc<dyn ProviderStore>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) {
        let mut waiting = self.waiting.lock().await;
        let mut batch = Vec::new();
        let receive = async {
            while waiting.recv_many(&mut batch, BATCH).await > 0 {
                persist(&*store, &*clock, &batch).await;
                batch.clear();
            }
        };
        if stop.run_until_cancelled(receive).await.is_some() {
            return;
        }
        while let Ok(alias) = waiting.try_recv() {
            batch.push(alias);
        }
        if let Err(error) = store.remember(batch).await {
            tracing::warn!(%error, "some names at providers are not kept");
        }
    }
}

/// Tries until the database takes them.
async fn persist(store: &dyn ProviderStore, clock: &dyn Clock, batch: &[Alias]) {
    while let Err(error) = store.remember(batch.to_vec()).await {
        tracing::warn!(%error, "names at providers are not kept yet");
        clock.sleep_until(clock.now().plus(PAUSE)).await;
    }
}
