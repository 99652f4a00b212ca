//! The durable roles and bans: one row per role or ban that somebody has or once had.

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
    /// Who has it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    /// `host`, `co-host` or `banned`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub role: String,
    /// When it was given, for the last time.
    pub since: i64,
    /// Whether it still is. The row of a revoked role stays: an older grant that comes late must not
    /// give it back.
    pub held: bool,
    /// The place of that change among all changes of the meeting's roles; a row only moves forward.
    pub stamp: i64,
}

impl ActiveModelBehavior for ActiveModel {}
