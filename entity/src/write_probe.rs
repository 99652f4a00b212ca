//! One row that is overwritten to find out whether the database takes writes again.

use sea_orm::entity::prelude::*;

/// The row of `write_probe`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "write_probe")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// When it was last written.
    pub at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
