//! What belongs to the installation as a whole.

use sea_orm::entity::prelude::*;

/// A row of `installation`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "installation")]
pub struct Model {
    /// What it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Its value.
    pub value: String,
}

impl ActiveModelBehavior for ActiveModel {}
