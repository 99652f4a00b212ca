//! The delta dialect: the vocabulary of `seeds/host-cohost.md` and its extensions. Clients get one
//! list when they join and changes from then on.

mod acks;
mod chat;
mod commands;
mod lobby;
mod notices;
mod parse;
mod queue;
mod recall;
mod render;
mod session;
mod tickets;
mod view;

#[cfg(test)]
mod tests;

pub use acks::{
    Resumed, SnapshotReason, chat_ack, done_ack, error, joined_ack, refused_ack, room_ack,
    waiting_ack,
};
pub use chat::{history, history_event};
pub use notices::{admitted, doors, ended, lobby, muted, sent_away};
pub use parse::parse;
pub use queue::waiting;
pub use recall::recall;
pub use render::{Attached, Rendered, render};
pub use session::{refreshed_ack, token_expiring};
pub use tickets::{Provided, provider_pending, provider_token, ticket_ack};
pub use view::View;
