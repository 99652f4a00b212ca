//! Everybody sees a role at once; whoever asked for it is answered when SQL has it.

use usher::domain::refusal::{Kind, Refusal};
use usher::domain::role::{Mark, Role};
use usher::domain::room::Event;
use usher::engine::directory::LedgerEntry;

use crate::support::directory::Verdict;
use crate::support::node::World;
use crate::support::people::{
    MAKE_COHOST, MAKE_HOST, START, acting, change_role, is_cohost, is_host, mute, names, user,
};
use crate::support::settled;

pub(super) const fn grants_a_role(event: &Event) -> bool {
    matches!(event, Event::RoleGranted { .. })
}

#[tokio::test(start_paused = true)]
async fn a_role_is_seen_at_once_and_acked_when_it_is_durable() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.directory.holds_writes();
    let ticket = node.asks_for_role("ann", "bob", MAKE_HOST);
    let commit = node.sink.commit_with(grants_a_role).await;
    world.directory.was_asked(1).await;
    settled().await;
    assert_eq!(node.answer_yet(ticket), None, "acked before it was durable");
    assert!(is_host(&node.room().await, "bob"), "but everybody knows");
    world.directory.says(Verdict::Kept);
    let answer = node.full_answer(ticket).await;
    assert!(answer.outcome.is_ok());
    assert_eq!(answer.rev, commit.rev);
    assert!(world.directory.holds_grant(&world.key, "bob", Role::Host));
}

#[tokio::test(start_paused = true)]
async fn a_room_goes_on_while_a_write_is_under_way() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.directory.holds_writes();
    let held = node.asks_for_role("ann", "bob", MAKE_HOST);
    node.joins("cy").await.unwrap();
    node.answer(node.says("bob", mute(false))).await.unwrap();
    node.leaves("cy").await;
    assert_eq!(node.answer_yet(held), None);
    assert_eq!(names(&node.room().await), ["ann", "bob"]);
    world.directory.says(Verdict::Kept);
    node.answer(held).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_write_answers_its_own_command() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob", "cy"]).await;
    world.directory.holds_writes();
    let first = node.asks_for_role("ann", "bob", MAKE_HOST);
    world.directory.was_asked(1).await;
    let second = node.asks_for_role("ann", "cy", MAKE_COHOST);
    world.directory.was_asked(2).await;
    world.directory.says(Verdict::Kept);
    node.answer(first).await.unwrap();
    settled().await;
    assert_eq!(node.answer_yet(second), None);
    world.directory.says(Verdict::Kept);
    node.answer(second).await.unwrap();
}

/// The second command changes nothing, yet its ack says that Bob is a host; after a crash at this
/// point he would not be.
#[tokio::test(start_paused = true)]
async fn who_asks_for_the_same_role_again_is_acked_no_earlier_than_it_is_durable() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.directory.holds_writes();
    let first = node.asks_for_role("ann", "bob", MAKE_HOST);
    world.directory.was_asked(1).await;
    let again = node.asks_for_role("ann", "bob", MAKE_HOST);
    settled().await;
    assert_eq!(
        node.answer_yet(again),
        None,
        "acked before the role was durable"
    );
    world.directory.says(Verdict::Kept);
    node.answer(first).await.unwrap();
    world.directory.says(Verdict::Kept);
    node.answer(again).await.unwrap();
}

/// The same on two nodes: the second one sees the role, and knows nothing of the write.
#[tokio::test(start_paused = true)]
async fn who_asks_for_the_same_role_on_another_node_is_acked_no_earlier_than_it_is_durable() {
    let world = World::of_ann();
    let (one, two) = (world.node(1), world.node(2));
    one.everybody_joins(&["ann", "bob"]).await;
    two.joins("cy").await.unwrap();
    world.directory.holds_writes();
    let first = one.asks_for_role("ann", "bob", MAKE_HOST);
    two.sink.commit_with(grants_a_role).await;
    let again = change_role("bob", MAKE_HOST);
    let again = two.send(two.connection_of("ann"), acting("ann"), again);
    settled().await;
    assert_eq!(two.answer_yet(again), None, "acked before it was durable");
    world.directory.ends_writes(Verdict::Kept);
    world.directory.says(Verdict::Kept);
    one.answer(first).await.unwrap();
    two.answer(again).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_is_refused_and_undone_by_a_commit() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob", "cy"]).await;
    node.changes_role("ann", "cy", MAKE_COHOST).await.unwrap();
    world.directory.ends_writes(Verdict::Lost);
    let refusal = node
        .changes_role("ann", "bob", MAKE_HOST)
        .await
        .unwrap_err();
    assert_eq!(refusal.kind(), Kind::Unavailable);
    let undone = |event: &Event| matches!(event, Event::GrantsRestored { .. });
    node.sink.commit_with(undone).await;
    let room = node.room().await;
    assert!(!is_host(&room, "bob") && !world.directory.holds_grant(&world.key, "bob", Role::Host));
    assert!(is_cohost(&room, "cy"), "what was durable stays");
    world.directory.ends_writes(Verdict::Kept);
    node.changes_role("ann", "bob", MAKE_HOST).await.unwrap();
    assert!(
        is_host(&node.room().await, "bob"),
        "and works again without a restart"
    );
}

/// As long as the database does not listen it cannot be told either what it should not have kept.
#[tokio::test(start_paused = true)]
async fn what_was_kept_without_an_answer_is_taken_back_there_too() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.directory.holds_writes();
    let ticket = node.asks_for_role("ann", "bob", MAKE_HOST);
    world.directory.was_asked(1).await;
    world.directory.knows_that_it_cannot_write(true);
    world.directory.says(Verdict::Unheard);
    assert!(node.answer(ticket).await.is_err());
    world.directory.says(Verdict::Lost);
    settled().await;
    assert!(!is_host(&node.room().await, "bob"), "nobody sees it");
    assert!(world.directory.holds_grant(&world.key, "bob", Role::Host));
    for name in ["ann", "bob"] {
        node.leaves(name).await;
    }
    world.directory.ends_writes(Verdict::Kept);
    world.seconds_pass(3_600);
    settled().await;
    assert_eq!(world.directory.asked().len(), 2, "asked in vain");
    world.directory.knows_that_it_cannot_write(false);
    world.seconds_pass(1);
    world.directory.was_asked(3).await;
    settled().await;
    assert!(!world.directory.holds_grant(&world.key, "bob", Role::Host));
}

#[tokio::test(start_paused = true)]
async fn while_nothing_can_be_written_roles_are_refused_up_front_and_people_come_and_go() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.directory.knows_that_it_cannot_write(true);
    let before = node.room().await;
    let refusal = node
        .changes_role("ann", "bob", MAKE_HOST)
        .await
        .unwrap_err();
    assert_eq!(refusal.kind(), Kind::Unavailable);
    assert_eq!(node.room().await, before, "nobody saw anything of it");
    assert!(world.directory.asked().is_empty());
    node.joins("cy").await.unwrap();
    node.leaves("bob").await;
    world.directory.knows_that_it_cannot_write(false);
    node.changes_role("ann", "cy", MAKE_HOST).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refused_role_is_not_written() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    let refusal = node
        .changes_role("bob", "ann", MAKE_COHOST)
        .await
        .unwrap_err();
    assert_eq!(refusal, Refusal::NotHostForRole(MAKE_COHOST));
    assert!(world.directory.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn each_role_change_is_written_together_with_its_row_of_the_audit() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    node.changes_role("ann", "bob", MAKE_COHOST).await.unwrap();
    let asked = world.directory.asked();
    assert_eq!(asked.len(), 1, "one write");
    let [
        LedgerEntry::Grant {
            user: whose,
            mark,
            held,
        },
        LedgerEntry::Audit(row),
    ] = &asked[0][..]
    else {
        panic!("{asked:?}")
    };
    assert_eq!(
        (whose, *mark, held.since),
        (&user("bob"), Mark::CoHost, Some(START))
    );
    assert_eq!(
        (row.actor.as_str(), row.action.as_str()),
        ("user:ann", "role-granted")
    );
    assert_eq!(
        (&row.target, row.role, row.rev),
        (&Some(user("bob")), Some(Role::CoHost), Some(3))
    );
}
