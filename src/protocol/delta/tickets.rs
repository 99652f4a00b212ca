//! Tickets to the media provider.

use crate::domain::id::{Revision, RoomId};
use crate::domain::ticket::{Provider, Ticket};
use crate::protocol::json;
use crate::protocol::message::Message;
use crate::protocol::names::server;
use crate::protocol::ticket;

/// A ticket, or that it follows.
#[derive(Debug, Clone, Copy)]
pub enum Provided<'a> {
    /// The provider needs none, or there is no provider.
    Nothing,
    /// It follows.
    Pending,
    /// Here it is, as JSON.
    Ticket(&'a str),
}

impl Provided<'_> {
    /// `,"provider":…` of an acknowledgement.
    pub fn write(self, out: &mut String) {
        out.push_str(",\"provider\":");
        match self {
            Self::Nothing => out.push_str("null"),
            Self::Pending => {
                out.push_str("null");
                json::flag(out, "providerPending", true);
            }
            Self::Ticket(ticket) => out.push_str(ticket),
        }
    }
}

/// What lets somebody into the room at the provider.
#[must_use]
pub fn provider_token(issued: &Ticket) -> Message {
    Message {
        name: server::PROVIDER_TOKEN,
        payload: ticket::json(issued),
    }
}

/// The provider does not answer yet.
#[must_use]
pub fn provider_pending(provider: Provider, room: &RoomId) -> Message {
    let provider = provider.as_str();
    Message {
        name: server::PROVIDER_PENDING,
        payload: format!("{{\"provider\":\"{provider}\",\"roomId\":\"{room}\"}}"),
    }
}

/// The acknowledgement of `refresh-token`.
#[must_use]
pub fn ticket_ack(rev: Revision, provided: Provided<'_>) -> String {
    let mut out = String::from("{\"ok\":true");
    json::number(&mut out, "rev", rev);
    provided.write(&mut out);
    out.push('}');
    out
}
