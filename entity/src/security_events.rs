//! Attempts that were refused and may matter to whoever guards the server.

use sea_orm::entity::prelude::*;

/// A row of `security_events`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "security_events")]
pub struct Model {
    /// Whose, as far as a verified token says; empty where none does.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// A UUID of version 7 as text: ordered by time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// When the first of them happened.
    pub at: i64,
    /// What was attempted.
    pub kind: String,
    /// What exactly was wrong.
    pub reason: String,
    /// The verified user who tried.
    pub user_id: Option<String>,
    /// From which network.
    pub network: Option<String>,
    /// Which meeting it was about.
    pub meeting_id: Option<String>,
    /// What the first request was called.
    pub request_id: Option<String>,
    /// How many there were, one after the other.
    pub count: i64,
}

impl ActiveModelBehavior for ActiveModel {}
