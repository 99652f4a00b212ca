//! What waits together is decided together, and everybody is answered.

use usher::domain::refusal::{Kind, Refusal};
use usher::domain::room::{Actor, Event};
use usher::engine::registry::{Message, Request};
use usher::engine::reply::{Outcome, ReplyTo};

use crate::support::node::World;
use crate::support::people::{END, MAKE_HOST, change_role, leave, mute, names};
use crate::support::sink::Told;
use crate::support::{settled, within};

#[tokio::test(start_paused = true)]
async fn joins_that_wait_together_become_one_commit() {
    let node = World::of_ann().node(1);
    let tickets = ["ann", "bob", "cy"].map(|name| node.asks_to_join(name));
    for ticket in tickets {
        assert_eq!(node.full_answer(ticket).await.rev, 1);
    }
    let commits = node.sink.commits();
    assert_eq!(commits.len(), 1);
    assert_eq!(commits[0].events.len(), 3);
    assert_eq!(names(&node.room().await), ["ann", "bob", "cy"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_bounded() {
    let mut world = World::of_ann();
    world.limits.batch = 2;
    let node = world.node(1);
    let tickets = ["ann", "bob", "cy", "dee", "eve"].map(|name| node.asks_to_join(name));
    for ticket in tickets {
        node.answer(ticket).await.unwrap();
    }
    let sizes: Vec<_> = node
        .sink
        .commits()
        .iter()
        .map(|commit| commit.events.len())
        .collect();
    assert_eq!(sizes, [2, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_command_does_not_hold_up_the_others_of_its_batch() {
    let node = World::of_ann().node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    let refused = node.says("bob", change_role("ann", MAKE_HOST));
    let muted = node.says("ann", mute(false));
    let joined = node.asks_to_join("cy");
    assert_eq!(
        node.answer(refused).await,
        Err(Refusal::NotHostForRole(MAKE_HOST))
    );
    assert_eq!(node.answer(muted).await, Ok(Outcome::Done));
    assert!(
        matches!(node.answer(joined).await, Ok(Outcome::Joined { user, .. }) if user.as_str() == "cy")
    );
    assert_eq!(node.room().await.rev, 3, "one commit for both");
}

#[tokio::test(start_paused = true)]
async fn commands_take_effect_in_the_order_sent() {
    let node = World::of_ann().node(1);
    node.joins("ann").await.unwrap();
    let tickets: Vec<_> = (0..100)
        .map(|n| node.says("ann", mute(n % 2 == 1)))
        .collect();
    for ticket in tickets {
        node.answer(ticket).await.unwrap();
    }
    let heard: Vec<_> = node
        .sink
        .commits()
        .into_iter()
        .flat_map(|commit| commit.events)
        .filter_map(|event| {
            if let Event::MediaChanged { changes, .. } = event {
                changes.audio_muted
            } else {
                None
            }
        })
        .collect();
    assert_eq!(heard, Vec::from_iter((0..100).map(|n| n % 2 == 1)));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_answered_before_the_state_that_the_answer_is_about() {
    let node = World::of_ann().node(1);
    for name in ["ann", "bob", "cy", "dee"] {
        let _early = node.asks_to_join(name);
        let _while_under_way = node.says("ann", mute(name.len() % 2 == 0));
        settled().await;
    }
    let mut published = 0;
    for told in node.sink.all() {
        published = told.commit().map_or(published, |commit| commit.rev);
        for answer in told.answers() {
            assert!(
                answer.rev <= published,
                "{answer:?} before revision {}",
                answer.rev
            );
        }
        if let Told::Published { room, .. } = told {
            assert_eq!(room.rev, published, "what is shown is the newest");
        }
    }
    assert_eq!(node.sink.answers().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn what_changes_nothing_is_answered_without_a_commit() {
    let node = World::of_ann().node(1);
    node.joins("ann").await.unwrap();
    node.joins("ann").await.unwrap();
    let nobody = node.send(
        node.connection_of("bob"),
        Actor::System,
        leave(node.connection_of("bob")),
    );
    assert_eq!(node.answer(nobody).await, Ok(Outcome::Done));
    assert_eq!(node.sink.commits().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_with_unavailable() {
    let mut world = World::of_ann();
    world.limits.room_queue = 3;
    let node = world.node(1);
    let waiting = ["ann", "bob", "cy"].map(|name| node.asks_to_join(name));
    let leave = leave(node.connection_of("ann"));
    let refusal = node
        .try_send(node.connection_of("dee"), Actor::System, leave)
        .unwrap_err();
    assert_eq!(refusal.kind(), Kind::Unavailable);
    for ticket in waiting {
        node.answer(ticket).await.unwrap();
    }
    node.joins("dee").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_news_of_a_lost_connection_waits_for_a_place_in_the_queue() {
    let mut world = World::of_ann();
    world.limits.room_queue = 2;
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    let full = [node.says("ann", mute(false)), node.says("ann", mute(true))];
    let request = Request::by_us(Actor::System, leave(node.connection_of("bob")));
    within(node.rooms.insist(
        &node.key,
        Message {
            request,
            reply: ReplyTo::Nobody,
        },
    ))
    .await;
    for ticket in full {
        node.answer(ticket).await.unwrap();
    }
    assert_eq!(names(&node.room().await), ["ann"]);
}

#[tokio::test(start_paused = true)]
async fn who_can_read_again_is_shown_the_room_and_nobody_else_is() {
    let node = World::of_ann().node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    let before = node.sink.all().len();
    let bob = node.connection_of("bob");
    let refresh = Message {
        request: Request::Refresh(bob),
        reply: ReplyTo::Nobody,
    };
    node.rooms.send(&node.key, refresh).unwrap();
    settled().await;
    let told = node.sink.all().split_off(before);
    let shown: Vec<_> = told
        .iter()
        .map(|told| matches!(told, Told::Refreshed { connection } if *connection == bob))
        .collect();
    assert_eq!(shown.first(), Some(&true));
    assert!(
        told.iter()
            .all(|told| told.commit().is_none() && told.answers().is_empty())
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_gets_the_room_as_it_is_after_its_command() {
    let node = World::of_ann().node(1);
    node.joins("ann").await.unwrap();
    let service = Actor::Service(None);
    let room = within(node.rooms.change(&node.key, service.clone(), END))
        .await
        .unwrap();
    assert!(room.is_empty());
    let elsewhere = crate::support::people::room_key("elsewhere");
    assert_eq!(
        within(node.rooms.read(&elsewhere)).await,
        Ok(None),
        "reading loads nothing"
    );
    assert!(!node.rooms.is_loaded(&elsewhere));
}
