//! Ends and claims: SQL has them before anybody sees them.

use usher::domain::policy::UncreatedRooms;
use usher::domain::refusal::{Kind, Refusal};
use usher::domain::room::Event;
use usher::engine::directory::{Directory, LedgerEntry};

use crate::support::directory::Verdict;
use crate::support::node::World;
use crate::support::people::{END, MAKE_HOST, START, change_role, is_host, names, user};
use crate::support::settled;

const fn ends_it(event: &Event) -> bool {
    matches!(event, Event::MeetingEnded { .. })
}

#[tokio::test(start_paused = true)]
async fn an_end_is_durable_before_anybody_sees_it() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.directory.holds_writes();
    let ticket = node.says("ann", END);
    world.directory.was_asked(1).await;
    settled().await;
    assert_eq!(node.answer_yet(ticket), None);
    assert!(
        !node
            .sink
            .commits()
            .iter()
            .any(|commit| commit.events.iter().any(ends_it))
    );
    assert_eq!(world.directory.asked(), [[LedgerEntry::End { at: START }]]);
    world.directory.ends_writes(Verdict::Kept);
    world.directory.says(Verdict::Kept);
    node.answer(ticket).await.unwrap();
    assert!(node.room().await.is_empty());
    assert_eq!(node.joins("cy").await, Err(Refusal::MeetingEnded));
}

#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_written_ends_nothing() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.directory.ends_writes(Verdict::Lost);
    let refusal = node.answer(node.says("ann", END)).await.unwrap_err();
    assert_eq!(refusal.kind(), Kind::Unavailable);
    assert_eq!(names(&node.room().await), ["ann", "bob"]);
    node.joins("cy").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_not_allowed_is_not_written() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    assert_eq!(
        node.answer(node.says("bob", END)).await,
        Err(Refusal::NotHost)
    );
    assert!(world.directory.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_an_end_meets_the_ended_room() {
    let node = World::of_ann().node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    let ended = node.says("ann", END);
    let late = [
        node.asks_to_join("cy"),
        node.says("bob", change_role("ann", MAKE_HOST)),
    ];
    node.answer(ended).await.unwrap();
    for ticket in late {
        assert!(node.answer(ticket).await.is_err());
    }
    assert_eq!(names(&node.room().await), [""; 0]);
}

/// A role and an end in one flush: SQL has to hear of them in that order, as its audit is the
/// meeting's history.
#[tokio::test(start_paused = true)]
async fn sql_hears_of_a_role_before_the_end_that_came_after_it() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    let tickets = [
        node.asks_for_role("ann", "bob", MAKE_HOST),
        node.says("ann", END),
    ];
    for ticket in tickets {
        node.answer(ticket).await.unwrap();
    }
    settled().await;
    let kinds: Vec<_> = world
        .directory
        .entries()
        .iter()
        .map(|entry| match entry {
            LedgerEntry::Grant { .. } => "grant",
            LedgerEntry::Claim { .. } => "claim",
            LedgerEntry::End { .. } => "end",
            LedgerEntry::Sync { .. } => "sync",
            LedgerEntry::Audit(row) if row.action == "role-granted" => "grant's row",
            LedgerEntry::Audit(_) => "end's row",
        })
        .collect();
    assert_eq!(kinds, ["grant", "grant's row", "end", "end's row"]);
}

/// A directory may well make the end wait for the role before it.
#[tokio::test(start_paused = true)]
async fn an_end_and_a_role_that_is_under_way_do_not_wait_for_each_other_forever() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.directory.holds_writes();
    let role = node.asks_for_role("ann", "bob", MAKE_HOST);
    world.directory.was_asked(1).await;
    let end = node.says("ann", END);
    settled().await;
    world.directory.says(Verdict::Kept);
    world.directory.says(Verdict::Kept);
    node.answer(role).await.unwrap();
    node.answer(end).await.unwrap();
}

fn where_the_first_joiner_hosts() -> World {
    let mut world = World::new();
    world.policy.uncreated = UncreatedRooms::FirstJoinerHosts;
    world
}

#[tokio::test(start_paused = true)]
async fn the_first_joiner_is_known_to_sql_before_being_host() {
    let world = where_the_first_joiner_hosts();
    let node = world.node(1);
    world.directory.holds_writes();
    let ann = node.asks_to_join("ann");
    let bob = node.asks_to_join("bob");
    world.directory.was_asked(1).await;
    settled().await;
    assert_eq!((node.answer_yet(ann), node.answer_yet(bob)), (None, None));
    assert!(node.sink.commits().is_empty());
    world.directory.ends_writes(Verdict::Kept);
    world.directory.says(Verdict::Kept);
    node.answer(ann).await.unwrap();
    node.answer(bob).await.unwrap();
    let room = node.room().await;
    assert!(is_host(&room, "ann") && !is_host(&room, "bob"));
    let claims = |entry: &LedgerEntry| matches!(entry, LedgerEntry::Claim { .. });
    assert_eq!(
        world.directory.entries().into_iter().filter(claims).count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_cannot_be_written_lets_nobody_in() {
    let world = where_the_first_joiner_hosts();
    let node = world.node(1);
    world.directory.ends_writes(Verdict::Lost);
    assert_eq!(
        node.joins("ann").await.unwrap_err().kind(),
        Kind::Unavailable
    );
    assert!(node.room().await.is_empty());
    world.directory.ends_writes(Verdict::Kept);
    node.joins("bob").await.unwrap();
    assert!(is_host(&node.room().await, "bob"));
}

#[tokio::test(start_paused = true)]
async fn a_claim_keeps_the_meeting_that_was_created_meanwhile() {
    let world = where_the_first_joiner_hosts();
    let node = world.node(1);
    world.directory.ends_writes(Verdict::Lost);
    assert!(
        node.joins("ann").await.is_err(),
        "the room is loaded, without a record"
    );
    world.directory.ends_writes(Verdict::Kept);
    world.directory.has_meeting(&world.key, "zoe");
    node.joins("ann").await.unwrap();
    let room = node.room().await;
    assert!(!is_host(&room, "ann"));
    assert_eq!(room.creator, Some(user("zoe")));
    let kept = world.directory.meeting(&world.key).await.unwrap().unwrap();
    assert_eq!(kept.created_by, user("zoe"));
}

#[tokio::test(start_paused = true)]
async fn two_nodes_that_claim_at_once_agree_on_one_creator() {
    let world = where_the_first_joiner_hosts();
    let (one, two) = (world.node(1), world.node(2));
    world.directory.holds_writes();
    let ann = one.asks_to_join("ann");
    let bob = two.asks_to_join("bob");
    world.directory.was_asked(2).await;
    world.directory.ends_writes(Verdict::Kept);
    world.directory.says(Verdict::Kept);
    one.answer(ann).await.unwrap();
    two.answer(bob).await.unwrap();
    settled().await;
    let (first, second) = (one.room().await, two.room().await);
    assert_eq!(first, second);
    let record = world.directory.meeting(&world.key).await.unwrap().unwrap();
    assert_eq!(first.creator.as_ref(), Some(&record.created_by));
    assert_eq!(
        first
            .participants()
            .filter(|p| first.roles_of(&p.user).host)
            .count(),
        1
    );
}
