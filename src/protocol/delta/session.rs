//! What a client is told of its own connection, outside of any room.

use crate::domain::time::Timestamp;
use crate::protocol::message::Message;
use crate::protocol::names::server;
use crate::protocol::rest::rfc3339;

/// The client's token is about to expire; at `disconnects` the connection ends without another.
#[must_use]
pub fn token_expiring(expires: Timestamp, disconnects: Timestamp) -> Message {
    let (expires, disconnects) = (rfc3339(expires), rfc3339(disconnects));
    Message {
        name: server::TOKEN_EXPIRING,
        payload: format!("{{\"expiresAt\":\"{expires}\",\"disconnectsAt\":\"{disconnects}\"}}"),
    }
}

/// The acknowledgement of `refresh-auth`: until when the connection's token is valid now.
#[must_use]
pub fn refreshed_ack(expires: Option<Timestamp>) -> String {
    let expires = expires.map_or_else(|| "null".to_owned(), |at| format!("\"{}\"", rfc3339(at)));
    format!("{{\"ok\":true,\"expiresAt\":{expires}}}")
}
