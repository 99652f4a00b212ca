//! The same commands through a store and through a plain fold: every commit has to be the same.
//! Two stores that both pass give the same commits.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use usher::domain::id::{CommitId, NodeId};
use usher::domain::room::{Commit, Draft, Room};

use super::{LONG, Make};
use crate::support::author::Author;
use crate::support::people::{START, empty_room, room_key};
use crate::support::random::Dice;

/// What the commands make of a room without any store: the commits, and the room in the end.
fn plain_fold(fresh: &Room, node: NodeId, seeds: &[u64]) -> (Vec<Commit>, Room) {
    let mut room = fresh.clone();
    let mut commits = Vec::new();
    for (number, seed) in (1..).zip(seeds) {
        let (actor, command) = Dice::new(*seed).command(node);
        let mut draft = Draft::of(&room);
        if draft.execute(&actor, &command, START).is_ok()
            && let Some((commit, after)) = draft.into_commit(CommitId { node, number }, START)
        {
            commits.push(commit);
            room = after;
        }
    }
    (commits, room)
}

async fn through_a_store(make: Make, fresh: &Room, seeds: &[u64]) -> (Vec<Arc<Commit>>, Room) {
    let store = make(LONG).await;
    let mut author = Author::opens(&store, 1, fresh).await;
    for seed in seeds {
        let (actor, command) = Dice::new(*seed).command(author.node);
        author.says(&actor, &command).await;
    }
    let stored = Author::opens(&store, 99, fresh).await.room().clone();
    (store.log(&fresh.key).await.unwrap(), stored)
}

pub(super) fn random_commands_are_kept_as_a_plain_fold_makes_them(make: Make) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    };
    let commands = proptest::collection::vec(any::<u64>(), 1..80);
    let creator = proptest::option::of(Just("ann"));
    let claim = |(creator, seeds): (Option<&str>, Vec<u64>)| {
        let fresh = empty_room(&room_key("r"), 1, creator);
        let (expected, after) = plain_fold(&fresh, NodeId(1), &seeds);
        let (log, stored) = runtime.block_on(through_a_store(make, &fresh, &seeds));
        let log: Vec<Commit> = log.iter().map(|commit| Commit::clone(commit)).collect();
        prop_assert_eq!(log, expected);
        prop_assert_eq!(stored, after);
        Ok(())
    };
    TestRunner::new(config)
        .run(&(creator, commands), claim)
        .unwrap();
}
