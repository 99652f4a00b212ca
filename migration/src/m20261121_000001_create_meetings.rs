//! The meeting records, with the two orders in which they are listed.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, text, text_null};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let meetings = table::clustered(manager, "meetings")
            .col(text("tenant"))
            .col(text("id"))
            .col(text("created_by"))
            .col(text_null("creator_name"))
            .col(text("description"))
            .col(big_integer("starts_at"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .col(big_integer_null("ended_at"))
            .col(big_integer_null("deleted_at"))
            .col(text("settings"))
            .primary_key(Index::create().col("tenant").col("id"))
            .take();
        manager.create_table(meetings).await?;
        let of_tenant = Index::create()
            .name("meetings_of_tenant")
            .table("meetings")
            .col("tenant")
            .col("created_at")
            .col("id")
            .take();
        manager.create_index(of_tenant).await?;
        let of_creator = Index::create()
            .name("meetings_of_creator")
            .table("meetings")
            .col("tenant")
            .col("created_by")
            .col("created_at")
            .col("id")
            .take();
        manager.create_index(of_creator).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        table::drop(manager, "meetings").await
    }
}
