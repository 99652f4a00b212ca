//! The store or the database does not answer: everybody is told, nothing is invented, and it heals.

use usher::domain::refusal::Kind;
use usher::domain::room::Actor;

use crate::support::node::World;
use crate::support::people::{MAKE_HOST, change_role, mute, names};
use crate::support::store::{BreakableStore, Mood};
use crate::support::{settled, within};

use std::sync::Arc;

fn on_a_breakable_store() -> (World, Arc<BreakableStore>) {
    let store = BreakableStore::new();
    let mut world = World::of_ann();
    world.store = store.clone();
    (world, store)
}

#[tokio::test(start_paused = true)]
async fn a_room_that_sql_cannot_tell_of_refuses_whoever_waits_and_the_next_join_works() {
    let world = World::of_ann();
    let node = world.node(1);
    world.directory.refuses_reads(true);
    let waiting = [node.asks_to_join("ann"), node.asks_to_join("bob")];
    for ticket in waiting {
        assert_eq!(
            node.answer(ticket).await.unwrap_err().kind(),
            Kind::Unavailable
        );
    }
    assert!(node.rooms.is_empty());
    world.directory.refuses_reads(false);
    node.joins("ann").await.unwrap();
    assert_eq!(names(&node.room().await), ["ann"]);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_the_store_cannot_open_refuses_whoever_waits_and_the_next_join_works() {
    let (world, store) = on_a_breakable_store();
    let node = world.node(1);
    store.is(Mood::Refusing);
    let waiting = [node.asks_to_join("ann"), node.asks_to_join("bob")];
    for ticket in waiting {
        assert_eq!(
            node.answer(ticket).await.unwrap_err().kind(),
            Kind::Unavailable
        );
    }
    store.is(Mood::Well);
    node.joins("ann").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_for_a_room_that_cannot_be_loaded_is_told() {
    let (world, store) = on_a_breakable_store();
    let node = world.node(1);
    store.is(Mood::Refusing);
    let asks = node.rooms.change(
        &node.key,
        Actor::Service(None),
        change_role("ann", MAKE_HOST),
    );
    assert_eq!(within(asks).await.unwrap_err().kind(), Kind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_refuses_nothing_changes_and_the_room_stays_readable() {
    let (world, store) = on_a_breakable_store();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    let before = node.room().await;
    store.is(Mood::Refusing);
    let refused = [
        node.asks_to_join("cy"),
        node.asks_for_role("ann", "bob", MAKE_HOST),
        node.says("bob", mute(false)),
    ];
    for ticket in refused {
        assert_eq!(
            node.answer(ticket).await.unwrap_err().kind(),
            Kind::Unavailable
        );
    }
    assert_eq!(node.room().await, before);
    assert!(
        world.directory.asked().is_empty(),
        "what did not happen is not written"
    );
    store.is(Mood::Well);
    node.joins("cy").await.unwrap();
    assert_eq!(names(&node.room().await), ["ann", "bob", "cy"]);
}

#[tokio::test(start_paused = true)]
async fn a_join_that_was_accepted_unheard_takes_effect_once() {
    let (world, store) = on_a_breakable_store();
    let node = world.node(1);
    node.joins("ann").await.unwrap();
    store.is(Mood::LosingOneAnswer);
    let _unheard = node.joins("bob").await;
    node.joins("bob").await.unwrap();
    let room = node.room().await;
    assert_eq!(names(&room), ["ann", "bob"]);
    assert_eq!(room.participants().last().unwrap().connections.len(), 1);
    let log = world.store.log(&world.key).await.unwrap();
    assert_eq!(
        node.sink.commits().len(),
        log.len(),
        "the node was told of each commit once"
    );
}

/// A grace runs out while the store is down. The room tries again later, not all the time.
#[tokio::test(start_paused = true)]
async fn a_deadline_that_meets_a_broken_store_is_met_later_and_without_haste() {
    let (world, store) = on_a_breakable_store();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    node.loses("bob").await;
    store.is(Mood::Refusing);
    world.seconds_pass(20);
    for _ in 0..2000 {
        tokio::task::yield_now().await;
    }
    assert!(store.attempts() >= 1);
    assert!(
        store.attempts() < 20,
        "{} attempts in no time",
        store.attempts()
    );
    store.is(Mood::Well);
    world.seconds_pass(5);
    settled().await;
    assert_eq!(names(&node.room().await), ["ann"]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_room_that_cannot_be_forgotten_is_forgotten_later() {
    let (world, store) = on_a_breakable_store();
    let node = world.node(1);
    node.joins("ann").await.unwrap();
    node.leaves("ann").await;
    store.is(Mood::Refusing);
    world.seconds_pass(30);
    settled().await;
    assert!(node.rooms.is_loaded(&world.key));
    store.is(Mood::Well);
    world.seconds_pass(30);
    settled().await;
    assert!(node.rooms.is_empty());
    assert!(world.store.log(&world.key).await.unwrap().is_empty());
}

/// The store has taken a join whose answer was lost. Everybody sees Bob but his own node, which has
/// to find out by itself: Bob may never ask again.
#[tokio::test(start_paused = true)]
async fn a_commit_that_was_accepted_unheard_is_found_out_although_nobody_asks() {
    let (world, store) = on_a_breakable_store();
    let (one, two) = (world.node(1), world.node(2));
    one.joins("ann").await.unwrap();
    two.joins("zoe").await.unwrap();
    settled().await;
    store.is(Mood::LosingOneAnswer);
    assert!(one.joins("bob").await.is_err());
    settled().await;
    assert_eq!(names(&two.room().await), ["ann", "zoe", "bob"]);
    world.seconds_pass(15);
    settled().await;
    assert_eq!(one.room().await, two.room().await);
}

/// The feed has ended and the store does not answer: that is no reason to let people wait.
#[tokio::test(start_paused = true)]
async fn while_the_room_cannot_be_opened_again_people_are_refused_and_not_kept_waiting() {
    let (world, store) = on_a_breakable_store();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    let before = node.room().await;
    store.loses_the_feed_of(node.id, &before).await;
    store.is(Mood::Refusing);
    settled().await;
    assert_eq!(
        node.joins("cy").await.unwrap_err().kind(),
        Kind::Unavailable
    );
    assert_eq!(node.room().await, before, "and can still be read");
    store.is(Mood::Well);
    world.seconds_pass(5);
    settled().await;
    node.joins("cy").await.unwrap();
    let two = world.node(2);
    two.joins("dee").await.unwrap();
    settled().await;
    assert_eq!(node.room().await, two.room().await);
}
