//! Keeps two processes with rooms in their own memory off one database.
//!
//! Each would call itself the only one, and one meeting would go on in two rooms that know nothing of
//! each other. Whoever shares a database shares the rooms, too, through Redis.

use std::fs::{File, TryLockError};
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{ConnectOptions, Row, query};
use tokio::time::Instant;

use super::failure::Failure;
use super::options::{DbOptions, Place, Target};
use crate::engine::directory::DirectoryError;

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// Names the advisory lock, together with the schema: "usher" in ASCII does not fit, "ushr" does.
const LOCK_CLASS: i32 = 0x7573_6872;

/// A host that died without a word is found out by the server within half a minute.
const KEEPALIVES: &str =
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

/// The claim of this process to be the only one on its database, for as long as it is kept.
#[derive(Debug)]
pub struct Sole {
    _claim: Claim,
}

#[derive(Debug)]
enum Claim {
    /// A lock of the operating system on the SQLite file, which SQLite's own locks know nothing of.
    File(#[expect(dead_code, reason = "held until it is dropped")] File),
    /// A session of PostgreSQL with an advisory lock.
    Session(#[expect(dead_code, reason = "held until it is dropped")] Box<PgConnection>),
    /// A database in this process' own memory.
    Own,
}

impl Sole {
    /// Claims the database, waiting until another process that has it ends, at most for `patience`.
    /// The database has to be there already.
    ///
    /// # Errors
    /// [`DirectoryError::Unavailable`] when somebody else has it, or when it cannot be reached.
    pub async fn claim(options: &DbOptions, patience: Duration) -> Result<Self, DirectoryError> {
        let claim = match options.target()? {
            Target::Sqlite {
                place: Place::Memory,
                ..
            } => Claim::Own,
            Target::Sqlite { options, .. } => {
                let file = File::open(options.get_filename()).map_err(unreachable)?;
                wait(patience, async || lock_file(&file)).await?;
                Claim::File(file)
            }
            Target::Postgres(target) => Claim::Session(session(&target, patience).await?),
        };
        Ok(Self { _claim: claim })
    }
}

async fn session(
    target: &PgConnectOptions,
    patience: Duration,
) -> Result<Box<PgConnection>, DirectoryError> {
    let mut session = Box::new(target.connect().await.map_err(Failure::from)?);
    for statement in KEEPALIVES.split(';') {
        query(statement)
            .execute(&mut *session)
            .await
            .map_err(Failure::from)?;
    }
    wait(patience, async || lock_session(&mut session).await).await?;
    Ok(session)
}

async fn wait(
    patience: Duration,
    mut lock: impl AsyncFnMut() -> Result<bool, DirectoryError>,
) -> Result<(), DirectoryError> {
    let deadline = Instant::now() + patience;
    let mut told = false;
    while !lock().await? {
        if Instant::now() >= deadline {
            return Err(DirectoryError::Unavailable(
                "another node keeps its rooms in memory on this database; set store.redis_url on both, \
                 or stop the other one"
                    .to_owned(),
            ));
        }
        if !told {
            tracing::warn!(
                "another node keeps its rooms in memory on this database; waiting until it ends"
            );
            told = true;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

fn lock_file(file: &File) -> Result<bool, DirectoryError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(unreachable(error)),
    }
}

async fn lock_session(session: &mut PgConnection) -> Result<bool, DirectoryError> {
    let row = query("SELECT pg_try_advisory_lock($1, hashtext(current_schema()))")
        .bind(LOCK_CLASS)
        .fetch_one(session)
        .await
        .map_err(Failure::from)?;
    row.try_get(0).map_err(|error| Failure::from(error).into())
}

fn unreachable(error: std::io::Error) -> DirectoryError {
    DirectoryError::Unavailable(format!("the database file cannot be locked: {error}"))
}
