//! Two nodes, one store.

use std::sync::Arc;

use usher::domain::refusal::{Kind, Refusal};
use usher::domain::room::{Commit, Event, Replica};
use usher::engine::reply::{Answer, Outcome};
use usher::store::MemoryRoomStore;

use crate::support::directory::Verdict;
use crate::support::node::{Node, World};
use crate::support::people::{
    MAKE_COHOST, MAKE_HOST, REMOVE_HOST, empty_room, is_host, mute, names,
};
use crate::support::random::Dice;
use crate::support::settled;
use crate::support::sink::Told;
use crate::support::store::BreakableStore;

async fn two_nodes(world: &World) -> (Node, Node) {
    let (one, two) = (world.node(1), world.node(2));
    one.joins("ann").await.unwrap();
    two.joins("zoe").await.unwrap();
    (one, two)
}

/// The revisions that the people of a node were told of, in order.
fn revisions(commits: &[Commit]) -> Vec<u64> {
    commits.iter().map(|commit| commit.rev).collect()
}

#[tokio::test(start_paused = true)]
async fn both_nodes_see_the_same_revisions_in_the_same_order() {
    let world = World::of_ann();
    let (one, two) = two_nodes(&world).await;
    for name in ["bob", "cy", "dee"] {
        one.joins(name).await.unwrap();
        two.answer(two.says("zoe", mute(name == "cy")))
            .await
            .unwrap();
        one.changes_role("ann", name, MAKE_COHOST).await.unwrap();
    }
    settled().await;
    let (by_one, by_two) = (one.sink.commits(), two.sink.commits());
    assert_eq!(
        revisions(&by_one),
        Vec::from_iter(1..=u64::try_from(by_one.len()).unwrap())
    );
    assert_eq!(by_two, by_one[1..], "node 2 came after the first commit");
    assert_eq!(one.room().await, two.room().await);
}

#[tokio::test(start_paused = true)]
async fn people_are_answered_on_their_own_node_only() {
    let world = World::of_ann();
    let (one, two) = two_nodes(&world).await;
    one.joins("bob").await.unwrap();
    settled().await;
    let answered = |node: &Node| node.sink.answers().len();
    assert_eq!((answered(&one), answered(&two)), (2, 1));
}

/// A store that is as far away as a network makes it, so that nodes do come too late.
fn on_a_distant_store() -> (World, Arc<BreakableStore>) {
    let store = BreakableStore::keeping(100_000);
    let mut world = World::of_ann();
    world.store = store.clone();
    (world, store)
}

/// Each host removes the other at the same moment. The second to arrive is judged on the room that
/// the first has left: no longer a host.
#[tokio::test(start_paused = true)]
async fn two_hosts_who_remove_each_other_leave_one() {
    let (world, store) = on_a_distant_store();
    let (one, two) = two_nodes(&world).await;
    one.joins("bob").await.unwrap();
    one.changes_role("ann", "bob", MAKE_HOST).await.unwrap();
    one.changes_role("ann", "zoe", MAKE_HOST).await.unwrap();
    settled().await;
    let by_bob = one.asks_for_role("bob", "zoe", REMOVE_HOST);
    let by_zoe = two.asks_for_role("zoe", "bob", REMOVE_HOST);
    let outcomes = [one.answer(by_bob).await, two.answer(by_zoe).await];
    assert_eq!(store.conflicts(), 1);
    let no_host = Err(Refusal::NotHostForRole(REMOVE_HOST));
    assert!(
        outcomes.contains(&Ok(Outcome::Done)) && outcomes.contains(&no_host),
        "{outcomes:?}"
    );
    settled().await;
    let room = two.room().await;
    assert_eq!(room, one.room().await);
    assert_ne!(is_host(&room, "bob"), is_host(&room, "zoe"));
}

#[tokio::test(start_paused = true)]
async fn the_last_seat_is_given_once() {
    let (mut world, store) = on_a_distant_store();
    world.policy.max_participants = 3;
    let (one, two) = two_nodes(&world).await;
    let (bob, cy) = (one.asks_to_join("bob"), two.asks_to_join("cy"));
    let outcomes = [one.answer(bob).await, two.answer(cy).await];
    assert_eq!(store.conflicts(), 1);
    let full = Err(Refusal::RoomFull);
    assert!(
        outcomes.iter().filter(|outcome| **outcome == full).count() == 1,
        "{outcomes:?}"
    );
    settled().await;
    assert_eq!(one.room().await.len(), 3);
    assert_eq!(one.room().await, two.room().await);
}

/// Mixed commands from both ends, all at once.
#[tokio::test(start_paused = true)]
async fn a_storm_from_both_ends_leaves_equal_replicas_and_a_log_without_a_hole() {
    let (mut world, store) = on_a_distant_store();
    world.limits.batch = 5;
    let (one, two) = two_nodes(&world).await;
    for seed in 0..600 {
        for node in [&one, &two] {
            let (actor, command) = Dice::new(seed * 2 + node.id.0).command(node.id);
            node.send(node.connection_of("ann"), actor, command);
        }
        if seed % 7 == 0 {
            tokio::task::yield_now().await;
        }
    }
    settled().await;
    assert!(
        store.conflicts() > 20,
        "only {} conflicts",
        store.conflicts()
    );
    for node in [&one, &two] {
        let answers = node.sink.answers();
        assert_eq!(answers.len(), 601, "everybody is answered, once");
        let down = |answer: &&Answer| {
            answer
                .outcome
                .as_ref()
                .is_err_and(|refusal| refusal.kind() == Kind::Unavailable)
        };
        assert_eq!(answers.iter().find(down), None);
    }
    let log = world.store.log(&world.key).await.unwrap();
    let log: Vec<Commit> = log.iter().map(|commit| Commit::clone(commit)).collect();
    assert!(log.len() > 100, "only {} commits", log.len());
    assert_eq!(
        revisions(&log),
        Vec::from_iter(1..=u64::try_from(log.len()).unwrap())
    );
    assert_eq!(
        one.sink.commits(),
        log,
        "node 1 was told of each commit once, in order"
    );
    assert_eq!(two.sink.commits(), log[1..]);
    let mut fresh = empty_room(&world.key, log[0].epoch.0, Some("ann"));
    fresh.policy = Arc::new(world.policy.clone());
    let mut fold = Replica::new(fresh);
    for commit in &log {
        assert_eq!(fold.apply(commit), Ok(true));
    }
    assert_eq!(*fold.room(), one.room().await);
    assert_eq!(*fold.room(), two.room().await);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_both_nodes_see_takes_effect_once() {
    let world = World::of_ann();
    let (one, two) = two_nodes(&world).await;
    one.joins("bob").await.unwrap();
    one.loses("bob").await;
    two.answer(two.says("zoe", mute(false))).await.unwrap();
    world.seconds_pass(20);
    settled().await;
    assert_eq!(names(&one.room().await), ["ann", "zoe"]);
    let gone = |event: &Event| matches!(event, Event::ParticipantLeft { .. });
    for node in [&one, &two] {
        let events = node
            .sink
            .commits()
            .into_iter()
            .flat_map(|commit| commit.events);
        assert_eq!(events.filter(gone).count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_fell_out_of_a_short_log_starts_again_from_the_room() {
    let mut world = World::of_ann();
    world.store = Arc::new(MemoryRoomStore::new(4));
    let (one, two) = two_nodes(&world).await;
    world.directory.holds_writes();
    two.waits_for_an_end().await;
    for round in 0..300 {
        one.answer(one.says("ann", mute(round % 2 == 1)))
            .await
            .unwrap();
    }
    world.directory.ends_writes(Verdict::Kept);
    world.directory.says(Verdict::Lost);
    two.joins("bob").await.unwrap();
    settled().await;
    assert_eq!(one.room().await, two.room().await);
    assert!(
        two.sink
            .all()
            .iter()
            .any(|told| matches!(told, Told::Resynced))
    );
}

/// A feed holds 256 commits. Who was held up for longer has lost the newest ones, and must find out
/// without waiting for somebody to commit again.
#[tokio::test(start_paused = true)]
async fn a_node_that_was_held_up_sees_everything_although_nothing_more_happens() {
    let world = World::of_ann();
    let (one, two) = two_nodes(&world).await;
    world.directory.holds_writes();
    two.waits_for_an_end().await;
    for round in 0..300 {
        one.answer(one.says("ann", mute(round % 2 == 1)))
            .await
            .unwrap();
    }
    world.directory.says(Verdict::Lost);
    settled().await;
    world.seconds_pass(15);
    settled().await;
    assert_eq!(two.room().await.rev, one.room().await.rev);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_empty_is_forgotten_by_both_and_then_by_the_store() {
    let world = World::of_ann();
    let (one, two) = two_nodes(&world).await;
    one.leaves("ann").await;
    two.leaves("zoe").await;
    settled().await;
    world.seconds_pass(30);
    settled().await;
    assert!(one.rooms.is_empty() && two.rooms.is_empty());
    assert!(world.store.log(&world.key).await.unwrap().is_empty());
    two.joins("bob").await.unwrap();
    assert_eq!(two.room().await.rev, 1);
}

/// The store has forgotten the room, and before its answer is there somebody joins.
#[tokio::test(start_paused = true)]
async fn who_joins_while_the_room_is_being_forgotten_gets_in() {
    let store = BreakableStore::new();
    let mut world = World::of_ann();
    world.store = store.clone();
    let node = world.node(1);
    node.joins("ann").await.unwrap();
    node.leaves("ann").await;
    store.holds_forgetting();
    world.seconds_pass(30);
    store.is_forgetting().await;
    let bob = node.asks_to_join("bob");
    store.releases_forgetting();
    node.answer(bob).await.unwrap();
    assert_eq!(names(&node.room().await), ["bob"]);
}

/// The same, where the other node still has the room: who stays has to hear of the other's people.
#[tokio::test(start_paused = true)]
async fn who_joins_while_the_room_is_being_forgotten_hears_of_the_other_node() {
    let store = BreakableStore::new();
    let mut world = World::of_ann();
    world.store = store.clone();
    let (one, two) = two_nodes(&world).await;
    one.leaves("ann").await;
    two.leaves("zoe").await;
    settled().await;
    store.holds_forgetting();
    world.seconds_pass(30);
    store.is_forgetting().await;
    let (bob, cy) = (one.asks_to_join("bob"), two.asks_to_join("cy"));
    store.releases_forgetting();
    one.answer(bob).await.unwrap();
    two.answer(cy).await.unwrap();
    two.joins("dee").await.unwrap();
    settled().await;
    assert_eq!(one.room().await.len(), 3);
    assert_eq!(one.room().await, two.room().await);
}
