//! The schema of Usher's database, as a sequence of small steps; the same for SQLite and PostgreSQL.
//!
//! One migration makes one change, and the program of the version before must still run after it.
#![expect(
    elided_lifetimes_in_paths,
    reason = "`MigrationTrait` is declared without them, and async-trait demands the same words"
)]

mod m20261121_000001_create_meetings;
mod m20261121_000002_create_grants;
mod m20261121_000003_create_audit;
mod m20261121_000004_create_write_probe;
mod m20261121_000005_order_grants;
mod m20261121_000006_name_requests;
mod m20261121_000007_create_security_events;
mod m20261121_000008_keep_access;
mod m20261122_000009_create_provider_tables;
mod run;
mod table;

pub use run::{migrate, pending};
pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

/// All migrations, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_create_meetings::Migration),
            Box::new(m20261121_000002_create_grants::Migration),
            Box::new(m20261121_000003_create_audit::Migration),
            Box::new(m20261121_000004_create_write_probe::Migration),
            Box::new(m20261121_000005_order_grants::Migration),
            Box::new(m20261121_000006_name_requests::Migration),
            Box::new(m20261121_000007_create_security_events::Migration),
            Box::new(m20261121_000008_keep_access::Migration),
            Box::new(m20261122_000009_create_provider_tables::Migration),
        ]
    }
}
