//! The durable roles.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let grants = table::clustered(manager, "grants")
            .col(text("tenant"))
            .col(text("meeting_id"))
            .col(text("user_id"))
            .col(text("role"))
            .col(big_integer("since"))
            .primary_key(
                Index::create()
                    .col("tenant")
                    .col("meeting_id")
                    .col("user_id")
                    .col("role"),
            )
            .take();
        manager.create_table(grants).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        table::drop(manager, "grants").await
    }
}
