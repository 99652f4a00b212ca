//! Sorts a commit's messages by who gets them.

use std::collections::{HashMap, HashSet};

use super::members::Members;
use super::parcel::{Parcel, Piece};
use crate::domain::id::{ConnectionId, UserId};
use crate::protocol::delta::Rendered;
use crate::protocol::message::{Audience, Line};

/// What single connections get.
pub(super) type Extras = HashMap<ConnectionId, Parcel>;

/// A commit's messages, by who gets them.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// For every member who was there before and has nothing of their own.
    pub(super) room: Parcel,
    /// Everything, in order, for members to whom some of it is addressed.
    pub(super) own: Extras,
    /// Last words for connections that leave with the commit.
    pub(super) parting: Extras,
    /// For connections that wait in the lobby, or did until this commit.
    pub(super) waiting: Extras,
    /// Connections that came with the commit: they are shown the room, not what led to it.
    pub(super) newcomers: HashSet<ConnectionId>,
}

/// `members` and `lobby` are those from before the commit.
pub(super) fn sort(rendered: &Rendered, members: &Members, lobby: &Members) -> Sorted {
    let mut sorted = Sorted::default();
    sorted
        .newcomers
        .extend(rendered.attached.iter().map(|new| new.connection.id));
    let mut addressed: HashSet<&UserId> = HashSet::new();
    for line in &rendered.lines {
        match &line.audience {
            Audience::Room => sorted.room.push(Piece::Event(line.message.clone())),
            Audience::Everyone => {
                sorted.room.push(Piece::Event(line.message.clone()));
                for id in members.ids() {
                    push(&mut sorted.parting, id, line);
                }
            }
            Audience::User(user) => drop(addressed.insert(user)),
            Audience::Connection(id) => push(&mut sorted.parting, *id, line),
            Audience::Leaving(user) => {
                let passing = rendered.passing.iter().filter(|new| new.user == *user);
                let passing = passing.map(|new| new.connection.id);
                for id in members.of(user).iter().copied().chain(passing) {
                    push(&mut sorted.parting, id, line);
                }
            }
            Audience::Waiting(user) => {
                let coming = rendered.waiting.iter().chain(&rendered.waited_in_passing);
                let coming = coming.filter(|new| new.user == *user);
                let coming = coming.map(|new| new.connection.id);
                for id in lobby.of(user).iter().copied().chain(coming) {
                    push(&mut sorted.waiting, id, line);
                }
            }
        }
    }
    for user in addressed {
        own_lines(rendered, members, user, &mut sorted);
    }
    sorted
}

/// One addressee's view of the commit: what is for the room and what is for them, in order.
fn own_lines(rendered: &Rendered, members: &Members, user: &UserId, sorted: &mut Sorted) {
    let coming = rendered.attached.iter().filter(|new| new.user == *user);
    let ids: Vec<ConnectionId> = members
        .of(user)
        .iter()
        .copied()
        .chain(coming.map(|new| new.connection.id))
        .collect();
    for id in ids {
        let newcomer = sorted.newcomers.contains(&id);
        for line in &rendered.lines {
            let theirs = match &line.audience {
                Audience::Room | Audience::Everyone => !newcomer,
                Audience::User(addressee) => addressee == user,
                Audience::Connection(_) | Audience::Leaving(_) | Audience::Waiting(_) => false,
            };
            if theirs {
                push(&mut sorted.own, id, line);
            }
        }
    }
}

fn push(extras: &mut Extras, id: ConnectionId, line: &Line) {
    extras
        .entry(id)
        .or_default()
        .push(Piece::Event(line.message.clone()));
}
