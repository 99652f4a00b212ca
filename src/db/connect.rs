//! Opening the database: the file, the pools, the schema.

use std::fs;
use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePoolOptions};
use sea_orm::sqlx::{Connection, Error as SqlxError};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector, SqlxSqliteConnector};

use super::failure::Failure;
use super::options::{DbOptions, Place, Target};
use crate::engine::directory::DirectoryError;

/// A PostgreSQL connection that was idle for this long is tried before it is used.
const SUSPICIOUS_AFTER: Duration = Duration::from_secs(5);

/// How often and how long an SQLite file is tried that another process is just creating.
const OPEN_ATTEMPTS: u32 = 100;
const OPEN_PAUSE: Duration = Duration::from_millis(50);

/// The two ways to the tables.
pub(super) struct Pools {
    /// For questions.
    pub(super) read: DatabaseConnection,
    /// One connection, for the writer.
    pub(super) write: DatabaseConnection,
    /// An SQLite file whose log has to be copied back.
    pub(super) log: Option<SqliteConnectOptions>,
}

/// Brings the schema up to date, beside other processes that may be doing the same.
///
/// # Errors
/// [`DirectoryError::Unavailable`] when the database cannot be reached or refuses.
pub async fn migrate(options: &DbOptions) -> Result<(), DirectoryError> {
    let pools = Box::pin(open(options)).await?;
    drop(pools.read.close().await);
    drop(pools.write.close().await);
    Ok(())
}

/// Opens the database and brings its schema up to date.
pub(super) async fn open(options: &DbOptions) -> Result<Pools, DirectoryError> {
    let pools = match options.target()? {
        Target::Sqlite {
            options: target,
            place,
        } => {
            prepare_file(&target, place)?;
            open_sqlite(options, target, place).await?
        }
        Target::Postgres(target) => open_postgres(options, target).await?,
    };
    let applied = migration::migrate(&pools.write)
        .await
        .map_err(Failure::from)?;
    if !applied.is_empty() {
        tracing::info!(
            migrations = applied.join(" "),
            "the schema was brought up to date"
        );
    }
    Ok(pools)
}

/// The driver would say of a missing file and of a missing folder that it cannot open them.
fn prepare_file(target: &SqliteConnectOptions, place: Place) -> Result<(), DirectoryError> {
    let file = target.get_filename();
    match place {
        Place::Memory => Ok(()),
        Place::File => match file.parent() {
            Some(folder) => create_folder(folder),
            None => Ok(()),
        },
        Place::ExistingFile if file.exists() => Ok(()),
        Place::ExistingFile => Err(DirectoryError::Unavailable(format!(
            "the database file {} does not exist; add ?mode=rwc to its URL to have it created",
            file.display()
        ))),
    }
}

fn create_folder(folder: &Path) -> Result<(), DirectoryError> {
    fs::create_dir_all(folder).map_err(|error| {
        let folder = folder.display();
        DirectoryError::Unavailable(format!(
            "the folder {folder} of the database file cannot be created: {error}"
        ))
    })
}

async fn open_sqlite(
    options: &DbOptions,
    target: SqliteConnectOptions,
    place: Place,
) -> Result<Pools, Failure> {
    let on_disk = place != Place::Memory;
    if on_disk {
        switch_to_log(&target).await?;
    }
    let pool = |connections| {
        SqlitePoolOptions::new()
            // a connection is a thread and an open file: nothing about it grows stale
            .min_connections(1)
            .max_connections(connections)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .acquire_timeout(options.acquire_timeout)
    };
    let write = pool(1).connect_with(target.clone()).await?;
    let reading = if on_disk {
        target.clone().pragma("query_only", "1")
    } else {
        target.clone()
    };
    let read = pool(readers(options)).connect_with(reading).await?;
    Ok(Pools {
        read: SqlxSqliteConnector::from_sqlx_sqlite_pool(read),
        write: SqlxSqliteConnector::from_sqlx_sqlite_pool(write),
        log: on_disk.then_some(target),
    })
}

/// A new file is switched to its log once and for all. SQLite cannot wait for the lock that this
/// takes: whoever comes at the same moment as another process has to try again.
async fn switch_to_log(target: &SqliteConnectOptions) -> Result<(), Failure> {
    for _ in 0..OPEN_ATTEMPTS {
        match SqliteConnection::connect_with(target).await {
            Ok(connection) => return Ok(connection.close().await?),
            Err(error) if is_locked(&error) => tokio::time::sleep(OPEN_PAUSE).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::Outage(
        "the database file is locked by another program".to_owned(),
    ))
}

/// `SQLITE_BUSY`, or one of its extended codes.
fn is_locked(error: &SqlxError) -> bool {
    let code = error
        .as_database_error()
        .and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
}

async fn open_postgres(options: &DbOptions, target: PgConnectOptions) -> Result<Pools, Failure> {
    let pool = |connections| {
        PgPoolOptions::new()
            .max_connections(connections)
            .test_before_acquire(false)
            .before_acquire(|connection, usage| {
                Box::pin(async move {
                    if usage.idle_for >= SUSPICIOUS_AFTER {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .acquire_timeout(options.acquire_timeout)
    };
    let write = pool(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(target.clone())
        .await?;
    let read = pool(readers(options)).connect_with(target).await?;
    Ok(Pools {
        read: SqlxPostgresConnector::from_sqlx_postgres_pool(read),
        write: SqlxPostgresConnector::from_sqlx_postgres_pool(write),
        log: None,
    })
}

fn readers(options: &DbOptions) -> u32 {
    options.max_connections.saturating_sub(1).max(1)
}
