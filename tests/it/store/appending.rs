//! Appending: only at the head, and only once.

use std::sync::Arc;

use usher::domain::id::{CommitId, Epoch, NodeId};
use usher::domain::room::{Commit, Room};
use usher::engine::store::{Appended, Missed, RoomStore};

use super::{LONG, Make};
use crate::support::author::Author;
use crate::support::people::{empty_room, join, names, room_key};

type Store = Arc<dyn RoomStore>;

fn fresh() -> Room {
    empty_room(&room_key("r"), 1, Some("ann"))
}

async fn log(store: &Store) -> Vec<Arc<Commit>> {
    store.log(&room_key("r")).await.unwrap()
}

async fn stored(store: &Store) -> Room {
    Author::opens(store, 999, &fresh()).await.room().clone()
}

/// A commit that lets somebody in, decided on the author's replica but not appended.
fn prepared(author: &Author, name: &str) -> (Arc<Commit>, Room) {
    let joins = join(name, usher::domain::id::ConnectionId(77), author.node);
    let actor = usher::domain::room::Actor::System;
    author.decides(author.next_id(), &actor, &joins).unwrap()
}

async fn let_in(author: &mut Author, count: usize) {
    for number in 0..count {
        author.lets_in(&format!("guest{number}")).await;
    }
}

/// Appends a forged commit and makes sure that the answer is the whole room, which is as it was.
async fn is_shown_the_room(store: &Store, forged: Commit, after: &Room) {
    let (room_before, log_before) = (stored(store).await, log(store).await);
    let appended = store.append(&Arc::new(forged), after).await.unwrap();
    assert_eq!(
        appended,
        Appended::Conflict(Missed::Snapshot(Box::new(room_before.clone())))
    );
    assert_eq!(stored(store).await, room_before);
    assert_eq!(log(store).await, log_before);
}

pub(super) async fn a_commit_at_the_head_is_accepted(make: Make) {
    let store = make(LONG).await;
    let mut author = Author::opens(&store, 1, &fresh()).await;
    let (commit, after) = prepared(&author, "ann");
    assert_eq!(author.appends(&commit, &after).await, Appended::Accepted);
    assert_eq!(log(&store).await, [commit]);
    assert_eq!(stored(&store).await, after);
}

pub(super) async fn a_commit_behind_the_head_learns_exactly_what_it_missed(make: Make) {
    let store = make(LONG).await;
    let mut fast = Author::opens(&store, 1, &fresh()).await;
    let_in(&mut fast, 3).await;
    let mut slow = Author::opens(&store, 2, &fresh()).await;
    let_in(&mut fast, 5).await;
    fast.lets_in("dee").await;
    let (commit, after) = prepared(&slow, "bob");
    let appended = slow.appends(&commit, &after).await;
    let rest = log(&store).await.split_off(3);
    assert_eq!(appended, Appended::Conflict(Missed::Commits(rest.clone())));
    slow.catches_up(Missed::Commits(rest));
    assert_eq!(slow.room(), fast.room());
    let (commit, after) = prepared(&slow, "bob");
    assert_eq!(slow.appends(&commit, &after).await, Appended::Accepted);
}

pub(super) async fn a_commit_with_a_wrong_parent_changes_nothing(make: Make) {
    let store = make(LONG).await;
    let mut author = Author::opens(&store, 1, &fresh()).await;
    let_in(&mut author, 3).await;
    let (commit, after) = prepared(&author, "bob");
    let parent = Some(CommitId {
        node: NodeId(13),
        number: 13,
    });
    is_shown_the_room(
        &store,
        Commit {
            parent,
            ..Commit::clone(&commit)
        },
        &after,
    )
    .await;
}

pub(super) async fn a_commit_ahead_of_the_head_changes_nothing(make: Make) {
    let store = make(LONG).await;
    let mut author = Author::opens(&store, 1, &fresh()).await;
    let_in(&mut author, 3).await;
    let (commit, mut after) = prepared(&author, "bob");
    after.rev += 1;
    is_shown_the_room(
        &store,
        Commit {
            rev: after.rev,
            ..Commit::clone(&commit)
        },
        &after,
    )
    .await;
}

pub(super) async fn a_commit_of_another_epoch_changes_nothing(make: Make) {
    let store = make(LONG).await;
    let mut author = Author::opens(&store, 1, &fresh()).await;
    let_in(&mut author, 3).await;
    let (commit, mut after) = prepared(&author, "bob");
    after.epoch = Epoch(8);
    is_shown_the_room(
        &store,
        Commit {
            epoch: Epoch(8),
            ..Commit::clone(&commit)
        },
        &after,
    )
    .await;
}

pub(super) async fn where_the_log_is_trimmed_a_conflict_carries_the_room(make: Make) {
    let store = make(4).await;
    let mut fast = Author::opens(&store, 1, &fresh()).await;
    let_in(&mut fast, 2).await;
    let mut slow = Author::opens(&store, 2, &fresh()).await;
    fast.lets_in("cy").await;
    for name in ["dee", "eve", "fay", "gus", "hal"] {
        fast.lets_in(name).await;
    }
    let (commit, after) = prepared(&slow, "bob");
    let room = Box::new(fast.room().clone());
    assert_eq!(
        slow.appends(&commit, &after).await,
        Appended::Conflict(Missed::Snapshot(room))
    );
    assert_eq!(stored(&store).await, *fast.room());
}

/// A log that begins right after the forked revision cannot show that revision's commit, but the
/// parent of its first commit tells.
pub(super) async fn a_fork_is_noticed_even_where_the_log_begins(make: Make) {
    let store = make(4).await;
    let mut author = Author::opens(&store, 1, &fresh()).await;
    author.lets_in("ann").await;
    let mut forked = Author::opens(&store, 2, &fresh()).await.room().clone();
    forked.head = Some(CommitId {
        node: NodeId(13),
        number: 13,
    });
    for name in ["bob", "cy", "dee", "eve"] {
        author.lets_in(name).await;
    }
    let first_kept = log(&store).await[0].rev;
    assert_eq!(
        first_kept,
        forked.rev + 1,
        "the log begins where the fork is"
    );
    let room = Box::new(author.room().clone());
    assert_eq!(
        store.since(&forked, forked.rev).await.unwrap(),
        Some(Missed::Snapshot(room))
    );
}

pub(super) async fn a_repeated_commit_takes_effect_once(make: Make) {
    let store = make(LONG).await;
    let mut author = Author::opens(&store, 1, &fresh()).await;
    let mut other = Author::opens(&store, 2, &fresh()).await;
    let (commit, after) = prepared(&author, "ann");
    assert_eq!(author.appends(&commit, &after).await, Appended::Accepted);
    assert_eq!(author.appends(&commit, &after).await, Appended::Accepted);
    let bob = author.lets_in("bob").await;
    assert_eq!(
        store.append(&commit, &after).await.unwrap(),
        Appended::Accepted,
        "and later"
    );
    assert_eq!(log(&store).await, [commit.clone(), bob.clone()]);
    assert_eq!(names(&stored(&store).await), ["ann", "bob"]);
    assert_eq!(
        [other.hears().await, other.hears().await],
        [commit, bob],
        "each was told once"
    );
}

pub(super) async fn a_repeated_commit_that_left_the_log_takes_no_effect(make: Make) {
    let store = make(2).await;
    let mut author = Author::opens(&store, 1, &fresh()).await;
    let (commit, after) = prepared(&author, "ann");
    author.appends(&commit, &after).await;
    for name in ["bob", "cy", "dee"] {
        author.lets_in(name).await;
    }
    is_shown_the_room(&store, Commit::clone(&commit), &after).await;
}
