//! What providers have to follow, what rooms and users are called there, and which of their notices have
//! been read.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const SYNCS_BY_TIME: &str = "provider_syncs_by_time";
const NOTICES_BY_TIME: &str = "provider_notices_by_time";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let syncs = table::clustered(manager, "provider_syncs")
            .col(text("tenant"))
            .col(text("meeting_id"))
            .col(text("user_id"))
            .col(text("provider"))
            .col(big_integer("reasons"))
            .col(big_integer("touched"))
            .col(big_integer("next_at"))
            .col(big_integer("claimed_until"))
            .col(big_integer("attempts"))
            .col(big_integer("looks"))
            .primary_key(
                Index::create()
                    .col("tenant")
                    .col("meeting_id")
                    .col("user_id")
                    .col("provider"),
            )
            .take();
        manager.create_table(syncs).await?;
        index(manager, SYNCS_BY_TIME, "provider_syncs", "next_at").await?;
        let aliases = table::clustered(manager, "provider_aliases")
            .col(text("name"))
            .col(text("tenant"))
            .col(text("kind"))
            .col(text("id"))
            .primary_key(Index::create().col("name"))
            .take();
        manager.create_table(aliases).await?;
        let notices = table::clustered(manager, "provider_notices")
            .col(text("source"))
            .col(text("id"))
            .col(big_integer("at"))
            .primary_key(Index::create().col("source").col("id"))
            .take();
        manager.create_table(notices).await?;
        index(manager, NOTICES_BY_TIME, "provider_notices", "at").await?;
        let installation = table::clustered(manager, "installation")
            .col(text("name"))
            .col(text("value"))
            .primary_key(Index::create().col("name"))
            .take();
        manager.create_table(installation).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in [
            "provider_syncs",
            "provider_aliases",
            "provider_notices",
            "installation",
        ] {
            table::drop(manager, name).await?;
        }
        Ok(())
    }
}

async fn index(
    manager: &SchemaManager<'_>,
    name: &'static str,
    table: &'static str,
    column: &'static str,
) -> Result<(), DbErr> {
    let index = Index::create().name(name).table(table).col(column).take();
    manager.create_index(index).await
}
