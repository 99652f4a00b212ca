//! A role that could not be made durable is taken back, everywhere and whatever else goes wrong.

use usher::domain::policy::UncreatedRooms;
use usher::domain::refusal::Kind;
use usher::domain::role::Role;
use usher::domain::room::{Actor, By, Command, Commit, Event, HostChangeCause};
use usher::domain::time::Timestamp;

use super::durability::grants_a_role;
use crate::support::directory::Verdict;
use crate::support::node::{Node, World};
use crate::support::people::{
    MAKE_COHOST, MAKE_HOST, REMOVE_COHOST, REMOVE_HOST, change_role, is_cohost, is_host, mute, user,
};
use crate::support::store::{BreakableStore, Mood};
use crate::support::{settled, within};

const fn restores(event: &Event) -> bool {
    matches!(event, Event::GrantsRestored { .. })
}

#[tokio::test(start_paused = true)]
async fn several_lost_writes_are_undone_by_one_commit() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob", "cy"]).await;
    world.directory.holds_writes();
    let first = node.asks_for_role("ann", "bob", MAKE_HOST);
    world.directory.was_asked(1).await;
    let second = node.asks_for_role("ann", "cy", MAKE_COHOST);
    world.directory.was_asked(2).await;
    world.directory.says(Verdict::Lost);
    world.directory.says(Verdict::Lost);
    assert!(node.answer(first).await.is_err());
    assert!(node.answer(second).await.is_err());
    settled().await;
    let room = node.room().await;
    assert!(!is_host(&room, "bob") && !is_cohost(&room, "cy"));
    let commits = node.sink.commits();
    assert_eq!(
        commits
            .iter()
            .filter(|c| c.events.iter().any(restores))
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_kept_write_outlives_the_lost_one_before_it() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob", "cy"]).await;
    world.directory.holds_writes();
    let lost = node.asks_for_role("ann", "bob", MAKE_HOST);
    world.directory.was_asked(1).await;
    let kept = node.asks_for_role("ann", "cy", MAKE_COHOST);
    world.directory.was_asked(2).await;
    world.directory.says(Verdict::Lost);
    world.directory.says(Verdict::Kept);
    assert!(node.answer(lost).await.is_err());
    node.answer(kept).await.unwrap();
    node.sink.commit_with(restores).await;
    let room = node.room().await;
    assert!(!is_host(&room, "bob") && is_cohost(&room, "cy"));
}

/// The second write holds a row of the audit and no role. It fails too, which must not make the
/// room forget that the first one has to be undone.
#[tokio::test(start_paused = true)]
async fn a_lost_row_of_the_audit_does_not_hide_a_lost_role() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob", "cy"]).await;
    node.changes_role("ann", "cy", MAKE_COHOST).await.unwrap();
    world.directory.holds_writes();
    let role = node.asks_for_role("ann", "bob", MAKE_COHOST);
    world.directory.was_asked(2).await;
    node.leaves("ann").await;
    world.seconds_pass(60);
    let succeeded = |event: &Event| {
        matches!(
            event,
            Event::HostChanged {
                cause: HostChangeCause::Succession,
                ..
            }
        )
    };
    node.sink.commit_with(succeeded).await;
    world.directory.was_asked(3).await;
    world.directory.says(Verdict::Lost);
    world.directory.says(Verdict::Lost);
    assert_eq!(
        node.answer(role).await.unwrap_err().kind(),
        Kind::Unavailable
    );
    settled().await;
    assert!(
        !is_cohost(&node.room().await, "bob"),
        "refused, and yet a co-host"
    );
}

/// Node 2 has seen Bob become host and stop being one. When a write of its own fails later, it has
/// to go back to the truth, not to the moment in which Bob was one.
#[tokio::test(start_paused = true)]
async fn what_one_node_has_undone_is_not_brought_back_by_another() {
    let world = World::of_ann();
    let (one, two) = (world.node(1), world.node(2));
    one.everybody_joins(&["ann", "bob"]).await;
    two.joins("cy").await.unwrap();
    world.directory.ends_writes(Verdict::Lost);
    assert!(one.changes_role("ann", "bob", MAKE_HOST).await.is_err());
    two.sink.commit_with(restores).await;
    assert!(!is_host(&two.room().await, "bob"));
    assert!(two.changes_role("ann", "cy", MAKE_COHOST).await.is_err());
    settled().await;
    let room = two.room().await;
    assert!(!is_cohost(&room, "cy"));
    assert!(!is_host(&room, "bob"), "a host by nobody's will");
    assert_eq!(one.room().await, room);
}

#[tokio::test(start_paused = true)]
async fn who_repeats_a_lost_command_is_refused_like_the_first() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.directory.holds_writes();
    let first = node.asks_for_role("ann", "bob", MAKE_HOST);
    world.directory.was_asked(1).await;
    let again = node.asks_for_role("ann", "bob", MAKE_HOST);
    settled().await;
    world.directory.ends_writes(Verdict::Lost);
    world.directory.says(Verdict::Lost);
    for ticket in [first, again] {
        let refusal = node.answer(ticket).await.unwrap_err();
        assert_eq!(refusal.kind(), Kind::Unavailable);
    }
    settled().await;
    assert!(!is_host(&node.room().await, "bob"));
}

/// What node 1 takes back is its own removal; what Bob then holds, he holds through node 2.
#[tokio::test(start_paused = true)]
async fn a_lost_removal_gives_back_what_another_node_had_granted() {
    let world = World::of_ann();
    let (one, two) = (world.node(1), world.node(2));
    one.everybody_joins(&["ann", "bob"]).await;
    two.joins("cy").await.unwrap();
    let grants = change_role("bob", MAKE_HOST);
    let granted = two.send(two.connection_of("cy"), Actor::Service(None), grants);
    two.answer(granted).await.unwrap();
    settled().await;
    world.directory.ends_writes(Verdict::Lost);
    assert!(one.changes_role("ann", "bob", REMOVE_HOST).await.is_err());
    settled().await;
    assert!(
        is_host(&one.room().await, "bob"),
        "refused, and yet removed"
    );
    assert_eq!(one.room().await, two.room().await);
}

/// Node 1 goes back while a role of node 2 is on its way to it: that one is durable and stays.
#[tokio::test(start_paused = true)]
async fn a_role_that_another_node_grants_at_the_same_moment_is_not_undone() {
    let world = World::of_ann();
    let (one, two) = (world.node(1), world.node(2));
    one.everybody_joins(&["ann", "bob"]).await;
    two.joins("cy").await.unwrap();
    world.directory.holds_writes();
    let lost = one.asks_for_role("ann", "bob", MAKE_HOST);
    world.directory.was_asked(1).await;
    let cohost = change_role("cy", MAKE_COHOST);
    let kept = two.send(two.connection_of("cy"), Actor::Service(None), cohost);
    world.directory.says(Verdict::Lost);
    world.directory.says(Verdict::Kept);
    assert!(one.answer(lost).await.is_err());
    two.answer(kept).await.unwrap();
    settled().await;
    assert!(!is_host(&one.room().await, "bob"));
    assert!(
        is_cohost(&one.room().await, "cy"),
        "acked, durable, and gone"
    );
    assert_eq!(one.room().await, two.room().await);
}

/// Node 1 starts again from a snapshot in which its own role is, which is not durable yet.
#[tokio::test(start_paused = true)]
async fn a_snapshot_makes_nothing_durable() {
    let store = BreakableStore::keeping(1);
    let mut world = World::of_ann();
    world.store = store.clone();
    let (one, two) = (world.node(1), world.node(2));
    one.everybody_joins(&["ann", "bob"]).await;
    two.joins("cy").await.unwrap();
    world.directory.holds_writes();
    let role = one.asks_for_role("ann", "bob", MAKE_HOST);
    world.directory.was_asked(1).await;
    store.holds_commits_of_node_one();
    let muted = one.says("ann", mute(false));
    store.is_waited_for_by_node_one().await;
    two.everybody_joins(&["dee", "eve", "fay"]).await;
    store.releases_commits_of_node_one();
    one.answer(muted).await.unwrap();
    world.directory.says(Verdict::Lost);
    assert!(one.answer(role).await.is_err());
    settled().await;
    assert!(
        !is_host(&one.room().await, "bob"),
        "refused, and yet a host"
    );
}

/// The same, while the role is not only on its way but lost, and waits to be undone.
#[tokio::test(start_paused = true)]
async fn a_snapshot_does_not_hide_a_role_that_has_to_be_undone() {
    let store = BreakableStore::keeping(1);
    let mut world = World::of_ann();
    world.store = store.clone();
    let (one, two) = (world.node(1), world.node(2));
    one.everybody_joins(&["ann", "bob", "cy"]).await;
    two.joins("dee").await.unwrap();
    world.directory.holds_writes();
    let lost = one.asks_for_role("ann", "bob", MAKE_HOST);
    world.directory.was_asked(1).await;
    let kept = one.asks_for_role("ann", "cy", MAKE_COHOST);
    world.directory.was_asked(2).await;
    world.directory.says(Verdict::Lost);
    assert!(one.answer(lost).await.is_err());
    store.holds_commits_of_node_one();
    let muted = one.says("ann", mute(false));
    store.is_waited_for_by_node_one().await;
    two.everybody_joins(&["eve", "fay", "gus"]).await;
    store.releases_commits_of_node_one();
    one.answer(muted).await.unwrap();
    world.directory.says(Verdict::Kept);
    one.answer(kept).await.unwrap();
    settled().await;
    let room = one.room().await;
    assert!(is_cohost(&room, "cy"));
    assert!(!is_host(&room, "bob"), "refused, and yet a host");
}

#[tokio::test(start_paused = true)]
async fn a_lost_role_does_not_cost_the_first_joiner_the_meeting() {
    let mut world = World::new();
    world.policy.uncreated = UncreatedRooms::FirstJoinerHosts;
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.directory.ends_writes(Verdict::Lost);
    assert!(node.changes_role("ann", "bob", MAKE_HOST).await.is_err());
    settled().await;
    assert_eq!(node.room().await.creator, Some(user("ann")));
    assert!(is_host(&node.room().await, "ann"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_role_does_not_cost_the_creator_a_meeting_that_was_created_late() {
    let world = World::new();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    let policy = Box::new(world.policy.clone());
    let adopt = Command::AdoptMeeting {
        creator: user("ann"),
        policy,
        version: Timestamp::default(),
        by: By::system(),
    };
    world.directory.has_meeting(&world.key, "ann");
    within(node.rooms.change(&node.key, Actor::System, adopt))
        .await
        .unwrap();
    world.directory.ends_writes(Verdict::Lost);
    assert!(node.changes_role("ann", "bob", MAKE_HOST).await.is_err());
    settled().await;
    assert!(is_host(&node.room().await, "ann"));
}

#[tokio::test(start_paused = true)]
async fn a_role_is_undone_once_the_store_takes_commits_again() {
    let store = BreakableStore::new();
    let mut world = World::of_ann();
    world.store = store.clone();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.directory.holds_writes();
    let role = node.asks_for_role("ann", "bob", MAKE_HOST);
    world.directory.was_asked(1).await;
    store.is(Mood::Refusing);
    world.directory.says(Verdict::Lost);
    assert!(node.answer(role).await.is_err());
    settled().await;
    store.is(Mood::Well);
    world.directory.ends_writes(Verdict::Kept);
    world.seconds_pass(5);
    settled().await;
    node.joins("cy").await.unwrap();
    settled().await;
    assert!(
        !is_host(&node.room().await, "bob"),
        "refused, and yet a host"
    );
}

/// The store has taken the commit, but its answer was lost, so Ann was told "unavailable". She asks
/// again: what she is then acked has to be in SQL.
#[tokio::test(start_paused = true)]
async fn a_role_whose_commit_was_accepted_unheard_is_durable_before_it_is_acked() {
    let store = BreakableStore::new();
    let mut world = World::of_ann();
    world.store = store.clone();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    store.is(Mood::LosingOneAnswer);
    let mut outcome = node.changes_role("ann", "bob", MAKE_HOST).await;
    for _ in 0..3 {
        if outcome.is_err() {
            outcome = node.changes_role("ann", "bob", MAKE_HOST).await;
        }
    }
    outcome.unwrap();
    assert!(is_host(&node.room().await, "bob"));
    let granted = |commit: &&Commit| commit.events.iter().any(grants_a_role);
    assert_eq!(
        node.sink.commits().iter().filter(granted).count(),
        1,
        "it took effect once"
    );
    assert!(
        world.directory.holds_grant(&world.key, "bob", Role::Host),
        "acked, not durable"
    );
}

/// The same, but the node learns of its own commit from a snapshot, which names no commits.
#[tokio::test(start_paused = true)]
async fn a_role_that_is_found_in_a_snapshot_is_durable_before_it_is_acked() {
    let store = BreakableStore::keeping(1);
    let mut world = World::of_ann();
    world.store = store.clone();
    let (one, two) = (world.node(1), world.node(2));
    one.everybody_joins(&["ann", "bob"]).await;
    two.joins("cy").await.unwrap();
    settled().await;
    store.is(Mood::LosingOneAnswer);
    assert!(one.changes_role("ann", "bob", MAKE_HOST).await.is_err());
    two.everybody_joins(&["dee", "eve", "fay"]).await;
    settled().await;
    one.changes_role("ann", "bob", MAKE_HOST).await.unwrap();
    assert!(is_host(&one.room().await, "bob"));
    assert!(
        world.directory.holds_grant(&world.key, "bob", Role::Host),
        "acked, not durable"
    );
}

/// Node 1 has started again from a snapshot and compares roles with SQL while node 2's removal, which
/// everybody has seen, is still on its way there.
#[tokio::test(start_paused = true)]
async fn a_removal_that_sql_has_yet_to_hear_of_is_not_taken_back() {
    let store = BreakableStore::keeping(1);
    let mut world = World::of_ann();
    world.store = store.clone();
    let (one, two) = (world.node(1), world.node(2));
    one.everybody_joins(&["ann", "bob"]).await;
    two.joins("cy").await.unwrap();
    one.changes_role("ann", "bob", MAKE_HOST).await.unwrap();
    one.changes_role("ann", "cy", MAKE_HOST).await.unwrap();
    store.holds_commits_of_node_one();
    let muted = one.says("ann", mute(false));
    store.is_waited_for_by_node_one().await;
    two.everybody_joins(&["dee", "eve", "fay"]).await;
    store.releases_commits_of_node_one();
    one.answer(muted).await.unwrap();

    world.directory.holds_writes();
    let asked = world.directory.asked().len();
    let removed = two.asks_for_role("cy", "bob", REMOVE_HOST);
    world.directory.was_asked(asked + 1).await;
    settled().await;
    world.seconds_pass(3);
    settled().await;
    world.directory.says(Verdict::Kept);
    two.answer(removed).await.unwrap();
    settled().await;
    assert!(
        !is_host(&one.room().await, "bob"),
        "acked, durable, and back"
    );
    assert_eq!(one.room().await, two.room().await);
}

/// Ann and Bob on node 1, and Zoe, whom Ann has made host, on node 2.
async fn with_a_host_each(world: &World) -> (Node, Node) {
    let (one, two) = (world.node(1), world.node(2));
    one.everybody_joins(&["ann", "bob"]).await;
    two.joins("zoe").await.unwrap();
    one.changes_role("ann", "zoe", MAKE_HOST).await.unwrap();
    (one, two)
}

/// Ann makes Bob a co-host on node 1, Zoe takes that back on node 2, and node 1 is the last to reach
/// SQL.
#[tokio::test(start_paused = true)]
async fn roles_that_reach_sql_in_another_order_end_as_they_were_decided() {
    let world = World::of_ann();
    let (one, two) = with_a_host_each(&world).await;
    let before = world.directory.asked().len();
    world.directory.holds_writes();
    let granted = one.asks_for_role("ann", "bob", MAKE_COHOST);
    world.directory.was_asked(before + 1).await;
    settled().await;
    let revoked = two.asks_for_role("zoe", "bob", REMOVE_COHOST);
    world.directory.was_asked(before + 2).await;
    world.directory.says(Verdict::Overtaken);
    world.directory.says(Verdict::Kept);
    two.answer(revoked).await.unwrap();
    world.directory.says(Verdict::Kept);
    one.answer(granted).await.unwrap();
    assert!(!is_cohost(&one.room().await, "bob"));
    assert!(
        !world.directory.holds_grant(&world.key, "bob", Role::CoHost),
        "a co-host again after the next restart"
    );
}

/// Node 1 removes Bob's role and SQL does not answer; the same is asked of node 2 meanwhile, which
/// acknowledges it. Then node 1 has to leave it as it is.
#[tokio::test(start_paused = true)]
async fn what_another_node_has_acknowledged_is_not_undone_by_the_one_that_failed() {
    let world = World::of_ann();
    let (one, two) = with_a_host_each(&world).await;
    one.changes_role("ann", "bob", MAKE_COHOST).await.unwrap();
    let before = world.directory.asked().len();
    world.directory.holds_writes();
    let failing = one.asks_for_role("ann", "bob", REMOVE_COHOST);
    world.directory.was_asked(before + 1).await;
    settled().await;
    let repeated = two.asks_for_role("zoe", "bob", REMOVE_COHOST);
    world.directory.was_asked(before + 2).await;
    world.directory.says(Verdict::Overtaken);
    world.directory.says(Verdict::Kept);
    two.answer(repeated).await.unwrap();
    world.directory.says(Verdict::Lost);
    assert!(one.answer(failing).await.is_err());
    world.directory.ends_writes(Verdict::Kept);
    world.seconds_pass(5);
    settled().await;
    assert!(!is_cohost(&one.room().await, "bob"), "acked, and back");
    assert!(!world.directory.holds_grant(&world.key, "bob", Role::CoHost));
}

/// Node 1 has made Bob a host and never told SQL, as if it had been killed between the two. Zoe has
/// opened the room on node 2.
async fn beside_a_room_ahead_of_sql(world: &World) -> Node {
    let (one, two) = (world.node(1), world.node(2));
    one.everybody_joins(&["ann", "bob"]).await;
    world.directory.holds_writes();
    let _never_answered = one.asks_for_role("ann", "bob", MAKE_HOST);
    world.directory.was_asked(1).await;
    world.directory.says(Verdict::Overtaken);
    two.joins("zoe").await.unwrap();
    two
}

#[tokio::test(start_paused = true)]
async fn who_opens_a_room_that_is_ahead_of_sql_tells_it() {
    let world = World::of_ann();
    let two = beside_a_room_ahead_of_sql(&world).await;
    assert!(is_host(&two.room().await, "bob"));
    world.seconds_pass(3);
    world.directory.was_asked(2).await;
    world.directory.says(Verdict::Kept);
    settled().await;
    assert!(
        world.directory.holds_grant(&world.key, "bob", Role::Host),
        "everybody sees a host who is none after a restart"
    );
}

/// The same, and SQL does not say what it holds when it is first asked.
#[tokio::test(start_paused = true)]
async fn a_room_is_compared_with_sql_as_soon_as_that_answers_again() {
    let world = World::of_ann();
    let two = beside_a_room_ahead_of_sql(&world).await;
    world.directory.refuses_reads(true);
    world.seconds_pass(3);
    settled().await;
    two.joins("dee").await.unwrap();
    world.directory.refuses_reads(false);
    world.seconds_pass(3);
    world.directory.was_asked(2).await;
    world.directory.says(Verdict::Kept);
    settled().await;
    assert!(world.directory.holds_grant(&world.key, "bob", Role::Host));
}
