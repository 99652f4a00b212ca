//! What goes over the wire, as pure functions: names, argument shapes → requests, events → messages.
//!
//! One file per dialect. A dialect is a translation: it holds no rule of its own.
#![warn(missing_docs)]

pub mod args;
pub mod delta;
pub mod dialect;
pub mod json;
pub mod message;
pub mod names;
pub mod request;
pub mod rest;
pub mod ticket;
