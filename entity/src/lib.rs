//! SeaORM entities of Usher's tables: one file per table, columns as the migrations made them.
//!
//! Plain rows without behaviour; `usher::db` turns them into domain types. Times are milliseconds
//! since 1970-01-01T00:00:00Z. Every table but `write_probe` starts its key with the tenant.

pub mod audit;
pub mod grants;
pub mod installation;
pub mod meetings;
pub mod provider_aliases;
pub mod provider_notices;
pub mod provider_syncs;
pub mod security_events;
pub mod write_probe;
