//! The meeting records. A deleted one keeps its row, so that its id stays taken.

use sea_orm::entity::prelude::*;

/// A row of `meetings`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "meetings")]
pub struct Model {
    /// Whose meeting.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The room in which it is held.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Its creator and owner.
    pub created_by: String,
    /// The creator's display name, as given at creation.
    pub creator_name: Option<String>,
    /// A line about it.
    pub description: String,
    /// When it is planned to start.
    pub starts_at: i64,
    /// When it was created. Lists are ordered by it.
    pub created_at: i64,
    /// When the record was last changed.
    pub updated_at: i64,
    /// When it was ended for everybody; the first end counts.
    pub ended_at: Option<i64>,
    /// When it was deleted for its users.
    pub deleted_at: Option<i64>,
    /// What it sets for itself: a JSON object.
    pub settings: String,
    /// Lock, lobby and the hash of the passcode: a JSON object. Absent: all are off.
    pub access: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
