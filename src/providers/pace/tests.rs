use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::clock::ManualClock;
use crate::domain::time::Timestamp;

const RATE: Rate = Rate {
    count: 4,
    period: Duration::from_secs(4),
};

fn gate(at_once: usize, rate: Option<Rate>) -> (Gate, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp(1_000_000)));
    (Gate::new(at_once, rate, clock.clone()), clock)
}

fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// How many get through at once.
fn passing(gate: &Gate, urgency: Urgency) -> usize {
    std::iter::repeat_with(|| poll(pin!(gate.enter(urgency))).is_ready())
        .take_while(|passed| *passed)
        .count()
}

#[test]
fn the_burst_goes_at_once_and_the_rest_evenly() {
    let (gate, clock) = gate(64, Some(RATE));
    assert_eq!(passing(&gate, Urgency::Awaited), 4);
    clock.advance(Duration::from_millis(2_500));
    assert_eq!(passing(&gate, Urgency::Awaited), 2);
    gate.exhaust();
    clock.advance(Duration::from_millis(1_000));
    assert_eq!(passing(&gate, Urgency::Awaited), 1);
}

#[test]
fn whoever_is_awaited_finds_some_of_the_rate_left() {
    let (gate, clock) = gate(64, Some(RATE));
    assert_eq!(passing(&gate, Urgency::Background), 3);
    assert_eq!(passing(&gate, Urgency::Awaited), 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(passing(&gate, Urgency::Background), 0);
    assert_eq!(passing(&gate, Urgency::Awaited), 1);
}

#[test]
fn those_who_wait_go_when_it_is_their_turn() {
    let (gate, clock) = gate(64, Some(RATE));
    assert_eq!(passing(&gate, Urgency::Awaited), 4);
    let (mut first, mut second) = (
        pin!(gate.enter(Urgency::Awaited)),
        pin!(gate.enter(Urgency::Awaited)),
    );
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    clock.advance(Duration::from_secs(1));
    assert!(poll(second.as_mut()).is_pending(), "not before the first");
    assert!(poll(first.as_mut()).is_ready());
    assert!(poll(second.as_mut()).is_pending());
    clock.advance(Duration::from_secs(1));
    assert!(poll(second.as_mut()).is_ready());
}

#[test]
fn places_are_given_back_and_some_are_kept_for_the_awaited() {
    let (gate, _clock) = gate(4, None);
    let mut held = Vec::new();
    let mut enter = |urgency| match poll(pin!(gate.enter(urgency))) {
        Poll::Ready(place) => {
            held.push(place.unwrap());
            true
        }
        Poll::Pending => false,
    };
    assert!(enter(Urgency::Background) && enter(Urgency::Background));
    assert!(!enter(Urgency::Background));
    assert!(enter(Urgency::Awaited) && enter(Urgency::Awaited));
    assert!(!enter(Urgency::Awaited));
    drop(held);
    assert!(passing_once(&gate));
}

fn passing_once(gate: &Gate) -> bool {
    poll(pin!(gate.enter(Urgency::Background))).is_ready()
}

#[test]
fn not_everybody_may_wait() {
    let (gate, _clock) = gate(1, None);
    let Poll::Ready(_held) = poll(pin!(gate.enter(Urgency::Awaited))) else {
        panic!("nobody was there before")
    };
    let mut waiting: Vec<_> = (0..QUEUED)
        .map(|_| Box::pin(gate.enter(Urgency::Awaited)))
        .collect();
    assert!(waiting.iter_mut().all(|it| poll(it.as_mut()).is_pending()));
    let refused = poll(pin!(gate.enter(Urgency::Awaited)));
    assert!(matches!(
        refused,
        Poll::Ready(Err(ProviderFault::RateLimited))
    ));
}
