//! How the database is reached and how writes are grouped.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sea_orm::sqlx::ConnectOptions;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use secrecy::{ExposeSecret, SecretString};

use crate::engine::directory::DirectoryError;

/// How long a statement waits for another process to let go of the SQLite file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Settings of the directory.
#[derive(Clone)]
pub struct DbOptions {
    /// `sqlite://FILE?mode=rwc`, `sqlite::memory:` or `postgres://USER:PASSWORD@HOST:PORT/NAME`.
    pub url: SecretString,
    /// Connections, all in all: one writes, the others read. Two at least.
    pub max_connections: u32,
    /// How long a read waits for a free connection.
    pub acquire_timeout: Duration,
    /// How long a change of authority may wait for others to share a transaction with.
    pub write_window: Duration,
    /// Calls in one transaction, at most.
    pub write_batch: usize,
    /// Calls that may wait; beyond that they are refused as busy.
    pub write_queue: usize,
    /// Meetings kept in memory; 0 keeps none.
    pub meeting_cache: u64,
    /// How long one is kept. What another process writes may be seen this much later.
    pub meeting_cache_ttl: Duration,
    /// SQLite waits for the disk at each commit: a power cut costs nothing.
    pub sqlite_full_sync: bool,
}

impl fmt::Debug for DbOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DbOptions")
            .field("url", &self.scheme())
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("write_window", &self.write_window)
            .field("write_batch", &self.write_batch)
            .field("write_queue", &self.write_queue)
            .field("meeting_cache", &self.meeting_cache)
            .field("meeting_cache_ttl", &self.meeting_cache_ttl)
            .field("sqlite_full_sync", &self.sqlite_full_sync)
            .finish()
    }
}

/// Where the tables are.
pub(super) enum Target {
    /// A file of this machine, or memory.
    Sqlite {
        /// How to open it.
        options: SqliteConnectOptions,
        /// Where it is.
        place: Place,
    },
    /// A server.
    Postgres(PgConnectOptions),
}

/// What an SQLite URL asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A database that ends with the process.
    Memory,
    /// A file that is created when it is missing.
    File,
    /// A file that must be there.
    ExistingFile,
}

impl DbOptions {
    /// Reads the URL.
    pub(super) fn target(&self) -> Result<Target, DirectoryError> {
        let url = self.url.expose_secret();
        match self.scheme() {
            "sqlite" => {
                let options = SqliteConnectOptions::from_str(url).map_err(unreadable)?;
                let place = place(url);
                Ok(Target::Sqlite {
                    options: self.tuned(options, place),
                    place,
                })
            }
            "postgres" | "postgresql" => {
                let options = PgConnectOptions::from_str(url).map_err(unreadable)?;
                Ok(Target::Postgres(
                    options
                        .application_name("usher")
                        .disable_statement_logging(),
                ))
            }
            _ => Err(DirectoryError::Unavailable(
                "the URL is neither of SQLite nor of PostgreSQL".to_owned(),
            )),
        }
    }

    fn scheme(&self) -> &str {
        self.url
            .expose_secret()
            .split_once(':')
            .map_or("?", |(scheme, _)| scheme)
    }

    fn tuned(&self, options: SqliteConnectOptions, place: Place) -> SqliteConnectOptions {
        let synchronous = if self.sqlite_full_sync {
            SqliteSynchronous::Full
        } else {
            SqliteSynchronous::Normal
        };
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(false)
            // the log is copied back by a task of its own, so that no commit waits for the disk
            .pragma("wal_autocheckpoint", "0")
            // no memory map: a failing disk would then kill the process instead of failing a query
            .pragma("cache_size", "-8192")
            .pragma("temp_store", "memory")
            .thread_name(|number| format!("sqlite-{number}"))
            .disable_statement_logging();
        match place {
            // in memory the connections share one cache, and a reader would fail at once on a
            // table that is being written
            Place::Memory => options.pragma("read_uncommitted", "1"),
            Place::File | Place::ExistingFile => options,
        }
    }
}

fn place(url: &str) -> Place {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mode = query
        .split('&')
        .rev()
        .find_map(|pair| pair.strip_prefix("mode="));
    if url.contains(":memory:") || mode == Some("memory") {
        Place::Memory
    } else if mode == Some("rwc") {
        Place::File
    } else {
        Place::ExistingFile
    }
}

/// The driver's own words may quote the URL, so they are not passed on.
fn unreadable(_: sea_orm::sqlx::Error) -> DirectoryError {
    DirectoryError::Unavailable("the database URL cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> DbOptions {
        DbOptions {
            url: url.into(),
            max_connections: 2,
            acquire_timeout: Duration::from_secs(1),
            write_window: Duration::ZERO,
            write_batch: 1,
            write_queue: 1,
            meeting_cache: 0,
            meeting_cache_ttl: Duration::from_secs(1),
            sqlite_full_sync: false,
        }
    }

    #[test]
    fn password_is_neither_in_debug_nor_in_errors() {
        for url in [
            "postgres://ann:hunter2@host/usher",
            "postgres://ann:hunter2@host:bad/usher",
            "postgres://ann@host/usher?password=hunter2&sslmode=hunter2",
            "mysql://ann:hunter2@host/usher",
        ] {
            let options = options(url);
            assert!(!format!("{options:?}").contains("hunter2"), "{url}");
            if let Err(error) = options.target() {
                assert!(!format!("{error:?} {error}").contains("hunter2"), "{url}");
            }
        }
    }

    #[test]
    fn the_place_follows_from_the_url() {
        for (url, expected) in [
            ("sqlite::memory:", Place::Memory),
            ("sqlite://rooms?mode=memory&cache=shared", Place::Memory),
            ("sqlite://usher.db?mode=rwc", Place::File),
            ("sqlite://usher.db?cache=private&mode=rwc", Place::File),
            ("sqlite://usher.db", Place::ExistingFile),
            ("sqlite://usher.db?mode=rw", Place::ExistingFile),
        ] {
            assert_eq!(place(url), expected, "{url}");
        }
    }
}
