//! What is kept of a connection for who comes back: the stores, and the node's own keeper.

mod keeping;
mod store;

use std::sync::Arc;

use usher::domain::id::{ConnectionId, NodeId};
use usher::domain::participant::Profile;
use usher::engine::sessions::{Pid, Session, SessionRoom};

use crate::support::people::{room_key, user};

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

/// Bob in these rooms.
fn bob_in(rooms: &[&str]) -> Session {
    let rooms = rooms.iter().map(|name| SessionRoom {
        room: room_key(name).room,
        profile: Profile {
            name: "Bób \"B\" \u{1f642}".into(),
            image_url: Some("https://example/b.png".into()),
        },
    });
    Session {
        tenant: room_key("r").tenant,
        user: user("bob"),
        verified: true,
        rooms: rooms.collect(),
    }
}

fn pid(number: u128) -> Pid {
    Pid::new(ONE, number)
}

const fn connection(number: u64) -> ConnectionId {
    ConnectionId(number)
}

/// A change that the store has not seen.
fn fresh(number: u128, session: &Session) -> usher::engine::sessions::Change {
    usher::engine::sessions::Change {
        key: pid(number).key(),
        session: Some(Arc::new(session.clone())),
        fresh: true,
    }
}
