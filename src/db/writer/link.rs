//! The one connection that writes.

use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{Postgres, Sqlite};
use sea_orm::{DatabaseConnection, DbBackend, DbErr};

use super::flush::{AuditLine, Flush};
use super::{postgres, sqlite};
use crate::db::changes;
use crate::db::failure::Failure;

/// No write takes this long, unless the server has gone without a word.
const LIMIT: Duration = Duration::from_secs(10);

/// A pool of one connection. It is held from flush to flush, because giving it back and taking it
/// again costs two more trips to the database each time.
pub(in crate::db) struct Link {
    db: DatabaseConnection,
    held: Option<Held>,
}

enum Held {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Link {
    /// Over this pool.
    pub(in crate::db) const fn new(db: DatabaseConnection) -> Self {
        Self { db, held: None }
    }

    /// Writes a flush, all or nothing, and returns the jobs whose meeting id was taken.
    pub(super) async fn write(&mut self, flush: &Flush<'_>) -> Result<HashSet<usize>, Failure> {
        let held = match self.held.take() {
            Some(held) => held,
            None => Box::pin(limited(acquire(&self.db))).await?,
        };
        let held = self.held.insert(held);
        let result = limited(async {
            match held {
                Held::Sqlite(connection) => sqlite::write(connection, flush).await,
                Held::Postgres(connection) => postgres::write(connection, flush).await,
            }
        })
        .await;
        if result.is_err() {
            self.discard();
        }
        result
    }

    /// Does something that SeaORM has words for, twice if the connection breaks.
    pub(super) async fn run<'a, T, F>(
        &'a mut self,
        work: impl Fn(&'a DatabaseConnection) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, DbErr>>,
    {
        self.held = None;
        let attempt = || limited(async { Ok(work(&self.db).await?) });
        let result = match attempt().await {
            Err(Failure::Transient(_)) => attempt().await,
            result => result,
        };
        if let Err(Failure::Outage(_) | Failure::Transient(_)) = result {
            close_idle(&self.db).await;
        }
        result
    }

    /// Whether a row of the audit is in the database.
    pub(super) async fn has_audit(&mut self, line: &AuditLine<'_>) -> Result<bool, Failure> {
        self.run(|db| changes::is_written(db, line.key, &line.id))
            .await
    }

    /// Closes the connection, after what was begun.
    pub(super) async fn close(mut self) {
        self.held = None;
        if let Err(error) = self.db.close_by_ref().await {
            tracing::debug!(%error, "the database connection was not closed cleanly");
        }
    }

    /// A connection on which something failed may be inside a transaction, or dead.
    fn discard(&mut self) {
        match self.held.take() {
            Some(Held::Sqlite(mut connection)) => connection.close_on_drop(),
            Some(Held::Postgres(mut connection)) => connection.close_on_drop(),
            None => {}
        }
    }
}

async fn acquire(db: &DatabaseConnection) -> Result<Held, Failure> {
    if db.get_database_backend() == DbBackend::Sqlite {
        Ok(Held::Sqlite(
            db.get_sqlite_connection_pool().acquire().await?,
        ))
    } else {
        Ok(Held::Postgres(
            db.get_postgres_connection_pool().acquire().await?,
        ))
    }
}

/// Ends the connection that the pool kept, since it may be what keeps failing: a file that was opened
/// while it was read-only stays so for that connection, whatever becomes of the file.
async fn close_idle(db: &DatabaseConnection) {
    match Box::pin(limited(acquire(db))).await {
        Ok(Held::Sqlite(mut connection)) => connection.close_on_drop(),
        Ok(Held::Postgres(mut connection)) => connection.close_on_drop(),
        Err(failure) => tracing::debug!(reason = failure.reason(), "no connection to close"),
    }
}

async fn limited<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(LIMIT, work)
        .await
        .unwrap_or_else(|_elapsed| Err(Failure::Outage("the database does not answer".to_owned())))
}
