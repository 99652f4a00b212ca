//! The vocabularies in which connections are spoken to.

use super::args::Packet;
use super::names::client;
use super::request::{PayloadLimits, Request};
use super::{delta, list};
use crate::domain::refusal::Refusal;

/// In which words one connection is spoken to. Both are understood on every connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// One list on joining, and changes from then on.
    #[default]
    Delta,
    /// The whole list after every change.
    List,
}

/// Events that only clients of the list dialect send.
const MARKS: [&str; 9] = [
    client::SET_USER_ID,
    client::GET_RTP_CAPABILITIES,
    client::JOIN_MEDIASOUP_ROOM,
    client::CREATE_WEBRTC_TRANSPORT,
    client::CONNECT_TRANSPORT,
    client::PRODUCE,
    client::CONSUME,
    client::GET_ROUTER_RTP_CAPABILITIES,
    client::GET_SOCKET_ID_FOR_USER,
];

/// Whether this event shows that its client wants to be spoken to in the list dialect. A room's bare id is
/// also a join of the delta dialect, whose clients ask for an acknowledgement.
#[must_use]
pub fn is_mark_of_list(packet: &Packet<'_>, acknowledged: bool) -> bool {
    MARKS.contains(&&*packet.event) || (!acknowledged && list::is_bare_join(packet))
}

/// Reads an event of any dialect, from a client that is spoken to in this one. The name comes back as one of
/// ours, for answers.
///
/// # Errors
/// [`Refusal::UnknownEvent`], or [`Refusal::InvalidPayload`] with what is wrong and where.
pub fn parse(
    packet: &Packet<'_>,
    limits: &PayloadLimits,
    spoken: Dialect,
) -> (&'static str, Result<Request, Refusal>) {
    if spoken == Dialect::List && list::is_bare_join(packet) {
        return list::subscribe(packet);
    }
    list::parse(packet, limits).unwrap_or_else(|| delta::parse(packet, limits))
}
