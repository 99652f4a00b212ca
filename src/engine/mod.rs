//! Use cases, and the ports through which they reach the outside.
//!
//! The engine knows rooms, stores and sinks as traits only. Adapters live in `store`, `db` and
//! `socket`; `app` puts them together.
#![warn(missing_docs)]

mod access;
pub mod actor;
mod aligning;
mod authority;
mod committing;
pub mod directory;
mod durability;
mod followed;
mod following;
mod handing;
mod issuing;
pub mod keeping;
pub mod limits;
mod live;
pub mod liveness;
mod loading;
pub mod meetings;
pub mod nodes;
pub mod notices;
pub mod passcodes;
pub mod providers;
mod proving;
pub mod rates;
pub mod readiness;
pub mod registry;
pub mod reply;
mod returning;
mod schedule;
pub mod security;
pub mod sessions;
pub mod sink;
pub mod store;
pub mod sweeping;
pub mod syncing;
mod ticketing;
pub mod tickets;
