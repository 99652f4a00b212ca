//! The engine over a real database: what was acknowledged is there after a restart. Real time passes
//! here, but nobody waits for it.

use std::sync::Arc;

use usher::domain::id::RequestId;
use usher::domain::policy::UncreatedRooms;
use usher::domain::refusal::Refusal;
use usher::domain::role::Role;
use usher::domain::room::Actor;
use usher::engine::directory::{Directory, MeetingChange};
use usher::engine::meetings::{Meetings, Origin};
use usher::engine::passcodes::Passcodes;

use crate::support::directory::meeting;
use crate::support::node::{Node, World};
use crate::support::people::{
    END, MAKE_COHOST, MAKE_HOST, REMOVE_HOST, is_cohost, is_host, names, user,
};
use crate::support::sql::DatabaseFile;

/// A process that has just started on this database, with nothing in memory.
async fn started_on(database: &DatabaseFile) -> (World, Node) {
    let mut world = World::new();
    world.durable = Some(database.opens().await);
    let node = world.node(1);
    (world, node)
}

/// The same, and Ann has created the meeting.
async fn with_anns_meeting(database: &DatabaseFile) -> (World, Node) {
    let (world, node) = started_on(database).await;
    durable(&world)
        .create(meeting(&world.key, "ann"))
        .await
        .unwrap();
    (world, node)
}

fn durable(world: &World) -> Arc<dyn Directory> {
    world.durable.clone().unwrap()
}

/// What a door would use.
fn meetings(world: &World, node: &Node) -> Meetings {
    let clock = world.clock.clone();
    Meetings::new(
        durable(world),
        node.rooms.clone(),
        clock,
        world.policy.clone().into(),
        Passcodes::new(1).unwrap(),
    )
}

#[tokio::test]
async fn a_promoted_host_is_a_host_after_a_restart() {
    let database = DatabaseFile::new();
    let (_before, node) = with_anns_meeting(&database).await;
    node.everybody_joins(&["ann", "bob", "cy"]).await;
    node.changes_role("ann", "bob", MAKE_HOST).await.unwrap();
    node.changes_role("bob", "cy", MAKE_COHOST).await.unwrap();
    node.changes_role("bob", "cy", MAKE_HOST).await.unwrap();
    node.changes_role("ann", "cy", REMOVE_HOST).await.unwrap();
    let (_after, node) = started_on(&database).await;
    node.everybody_joins(&["cy", "bob"]).await;
    let room = node.room().await;
    assert_eq!(
        (is_host(&room, "bob"), is_cohost(&room, "bob")),
        (true, false)
    );
    assert_eq!(
        (is_host(&room, "cy"), is_cohost(&room, "cy")),
        (false, true)
    );
    node.changes_role("bob", "cy", MAKE_HOST).await.unwrap();
}

#[tokio::test]
async fn every_promotion_of_a_burst_that_was_acked_is_there() {
    const GUESTS: usize = 200;
    let database = DatabaseFile::new();
    let (world, node) = with_anns_meeting(&database).await;
    let guests: Vec<String> = (0..GUESTS).map(|number| format!("guest{number}")).collect();
    node.joins("ann").await.unwrap();
    for guest in &guests {
        node.asks_to_join(guest);
    }
    let burst: Vec<_> = guests
        .iter()
        .map(|guest| node.asks_for_role("ann", guest, MAKE_COHOST))
        .collect();
    for ticket in burst {
        node.answer(ticket).await.unwrap();
    }
    let grants = database.opens().await.grants(&world.key).await.unwrap();
    assert_eq!(grants.iter().count(), GUESTS);
    assert!(
        guests
            .iter()
            .all(|guest| grants.of(&user(guest)).since(Role::CoHost).is_some())
    );
}

#[tokio::test]
async fn an_ended_meeting_is_ended_after_a_restart() {
    let database = DatabaseFile::new();
    let (_before, node) = with_anns_meeting(&database).await;
    node.everybody_joins(&["ann", "bob"]).await;
    node.answer(node.says("ann", END)).await.unwrap();
    let (_after, node) = started_on(&database).await;
    assert_eq!(node.joins("bob").await, Err(Refusal::MeetingEnded));
    assert_eq!(node.joins("ann").await, Err(Refusal::MeetingEnded));
}

#[tokio::test]
async fn the_first_joiner_owns_the_room_after_a_restart() {
    let database = DatabaseFile::new();
    let (mut world, _) = started_on(&database).await;
    world.policy.uncreated = UncreatedRooms::FirstJoinerHosts;
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    assert!(is_host(&node.room().await, "ann"));
    let (mut world, _) = started_on(&database).await;
    world.policy.uncreated = UncreatedRooms::FirstJoinerHosts;
    let node = world.node(1);
    node.everybody_joins(&["bob", "ann"]).await;
    let room = node.room().await;
    assert!(is_host(&room, "ann") && !is_host(&room, "bob"));
}

#[tokio::test]
async fn the_audit_tells_who_did_what_to_whom_in_order() {
    let database = DatabaseFile::new();
    let (world, node) = with_anns_meeting(&database).await;
    node.everybody_joins(&["ann", "bob"]).await;
    node.changes_role("ann", "bob", MAKE_HOST).await.unwrap();
    node.changes_role("bob", "bob", REMOVE_HOST).await.unwrap();
    node.answer(node.says("ann", END)).await.unwrap();
    drop(node);
    let rows = durable(&world)
        .audit(&world.key, None, 100)
        .await
        .unwrap()
        .items;
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.actor.as_str(), row.action.as_str()))
        .collect();
    assert_eq!(told[0].1, "meeting-created");
    assert_eq!(
        told[1..3],
        [("user:ann", "role-granted"), ("user:bob", "role-revoked")]
    );
    assert!(
        rows[1..3]
            .iter()
            .all(|row| row.target == Some(user("bob")) && row.rev.is_some())
    );
}

fn by(name: &str) -> Origin {
    Origin {
        actor: Actor::Service(Some(user(name))),
        request: RequestId::new("request-1").ok(),
    }
}

#[tokio::test]
async fn who_is_in_a_room_learns_that_it_was_created_and_whose_it_is() {
    let database = DatabaseFile::new();
    let (world, node) = started_on(&database).await;
    node.everybody_joins(&["ann", "bob"]).await;
    assert!(!is_host(&node.room().await, "ann"));
    let meetings = meetings(&world, &node);
    meetings
        .create(meeting(&world.key, "ann"), &by("ann"))
        .await
        .unwrap();
    assert!(is_host(&node.room().await, "ann"));
    let created_by = Some(user("bob"));
    let change = MeetingChange {
        created_by,
        ..MeetingChange::default()
    };
    meetings
        .update(&world.key, &change, &by("ann"))
        .await
        .unwrap();
    let room = node.room().await;
    assert_eq!(room.creator, Some(user("bob")));
    assert!(is_host(&room, "bob") && !is_host(&room, "ann"));
    let taken = meetings
        .create(meeting(&world.key, "cy"), &by("cy"))
        .await
        .unwrap_err();
    assert_eq!(taken, Refusal::MeetingExists);
}

#[tokio::test]
async fn whoever_is_in_a_meeting_that_is_ended_or_deleted_over_rest_has_to_leave() {
    let database = DatabaseFile::new();
    let (world, node) = with_anns_meeting(&database).await;
    let meetings = meetings(&world, &node);
    node.everybody_joins(&["ann", "bob"]).await;
    meetings.end(&world.key, &by("ann")).await.unwrap();
    assert_eq!(names(&node.room().await), [""; 0]);
    assert!(meetings.get(&world.key).await.unwrap().ended_at.is_some());
    meetings.delete(&world.key, &by("ann")).await.unwrap();
    assert_eq!(
        meetings.get(&world.key).await.unwrap_err(),
        Refusal::MeetingNotFound
    );
    assert_eq!(node.joins("ann").await, Err(Refusal::MeetingEnded));
}

#[tokio::test]
async fn two_nodes_on_one_database_and_one_store_agree() {
    let database = DatabaseFile::new();
    let (world, one) = with_anns_meeting(&database).await;
    let two = world.node(2);
    one.everybody_joins(&["ann", "bob"]).await;
    two.joins("cy").await.unwrap();
    let (to_bob, to_cy) = (
        one.asks_for_role("ann", "bob", MAKE_HOST),
        one.asks_for_role("ann", "cy", MAKE_COHOST),
    );
    one.answer(to_bob).await.unwrap();
    one.answer(to_cy).await.unwrap();
    let commit = one.sink.commits().last().cloned().unwrap();
    two.sink
        .until(|told| told.commit().filter(|seen| seen.id == commit.id).map(drop))
        .await;
    assert_eq!(one.room().await, two.room().await);
    two.changes_role("bob", "cy", MAKE_HOST).await.unwrap();
    assert_eq!(
        durable(&world).grants(&world.key).await.unwrap(),
        *two.room().await.grants
    );
}
