//! Forgetting a room in which nobody is.

use usher::domain::id::NodeId;
use usher::domain::room::{Actor, Room};

use super::{LONG, Make};
use crate::support::author::Author;
use crate::support::people::{empty_room, leave, room_key};

fn fresh() -> Room {
    empty_room(&room_key("r"), 1, Some("ann"))
}

/// Ann comes and goes.
async fn used_and_empty(author: &mut Author) {
    author.lets_in("ann").await;
    let connection = author.room().participants().next().unwrap().connections[0].id;
    author
        .says(&Actor::System, &leave(connection))
        .await
        .unwrap();
    assert!(author.room().is_empty());
}

pub(super) async fn a_room_with_people_in_it_is_kept(make: Make) {
    let store = make(LONG).await;
    let mut author = Author::opens(&store, 1, &fresh()).await;
    author.lets_in("ann").await;
    assert!(!store.forget(NodeId(1), author.room()).await.unwrap());
    author.lets_in("bob").await;
    assert_eq!(store.log(&room_key("r")).await.unwrap().len(), 2);
}

pub(super) async fn a_room_that_has_moved_on_is_kept(make: Make) {
    let store = make(LONG).await;
    let mut author = Author::opens(&store, 1, &fresh()).await;
    let mut other = Author::opens(&store, 2, &fresh()).await;
    used_and_empty(&mut author).await;
    let as_it_was = author.room().clone();
    used_and_empty(&mut other).await;
    assert!(other.room().rev > as_it_was.rev);
    assert!(!store.forget(NodeId(1), &as_it_was).await.unwrap());
    let bob = other.lets_in("bob").await;
    for _ in as_it_was.rev..other.room().rev - 1 {
        author.hears().await;
    }
    assert_eq!(
        author.hears().await,
        bob,
        "whoever was not forgotten still hears"
    );
}

pub(super) async fn a_forgotten_room_leaves_nothing_behind(make: Make) {
    let store = make(LONG).await;
    let mut author = Author::opens(&store, 1, &fresh()).await;
    used_and_empty(&mut author).await;
    assert!(store.forget(NodeId(1), author.room()).await.unwrap());
    assert!(store.log(&room_key("r")).await.unwrap().is_empty());
    assert_eq!(store.since(author.room(), 0).await.unwrap(), None);
    let anew = empty_room(&room_key("r"), 2, Some("bob"));
    assert_eq!(*Author::opens(&store, 1, &anew).await.room(), anew);
}

pub(super) async fn a_room_is_kept_for_the_node_that_still_has_it_open(make: Make) {
    let store = make(LONG).await;
    let mut goes = Author::opens(&store, 1, &fresh()).await;
    used_and_empty(&mut goes).await;
    let mut stays = Author::opens(&store, 2, &fresh()).await;
    assert!(store.forget(NodeId(1), goes.room()).await.unwrap());
    stays.lets_in("bob").await;
    let back = Author::opens(&store, 1, &empty_room(&room_key("r"), 9, None)).await;
    assert_eq!(back.room(), stays.room(), "the same life of the room");
}
