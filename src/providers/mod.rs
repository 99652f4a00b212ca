//! Media providers: tickets for their rooms, and what is done there after a room of ours has changed.
#![warn(missing_docs)]

pub mod aliases;
mod answer;
pub mod breaker;
pub mod call;
pub mod daily;
pub mod daily_api;
#[cfg(test)]
mod fake;
pub mod jitsi;
pub mod livekit;
pub mod livekit_api;
pub mod mesh;
pub mod names;
pub mod outbound;
pub mod pace;
pub mod registry;
pub mod signing;
pub mod webhooks;
