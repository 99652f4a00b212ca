//! A real database in a file that lasts as long as the test.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio_util::task::TaskTracker;
use usher::clock::ManualClock;
use usher::db::{DbOptions, SqlDirectory};

use super::people::START;
use super::within;

static FILES: AtomicU32 = AtomicU32::new(0);

/// A `SQLite` file; dropping it deletes it.
pub(crate) struct DatabaseFile {
    folder: PathBuf,
}

impl DatabaseFile {
    pub(crate) fn new() -> Self {
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let name = format!("usher-it-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        Self { folder }
    }

    /// Opens it, as a process that starts does.
    pub(crate) async fn opens(&self) -> Arc<SqlDirectory> {
        let url = format!("sqlite://{}/usher.db?mode=rwc", self.folder.display());
        let options = DbOptions {
            url: url.into(),
            max_connections: 4,
            acquire_timeout: Duration::from_secs(5),
            write_window: Duration::from_millis(2),
            write_batch: 256,
            write_queue: 4096,
            meeting_cache: 100,
            meeting_cache_ttl: Duration::from_secs(1),
            sqlite_full_sync: false,
        };
        let clock = Arc::new(ManualClock::new(START));
        let opening = SqlDirectory::connect(options, clock, TaskTracker::new());
        within(opening).await.unwrap()
    }
}

impl Drop for DatabaseFile {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}
