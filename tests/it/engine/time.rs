//! What happens when time passes. Nobody waits for it: the tests move the clock.

use usher::domain::id::ConnectionId;
use usher::domain::room::{Actor, Event, HostChangeCause, HostSeat, LeaveReason};
use usher::engine::directory::LedgerEntry;

use crate::support::directory::Verdict;
use crate::support::node::{Node, World};
use crate::support::people::{
    END, MAKE_COHOST, MAKE_HOST, acting, is_host, join, leave, lose, names, user,
};
use crate::support::{settled, within};

async fn with_ann_bob_and_cy(world: &World) -> Node {
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob", "cy"]).await;
    node
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_leaves_when_its_grace_is_over_and_not_before() {
    let world = World::of_ann();
    let node = with_ann_bob_and_cy(&world).await;
    node.loses("bob").await;
    world.seconds_pass(19);
    settled().await;
    assert_eq!(names(&node.room().await), ["ann", "bob", "cy"]);
    world.seconds_pass(1);
    let gone = |event: &Event| {
        let reason = LeaveReason::Disconnected;
        *event
            == Event::ParticipantLeft {
                user: user("bob"),
                reason,
            }
    };
    node.sink.commit_with(gone).await;
    assert_eq!(names(&node.room().await), ["ann", "cy"]);
}

#[tokio::test(start_paused = true)]
async fn who_is_back_within_the_grace_keeps_the_seat() {
    let world = World::of_ann();
    let node = with_ann_bob_and_cy(&world).await;
    node.loses("bob").await;
    world.seconds_pass(19);
    let again = ConnectionId(777);
    let back = node.send(again, acting("bob"), join("bob", again, node.id));
    node.answer(back).await.unwrap();
    world.seconds_pass(60);
    settled().await;
    let late = node.send(again, Actor::System, lose(node.connection_of("bob")));
    node.answer(late).await.unwrap();
    world.seconds_pass(60);
    settled().await;
    assert_eq!(
        names(&node.room().await),
        ["ann", "bob", "cy"],
        "and a late clean-up is too late"
    );
}

#[tokio::test(start_paused = true)]
async fn after_the_role_grace_the_earliest_cohost_stands_in() {
    let world = World::of_ann();
    let node = with_ann_bob_and_cy(&world).await;
    node.changes_role("ann", "cy", MAKE_COHOST).await.unwrap();
    world.seconds_pass(1);
    node.changes_role("ann", "bob", MAKE_COHOST).await.unwrap();
    node.leaves("ann").await;
    world.seconds_pass(59);
    settled().await;
    assert!(matches!(
        node.room().await.host_seat,
        HostSeat::Vacant { .. }
    ));
    world.seconds_pass(1);
    let succeeded = Event::HostChanged {
        user: Some(user("cy")),
        cause: HostChangeCause::Succession,
    };
    node.sink.commit_with(|event| *event == succeeded).await;
    let room = node.room().await;
    assert!(is_host(&room, "cy") && !is_host(&room, "bob"));
    settled().await;
    let noted = |entry: &LedgerEntry| matches!(entry, LedgerEntry::Audit(row) if row.action == "host-changed" && row.cause == "succession");
    assert!(
        world.directory.entries().iter().any(noted),
        "and the audit knows"
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_who_returns_takes_the_place_back() {
    let world = World::of_ann();
    let node = with_ann_bob_and_cy(&world).await;
    node.changes_role("ann", "cy", MAKE_COHOST).await.unwrap();
    node.leaves("ann").await;
    world.seconds_pass(60);
    settled().await;
    assert!(is_host(&node.room().await, "cy"));
    node.joins("ann").await.unwrap();
    let room = node.room().await;
    assert_eq!(room.host_seat, HostSeat::Taken);
    assert!(is_host(&room, "ann") && !is_host(&room, "cy"));
}

#[tokio::test(start_paused = true)]
async fn guests_never_inherit() {
    let world = World::of_ann();
    let node = with_ann_bob_and_cy(&world).await;
    node.leaves("ann").await;
    world.seconds_pass(60);
    settled().await;
    assert_eq!(node.room().await.host_seat, HostSeat::Hostless);
}

#[tokio::test(start_paused = true)]
async fn an_empty_room_is_unloaded_and_comes_back_with_its_grants() {
    let world = World::of_ann();
    let node = with_ann_bob_and_cy(&world).await;
    node.changes_role("ann", "bob", MAKE_HOST).await.unwrap();
    let epoch = node.room().await.epoch;
    for name in ["ann", "bob", "cy"] {
        node.leaves(name).await;
    }
    world.seconds_pass(29);
    settled().await;
    assert!(node.rooms.is_loaded(&world.key));
    world.seconds_pass(1);
    settled().await;
    assert!(node.rooms.is_empty(), "still loaded");
    assert!(
        world.store.log(&world.key).await.unwrap().is_empty(),
        "still stored"
    );
    node.joins("bob").await.unwrap();
    let room = node.room().await;
    assert!(is_host(&room, "bob"), "a grant outlives its room");
    assert_ne!(room.epoch, epoch, "another life of the log");
    assert_eq!(room.rev, 1);
}

#[tokio::test(start_paused = true)]
async fn a_room_with_somebody_in_it_stays() {
    let world = World::of_ann();
    let node = with_ann_bob_and_cy(&world).await;
    node.leaves("ann").await;
    world.seconds_pass(3600);
    settled().await;
    assert_eq!(names(&node.room().await), ["bob", "cy"]);
}

#[tokio::test(start_paused = true)]
async fn an_ended_room_is_unloaded_and_stays_ended() {
    let world = World::of_ann();
    let node = with_ann_bob_and_cy(&world).await;
    node.answer(node.says("ann", END)).await.unwrap();
    world.seconds_pass(30);
    settled().await;
    assert!(node.rooms.is_empty());
    assert!(node.joins("bob").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_empty_room_waits_for_its_last_write() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.directory.holds_writes();
    let role = node.asks_for_role("ann", "bob", MAKE_HOST);
    world.directory.was_asked(1).await;
    node.leaves("ann").await;
    let gone = leave(node.connection_of("bob"));
    node.answer(node.says("bob", gone)).await.unwrap();
    let told = node.sink.all().len();
    world.seconds_pass(30);
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(node.rooms.is_loaded(&world.key));
    let since = node.sink.all().len() - told;
    assert!(
        since < 10,
        "it looked at itself {since} times while there was nothing to do"
    );
    world.directory.ends_writes(Verdict::Kept);
    world.directory.says(Verdict::Kept);
    node.answer(role).await.unwrap();
    world.seconds_pass(30);
    settled().await;
    assert!(node.rooms.is_empty());
}

#[tokio::test(start_paused = true)]
async fn rooms_end_with_the_node_that_held_them() {
    let world = World::of_ann();
    let node = with_ann_bob_and_cy(&world).await;
    let Node { rooms, tracker, .. } = node;
    drop(rooms);
    tracker.close();
    within(tracker.wait()).await;
}
