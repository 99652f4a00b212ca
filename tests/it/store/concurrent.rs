//! Many writers at once.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use usher::domain::room::{Replica, Room};
use usher::engine::store::RoomStore;

use super::{LONG, Make};
use crate::support::author::Author;
use crate::support::people::{empty_room, room_key};
use crate::support::random::Dice;
use crate::support::within;

const WRITERS: u64 = 6;
const COMMANDS: usize = 150;

/// One node's people say things for a while, on a thread of their own.
async fn talks(store: Arc<dyn RoomStore>, fresh: Room, node: u64) -> Author {
    let mut author = Author::opens(&store, node, &fresh).await;
    let mut dice = Dice::new(node);
    for _ in 0..COMMANDS {
        let (actor, command) = dice.command(author.node);
        author.says(&actor, &command).await;
    }
    author
}

/// Everybody talks at once; the writers come back with what they hold in the end.
async fn everybody_talks(store: &Arc<dyn RoomStore>, fresh: &Room) -> Vec<Author> {
    let mut writers = JoinSet::new();
    for node in 1..=WRITERS {
        let (store, fresh, runtime) = (store.clone(), fresh.clone(), Handle::current());
        writers.spawn_blocking(move || runtime.block_on(talks(store, fresh, node)));
    }
    let mut authors = within(writers.join_all()).await;
    for author in &mut authors {
        author.asks_what_it_missed().await;
    }
    authors
}

pub(super) async fn concurrent_writers_leave_one_log_without_a_hole(make: Make) {
    let store = make(LONG).await;
    let fresh = empty_room(&room_key("r"), 1, Some("ann"));
    let authors = everybody_talks(&store, &fresh).await;
    let log = store.log(&room_key("r")).await.unwrap();
    assert!(log.len() > COMMANDS, "only {} commits", log.len());
    let mut fold = Replica::new(fresh.clone());
    for (rev, commit) in (1..).zip(&log) {
        assert_eq!((commit.rev, commit.parent), (rev, fold.room().head));
        assert_eq!(fold.apply(commit), Ok(true));
    }
    for node in 1..=WRITERS {
        assert!(
            log.iter().any(|commit| commit.id.node.0 == node),
            "node {node} was never heard"
        );
    }
    let stored = Author::opens(&store, 99, &fresh).await;
    assert_eq!(
        fold.room(),
        stored.room(),
        "the fold of the log is the stored state"
    );
    for author in &authors {
        assert_eq!(fold.room(), author.room(), "and each replica");
    }
}

pub(super) async fn a_storm_on_a_short_log_loses_nobody(make: Make) {
    let store = make(3).await;
    let fresh = empty_room(&room_key("r"), 1, Some("ann"));
    let authors = everybody_talks(&store, &fresh).await;
    let stored = Author::opens(&store, 99, &fresh).await;
    for author in &authors {
        assert_eq!(author.room(), stored.room());
    }
    assert!(store.log(&room_key("r")).await.unwrap().len() <= 3);
}
