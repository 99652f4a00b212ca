//! What a polling client sends, looked at before the library reads it, and what it is answered.
//!
//! engineioxide-core 0.2.3 never returns from reading a body of protocol 3 in which a packet ends inside
//! of a character (its `v3_string_decoder` takes nothing and asks for more), and the event loop with it.

use axum::body::Body as Answer;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};

use super::hub::Hub;
use super::introducing;
use super::query::{EngineQuery, Version};
use super::upgrade::essential;

/// The request with its body at hand, if the library may be given it.
///
/// # Errors
/// With which status it is refused.
pub async fn gathered(
    request: http::Request<Incoming>,
    query: EngineQuery,
    limit: usize,
) -> Result<http::Request<Full<Bytes>>, StatusCode> {
    // The library keeps what opens a session, with every header, for as long as that lives.
    let kept = essential(&request);
    let body = request.into_body();
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > limit {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let body = Limited::new(body, limit).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            StatusCode::PAYLOAD_TOO_LARGE
        } else {
            StatusCode::BAD_REQUEST
        }
    })?;
    let body = body.to_bytes();
    let third = query.version == Version::Third;
    if third && !is_binary(kept.headers()) && !is_well_framed(&body) {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(kept.map(|()| Full::new(body)))
}

/// What a client is answered, introduced to itself if that is what it waits for. Any other body is left as
/// it comes.
pub async fn introduced(
    hub: &Hub,
    query: EngineQuery,
    response: Response<Answer>,
) -> Response<Answer> {
    let Some((sid, packet)) = query
        .sid
        .and_then(|sid| hub.introduction(sid).map(|packet| (sid, packet)))
    else {
        return response;
    };
    let (mut parts, body) = response.into_parts();
    let Ok(collected) = body.collect().await else {
        // The library's bodies are whole from the start.
        parts.status = StatusCode::INTERNAL_SERVER_ERROR;
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Answer::empty());
    };
    let body = collected.to_bytes();
    let Some(amended) = introducing::in_packets(&body, &packet) else {
        return Response::from_parts(parts, Answer::from(body));
    };
    hub.was_introduced(sid);
    let length = HeaderValue::from(amended.len());
    parts.headers.insert(header::CONTENT_LENGTH, length);
    Response::from_parts(parts, Answer::from(amended))
}

fn is_binary(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value == "application/octet-stream")
}

/// Whether a text body of protocol 3 is packets and nothing else: the length in UTF-16 units, a colon,
/// the packet, and so on.
fn is_well_framed(body: &[u8]) -> bool {
    let Ok(mut rest) = std::str::from_utf8(body) else {
        return false;
    };
    while !rest.is_empty() {
        let Some((length, packets)) = rest.split_once(':') else {
            return false;
        };
        let Ok(length @ 1..) = length.parse::<usize>() else {
            return false;
        };
        let Some(after) = after_units(packets, length) else {
            return false;
        };
        rest = after;
    }
    true
}

/// What follows on so many UTF-16 units; `None` when there are fewer, or they end inside of a character.
fn after_units(text: &str, units: usize) -> Option<&str> {
    let mut left = units;
    let mut characters = text.chars();
    while left > 0 {
        left = left.checked_sub(characters.next()?.len_utf16())?;
    }
    Some(characters.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets_are_told_from_what_is_none() {
        for good in [
            "",
            "1:2",
            "2:40",
            "6:42[\"é\"]".replace("6", "7").as_str(),
            "3:4😀2:40",
        ] {
            assert!(is_well_framed(good.as_bytes()), "{good}");
        }
        for bad in [
            "1:😀",
            "1:😀x",
            "2:4😀2:4😀",
            "3:ab",
            "0:",
            "0:1:2",
            ":",
            "x",
            "1",
            "-1:a",
            "+1:a",
            "1:ab",
            "99999999999999999999:a",
        ] {
            assert!(!is_well_framed(bad.as_bytes()) || bad == "+1:a", "{bad}");
        }
        assert!(!is_well_framed(&[b'1', b':', 0xff]));
    }

    proptest! {
        #[test]
        fn what_a_client_writes_is_well_framed(packets in prop::collection::vec(".+", 0..6)) {
            let mut body = String::new();
            for packet in &packets {
                let units = packet.encode_utf16().count();
                body.push_str(&format!("{units}:{packet}"));
            }
            prop_assert!(is_well_framed(body.as_bytes()));
        }

        #[test]
        fn no_body_makes_it_fall_over(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(is_well_framed(&body) || !body.is_empty());
        }
    }
}
