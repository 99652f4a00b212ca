//! Opening a room.

use usher::domain::id::NodeId;
use usher::domain::room::Replica;

use super::{LONG, Make};
use crate::support::author::Author;
use crate::support::people::{acting, empty_room, join, names, room_key};

pub(super) async fn the_first_writer_wins(make: Make) {
    let store = make(LONG).await;
    let key = room_key("r");
    let (first, second) = (
        empty_room(&key, 1, Some("ann")),
        empty_room(&key, 2, Some("bob")),
    );
    assert_eq!(store.open(NodeId(1), &first).await.unwrap().room, first);
    assert_eq!(store.open(NodeId(2), &second).await.unwrap().room, first);
    assert_eq!(store.open(NodeId(1), &second).await.unwrap().room, first);
    assert!(
        store.log(&key).await.unwrap().is_empty(),
        "opening is no commit"
    );
}

pub(super) async fn who_comes_later_finds_the_room_as_the_log_left_it(make: Make) {
    let store = make(LONG).await;
    let fresh = empty_room(&room_key("r"), 1, Some("ann"));
    let mut author = Author::opens(&store, 1, &fresh).await;
    for name in ["ann", "bob", "cy"] {
        author.lets_in(name).await;
    }
    let later = Author::opens(&store, 2, &fresh).await;
    assert_eq!(later.room(), author.room());
    let mut fold = Replica::new(fresh);
    for commit in store.log(&room_key("r")).await.unwrap() {
        assert_eq!(fold.apply(&commit), Ok(true));
    }
    assert_eq!(fold.room(), later.room());
}

pub(super) async fn rooms_do_not_know_of_each_other(make: Make) {
    let store = make(LONG).await;
    let (red, blue) = (room_key("red"), room_key("blue"));
    let mut in_red = Author::opens(&store, 1, &empty_room(&red, 1, None)).await;
    let mut in_blue = Author::opens(&store, 2, &empty_room(&blue, 2, None)).await;
    let mut guest_of_blue = Author::opens(&store, 3, &empty_room(&blue, 3, None)).await;
    in_red.lets_in("ann").await;
    let bob = in_blue.lets_in("bob").await;
    assert_eq!(guest_of_blue.hears().await, bob, "nothing of red");
    assert_eq!(
        names(
            Author::opens(&store, 4, &empty_room(&red, 4, None))
                .await
                .room()
        ),
        ["ann"]
    );
    assert_eq!(store.log(&blue).await.unwrap(), [bob]);
}

pub(super) async fn a_room_that_nobody_opened_is_unknown(make: Make) {
    let (store, elsewhere) = (make(LONG).await, make(LONG).await);
    let key = room_key("r");
    let fresh = empty_room(&key, 1, None);
    let author = Author::opens(&elsewhere, 1, &fresh).await;
    let joins = join("ann", usher::domain::id::ConnectionId(1), NodeId(1));
    let (commit, after) = author
        .decides(author.next_id(), &acting("ann"), &joins)
        .unwrap();
    assert!(store.append(&commit, &after).await.is_err());
    assert_eq!(store.since(&fresh, 0).await.unwrap(), None);
    assert!(store.log(&key).await.unwrap().is_empty());
    assert!(
        store.forget(NodeId(1), &fresh).await.unwrap(),
        "there is nothing to keep"
    );
}
