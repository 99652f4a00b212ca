//! The Socket.IO surface: connections, their inbound events, and the fan-out to them.
//!
//! socketioxide speaks the protocol (handshake, polling, upgrade, heartbeats, packet parsing). What
//! a room says to a WebSocket client is framed once for everybody and written to the socket from the
//! room's own task; see [`wire`].

mod abandoned;
mod admission;
mod answering;
pub mod connection;
pub mod door;
pub mod expiry;
pub mod fanout;
pub mod frames;
pub mod hub;
pub mod inbound;
mod introducing;
mod kept;
pub mod listing;
mod members;
pub mod parcel;
pub mod past;
pub mod polling;
pub mod query;
mod recovery;
mod sorting;
pub mod upgrade;
mod waiting;
pub mod wire;
