//! The feed: what other nodes commit.

use usher::domain::id::NodeId;
use usher::domain::room::{Command, Room};

use super::{LONG, Make};
use crate::support::author::Author;
use crate::support::people::{acting, empty_room, mute, room_key};
use crate::support::within;

fn fresh() -> Room {
    empty_room(&room_key("r"), 1, Some("ann"))
}

pub(super) async fn commits_of_others_come_in_order_and_ones_own_do_not(make: Make) {
    let store = make(LONG).await;
    let mut one = Author::opens(&store, 1, &fresh()).await;
    let mut two = Author::opens(&store, 2, &fresh()).await;
    for round in 0..20 {
        let by_one = one.lets_in(&format!("guest-of-one{round}")).await;
        let heard = two.hears().await;
        assert_eq!(heard, by_one);
        two.folds(&heard);
        let by_two = two.lets_in(&format!("guest-of-two{round}")).await;
        let heard = one.hears().await;
        assert_eq!(
            heard, by_two,
            "what comes first is the other's, not one's own"
        );
        one.folds(&heard);
    }
    assert_eq!(one.room(), two.room());
}

pub(super) async fn every_node_hears_of_every_other(make: Make) {
    let store = make(LONG).await;
    let mut writer = Author::opens(&store, 1, &fresh()).await;
    let mut readers = Vec::new();
    for node in 2..6 {
        readers.push(Author::opens(&store, node, &fresh()).await);
    }
    for name in ["ann", "bob", "cy"] {
        let commit = writer.lets_in(name).await;
        for reader in &mut readers {
            assert_eq!(reader.hears().await, commit);
        }
    }
}

pub(super) async fn a_feed_opened_anew_ends_the_old_one(make: Make) {
    let store = make(LONG).await;
    let mut writer = Author::opens(&store, 1, &fresh()).await;
    let mut old = Author::opens(&store, 2, &fresh()).await;
    let mut new = Author::opens(&store, 2, &fresh()).await;
    let commit = writer.lets_in("ann").await;
    assert_eq!(new.hears().await, commit);
    assert_eq!(within(old.feed.recv()).await, None);
}

/// A node that does not read must cost neither memory without bound nor the others' time.
pub(super) async fn a_feed_that_nobody_reads_is_bounded_and_since_fills_the_hole(make: Make) {
    const COMMITS: u64 = 3000;
    let store = make(LONG).await;
    let mut busy = Author::opens(&store, 1, &fresh()).await;
    let mut slow = Author::opens(&store, 2, &fresh()).await;
    busy.lets_in("ann").await;
    for round in 1..COMMITS {
        let toggled: Command = mute(round % 2 == 0);
        busy.says(&acting("ann"), &toggled)
            .await
            .expect("it is a change");
    }
    // The writer leaves, so the feed ends behind what was kept.
    let mut kept = Vec::new();
    drop(store.open(NodeId(2), &fresh()).await.unwrap());
    while let Some(commit) = within(slow.feed.recv()).await {
        kept.push(commit.rev);
    }
    assert!(
        u64::try_from(kept.len()).unwrap() < COMMITS,
        "a queue without bound"
    );
    assert!(
        kept.is_sorted_by(|earlier, later| earlier < later),
        "in order, none twice"
    );
    slow.asks_what_it_missed().await;
    assert_eq!(slow.room(), busy.room());
    assert_eq!(slow.room().rev, COMMITS);
}
