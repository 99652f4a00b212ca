//! What goes to clients together: packets in order, framed at most once however many get them.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::frames;
use crate::protocol::message::Message;

/// One packet to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// An event.
    Event(Arc<Message>),
    /// An acknowledgement.
    Ack {
        /// Its number, as the client gave it.
        id: i64,
        /// Its one argument as JSON.
        payload: String,
    },
}

impl Piece {
    /// About how many bytes it is on the wire.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Event(message) => message.name.len().saturating_add(message.payload.len()),
            Self::Ack { payload, .. } => payload.len(),
        }
    }

    /// Whether it carries nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Packets that are written together.
#[derive(Debug, Default)]
pub struct Parcel {
    pieces: Vec<Piece>,
    framed: OnceLock<Bytes>,
}

impl Parcel {
    /// A parcel of these packets.
    #[must_use]
    pub const fn new(pieces: Vec<Piece>) -> Self {
        Self {
            pieces,
            framed: OnceLock::new(),
        }
    }

    /// Adds a packet. Only before the parcel is first sent.
    pub fn push(&mut self, piece: Piece) {
        self.pieces.push(piece);
        self.framed.take();
    }

    /// The packets one by one, for transports that frame them themselves.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The packets as WebSocket frames: one buffer, shared by everybody who gets it.
    pub fn framed(&self) -> Bytes {
        self.framed
            .get_or_init(|| {
                let mut out = Vec::new();
                for piece in &self.pieces {
                    match piece {
                        Piece::Event(message) => {
                            frames::event(&mut out, message.name, &message.payload);
                        }
                        Piece::Ack { id, payload } => frames::ack(&mut out, *id, payload),
                    }
                }
                out.into()
            })
            .clone()
    }
}
