//! What a client is told of itself in the answer to CONNECT. The library names its own id of the session there,
//! with which anybody can poll in the client's name; this is put in its place.

use super::frames;

/// How an answer to CONNECT begins that names an id: Engine.IO message `4`, Socket.IO connect `0`, in the
/// root namespace. Clients 2.x are told none.
const ANSWER: &[u8] = b"40{";

/// Between two packets of a polling client.
const SEPARATOR: u8 = 0x1e;

/// The answer to CONNECT.
#[must_use]
pub(super) fn answer(public: &str, pid: Option<&str>) -> String {
    // Neither has a character that JSON would escape.
    match pid {
        Some(pid) => format!("40{{\"sid\":\"{public}\",\"pid\":\"{pid}\"}}"),
        None => format!("40{{\"sid\":\"{public}\"}}"),
    }
}

/// WebSocket frames, whole ones, with `packet` in the place of the first answer to CONNECT; `None` when they
/// hold none.
#[must_use]
pub(super) fn in_frames(buffer: &[u8], packet: &str) -> Option<Vec<u8>> {
    let mut at = 0_usize;
    loop {
        let rest = buffer.get(at..)?;
        let frame = frames::first(rest)?;
        let end = at.saturating_add(frame.end);
        let payload = rest.get(frame.payload..frame.end)?;
        if frame.is_text && payload.starts_with(ANSWER) {
            let mut amended = buffer.get(..at)?.to_vec();
            frames::text(&mut amended, &[packet]);
            amended.extend_from_slice(buffer.get(end..)?);
            return Some(amended);
        }
        at = end;
    }
}

/// The same for the body that a polling client of protocol 4 is answered.
#[must_use]
pub(super) fn in_packets(body: &[u8], packet: &str) -> Option<Vec<u8>> {
    let mut found = false;
    let packets = body.split(|byte| *byte == SEPARATOR).map(|each| {
        if !found && each.starts_with(ANSWER) {
            found = true;
            return packet.as_bytes();
        }
        each
    });
    let amended = packets.collect::<Vec<_>>().join(&SEPARATOR);
    found.then_some(amended)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PACKET: &str = "40{\"sid\":\"000000000000000a\",\"pid\":\"p\"}";

    fn frames(payloads: &[String]) -> Vec<u8> {
        let mut out = Vec::new();
        for payload in payloads {
            frames::text(&mut out, &[payload]);
        }
        out
    }

    fn is_answer(payload: &str) -> bool {
        payload.starts_with("40{")
    }

    fn with_packet(payloads: &[String]) -> Option<Vec<String>> {
        let first = payloads.iter().position(|payload| is_answer(payload))?;
        let mut expected = payloads.to_vec();
        expected[first] = PACKET.to_owned();
        Some(expected)
    }

    #[test]
    fn the_answer_is_that_of_the_protocol() {
        assert_eq!(answer("000000000000000a", Some("p")), PACKET);
        assert_eq!(answer("a", None), "40{\"sid\":\"a\"}");
    }

    #[test]
    fn what_looks_like_it_is_left_alone() {
        let none = [
            "40",
            "2",
            "44{\"message\":\"no\"}",
            "42[\"40{\"]",
            "40/x,{}",
            "0{}",
        ];
        let none: Vec<String> = none.map(str::to_owned).to_vec();
        assert_eq!(in_frames(&frames(&none), PACKET), None);
        assert_eq!(in_packets(none.join("\u{1e}").as_bytes(), PACKET), None);
        let mut binary = frames(&["40{}".to_owned()]);
        binary[0] = 0x82;
        assert_eq!(in_frames(&binary, PACKET), None);
    }

    prop_compose! {
        fn payload()(
            kind in "(40\\{|40|2|42|44|0)",
            rest in "[a-z\"{}é,]{0,12}",
            long in prop::option::weighted(0.2, prop::sample::select(vec![100_usize, 130, 66_000])),
        ) -> String {
            format!("{kind}{rest}{}", "x".repeat(long.unwrap_or(0)))
        }
    }

    proptest! {
        #[test]
        fn one_frame_changes_and_no_other(payloads in prop::collection::vec(payload(), 0..6)) {
            let expected = with_packet(&payloads).map(|expected| frames(&expected));
            prop_assert_eq!(in_frames(&frames(&payloads), PACKET), expected);
        }

        #[test]
        fn one_packet_changes_and_no_other(payloads in prop::collection::vec(payload(), 1..6)) {
            let expected = with_packet(&payloads).map(|expected| expected.join("\u{1e}"));
            let amended = in_packets(payloads.join("\u{1e}").as_bytes(), PACKET);
            prop_assert_eq!(amended, expected.map(String::into_bytes));
        }

        #[test]
        fn no_bytes_make_it_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (in_frames(&bytes, PACKET), in_packets(&bytes, PACKET));
        }
    }
}
