//! WebSocket frames (RFC 6455, section 5.2) around Socket.IO packets, built by hand so that one
//! buffer serves a whole room: a server's frames carry no mask and are the same for everybody.

/// `FIN` and the text opcode.
const TEXT: u8 = 0x81;

/// Engine.IO's ping, which every client of protocol 4 answers at once.
pub const PING: &[u8] = &[TEXT, 1, b'2'];

/// Appends a text frame whose payload is `parts`, one after the other.
pub(super) fn text(out: &mut Vec<u8>, parts: &[&str]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.reserve(length.saturating_add(10));
    out.push(TEXT);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.push(short),
        (_, Ok(medium)) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(127);
            out.extend_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends an event in the root namespace: Engine.IO message `4`, Socket.IO event `2`.
pub fn event(out: &mut Vec<u8>, name: &str, payload: &str) {
    text(out, &["42[\"", name, "\",", payload, "]"]);
}

/// Appends an acknowledgement: Engine.IO message `4`, Socket.IO ack `3`.
pub fn ack(out: &mut Vec<u8>, id: i64, payload: &str) {
    text(out, &["43", &id.to_string(), "[", payload, "]"]);
}

/// A frame at the start of a buffer: whether it is text, where its payload starts, where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Whether it is a complete text message.
    pub is_text: bool,
    /// Offset of the payload.
    pub payload: usize,
    /// Offset of the next frame.
    pub end: usize,
}

/// Reads the header of an unmasked frame; `None` when the buffer does not hold all of it.
#[must_use]
pub fn first(buffer: &[u8]) -> Option<Frame> {
    let (opcode, rest) = buffer.split_first()?;
    let (short, rest) = rest.split_first()?;
    let (payload, length) = match short & 0x7f {
        126 => {
            let bytes: [u8; 2] = rest.get(..2)?.try_into().ok()?;
            (4_usize, usize::from(u16::from_be_bytes(bytes)))
        }
        127 => {
            let bytes: [u8; 8] = rest.get(..8)?.try_into().ok()?;
            (10, usize::try_from(u64::from_be_bytes(bytes)).ok()?)
        }
        length => (2, usize::from(length)),
    };
    let end = payload.checked_add(length)?;
    (end <= buffer.len()).then_some(Frame {
        is_text: *opcode == TEXT,
        payload,
        end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_use_the_shortest_form() {
        for (length, header) in [(0, 2), (100, 2), (200, 4), (65_000, 4), (70_000, 10)] {
            let payload = format!("\"{}\"", "x".repeat(length));
            let mut out = Vec::new();
            event(&mut out, "e", &payload);
            let frame = first(&out).unwrap();
            assert_eq!(
                (frame.is_text, frame.payload, frame.end),
                (true, header, out.len())
            );
            assert_eq!(
                &out[frame.payload..],
                format!("42[\"e\",{payload}]").as_bytes()
            );
        }
    }

    #[test]
    fn an_ack_carries_its_number() {
        let mut out = Vec::new();
        ack(&mut out, 17, "{\"ok\":true}");
        assert_eq!(&out[2..], b"4317[{\"ok\":true}]");
    }

    #[test]
    fn incomplete_frames_are_not_frames() {
        let mut out = Vec::new();
        event(&mut out, "e", &format!("\"{}\"", "x".repeat(300)));
        for cut in 0..out.len() {
            assert_eq!(first(&out[..cut]), None);
        }
    }
}
