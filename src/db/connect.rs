//! Opening the database.

use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbBackend, DbErr};
use secrecy::ExposeSecret;

use super::DbOptions;
use super::errors::directory_error;
use crate::engine::directory::DirectoryError;

/// Brings the schema up to date and leaves.
///
/// # Errors
/// The database cannot be opened or migrated.
pub async fn migrate(options: &DbOptions) -> Result<(), DirectoryError> {
    let database = connect(options, 1, Role::Writer)
        .await
        .map_err(|e| directory_error(&e))?;
    let applied = migration::migrate(&database)
        .await
        .map_err(|e| directory_error(&e))?;
    for name in applied {
        tracing::info!(migration = %name, "applied");
    }
    database.close().await.map_err(|e| directory_error(&e))
}

/// The pool for reading and the one connection for writing, over a schema that is up to date.
pub(super) async fn open(
    options: &DbOptions,
) -> Result<(DatabaseConnection, DatabaseConnection), DirectoryError> {
    let open = async {
        let writer = connect(options, 1, Role::Writer).await?;
        for name in migration::migrate(&writer).await? {
            tracing::info!(migration = %name, "applied");
        }
        // A database in memory belongs to one connection.
        let reader = if options.url.expose_secret().contains(":memory:") {
            writer.clone()
        } else {
            connect(options, options.max_connections, Role::Reader).await?
        };
        Ok((reader, writer))
    };
    open.await.map_err(|error: DbErr| directory_error(&error))
}

/// SQLite's own checkpoints run inside a commit, which then waits for the disk. Ours run beside it.
pub(super) fn needs_checkpoints(database: &DatabaseConnection) -> bool {
    database.get_database_backend() == DbBackend::Sqlite
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Reader,
    Writer,
}

async fn connect(
    options: &DbOptions,
    connections: u32,
    role: Role,
) -> Result<DatabaseConnection, DbErr> {
    prepare_file(options.url.expose_secret())?;
    let mut connect = ConnectOptions::new(options.url.expose_secret().to_owned());
    let (wait, full) = (options.acquire_timeout, options.sqlite_full_sync);
    connect
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(wait.max(Duration::from_millis(1)))
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            let sync = if full {
                SqliteSynchronous::Full
            } else {
                SqliteSynchronous::Normal
            };
            let sqlite = sqlite
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(sync)
                .busy_timeout(wait)
                .statement_cache_capacity(64)
                // a multi-row statement's journal would otherwise be a file of its own each time
                .pragma("temp_store", "MEMORY");
            match role {
                Role::Reader => sqlite,
                Role::Writer => sqlite.pragma("wal_autocheckpoint", "0"),
            }
        });
    Database::connect(connect).await
}

/// Makes the folder of a SQLite file that may be created, and says what is missing of one that may
/// not.
fn prepare_file(url: &str) -> Result<(), DbErr> {
    let Some(rest) = url
        .strip_prefix("sqlite:")
        .filter(|rest| !rest.contains(":memory:"))
    else {
        return Ok(());
    };
    let (path, query) = rest
        .trim_start_matches("//")
        .split_once('?')
        .unwrap_or((rest, ""));
    let path = Path::new(path.trim_start_matches("//"));
    if query.split('&').any(|pair| pair == "mode=rwc") {
        let folder = path.parent().unwrap_or(path);
        return std::fs::create_dir_all(folder).map_err(|error| {
            DbErr::Custom(format!(
                "the database's folder cannot be made: {}",
                error.kind()
            ))
        });
    }
    if path.exists() {
        return Ok(());
    }
    Err(DbErr::Custom(
        "there is no such file; add ?mode=rwc to have it made".to_owned(),
    ))
}
