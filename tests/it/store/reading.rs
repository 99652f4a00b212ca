//! Reading what was missed.

use usher::domain::id::{CommitId, Epoch, NodeId};
use usher::domain::room::{Replica, Room};
use usher::engine::store::Missed;

use super::{LONG, Make};
use crate::support::author::Author;
use crate::support::people::{empty_room, room_key};

fn fresh() -> Room {
    empty_room(&room_key("r"), 1, Some("ann"))
}

/// Writes ten commits; the room before the first and after each of them comes back.
async fn ten_commits(author: &mut Author) -> Vec<Room> {
    let mut history = vec![author.room().clone()];
    for number in 0..10 {
        author.lets_in(&format!("guest{number}")).await;
        history.push(author.room().clone());
    }
    history
}

fn snapshot(room: &Room) -> Option<Missed> {
    Some(Missed::Snapshot(Box::new(room.clone())))
}

pub(super) async fn since_each_revision_there_is_exactly_the_rest(make: Make) {
    let store = make(LONG).await;
    let mut author = Author::opens(&store, 1, &fresh()).await;
    let history = ten_commits(&mut author).await;
    let log = store.log(&room_key("r")).await.unwrap();
    assert_eq!(
        log.iter().map(|commit| commit.rev).collect::<Vec<_>>(),
        Vec::from_iter(1..=10)
    );
    for (held, room) in history.iter().enumerate() {
        let missed = store.since(room, room.rev).await.unwrap();
        assert_eq!(
            missed,
            Some(Missed::Commits(log[held..].to_vec())),
            "since {held}"
        );
        let mut replica = Replica::new(room.clone());
        for commit in &log[held..] {
            assert_eq!(replica.apply(commit), Ok(true));
        }
        assert_eq!(replica.room(), author.room());
    }
}

pub(super) async fn since_before_the_kept_log_there_is_the_room(make: Make) {
    let store = make(4).await;
    let mut author = Author::opens(&store, 1, &fresh()).await;
    let history = ten_commits(&mut author).await;
    let log = store.log(&room_key("r")).await.unwrap();
    assert_eq!(
        log.iter().map(|commit| commit.rev).collect::<Vec<_>>(),
        [7, 8, 9, 10]
    );
    for room in &history {
        let expected = match room.rev {
            0..6 => snapshot(author.room()),
            6.. => Some(Missed::Commits(
                log.iter()
                    .filter(|commit| commit.rev > room.rev)
                    .cloned()
                    .collect(),
            )),
        };
        assert_eq!(
            store.since(room, room.rev).await.unwrap(),
            expected,
            "since {}",
            room.rev
        );
    }
}

pub(super) async fn who_has_another_history_is_given_the_room(make: Make) {
    let store = make(LONG).await;
    let mut author = Author::opens(&store, 1, &fresh()).await;
    let history = ten_commits(&mut author).await;
    let truth = snapshot(author.room());
    let mut forked = history[5].clone();
    forked.head = Some(CommitId {
        node: NodeId(13),
        number: 13,
    });
    assert_eq!(
        store.since(&forked, 5).await.unwrap(),
        truth,
        "right revision, other commit"
    );
    let mut reborn = history[5].clone();
    reborn.epoch = Epoch(8);
    assert_eq!(
        store.since(&reborn, 5).await.unwrap(),
        truth,
        "another life of the log"
    );
    let mut ahead = author.room().clone();
    ahead.rev += 1;
    assert_eq!(
        store.since(&ahead, ahead.rev).await.unwrap(),
        truth,
        "a tail that is lost"
    );
}
