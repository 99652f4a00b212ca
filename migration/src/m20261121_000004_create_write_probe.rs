//! A row to overwrite, to find out whether the database takes writes.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let probe = Table::create()
            .table("write_probe")
            .col(integer("id").primary_key())
            .col(big_integer("at"))
            .take();
        manager.create_table(probe).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        table::drop(manager, "write_probe").await
    }
}
