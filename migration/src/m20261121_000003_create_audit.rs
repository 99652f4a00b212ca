//! The audit, kept together per meeting and in time order: that is how it is read.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, text, text_null};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let audit = table::clustered(manager, "audit")
            .col(text("tenant"))
            .col(text("meeting_id"))
            .col(text("id"))
            .col(big_integer("at"))
            .col(text("actor"))
            .col(text("action"))
            .col(text_null("target"))
            .col(text_null("role"))
            .col(text_null("before"))
            .col(text_null("after"))
            .col(text("cause"))
            .col(big_integer_null("epoch"))
            .col(big_integer_null("rev"))
            .primary_key(Index::create().col("tenant").col("meeting_id").col("id"))
            .take();
        manager.create_table(audit).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        table::drop(manager, "audit").await
    }
}
