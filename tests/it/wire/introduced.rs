//! The answer to CONNECT says what the client is to know of itself, once.

use tokio::io::AsyncWriteExt;
use usher::socket::wire::{SWITCH_EVENT, Until};

use super::pair::{CONNECTED, Pair, ROOMY, event, frame};
use crate::support::within;

const OURS: &str = "40{\"sid\":\"000000000000000a\",\"pid\":\"p\"}";

async fn introduced(until: Until) -> Pair {
    let pair = Pair::held_until(until, ROOMY).await;
    pair.wire.introduce(OURS.into());
    pair
}

#[tokio::test]
async fn the_answer_is_replaced_before_the_rooms_speak() {
    for until in [Until::Connected, Until::Switched] {
        let mut pair = introduced(until).await;
        pair.room_sends(&["42[\"room\"]"]);
        let long = event("e", 1, 70_000);
        pair.library_writes(&["3probe", &long, CONNECTED, "2"])
            .await;
        let mut expected = vec!["3probe", &long, OURS];
        if until == Until::Connected {
            expected.push("42[\"room\"]");
        }
        expected.push("2");
        assert_eq!(pair.client_reads(expected.len()).await, expected);
        if until == Until::Switched {
            pair.library_writes(&[&format!("42[\"{SWITCH_EVENT}\",null]")])
                .await;
            assert_eq!(pair.client_reads(1).await, ["42[\"room\"]"]);
        }
    }
}

#[tokio::test]
async fn nothing_else_is_replaced() {
    let mut pair = introduced(Until::Connected).await;
    let others = ["0{\"sid\":\"abc\"}", "44{\"message\":\"40{\"}", "2"];
    pair.library_writes(&others).await;
    assert_eq!(pair.client_reads(3).await, others);
    pair.library_writes(&[CONNECTED, CONNECTED]).await;
    assert_eq!(pair.client_reads(2).await, [OURS, CONNECTED]);
    pair.library_writes(&[CONNECTED]).await;
    assert_eq!(pair.client_reads(1).await, [CONNECTED]);
}

#[tokio::test]
async fn a_client_of_protocol_3_is_told_nothing() {
    let mut pair = introduced(Until::Connected).await;
    pair.library_writes(&["0{}", "40", "2"]).await;
    assert_eq!(pair.client_reads(3).await, ["0{}", "40", "2"]);
}

#[tokio::test]
async fn what_is_written_as_http_is_left_alone() {
    let mut pair = Pair::speaking_http(ROOMY).await;
    pair.wire.introduce(OURS.into());
    let body = frame(CONNECTED);
    within(pair.library.write_all(&body)).await.unwrap();
    drop(pair.library.shutdown().await);
    assert_eq!(pair.client_reads_to_the_end().await, body);
}

#[tokio::test]
async fn a_client_that_is_there_answers() {
    let mut pair = Pair::open(ROOMY).await;
    let wire = pair.wire.clone();
    let asked = pair.tracker.spawn(async move { wire.answers().await });
    assert_eq!(pair.client_reads(1).await, ["2"]);
    assert!(!asked.is_finished());
    within(pair.client.write_all(b"anything")).await.unwrap();
    let mut heard = [0; 8];
    within(tokio::io::AsyncReadExt::read_exact(
        &mut pair.library,
        &mut heard,
    ))
    .await
    .unwrap();
    assert!(within(asked).await.unwrap());
}

#[tokio::test]
async fn a_connection_that_is_gone_does_not() {
    let pair = Pair::open(ROOMY).await;
    pair.wire.abort();
    assert!(!within(pair.wire.answers()).await);
}
