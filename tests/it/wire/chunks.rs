//! Two writers, any mixture of sizes: what arrives is what was written, frame by frame and byte for
//! byte.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use usher::socket::wire::{SWITCH_EVENT, Sent, Until, Wire, WireIo};

use super::pair::{CONNECTED, Pair, ROOMY, event, frame};
use crate::support::within;

/// One step of a random conversation.
#[derive(Debug, Clone)]
enum Step {
    /// A room sends frames of these sizes at once.
    Room(Vec<usize>),
    /// The library writes frames of these sizes in one buffer.
    Library(Vec<usize>),
    /// The client reads this many bytes, if there are as many.
    Client(usize),
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![6 => 0..200_usize, 2 => 200..5000_usize, 1 => 65_000..70_000_usize];
    proptest::collection::vec(size, 1..6)
}

fn conversation() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => sizes().prop_map(Step::Room),
        3 => sizes().prop_map(Step::Library),
        3 => (1..100_000_usize).prop_map(Step::Client),
    ];
    proptest::collection::vec(step, 1..40)
}

fn holds_for_any<S: Strategy>(input: S, claim: impl Fn(S::Value) -> BoxedClaim) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&input, |input| {
            runtime.block_on(claim(input));
            Ok(())
        })
        .unwrap();
}

type BoxedClaim = futures_util::future::LocalBoxFuture<'static, ()>;

/// Bytes on their way, by whom and in which order.
#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    frames: usize,
}

impl Said {
    fn frames(&mut self, who: &str, sizes: &[usize]) -> Vec<Bytes> {
        let frame_of = |size: &usize| {
            self.frames += 1;
            frame(&event(who, self.frames, *size))
        };
        sizes.iter().map(frame_of).collect()
    }
}

#[test]
fn what_two_writers_wrote_arrives_in_order_byte_for_byte() {
    holds_for_any(conversation(), |steps| {
        Box::pin(async move {
            let mut pair = Pair::open(ROOMY).await;
            let (mut said, mut got) = (Said::default(), Vec::new());
            for step in steps {
                match step {
                    Step::Room(sizes) => {
                        let frames = said.frames("room", &sizes);
                        assert_eq!(pair.wire.send(&frames, &[]), Sent::Ok);
                        said.bytes.extend(frames.concat());
                    }
                    Step::Library(sizes) => {
                        let frames = said.frames("library", &sizes).concat();
                        within(pair.library.write_all(&frames)).await.unwrap();
                        said.bytes.extend(frames);
                    }
                    Step::Client(most) => {
                        let mut piece = vec![0; most.min(said.bytes.len() - got.len())];
                        within(pair.client.read_exact(&mut piece)).await.unwrap();
                        got.extend(piece);
                    }
                }
            }
            within(pair.library.shutdown()).await.unwrap();
            got.extend(pair.client_reads_to_the_end().await);
            assert!(
                got == said.bytes,
                "{} bytes of {}",
                got.len(),
                said.bytes.len()
            );
        })
    });
}

/// Library buffers of any shape around the sign, room frames at any time before it.
#[test]
fn wherever_the_sign_stands_the_rooms_come_right_after_it() {
    let around = || proptest::collection::vec(sizes(), 0..4);
    let input = (any::<bool>(), around(), around(), sizes(), sizes());
    holds_for_any(input, |(switched, before, rooms, first, last)| {
        Box::pin(async move {
            let until = if switched {
                Until::Switched
            } else {
                Until::Connected
            };
            let mut pair = Pair::held_until(until, ROOMY).await;
            let mut said = Said::default();
            let mut expected = Vec::new();
            for sizes in before {
                let frames = said.frames("library", &sizes).concat();
                within(pair.library.write_all(&frames)).await.unwrap();
                expected.extend(frames);
            }
            let held: Vec<Bytes> = rooms
                .iter()
                .flat_map(|sizes| said.frames("room", sizes))
                .collect();
            for frame in &held {
                assert_eq!(pair.wire.send(std::slice::from_ref(frame), &[]), Sent::Ok);
            }
            let (first, last) = (
                said.frames("library", &first),
                said.frames("library", &last),
            );
            let sign = match until {
                Until::Connected => frame(CONNECTED),
                Until::Switched => frame(&format!("42[\"{SWITCH_EVENT}\",null]")),
            };
            let buffer = [first.concat(), sign.to_vec(), last.concat()].concat();
            let writing = pair.library.write_all(&buffer);
            within(writing).await.unwrap();
            expected.extend(first.concat());
            expected.extend(if switched { Bytes::new() } else { sign });
            expected.extend(held.concat());
            expected.extend(last.concat());
            within(pair.library.shutdown()).await.unwrap();
            assert!(pair.client_reads_to_the_end().await == expected);
        })
    });
}

async fn library_talks(mut library: WireIo, frames: Vec<Bytes>) -> WireIo {
    for frame in frames {
        library.write_all(&frame).await.unwrap();
        tokio::task::yield_now().await;
    }
    library
}

async fn rooms_talk(wire: Arc<Wire>, frames: Vec<Bytes>) {
    for pieces in frames.chunks(3) {
        assert_eq!(wire.send(pieces, &[]), Sent::Ok);
        tokio::task::yield_now().await;
    }
}

/// Both talk at once, on threads of their own, while the client reads slowly.
#[tokio::test]
async fn writers_on_different_threads_meet_only_at_the_edge_of_a_frame() {
    let mut pair = Pair::open(ROOMY).await;
    let series = |who| {
        (0..1500)
            .map(|n| frame(&event(who, n, (n * 7919) % 3000)))
            .collect()
    };
    let (by_library, by_rooms): (Vec<Bytes>, Vec<Bytes>) = (series("library"), series("room"));
    let library = std::mem::replace(&mut pair.library, Pair::open(ROOMY).await.library);
    let (wire, handle) = (pair.wire.clone(), tokio::runtime::Handle::current());
    let other = handle.clone();
    let threads = [
        tokio::task::spawn_blocking(move || {
            handle.block_on(rooms_talk(wire, by_rooms));
            None
        }),
        tokio::task::spawn_blocking(move || {
            Some(other.block_on(library_talks(library, by_library)))
        }),
    ];
    let frames = pair.client_reads(3000).await;
    for (who, total) in [("library", 1500), ("room", 1500)] {
        let prefix = format!("42[\"{who}\",");
        let theirs: Vec<_> = frames
            .iter()
            .filter(|frame| frame.starts_with(&prefix))
            .collect();
        let expected: Vec<_> = (0..total)
            .map(|n| event(who, n, (n * 7919) % 3000))
            .collect();
        assert!(
            theirs.into_iter().eq(&expected),
            "{who}: whole and in order"
        );
    }
    for thread in threads {
        drop(thread.await.unwrap());
    }
}
