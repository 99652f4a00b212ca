use serde_json::{Value, json};

use super::super::*;
use super::NOW;

const TOLERANCE: Duration = Duration::from_secs(300);
const SECRET: &[u8] = b"what-daily-signs-with";

fn event(kind: &str, payload: &Value) -> Vec<u8> {
    let event = json!({
        "version": "1.0.0", "type": kind, "id": "e-1", "payload": payload,
        "event_ts": 1_800_000_000.25,
    });
    event.to_string().into_bytes()
}

fn payload() -> Value {
    json!({
        "room": "room", "user_id": "ann", "user_name": "Ann", "session_id": "s-1",
        "joined_at": 1_799_999_999.5, "will_eject_at": 1_800_086_400, "owner": true,
        "permissions": { "hasPresence": true, "canSend": true, "canAdmin": ["participants"] },
        "networkQualityState": "unknown",
    })
}

fn signature(timestamp: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    STANDARD.encode(hmac::sign(
        &key,
        &[timestamp.as_bytes(), b".", body].concat(),
    ))
}

fn sent(timestamp: &str, body: &[u8]) -> Result<DailyWebhook, WebhookFault> {
    let signature = signature(timestamp, body);
    daily(
        body,
        Some(&signature),
        Some(timestamp),
        SECRET,
        NOW,
        TOLERANCE,
    )
}

fn read(kind: &str, payload: &Value) -> DailyEvent {
    let DailyWebhook::Event(read) = sent("1800000000", &event(kind, payload)).unwrap() else {
        panic!("an event is no probe")
    };
    read
}

#[test]
fn daily_tells_who_has_joined_as_what() {
    let joined = WebhookEvent {
        id: "participant.joined/s-1".to_owned(),
        kind: Happening::Joined,
        room: Some("room".to_owned()),
        user: Some("ann".to_owned()),
        session: Some("s-1".to_owned()),
        standing: DailyStanding {
            owner: true,
            admin: true,
        },
        at: NOW.plus(Duration::from_millis(250)),
    };
    assert_eq!(read("participant.joined", &payload()), joined);
    assert_eq!(read("participant.left", &payload()).kind, Happening::Left);
    let meeting = read("meeting.started", &json!({ "room": "room", "start_ts": 1 }));
    assert_eq!(
        (meeting.kind, meeting.id.as_str()),
        (Happening::Other, "e-1")
    );
}

#[test]
fn daily_says_in_several_ways_who_manages() {
    for (admin, manages) in [
        (json!(true), true),
        (json!(["streaming", "participants"]), true),
        (json!(["streaming"]), false),
        (json!(false), false),
        (json!(null), false),
    ] {
        let mut payload = payload();
        payload["permissions"]["canAdmin"] = admin;
        payload["owner"] = json!(null);
        let standing = DailyStanding {
            owner: false,
            admin: manages,
        };
        assert_eq!(read("participant.joined", &payload).standing, standing);
    }
    let nameless = read(
        "participant.joined",
        &json!({ "session_id": "s", "user_id": null }),
    );
    assert_eq!(
        (nameless.user, nameless.standing),
        (None, DailyStanding::default())
    );
}

#[test]
fn daily_signs_time_and_body() {
    let body = event("participant.joined", &payload());
    let good = signature("1800000000", &body);
    let check = |body: &[u8], signature, timestamp| {
        daily(body, signature, timestamp, SECRET, NOW, TOLERANCE)
    };
    let at = Some("1800000000");
    let bad = Err(WebhookFault::BadSignature);
    assert!(check(&body, Some(&good), at).is_ok());
    assert_eq!(check(&body, None, at), bad);
    assert_eq!(check(&body, Some(&good), None), bad);
    assert_eq!(check(&body, Some(&good), Some("1800000001")), bad);
    assert_eq!(check(&body, Some(""), at), bad);
    assert_eq!(check(&body, Some("%"), at), bad);
    assert_eq!(
        check(&[body.as_slice(), b" "].concat(), Some(&good), at),
        bad
    );
    let other = daily(&body, Some(&good), at, b"another-secret", NOW, TOLERANCE);
    assert_eq!(other, bad);
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"");
    let tag = STANDARD.encode(hmac::sign(
        &key,
        &[b"1800000000.".as_slice(), &body].concat(),
    ));
    assert_eq!(daily(&body, Some(&tag), at, b"", NOW, TOLERANCE), bad);
}

/// From an independent implementation: Python's hmac.
#[test]
fn daily_signatures_are_those_of_others() {
    let body = br#"{"type":"meeting.ended","id":"e","event_ts":1800000000}"#;
    let signature = "Qd+yawZl+B0U7i1zmqXBdvyplJS8UxuwYarDnG4RkBY=";
    let read = daily(
        body,
        Some(signature),
        Some("1800000000"),
        b"fixed secret",
        NOW,
        TOLERANCE,
    );
    assert!(matches!(read, Ok(DailyWebhook::Event(_))), "{read:?}");
}

#[test]
fn daily_is_believed_only_just_after_it_was_sent() {
    let body = event("participant.joined", &payload());
    for fresh in ["1799999700", "1800000300", "1800000000123", "1800000000.5"] {
        assert!(sent(fresh, &body).is_ok(), "{fresh}");
    }
    let times = [
        "1799999699",
        "1800000301",
        "0",
        "-1",
        "NaN",
        "inf",
        "now",
        "",
        "1e300",
    ];
    for stale in times {
        assert_eq!(sent(stale, &body), Err(WebhookFault::Stale), "{stale}");
    }
}

#[test]
fn daily_asks_whether_anybody_listens() {
    let ask = |body: &[u8]| daily(body, None, None, SECRET, NOW, TOLERANCE);
    assert_eq!(ask(br#"{"test":"test"}"#), Ok(DailyWebhook::Probe));
    assert_eq!(ask(br#"{ "test" : "test" }"#), Ok(DailyWebhook::Probe));
    for other in [
        br#"{"test":"other"}"#.as_slice(),
        br#"{"test":"test","type":"participant.joined"}"#,
        b"",
    ] {
        assert_eq!(ask(other), Err(WebhookFault::BadSignature));
    }
    assert_eq!(sent("1800000000", b"[1]"), Err(WebhookFault::Malformed));
    assert_eq!(
        sent("1800000000", br#"{"type":"x"}"#),
        Err(WebhookFault::Malformed)
    );
}
