//! The list dialect: the vocabulary of the frontend that `seeds/host-cohost.md` was written for. Clients get
//! the whole list after every change, and acknowledgements of their own.

mod acks;
mod chat;
mod messages;
mod parse;

pub use acks::{
    chat_ack, done_ack, joined_ack, listed, no_media_ack, refreshed_ack, refused_ack, said_with,
    socket_ack, ticket_ack, waiting_ack,
};
pub use chat::history;
pub use messages::say;
pub use parse::{is_bare_join, parse, subscribe};
