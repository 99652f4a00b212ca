//! The pure core: rooms, participants, roles and the rules that change them.
//!
//! Nothing in here waits, reads a clock, draws a random number or touches I/O: time and ids come in
//! as arguments. Allowed dependencies are `std`, `serde` and `thiserror`; `tests/it/architecture.rs`
//! holds that line.
#![warn(missing_docs)]

pub mod chat;
pub mod grant;
pub mod id;
pub mod meeting;
pub mod participant;
pub mod passcode;
pub mod permission;
pub mod policy;
pub mod rate;
pub mod refusal;
pub mod role;
pub mod room;
pub mod text;
pub mod ticket;
pub mod time;
