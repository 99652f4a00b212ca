//! Applying migrations while other processes may be doing the same.

use std::collections::HashSet;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{
    DatabaseConnection, DbBackend, EntityTrait, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use sea_orm_migration::seaql_migrations;

use crate::Migrator;

/// `usher`, in the only form that an advisory lock knows: a number.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7598807787124222)";

/// The names of the migrations that are still to be applied. Changes nothing.
///
/// Migrations that this program does not know are passed over: they were applied by a newer one,
/// and are made so that an older program still runs.
///
/// # Errors
/// The database does not answer.
pub async fn pending(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    pending_on(db).await
}

/// Applies what is pending, all or nothing, and says what that was.
///
/// Processes that start together do it one after the other: whoever comes second waits for the
/// first and then finds nothing left to do. Without pending migrations nothing is written, so a
/// database user without the right to change the schema is enough then.
///
/// # Errors
/// The database does not answer or refuses; it then is as it was before.
pub async fn migrate(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    if pending_on(db).await?.is_empty() {
        return Ok(Vec::new());
    }
    let transaction = db
        .begin_with_options(TransactionOptions {
            // takes SQLite's write lock at once; PostgreSQL has no such mode and gets a lock below
            sqlite_transaction_mode: (db.get_database_backend() == DbBackend::Sqlite)
                .then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await?;
    if db.get_database_backend() == DbBackend::Postgres {
        transaction.execute_unprepared(LOCK).await?;
    }
    let pending = pending_on(&transaction).await?;
    if !pending.is_empty() {
        Migrator::up(&transaction, None).await?;
    }
    transaction.commit().await?;
    Ok(pending)
}

async fn pending_on<'c>(db: impl IntoSchemaManagerConnection<'c>) -> Result<Vec<String>, DbErr> {
    let manager = SchemaManager::new(db);
    let applied: HashSet<String> = if manager.has_table("seaql_migrations").await? {
        let rows = seaql_migrations::Entity::find()
            .all(manager.get_connection())
            .await?;
        rows.into_iter().map(|row| row.version).collect()
    } else {
        HashSet::new()
    };
    let all = Migrator::migrations();
    let names = all.iter().map(|migration| migration.name().to_owned());
    Ok(names.filter(|name| !applied.contains(name)).collect())
}
