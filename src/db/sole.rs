//! Keeps a process with rooms in its own memory and any other off one database.
//!
//! Each would call its rooms the only ones, and one meeting would go on in two that know nothing of
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

/// What a process may bear beside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// Nobody: its rooms are in its own memory.
    None,
    /// Those who have their rooms in Redis, as it has.
    Redis,
}

/// The claim of this process on its database, for as long as it is kept.
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
    /// Claims the database, waiting at most for `patience` until whoever stands against it has ended.
    /// The database has to be there already.
    ///
    /// # Errors
    /// [`DirectoryError::Unavailable`] when somebody else has it, or when it cannot be reached.
    pub async fn claim(
        options: &DbOptions,
        company: Company,
        patience: Duration,
    ) -> Result<Self, DirectoryError> {
        let claim = match options.target()? {
            Target::Sqlite {
                place: Place::Memory,
                ..
            } => Claim::Own,
            Target::Sqlite { options, .. } => {
                let file = File::open(options.get_filename()).map_err(unreachable)?;
                wait(patience, async || lock_file(&file, company)).await?;
                Claim::File(file)
            }
            Target::Postgres(target) => Claim::Session(session(&target, company, patience).await?),
        };
        Ok(Self { _claim: claim })
    }
}

async fn session(
    target: &PgConnectOptions,
    company: Company,
    patience: Duration,
) -> Result<Box<PgConnection>, DirectoryError> {
    let mut session = Box::new(target.connect().await.map_err(Failure::from)?);
    for statement in KEEPALIVES.split(';') {
        query(statement)
            .execute(&mut *session)
            .await
            .map_err(Failure::from)?;
    }
    wait(patience, async || lock_session(&mut session, company).await).await?;
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
                "another node on this database keeps its rooms elsewhere, one of the two in its own memory; set store.redis_url on both, \
                 or stop the other one"
                    .to_owned(),
            ));
        }
        if !told {
            tracing::warn!(
                "another node on this database keeps its rooms elsewhere; waiting until it ends"
            );
            told = true;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

fn lock_file(file: &File, company: Company) -> Result<bool, DirectoryError> {
    let locked = match company {
        Company::None => file.try_lock(),
        Company::Redis => file.try_lock_shared(),
    };
    match locked {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(unreachable(error)),
    }
}

async fn lock_session(
    session: &mut PgConnection,
    company: Company,
) -> Result<bool, DirectoryError> {
    let lock = match company {
        Company::None => "SELECT pg_try_advisory_lock($1, hashtext(current_schema()))",
        Company::Redis => "SELECT pg_try_advisory_lock_shared($1, hashtext(current_schema()))",
    };
    let row = query(lock)
        .bind(LOCK_CLASS)
        .fetch_one(session)
        .await
        .map_err(Failure::from)?;
    row.try_get(0).map_err(|error| Failure::from(error).into())
}

fn unreachable(error: std::io::Error) -> DirectoryError {
    DirectoryError::Unavailable(format!("the database file cannot be locked: {error}"))
}
