use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::clock::SystemClock;
use crate::engine::providers::ProviderFault;
use crate::providers::fake::{Answer, Fake, OPTIONS, Seen};

const KEY: &str = "the-key-of-the-provider";

fn call(path: &[&str]) -> Call {
    Call::new(Method::GET, path, SecretString::from(KEY))
}

fn options(patience: u32, breaker_failures: u32) -> OutboundOptions {
    OutboundOptions {
        patience,
        breaker_failures,
        ..OPTIONS
    }
}

/// Answers with one status after another, and with the last of them for ever.
fn statuses(statuses: &'static [u16]) -> impl Fn(&Seen) -> Answer {
    let next = AtomicUsize::new(0);
    move |_seen| {
        let at = next.fetch_add(1, Ordering::Relaxed).min(statuses.len() - 1);
        Answer::json(
            statuses[at],
            &json!({ "error": "some-code", "info": "prose" }),
        )
    }
}

fn unavailable(code: &str) -> ProviderFault {
    ProviderFault::Unavailable(code.to_owned())
}

#[tokio::test]
async fn a_call_is_written_as_it_was_meant() {
    let fake = Fake::start(|_seen| Answer::json(201, &json!({ "a": 1 }))).await;
    let call = Call {
        method: Method::POST,
        ..call(&["rooms", "a/b c"])
    };
    let call = Call {
        query: vec![("userId", "x&y".to_owned())],
        ..call
    };
    let reply = fake.outbound().once(&call.with(json!([2]))).await.unwrap();
    assert_eq!((reply.status, reply.body), (201, json!({ "a": 1 })));
    let seen = fake.only();
    assert_eq!(seen.line, "POST /rooms/a%2Fb%20c?userId=x%26y");
    assert_eq!(seen.authorization, format!("Bearer {KEY}"));
    assert_eq!(seen.content_type.as_deref(), Some("application/json"));
    assert_eq!(seen.body, json!([2]));
}

#[tokio::test]
async fn only_stable_codes_are_passed_on() {
    let refused = |status, code: &str| ProviderFault::Refused {
        status,
        code: code.to_owned(),
    };
    let cases = [
        (
            404,
            json!({ "error": "not-found", "info": "room X not found" }),
            refused(404, "not-found"),
        ),
        (
            400,
            json!({ "code": "invalid_argument", "msg": "x" }),
            refused(400, "invalid_argument"),
        ),
        (
            400,
            json!({ "error": "the key sk_1 is bad" }),
            refused(400, "http-400"),
        ),
        (401, json!("text"), refused(401, "http-401")),
        (
            429,
            json!({ "error": "rate-limit-error" }),
            ProviderFault::RateLimited,
        ),
        (
            503,
            json!({ "code": "unavailable" }),
            unavailable("unavailable"),
        ),
        (500, json!({ "error": 7 }), unavailable("http-500")),
        (
            408,
            json!({ "code": "deadline_exceeded" }),
            unavailable("deadline_exceeded"),
        ),
    ];
    for (status, body, fault) in cases {
        let fake = Fake::start(move |_seen| Answer::json(status, &body)).await;
        assert_eq!(fake.outbound().once(&call(&[])).await, Err(fault));
    }
}

#[tokio::test]
async fn answers_that_are_none_are_faults() {
    let long = Fake::start(|_seen| Answer::json(200, &Value::from("x".repeat(1_048_576)))).await;
    let result = long.outbound().once(&call(&[])).await;
    assert_eq!(result, Err(unavailable("answer-too-long")));
    let prose = Fake::start(|_seen| Answer::text(200, "<html>")).await;
    assert_eq!(
        prose.outbound().once(&call(&[])).await,
        Err(unavailable("bad-answer"))
    );
    let silent = Fake::start(|_seen| Answer::text(204, "")).await;
    assert_eq!(
        silent.outbound().once(&call(&[])).await.unwrap().body,
        Value::Null
    );
    let elsewhere = Fake::start(|_seen| Answer::text(200, "1")).await;
    let to = format!("{}/there", elsewhere.url);
    let moved = Fake::start(move |_seen| Answer::moved(&to)).await;
    let result = moved.outbound().once(&call(&[])).await;
    let fault = ProviderFault::Refused {
        status: 302,
        code: "http-302".to_owned(),
    };
    assert_eq!(result, Err(fault));
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn nobody_waits_longer_than_the_timeout() {
    let fake = Fake::start(|_seen| Answer::Keep).await;
    let timeout = Duration::from_millis(50);
    let options = OutboundOptions {
        timeout,
        patience: 2,
        ..OPTIONS
    };
    let outbound = fake.outbound_with(options, Paces::default());
    let call = call(&[]);
    let result = fake.while_time_passes(outbound.send(&call)).await;
    assert_eq!(result, Err(unavailable("timeout")));
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let fake = Fake::start(statuses(&[500, 429, 503, 200])).await;
    let outbound = fake.outbound_with(options(4, 100), Paces::default());
    let call = call(&["a"]);
    assert!(fake.while_time_passes(outbound.send(&call)).await.is_ok());
    assert_eq!(fake.seen().len(), 4);
}

#[tokio::test]
async fn patience_ends_and_refusals_are_final() {
    let broken = Fake::start(statuses(&[500])).await;
    let outbound = broken.outbound_with(options(3, 100), Paces::default());
    let call = call(&["a"]);
    let result = broken.while_time_passes(outbound.send(&call)).await;
    assert_eq!(
        (result, broken.seen().len()),
        (Err(unavailable("some-code")), 3)
    );
    let refusing = Fake::start(statuses(&[403])).await;
    let outbound = refusing.outbound_with(options(3, 100), Paces::default());
    assert!(outbound.send(&call).await.is_err());
    assert_eq!(refusing.seen().len(), 1);
}

#[tokio::test]
async fn a_broken_provider_is_left_alone_and_tried_with_one_call() {
    let fake = Fake::start(statuses(&[500, 500, 500, 200])).await;
    let outbound = fake.outbound_with(options(10, 2), Paces::default());
    let call = call(&["a"]);
    let result = fake.while_time_passes(outbound.send(&call)).await;
    assert_eq!(
        (result, fake.seen().len()),
        (Err(ProviderFault::LeftAlone), 2)
    );
    fake.clock.advance(OPTIONS.breaker_pause);
    assert_eq!(outbound.once(&call).await, Err(unavailable("some-code")));
    assert_eq!(outbound.once(&call).await, Err(ProviderFault::LeftAlone));
    fake.clock.advance(OPTIONS.breaker_pause);
    assert!(outbound.once(&call).await.is_ok());
    assert!(outbound.once(&call).await.is_ok());
    assert_eq!(fake.seen().len(), 5);
}

#[tokio::test]
async fn too_many_requests_are_no_failure_but_end_the_burst() {
    let fake = Fake::start(statuses(&[429, 429, 429, 200])).await;
    let rate = Rate {
        count: 20,
        period: Duration::from_secs(20),
    };
    let paces = Paces {
        usual: Some(rate),
        slow: None,
    };
    let outbound = fake.outbound_with(options(4, 2), paces);
    let call = call(&["a"]);
    let before = fake.clock.now();
    assert!(fake.while_time_passes(outbound.send(&call)).await.is_ok());
    assert!(fake.clock.now().since(before) >= Duration::from_secs(3));
}

#[tokio::test]
async fn nothing_listens_there() {
    let fake = Fake::start(|_seen| Answer::Keep).await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let outbound = Outbound::new(&url, OPTIONS, Paces::default(), fake.clock.clone()).unwrap();
    assert_eq!(
        outbound.once(&call(&[])).await,
        Err(unavailable("no-connection"))
    );
    let key = SecretString::from("two\nlines");
    let result = fake
        .outbound()
        .once(&Call::new(Method::GET, &[], key))
        .await;
    assert_eq!(result, Err(ProviderFault::Unconfigured));
}

#[test]
fn keys_do_not_go_over_the_net_in_clear() {
    let open = |base: &str| Outbound::new(base, OPTIONS, Paces::default(), Arc::new(SystemClock));
    for good in [
        "https://api.daily.co/v1",
        "http://localhost:7880",
        "http://127.0.0.9",
        "http://[::1]:1",
    ] {
        assert!(open(good).is_ok(), "{good}");
    }
    for bad in [
        "http://api.daily.co/v1",
        "http://127.0.0.1.example.org",
        "http://10.0.0.1",
        "wss://a.example",
        "https://u:p@a.example",
        "https://a.example/?k=1",
        "a",
    ] {
        assert!(open(bad).is_err(), "{bad}");
    }
}

#[test]
fn pauses_grow_to_a_ceiling_and_differ() {
    let (min, max) = (Duration::from_secs(1), Duration::from_secs(10));
    let secs = |tries, random| spread(min, max, tries, random).as_secs_f64();
    assert_eq!([secs(1, 0), secs(1, u32::MAX)], [0.5, 1.0]);
    assert_eq!([secs(3, 0), secs(3, u32::MAX)], [2.0, 4.0]);
    assert_eq!([secs(40, 0), secs(40, u32::MAX)], [5.0, 10.0]);
    let pause = back_off(min, max, 2);
    assert!(pause >= min && pause <= Duration::from_secs(2));
}

#[tokio::test]
async fn nothing_of_it_shows_the_key() {
    let fake = Fake::start(|_seen| Answer::json(200, &json!({ "token": KEY }))).await;
    let outbound = fake.outbound();
    let call = call(&["a"]).with(json!({ "name": KEY }));
    let reply = outbound.once(&call).await;
    let shown = format!("{outbound:?} {call:?} {reply:?}");
    assert!(!shown.contains(KEY), "{shown}");
}
