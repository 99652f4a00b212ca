//! What a media provider has to follow.

use sea_orm::entity::prelude::*;

/// A row of `provider_syncs`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_syncs")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// In which meeting.
    #[sea_orm(primary_key, auto_increment = false)]
    pub meeting_id: String,
    /// About whom; empty for the end of the whole meeting.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    /// Which provider.
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: String,
    /// Why, as bits: 1 they may have been a host and are none now, 2 they were taken out.
    pub reasons: i64,
    /// When there was last a change.
    pub touched: i64,
    /// When it is due.
    pub next_at: i64,
    /// Until when a node works at it.
    pub claimed_until: i64,
    /// How often it has failed.
    pub attempts: i64,
    /// How often the provider did not see them.
    pub looks: i64,
}

impl ActiveModelBehavior for ActiveModel {}
