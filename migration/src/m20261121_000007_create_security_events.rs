//! Security events, kept together per tenant and in time order, and a way to find a meeting's id in
//! another tenant.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text, text_null};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const OF_ID: &str = "meetings_of_id";
const BY_TIME: &str = "security_events_by_time";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let events = table::clustered(manager, "security_events")
            .col(text("tenant"))
            .col(text("id"))
            .col(big_integer("at"))
            .col(text("kind"))
            .col(text("reason"))
            .col(text_null("user_id"))
            .col(text_null("network"))
            .col(text_null("meeting_id"))
            .col(text_null("request_id"))
            .col(big_integer("count"))
            .primary_key(Index::create().col("tenant").col("id"))
            .take();
        manager.create_table(events).await?;
        let by_time = Index::create()
            .name(BY_TIME)
            .table("security_events")
            .col("at")
            .take();
        manager.create_index(by_time).await?;
        let of_id = Index::create()
            .name(OF_ID)
            .table("meetings")
            .col("id")
            .take();
        manager.create_index(of_id).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut index = Index::drop();
        index.name(OF_ID).table("meetings");
        manager.drop_index(index).await?;
        table::drop(manager, "security_events").await
    }
}
