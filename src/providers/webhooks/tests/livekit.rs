use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::super::*;
use super::{NOW, SECS};

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn token(secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

fn hash(body: &[u8]) -> String {
    STANDARD.encode(digest::digest(&digest::SHA256, body))
}

/// Claims as LiveKit makes them, with these changes; `null` takes one away.
fn claims(body: &[u8], changes: &Value) -> Value {
    let mut claims = json!({ "iss": "key", "nbf": SECS, "exp": SECS + 300, "sha256": hash(body) });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    claims
}

fn joined() -> Vec<u8> {
    let event = json!({
        "event": "participant_joined", "id": "EV_1", "createdAt": "1800000000",
        "room": { "sid": "RM_1", "name": "room" },
        "participant": {
            "sid": "PA_1", "identity": "ann", "state": "ACTIVE",
            "attributes": { "usher.role": "host", "other": "x" },
        },
    });
    event.to_string().into_bytes()
}

fn told(changes: &Value) -> Result<LiveKitEvent, WebhookFault> {
    let body = joined();
    let authorization = token("secret", &claims(&body, changes));
    livekit(&body, &authorization, "key", &secret("secret"), NOW)
}

#[test]
fn livekit_tells_who_has_joined_as_what() {
    let event = WebhookEvent {
        id: "EV_1".to_owned(),
        kind: Happening::Joined,
        room: Some("room".to_owned()),
        user: Some("ann".to_owned()),
        session: Some("PA_1".to_owned()),
        standing: Some("host".to_owned()),
        at: NOW,
    };
    assert_eq!(told(&json!({})), Ok(event));
}

#[test]
fn livekit_signs_body_issuer_and_time() {
    for (changes, fault) in [
        (json!({ "iss": "other" }), WebhookFault::BadSignature),
        (json!({ "iss": null }), WebhookFault::BadSignature),
        (json!({ "exp": null }), WebhookFault::BadSignature),
        (json!({ "sha256": null }), WebhookFault::BadSignature),
        (json!({ "sha256": hash(b"{}") }), WebhookFault::BadSignature),
        (json!({ "sha256": "?" }), WebhookFault::BadSignature),
        (json!({ "exp": SECS - 60 }), WebhookFault::Stale),
        (json!({ "nbf": SECS + 61 }), WebhookFault::Stale),
    ] {
        assert_eq!(told(&changes), Err(fault), "{changes}");
    }
    for changes in [
        json!({ "exp": SECS - 59 }),
        json!({ "nbf": SECS + 60 }),
        json!({ "nbf": null }),
    ] {
        assert!(told(&changes).is_ok(), "{changes}");
    }
}

#[test]
fn livekit_of_somebody_else_is_not_believed() {
    let body = joined();
    let good = claims(&body, &json!({}));
    let check = |text: &str| livekit(&body, text, "key", &secret("secret"), NOW);
    let bad = Err(WebhookFault::BadSignature);
    assert_eq!(check(&token("other", &good)), bad);
    assert_eq!(check(""), bad);
    let key = EncodingKey::from_secret(b"secret");
    let other = encode(&Header::new(Algorithm::HS512), &good, &key).unwrap();
    assert_eq!(check(&other), bad);
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJpc3MiOiJrZXkifQ.";
    assert_eq!(check(unsigned), bad);
    let without = livekit(&body, &token("", &good), "key", &secret(""), NOW);
    assert_eq!(without, bad, "no secret is none that anybody knows");
}

#[test]
fn livekit_has_other_events() {
    let read = |event: Value| {
        let body = event.to_string().into_bytes();
        let authorization = token("secret", &claims(&body, &json!({})));
        livekit(&body, &authorization, "key", &secret("secret"), NOW)
    };
    let kind = |name: &str| {
        read(json!({ "event": name, "id": "EV_2", "created_at": 7 }))
            .unwrap()
            .kind
    };
    assert_eq!(kind("participant_left"), Happening::Left);
    assert_eq!(kind("participant_connection_aborted"), Happening::Left);
    assert_eq!(kind("room_finished"), Happening::Other);
    let bare = read(json!({ "event": "x", "id": "EV_2", "created_at": 7 })).unwrap();
    assert_eq!(
        (bare.at, bare.room, bare.standing),
        (Timestamp(7_000), None, None)
    );
    assert_eq!(read(json!({ "event": "x" })), Err(WebhookFault::Malformed));
    assert_eq!(read(json!([])), Err(WebhookFault::Malformed));
}
