//! In the audit: which request it was, and the order of role changes, so that a fold of the audit gives
//! the roles whatever reached the database first.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer_null, text_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One at a time: SQLite adds no two columns with one statement.
        for column in [text_null("request_id"), big_integer_null("stamp")] {
            let mut table = Table::alter();
            table.table("audit").add_column(column);
            manager.alter_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["request_id", "stamp"] {
            let mut table = Table::alter();
            table.table("audit").drop_column(column);
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
