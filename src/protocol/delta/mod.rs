//! The delta dialect: the vocabulary of `seeds/host-cohost.md` and its extensions. Clients get one
//! list when they join and changes from then on.

mod parse;
mod render;
mod session;
mod view;

pub use parse::parse;
pub use render::{Attached, Rendered, done_ack, error, refused_ack, render, room_ack};
pub use session::{refreshed_ack, token_expiring};
pub use view::View;
