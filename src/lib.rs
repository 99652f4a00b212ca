//! Usher seats people in online meetings: it knows who is in which room, who hosts, and tells
//! everybody. It carries no media.
//!
//! The folders and what each may use are described in `docs/ARCHITECTURE.md`; the test
//! `architecture` holds them to it.

pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod domain;
pub mod engine;
pub mod http;
pub mod ids;
pub mod lifecycle;
pub mod net;
pub mod protocol;
pub mod providers;
pub mod serve;
pub mod socket;
pub mod store;
pub mod telemetry;
