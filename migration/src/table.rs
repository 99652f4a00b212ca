//! What the tables have in common.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// An empty `CREATE TABLE`, in SQLite clustered by its primary key.
///
/// Without that clause SQLite keeps such a table twice, by an invisible number and by its key, and
/// a commit writes both: measured 10.9 against 9.2 KiB of log per role change.
pub(crate) fn clustered(manager: &SchemaManager<'_>, name: &'static str) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    if manager.get_database_backend() == DbBackend::Sqlite {
        table.extra("WITHOUT ROWID");
    }
    table
}

/// Drops a table.
pub(crate) async fn drop(manager: &SchemaManager<'_>, name: &'static str) -> Result<(), DbErr> {
    manager.drop_table(Table::drop().table(name).take()).await
}
