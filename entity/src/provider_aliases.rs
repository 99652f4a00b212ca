//! What rooms and users are called at media providers.

use sea_orm::entity::prelude::*;

/// A row of `provider_aliases`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_aliases")]
pub struct Model {
    /// The name there, a UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Whose.
    pub tenant: String,
    /// `room` or `user`.
    pub kind: String,
    /// Our id of it.
    pub id: String,
}

impl ActiveModelBehavior for ActiveModel {}
