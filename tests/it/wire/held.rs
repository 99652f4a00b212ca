//! A room's frames wait until the library has said what it has to say first.

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use usher::socket::wire::{SWITCH_EVENT, Sent, Until};

use super::pair::{CONNECTED, Pair, ROOMY, event, frame};
use crate::support::within;

const OPENED: &str = "0{\"sid\":\"abc\",\"pingInterval\":10000}";

fn switch() -> String {
    format!("42[\"{SWITCH_EVENT}\",null]")
}

#[tokio::test]
async fn nothing_is_sent_into_plain_http() {
    let mut pair = Pair::speaking_http(ROOMY).await;
    assert_eq!(pair.room_sends(&["42[\"x\"]"]), Sent::Closed);
    pair.library
        .write_all(b"HTTP/1.1 200 OK\r\n\r\n")
        .await
        .unwrap();
    drop(pair.library.shutdown().await);
    assert_eq!(
        pair.client_reads_to_the_end().await,
        b"HTTP/1.1 200 OK\r\n\r\n"
    );
}

#[tokio::test]
async fn rooms_wait_for_the_answer_to_connect() {
    let mut pair = Pair::held_until(Until::Connected, ROOMY).await;
    assert_eq!(pair.room_sends(&["42[\"a\"]"]), Sent::Ok);
    pair.library_writes(&[OPENED]).await;
    assert_eq!(pair.room_sends(&["42[\"b\"]", "42[\"c\"]"]), Sent::Ok);
    assert_eq!(
        pair.client_reads(1).await,
        [OPENED],
        "and nothing of the rooms"
    );
    pair.library_writes(&[CONNECTED]).await;
    let expected = [CONNECTED, "42[\"a\"]", "42[\"b\"]", "42[\"c\"]"];
    assert_eq!(pair.client_reads(4).await, expected);
    pair.room_sends(&["42[\"d\"]"]);
    assert_eq!(pair.client_reads(1).await, ["42[\"d\"]"]);
}

#[tokio::test]
async fn the_answer_to_connect_opens_the_way_in_the_middle_of_a_write() {
    let mut pair = Pair::held_until(Until::Connected, ROOMY).await;
    pair.room_sends(&["42[\"room\"]"]);
    pair.library_writes(&[OPENED, "2", CONNECTED, "42[\"library\"]", "2"])
        .await;
    let expected = [
        OPENED,
        "2",
        CONNECTED,
        "42[\"room\"]",
        "42[\"library\"]",
        "2",
    ];
    assert_eq!(pair.client_reads(6).await, expected);
}

#[tokio::test]
async fn the_switch_opens_the_way_and_is_swallowed() {
    for switch in [switch(), format!("42[\"{SWITCH_EVENT}\"]")] {
        let mut pair = Pair::held_until(Until::Switched, ROOMY).await;
        pair.room_sends(&["42[\"a\"]"]);
        pair.library_writes(&["3probe"]).await;
        pair.library_writes(&["42[\"queued while polling\"]"]).await;
        pair.library_writes(&[&switch]).await;
        pair.room_sends(&["42[\"b\"]"]);
        let expected = [
            "3probe",
            "42[\"queued while polling\"]",
            "42[\"a\"]",
            "42[\"b\"]",
        ];
        assert_eq!(pair.client_reads(4).await, expected);
    }
}

#[tokio::test]
async fn the_switch_is_swallowed_in_the_middle_of_a_write() {
    let mut pair = Pair::held_until(Until::Switched, ROOMY).await;
    pair.room_sends(&["42[\"room\"]"]);
    pair.library_writes(&["42[\"before\"]", &switch(), "42[\"after\"]"])
        .await;
    let expected = ["42[\"before\"]", "42[\"room\"]", "42[\"after\"]"];
    assert_eq!(pair.client_reads(3).await, expected);
}

#[tokio::test]
async fn only_the_sign_itself_opens_the_way() {
    let long = event("40", 1, 70_000);
    let lookalikes = [
        "2",
        "41",
        "42[\"40\"]",
        "42[\"x\",\"40{}\"]",
        "430[\"usher:switch\"]",
        &long,
    ];
    for until in [Until::Connected, Until::Switched] {
        let mut pair = Pair::held_until(until, ROOMY).await;
        pair.room_sends(&["42[\"room\"]"]);
        pair.library_writes(&lookalikes).await;
        // The same bytes in a binary frame are no packet.
        let mut binary = frame(CONNECTED).to_vec();
        binary[0] = 0x82;
        within(pair.library.write_all(&binary)).await.unwrap();
        pair.library_writes(&[&format!("42[\"{SWITCH_EVENT}eroo\"]")])
            .await;
        assert_eq!(pair.client_reads(lookalikes.len()).await, lookalikes);
        let mut rest = vec![0; binary.len()];
        tokio::io::AsyncReadExt::read_exact(&mut pair.client, &mut rest)
            .await
            .unwrap();
        assert_eq!(rest, binary);
        assert_eq!(
            pair.client_reads(1).await,
            [format!("42[\"{SWITCH_EVENT}eroo\"]")]
        );
        let sign = if until == Until::Connected {
            CONNECTED.to_owned()
        } else {
            switch()
        };
        pair.library_writes(&[&sign, "2"]).await;
        let mut expected = vec![sign, "42[\"room\"]".to_owned(), "2".to_owned()];
        expected.drain(..usize::from(until == Until::Switched));
        assert_eq!(pair.client_reads(expected.len()).await, expected);
    }
}

#[tokio::test]
async fn each_wait_has_its_own_sign() {
    let mut pair = Pair::held_until(Until::Switched, ROOMY).await;
    pair.room_sends(&["42[\"room\"]"]);
    pair.library_writes(&[CONNECTED, "42[\"x\"]"]).await;
    assert_eq!(pair.client_reads(2).await, [CONNECTED, "42[\"x\"]"]);
    pair.library_writes(&[&switch()]).await;
    assert_eq!(pair.client_reads(1).await, ["42[\"room\"]"]);
}

/// More frames than one system call takes (1,024), which had to wait.
#[tokio::test]
async fn everything_that_was_held_comes_in_order() {
    let mut pair = Pair::held_until(Until::Connected, ROOMY).await;
    let events: Vec<String> = (0..3000)
        .map(|number| event("e", number, number % 300))
        .collect();
    for pieces in events.chunks(7) {
        let frames: Vec<Bytes> = pieces.iter().map(|payload| frame(payload)).collect();
        assert_eq!(pair.wire.send(&frames, &[]), Sent::Ok);
    }
    pair.library_writes(&[CONNECTED]).await;
    assert_eq!(pair.client_reads(1).await, [CONNECTED]);
    assert_eq!(pair.client_reads(events.len()).await, events);
}

#[tokio::test]
async fn for_who_never_connects_no_more_is_kept_than_for_who_never_reads() {
    let mut pair = Pair::held_until(Until::Connected, 1000).await;
    let full = event("e", 0, 900);
    assert_eq!(pair.room_sends(&[&full]), Sent::Ok);
    assert_eq!(pair.room_sends(&[&full]), Sent::Ok);
    assert_eq!(pair.room_sends(&[&full]), Sent::FellBehind);
    assert_eq!(pair.room_sends(&[&full]), Sent::Behind);
    let answer = [frame(&full)];
    assert_eq!(pair.wire.send(&[], &answer), Sent::Behind);
    assert_eq!(pair.wire.send(&[], &answer), Sent::Closed);
    assert_eq!(pair.client_reads_to_the_end().await, b"");
}

/// Who comes back may have more to be shown than fits: it is connected, and shown the rest later.
#[tokio::test]
async fn who_has_too_much_to_be_shown_is_connected_all_the_same() {
    let mut pair = Pair::held_until(Until::Connected, 1000).await;
    let full = event("e", 0, 900);
    for sent in [Sent::Ok, Sent::Ok, Sent::FellBehind] {
        assert_eq!(pair.room_sends(&[&full]), sent);
    }
    pair.library_writes(&[CONNECTED]).await;
    let expected = [CONNECTED, full.as_str(), full.as_str()];
    assert_eq!(pair.client_reads(3).await, expected);
    pair.wire.drained().await;
    pair.wire.caught_up();
    assert_eq!(pair.room_sends(&[&full]), Sent::Ok);
}
