//! The durable truth in SQL: implements the port [`Directory`](crate::engine::directory::Directory)
//! on SQLite (one file, the default) and on PostgreSQL.
//!
//! Reads go through SeaORM and a pool of connections; meetings are cached. Every write goes through
//! one task (`writer`) that puts what waits into one transaction, since a commit costs about the
//! same whether it carries one role change or fifty.
#![warn(missing_docs)]

mod cache;
mod changes;
mod checkpoint;
mod connect;
mod convert;
mod cursor;
mod directory;
mod failure;
mod options;
mod providers;
mod reads;
mod security;
mod sole;
mod state;
mod writer;

pub use connect::migrate;
pub use directory::SqlDirectory;
pub use options::DbOptions;
pub use sole::{Company, Sole};
