//! The delta dialect: the vocabulary of `seeds/host-cohost.md` and its extensions. Clients get one
//! list when they join and changes from then on.

mod acks;
mod chat;
mod commands;
mod messages;
mod parse;
mod session;
mod tickets;

pub use acks::{
    Resumed, SnapshotReason, chat_ack, details, done_ack, error, joined_ack, listed, refused_ack,
    room_ack, waiting_ack,
};
pub use chat::{history, history_event};
pub use commands::key;
pub use messages::{by_name, granted_name, media, say};
pub use parse::{join, parse};
pub use session::{refreshed_ack, token_expiring};
pub use tickets::{Provided, provider_pending, provider_token, ticket_ack};
