//! An order of role changes that does not depend on when they reach the database.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, boolean};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One at a time: SQLite adds no two columns with one statement.
        let held = boolean("held").default(true).take();
        let stamp = big_integer("stamp").default(0).take();
        for column in [held, stamp] {
            let mut table = Table::alter();
            table.table("grants").add_column(column);
            manager.alter_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["held", "stamp"] {
            let mut table = Table::alter();
            table.table("grants").drop_column(column);
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
