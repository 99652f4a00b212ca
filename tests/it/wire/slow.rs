//! A client that does not read: bounded, noticed, and given another chance.

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use usher::socket::wire::Sent;

use super::pair::{Pair, ROOMY, event, frame};
use crate::support::within;

const LIMIT: usize = 20_000;

/// Sends until the client has fallen behind; what was accepted comes back.
fn sends_until_behind(pair: &Pair) -> Vec<String> {
    let mut accepted = Vec::new();
    for number in 0..100_000 {
        let payload = event("e", number, 500);
        match pair.room_sends(&[&payload]) {
            Sent::Ok => accepted.push(payload),
            Sent::FellBehind => return accepted,
            other @ (Sent::Behind | Sent::Closed) => panic!("{other:?}"),
        }
    }
    panic!("the queue has no bound");
}

#[tokio::test]
async fn who_does_not_read_falls_behind_and_is_told_nothing_more() {
    let pair = Pair::open(LIMIT).await;
    sends_until_behind(&pair);
    for _ in 0..3 {
        assert_eq!(
            pair.room_sends(&["42[\"lost\"]"]),
            Sent::Behind,
            "once is enough"
        );
    }
}

#[tokio::test]
async fn what_was_accepted_arrives_whole_and_then_the_client_may_start_over() {
    let mut pair = Pair::open(LIMIT).await;
    let accepted = sends_until_behind(&pair);
    assert!(
        pair.wire.drained().now_or_never().is_none(),
        "something waits"
    );
    assert_eq!(pair.client_reads(accepted.len()).await, accepted);
    within(pair.wire.drained()).await;
    assert_eq!(
        pair.room_sends(&["42[\"lost\"]"]),
        Sent::Behind,
        "not before the room is shown"
    );
    pair.wire.caught_up();
    assert_eq!(pair.room_sends(&["42[\"anew\"]"]), Sent::Ok);
    assert_eq!(pair.client_reads(1).await, ["42[\"anew\"]"]);
}

#[tokio::test]
async fn who_has_fallen_behind_can_do_so_again() {
    let mut pair = Pair::open(LIMIT).await;
    for _ in 0..3 {
        let accepted = sends_until_behind(&pair);
        assert_eq!(pair.client_reads(accepted.len()).await, accepted);
        within(pair.wire.drained()).await;
        pair.wire.caught_up();
    }
}

#[tokio::test]
async fn answers_reach_who_has_fallen_behind() {
    let mut pair = Pair::open(LIMIT).await;
    let accepted = sends_until_behind(&pair);
    pair.room_answers("430[]");
    let event_and_answer = pair.wire.send(&[frame("42[\"lost\"]")], &[frame("431[]")]);
    assert_eq!(event_and_answer, Sent::Behind, "the event is dropped");
    assert_eq!(pair.client_reads(accepted.len()).await, accepted);
    assert_eq!(pair.client_reads(2).await, ["430[]", "431[]"]);
}

/// The list of a large room may be longer than the limit on its own; who is reading it is not slow.
#[tokio::test]
async fn one_long_frame_is_no_reason_to_cut_anybody_off() {
    let mut pair = Pair::open(LIMIT).await;
    let list = event("existing-participants", 0, 4 * LIMIT);
    assert_eq!(pair.room_sends(&[&list]), Sent::Ok);
    assert_eq!(pair.room_sends(&["42[\"lost\"]"]), Sent::FellBehind);
    assert_eq!(pair.client_reads(1).await, [list]);
    within(pair.wire.drained()).await;
    pair.wire.caught_up();
    assert_eq!(pair.room_sends(&["42[\"anew\"]"]), Sent::Ok);
}

/// Nor is it one when the library's heartbeat comes in between.
#[tokio::test]
async fn a_heartbeat_behind_a_long_frame_cuts_nobody_off() {
    let mut pair = Pair::open(LIMIT).await;
    let list = event("existing-participants", 0, 4 * LIMIT);
    assert_eq!(pair.room_sends(&[&list]), Sent::Ok);
    pair.library_writes(&["2"]).await;
    assert_eq!(pair.client_reads(2).await, [list, "2".to_owned()]);
}

#[tokio::test]
async fn who_asks_without_ever_reading_is_cut_off() {
    let pair = Pair::open(LIMIT).await;
    sends_until_behind(&pair);
    let answer = event("answer", 0, 500);
    let outcomes: Vec<Sent> = (0..200).map(|_| pair.room_answers(&answer)).collect();
    let accepted = outcomes
        .iter()
        .take_while(|sent| **sent != Sent::Closed)
        .count();
    assert!((10..100).contains(&accepted), "{accepted} answers waited");
    assert!(
        outcomes[accepted..]
            .iter()
            .all(|sent| *sent == Sent::Closed)
    );
}

#[tokio::test]
async fn a_library_that_talks_to_a_dead_client_is_cut_off() {
    let mut pair = Pair::open(LIMIT).await;
    let heartbeat = frame(&event("library", 0, 500));
    let mut written = 0;
    while pair.library.write_all(&heartbeat).await.is_ok() {
        written += heartbeat.len();
        assert!(written < 50 * LIMIT, "the queue has no bound");
    }
    assert_eq!(pair.room_sends(&["42[\"x\"]"]), Sent::Closed);
}

/// Before the upgrade the library is held back instead: an HTTP answer may be of any size.
#[tokio::test]
async fn a_long_http_answer_waits_for_its_reader_and_arrives_whole() {
    let mut pair = Pair::speaking_http(LIMIT).await;
    let answer: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_be_bytes).collect();
    let sent = answer.clone();
    let mut library = pair.library;
    let writing = async move {
        for piece in sent.chunks(8192) {
            library.write_all(piece).await.unwrap();
        }
        library
    };
    let mut writing = std::pin::pin!(writing);
    assert!(
        writing.as_mut().now_or_never().is_none(),
        "12 MB without a reader"
    );
    let mut got = vec![0; answer.len()];
    let (library, read) =
        within(async { tokio::join!(writing, pair.client.read_exact(&mut got)) }).await;
    read.unwrap();
    assert!(got == answer);
    drop(library);
}

#[tokio::test]
async fn where_nothing_waits_everything_is_drained() {
    let pair = Pair::open(ROOMY).await;
    assert!(pair.wire.drained().now_or_never().is_some());
    pair.room_sends(&["42[\"x\"]"]);
    assert!(
        pair.wire.drained().now_or_never().is_some(),
        "the kernel took it at once"
    );
}
