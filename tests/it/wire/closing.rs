//! How a connection ends.

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use usher::socket::wire::{Sent, Until};

use super::pair::{CONNECTED, Pair, ROOMY, event};
use crate::support::within;

/// Sends more than the kernel takes; the payloads come back.
fn sends_a_lot(pair: &Pair) -> Vec<String> {
    let payloads: Vec<String> = (0..200).map(|number| event("e", number, 5000)).collect();
    for payload in &payloads {
        assert_eq!(pair.room_sends(&[payload]), Sent::Ok);
    }
    assert!(
        pair.wire.drained().now_or_never().is_none(),
        "some of it has to wait"
    );
    payloads
}

#[tokio::test]
async fn abort_cuts_the_connection_whatever_waits() {
    let mut pair = Pair::open(ROOMY).await;
    let payloads = sends_a_lot(&pair);
    pair.wire.abort();
    assert_eq!(pair.room_sends(&["42[\"x\"]"]), Sent::Closed);
    assert!(
        pair.wire.drained().now_or_never().is_some(),
        "nobody waits in vain"
    );
    let refused = pair.library.write_all(b"x").await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::BrokenPipe);
    assert_eq!(within(pair.library.read(&mut [0; 8])).await.unwrap_or(0), 0);
    let arrived = pair.client_reads_to_the_end().await;
    assert!(arrived.len() < payloads.iter().map(String::len).sum());
}

#[tokio::test]
async fn abort_wakes_whoever_waits_for_the_client_to_catch_up() {
    let pair = Pair::open(ROOMY).await;
    sends_a_lot(&pair);
    let wire = pair.wire.clone();
    let mut waits = std::pin::pin!(wire.drained());
    assert!(waits.as_mut().now_or_never().is_none());
    pair.wire.abort();
    within(waits).await;
}

#[tokio::test]
async fn last_words_are_delivered_before_the_connection_closes() {
    let mut pair = Pair::open(ROOMY).await;
    let payloads = sends_a_lot(&pair);
    pair.library_writes(&["41"]).await;
    let Pair {
        library,
        wire,
        client,
        tracker,
        places,
    } = pair;
    drop(library);
    assert_eq!(wire.send(&[Bytes::from_static(b"late")], &[]), Sent::Closed);
    // The library's side is gone; a second connection only stands in for it.
    let mut pair = Pair {
        client,
        tracker,
        places,
        wire,
        library: Pair::open(ROOMY).await.library,
    };
    assert_eq!(pair.client_reads(payloads.len()).await, payloads);
    assert_eq!(pair.client_reads(1).await, ["41"]);
    assert_eq!(
        pair.client_reads_to_the_end().await,
        b"",
        "and nothing after them"
    );
}

#[tokio::test]
async fn a_shutdown_by_the_library_is_an_end_as_well() {
    let mut pair = Pair::open(ROOMY).await;
    pair.room_sends(&["42[\"x\"]"]);
    within(pair.library.shutdown()).await.unwrap();
    assert_eq!(pair.room_sends(&["42[\"late\"]"]), Sent::Closed);
    assert_eq!(pair.client_reads(1).await, ["42[\"x\"]"]);
    assert_eq!(pair.client_reads_to_the_end().await, b"");
}

/// The hands of the clock jump, so the five seconds of grace for last words cost nothing.
#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_its_last_words_does_not_hold_the_connection() {
    let pair = Pair::open(ROOMY).await;
    sends_a_lot(&pair);
    let Pair {
        library,
        wire,
        client,
        tracker,
        places,
    } = pair;
    drop(library);
    tracker.close();
    within(tracker.wait()).await;
    assert_eq!(wire.send(&[Bytes::from_static(b"late")], &[]), Sent::Closed);
    drop(wire);
    assert_eq!(places.available_permits(), 1, "the place is free");
    drop(client);
}

#[tokio::test]
async fn a_connection_keeps_its_place_until_nobody_can_write_to_it() {
    let pair = Pair::open(ROOMY).await;
    assert_eq!(pair.places.available_permits(), 0);
    let Pair {
        library,
        wire,
        places,
        ..
    } = pair;
    drop(library);
    assert_eq!(places.available_permits(), 0, "a room still holds it");
    drop(wire);
    assert_eq!(places.available_permits(), 1);
}

#[tokio::test]
async fn a_client_that_is_gone_is_noticed_by_whoever_writes() {
    let mut pair = Pair::open(ROOMY).await;
    sends_a_lot(&pair);
    // Unread data makes the kernel reset the connection.
    drop(std::mem::replace(
        &mut pair.client,
        Pair::open(ROOMY).await.client,
    ));
    within(pair.wire.drained()).await;
    let noticed = async {
        while pair.room_sends(&["42[\"x\"]"]) != Sent::Closed {
            tokio::task::yield_now().await;
        }
    };
    within(noticed).await;
}

#[tokio::test]
async fn what_was_held_is_dropped_with_the_connection() {
    let mut pair = Pair::held_until(Until::Connected, ROOMY).await;
    pair.room_sends(&["42[\"held\"]"]);
    within(pair.library.shutdown()).await.unwrap();
    assert_eq!(pair.client_reads_to_the_end().await, b"");
    assert_eq!(pair.room_sends(&["42[\"x\"]"]), Sent::Closed);
}

#[tokio::test]
async fn what_was_read_ahead_is_read_first() {
    let mut pair = Pair::speaking_http(ROOMY).await;
    pair.client.write_all(b"world").await.unwrap();
    pair.library.unread(Bytes::from_static(b"hello "));
    let mut read = [0; 11];
    within(pair.library.read_exact(&mut read[..3]))
        .await
        .unwrap();
    within(pair.library.read_exact(&mut read[3..]))
        .await
        .unwrap();
    assert_eq!(&read, b"hello world");
    pair.library_writes(&[CONNECTED]).await;
}
