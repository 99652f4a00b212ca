//! The audit: who did what to whom. Rows are added, never changed.

use sea_orm::entity::prelude::*;

/// A row of `audit`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit")]
pub struct Model {
    /// Whose meeting.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// In which room.
    #[sea_orm(primary_key, auto_increment = false)]
    pub meeting_id: String,
    /// A UUID of version 7 as text: ordered by time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// When it happened.
    pub at: i64,
    /// `user:<id>`, `service`, `service:<id>`, `service:<id>/user:<id>` or `system`.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// The user it was done to.
    pub target: Option<String>,
    /// The role in question.
    pub role: Option<String>,
    /// The value before, as JSON.
    pub before: Option<String>,
    /// The value after, as JSON.
    pub after: Option<String>,
    /// Why it was done.
    pub cause: String,
    /// The room's epoch, for changes made in a live room. The bits of an unsigned number.
    pub epoch: Option<i64>,
    /// The revision that made the change.
    pub rev: Option<i64>,
    /// What the client's request was called.
    pub request_id: Option<String>,
    /// The place of a role's change among all changes of the meeting's roles.
    pub stamp: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
