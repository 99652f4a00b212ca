//! Notices of media providers that have been read.

use sea_orm::entity::prelude::*;

/// A row of `provider_notices`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_notices")]
pub struct Model {
    /// From which provider, and of which tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source: String,
    /// What is the same when it comes twice.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// When it came.
    pub at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
