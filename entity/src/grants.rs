//! The durable roles: one row per role held. A revoked role has no row.

use sea_orm::entity::prelude::*;

/// A row of `grants`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "grants")]
pub struct Model {
    /// Whose meeting.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// In which room.
    #[sea_orm(primary_key, auto_increment = false)]
    pub meeting_id: String,
    /// Who holds the role.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    /// `host` or `co-host`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub role: String,
    /// When it was granted.
    pub since: i64,
}

impl ActiveModelBehavior for ActiveModel {}
