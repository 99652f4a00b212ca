//! People who are let in, sent away and locked out, on nodes that do not hear of everything.

use std::sync::Arc;

use usher::domain::id::ConnectionId;
use usher::domain::participant::MediaKind;
use usher::domain::passcode::{GivenPasscode, Network, Passcode};
use usher::domain::policy::AccessChange;
use usher::domain::refusal::{Kind, Refusal};
use usher::domain::room::{Actor, Command, DismissalKind, EndCause, Event, Join, MuteTarget};
use usher::engine::directory::{Directory, LedgerEntry};
use usher::engine::passcodes::Passcodes;
use usher::engine::reply::Outcome;
use usher::engine::sink::Farewell;
use usher::store::MemoryRoomStore;

use crate::support::directory::Verdict;
use crate::support::node::{Node, World};
use crate::support::people::{acting, join, mute, names, user};
use crate::support::settled;
use crate::support::sink::Told;
use crate::support::store::{BreakableStore, Mood};

fn remove(name: &str, ban: bool) -> Command {
    let target = user(name);
    Command::Remove { target, ban }
}

fn lobby(on: bool) -> Command {
    let change = AccessChange {
        lobby: Some(on),
        ..AccessChange::default()
    };
    Command::UpdateAccess {
        change,
        passcode: None,
    }
}

/// Node 2 hears nothing while this happens on node 1, and then finds its log too short.
async fn unheard_by_two(world: &World, two: &Node, happens: impl AsyncFnOnce()) {
    world.directory.holds_writes();
    two.waits_for_an_end().await;
    happens().await;
    world.directory.ends_writes(Verdict::Kept);
    world.directory.says(Verdict::Lost);
    two.joins("late").await.unwrap();
    settled().await;
}

async fn with_zoe_elsewhere() -> (World, Node, Node) {
    let mut world = World::of_ann();
    world.store = Arc::new(MemoryRoomStore::new(4));
    let (one, two) = (world.node(1), world.node(2));
    one.joins("ann").await.unwrap();
    two.joins("zoe").await.unwrap();
    (world, one, two)
}

async fn much_happens(node: &Node) {
    for round in 0..300 {
        node.answer(node.says("ann", mute(round % 2 == 1)))
            .await
            .unwrap();
    }
}

/// The kick itself is not in the log any longer: that somebody is connected must not bring them back.
#[tokio::test(start_paused = true)]
async fn who_was_kicked_unheard_is_told_so_and_not_brought_back() {
    let (world, one, two) = with_zoe_elsewhere().await;
    unheard_by_two(&world, &two, async || {
        much_happens(&one).await;
        one.answer(one.says("ann", remove("zoe", false)))
            .await
            .unwrap();
        much_happens(&one).await;
    })
    .await;
    assert_eq!(names(&two.room().await), ["ann", "late"]);
    let away = Told::SentAway {
        connection: two.connection_of("zoe"),
        why: Farewell::SentAway {
            by: "ann".into(),
            kind: DismissalKind::Kicked,
        },
    };
    assert!(two.sink.all().contains(&away));
    two.answer(two.asks_to_join("zoe")).await.unwrap();
    assert_eq!(names(&one.room().await), ["ann", "late", "zoe"]);
}

/// Whoever was kicked, knocked and went again has not been let in by anybody.
#[tokio::test(start_paused = true)]
async fn who_was_kicked_and_knocked_in_vain_is_not_brought_back() {
    let (world, one, two) = with_zoe_elsewhere().await;
    unheard_by_two(&world, &two, async || {
        much_happens(&one).await;
        one.answer(one.says("ann", remove("zoe", false)))
            .await
            .unwrap();
        one.answer(one.says("ann", lobby(true))).await.unwrap();
        one.answer(one.asks_to_join("zoe")).await.unwrap();
        one.leaves("zoe").await;
        much_happens(&one).await;
        one.answer(one.says("ann", lobby(false))).await.unwrap();
    })
    .await;
    assert_eq!(names(&two.room().await), ["ann", "late"]);
}

/// SQL took a switch, and the store did not: the room hears of it as soon as the store answers, and what
/// is said next is not lost.
#[tokio::test(start_paused = true)]
async fn a_switch_that_only_sql_took_reaches_the_room() {
    let mut world = World::of_ann();
    let store = BreakableStore::keeping(256);
    world.store = store.clone();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    store.is(Mood::Full);
    let refused = node.answer(node.says("ann", lobby(true))).await;
    assert_eq!(refused.map_err(|it| it.kind()), Err(Kind::Unavailable));
    store.is(Mood::Well);
    world.seconds_pass(1);
    settled().await;
    assert!(node.room().await.policy.access.lobby, "SQL says so");
    node.answer(node.says("ann", lobby(false))).await.unwrap();
    assert!(!node.room().await.policy.access.lobby);
    let meeting = world.directory.meeting(&world.key).await.unwrap();
    assert!(!meeting.unwrap().access.lobby);
}

/// Taken for dead by the others, while the room was locked: its people are not strangers.
#[tokio::test(start_paused = true)]
async fn who_was_lost_unheard_comes_back_through_closed_doors() {
    let (world, one, two) = with_zoe_elsewhere().await;
    unheard_by_two(&world, &two, async || {
        much_happens(&one).await;
        let nodes = std::iter::once(two.id).collect::<std::collections::BTreeSet<_>>();
        let dead = Command::LoseNodes {
            nodes: nodes.into(),
        };
        let outside = ConnectionId(500);
        one.answer(one.send(outside, Actor::System, dead))
            .await
            .unwrap();
        world.seconds_pass(20);
        settled().await;
        assert_eq!(names(&one.room().await), ["ann"]);
        world.directory.has_meeting(&world.key, "ann");
        much_happens(&one).await;
    })
    .await;
    let room = one.room().await;
    let mut back = names(&room);
    back.sort_unstable();
    assert_eq!(back, ["ann", "late", "zoe"]);
}

/// The room lives no longer than the meeting may, whoever is in it; SQL has the end first.
#[tokio::test(start_paused = true)]
async fn the_longest_duration_warns_and_ends() {
    let mut world = World::new();
    world.policy.schedule.max_duration = Some(std::time::Duration::from_secs(600));
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.seconds_pass(299);
    settled().await;
    let warns = |event: &Event| matches!(event, Event::EndingSoon { .. });
    assert!(
        !node
            .sink
            .commits()
            .iter()
            .any(|it| it.events.iter().any(warns))
    );
    world.seconds_pass(1);
    node.sink.commit_with(warns).await;
    world.directory.ends_writes(Verdict::Lost);
    world.seconds_pass(300);
    settled().await;
    assert!(!node.room().await.is_ended(), "SQL did not take it");
    let late = node.answer(node.asks_to_join("cy")).await;
    assert_eq!(late, Err(Refusal::MeetingEnded));
    world.directory.ends_writes(Verdict::Kept);
    world.seconds_pass(1);
    let ends = |event: &Event| {
        let cause = EndCause::MaxDuration;
        matches!(event, Event::MeetingEnded { cause: ended, .. } if *ended == cause)
    };
    node.sink.commit_with(ends).await;
    let noted = world.directory.entries();
    assert!(noted.iter().any(|it| matches!(it, LedgerEntry::End { .. })));
}

#[tokio::test(start_paused = true)]
async fn an_empty_room_ends_but_not_while_somebody_waits() {
    let mut world = World::of_ann();
    world.policy.schedule.empty_timeout = Some(std::time::Duration::from_secs(60));
    world.policy.access.lobby = true;
    world.directory.has_lobby(&world.key);
    let node = world.node(1);
    node.joins("ann").await.unwrap();
    node.answer(node.asks_to_join("bob")).await.unwrap();
    node.leaves("ann").await;
    world.seconds_pass(600);
    settled().await;
    assert!(!node.room().await.is_ended(), "Bob waits");
    node.leaves("bob").await;
    world.seconds_pass(59);
    settled().await;
    assert!(!node.room().await.is_ended());
    world.seconds_pass(1);
    let ends = |event: &Event| {
        let cause = EndCause::Empty;
        matches!(event, Event::MeetingEnded { cause: ended, .. } if *ended == cause)
    };
    node.sink.commit_with(ends).await;
}

/// SQL has a switch before anybody sees it.
#[tokio::test(start_paused = true)]
async fn a_switch_that_sql_does_not_take_changes_nothing() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    let before = node.room().await;
    world.directory.knows_that_it_cannot_write(true);
    world.directory.knows_that_it_cannot_write(false);
    world.directory.refuses_updates(true);
    let refused = node.answer(node.says("ann", lobby(true))).await;
    assert_eq!(refused.map_err(|it| it.kind()), Err(Kind::Unavailable));
    assert_eq!(node.room().await, before);
    world.directory.refuses_updates(false);
    node.answer(node.says("ann", lobby(true))).await.unwrap();
    assert!(node.room().await.policy.access.lobby);
    let by_bob = node.answer(node.says("bob", lobby(false))).await;
    assert_eq!(by_bob, Err(Refusal::NotHost));
}

/// A hundred guesses in one go: each is decided after the ones before it.
#[tokio::test]
async fn guesses_that_come_together_are_counted_one_by_one() {
    let mut world = World::new();
    let passcodes = Passcodes::new(1).unwrap();
    let open = Passcode::new("open sesame").unwrap();
    let hash = passcodes.hash(open.clone()).await.unwrap();
    world.policy.access.passcode = Some(hash);
    let node = world.node(1);
    let tries = |number: u64, text: &str| {
        let connection = ConnectionId(900 + number);
        let Command::Join(plain) = join("eve", connection, node.id) else {
            unreachable!("join makes joins")
        };
        let wish = Join {
            passcode: Some(GivenPasscode::new(Passcode::new(text).unwrap())),
            network: Some(Network::new("10.0.0.1")),
            ..*plain
        };
        node.send(connection, acting("eve"), Command::Join(Box::new(wish)))
    };
    let guesses: Vec<_> = (0..100).map(|n| tries(n, &format!("guess {n}"))).collect();
    let right = tries(200, "open sesame");
    let mut codes = Vec::new();
    for ticket in guesses {
        codes.push(node.answer(ticket).await.unwrap_err().code());
    }
    let wrong = codes.iter().filter(|code| **code == "wrong-passcode");
    assert_eq!(wrong.count(), 5);
    assert!(codes[5..].iter().all(|code| *code == "rate-limited"));
    let late = node.answer(right).await.unwrap_err();
    assert_eq!(late.code(), "rate-limited", "even with the right one");
}

/// One row of the audit says whom a command muted.
#[tokio::test(start_paused = true)]
async fn a_mute_of_all_is_one_row() {
    let world = World::of_ann();
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob", "cy", "dee"]).await;
    let command = Command::Mute {
        target: MuteTarget::All,
        kind: MediaKind::Audio,
        lock: false,
    };
    let done = node.answer(node.says("ann", command)).await;
    assert_eq!(done, Ok(Outcome::Done));
    settled().await;
    let rows: Vec<_> = world
        .directory
        .entries()
        .into_iter()
        .filter_map(|entry| {
            let LedgerEntry::Audit(row) = entry else {
                return None;
            };
            row.after.filter(|_| row.action == "muted")
        })
        .collect();
    let all = serde_json::json!({ "kind": "audio", "participants": 3 });
    assert_eq!(rows, [all]);
}
