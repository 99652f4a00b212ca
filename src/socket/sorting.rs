//! Sorts a commit's messages by who gets them.

use std::collections::{HashMap, HashSet};

use super::members::Members;
use super::parcel::{Parcel, Piece};
use crate::domain::id::{ConnectionId, UserId};
use crate::protocol::dialect::Dialect;
use crate::protocol::message::{Audience, Line};
use crate::protocol::render::Rendered;

/// What single connections get.
pub(super) type Extras = HashMap<ConnectionId, Parcel>;

/// The same in each dialect.
#[derive(Debug, Default)]
pub(super) struct ByDialect<T> {
    pub(super) delta: T,
    pub(super) list: T,
}

impl<T> ByDialect<T> {
    pub(super) const fn of(&self, dialect: Dialect) -> &T {
        match dialect {
            Dialect::Delta => &self.delta,
            Dialect::List => &self.list,
        }
    }
}

/// A commit's messages, by who gets them.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// For every member who was there before and has nothing of their own.
    pub(super) room: ByDialect<Parcel>,
    /// Everything, in order, for members to whom some of it is addressed, or who do not get all of it.
    pub(super) own: Extras,
    /// Last words for connections that leave with the commit.
    pub(super) parting: Extras,
    /// For connections that wait in the lobby, or did until this commit.
    pub(super) waiting: Extras,
    /// Connections that came with the commit: they are shown the room, not what led to it.
    pub(super) newcomers: HashSet<ConnectionId>,
}

/// Who is spoken to, and in which dialect: members and lobby as before the commit.
pub(super) struct People<'a> {
    pub(super) members: &'a Members,
    pub(super) lobby: &'a Members,
    pub(super) dialect: &'a dyn Fn(ConnectionId) -> Dialect,
}

pub(super) fn sort(rendered: &Rendered, people: &People<'_>) -> Sorted {
    let mut sorted = Sorted::default();
    sorted
        .newcomers
        .extend(rendered.attached.iter().map(|new| new.connection.id));
    let mut addressed: HashSet<ConnectionId> = HashSet::new();
    for line in &rendered.lines {
        match &line.audience {
            Audience::Room => sorted.room.push(line),
            Audience::Others(but) => {
                sorted.room.push(line);
                addressed.extend(but);
            }
            Audience::Everyone => {
                sorted.room.push(line);
                for id in people.members.ids() {
                    people.push(&mut sorted.parting, id, line);
                }
            }
            Audience::User(user) => addressed.extend(people.connections_of(rendered, user)),
            Audience::Socket(id) => drop(addressed.insert(*id)),
            Audience::Connection(id) => people.push(&mut sorted.parting, *id, line),
            Audience::Leaving(user) => {
                let passing = rendered.passing.iter().filter(|new| new.user == *user);
                let passing = passing.map(|new| new.connection.id);
                for id in people.members.of(user).iter().copied().chain(passing) {
                    people.push(&mut sorted.parting, id, line);
                }
            }
            Audience::Waiting(user) => {
                let coming = rendered.waiting.iter().chain(&rendered.waited_in_passing);
                let coming = coming.filter(|new| new.user == *user);
                let coming = coming.map(|new| new.connection.id);
                for id in people.lobby.of(user).iter().copied().chain(coming) {
                    people.push(&mut sorted.waiting, id, line);
                }
            }
        }
    }
    for id in addressed {
        people.own_lines(rendered, id, &mut sorted);
    }
    sorted
}

impl ByDialect<Parcel> {
    fn push(&mut self, line: &Line) {
        for message in line.messages(Dialect::Delta) {
            self.delta.push(Piece::Event(message.clone()));
        }
        for message in line.messages(Dialect::List) {
            self.list.push(Piece::Event(message.clone()));
        }
    }
}

impl People<'_> {
    /// Over which connections a user is there, with those of this commit.
    fn connections_of<'a>(
        &'a self,
        rendered: &'a Rendered,
        user: &'a UserId,
    ) -> impl Iterator<Item = ConnectionId> + 'a {
        let coming = rendered
            .attached
            .iter()
            .filter(move |new| new.user == *user);
        let coming = coming.map(|new| new.connection.id);
        self.members.of(user).iter().copied().chain(coming)
    }

    /// One connection's view of the commit: what is for the room and what is for it, in order.
    fn own_lines(&self, rendered: &Rendered, id: ConnectionId, sorted: &mut Sorted) {
        let newcomer = sorted.newcomers.contains(&id);
        let coming = || rendered.attached.iter().find(|new| new.connection.id == id);
        let user = self.members.user_of(id);
        let user = user.or_else(|| coming().map(|new| &new.user));
        // Who is no member of this node's gets nothing of the room.
        let Some(user) = user else { return };
        let dialect = (self.dialect)(id);
        let parcel = sorted.own.entry(id).or_default();
        for line in &rendered.lines {
            let theirs = match &line.audience {
                Audience::Room | Audience::Everyone => !newcomer,
                Audience::Others(but) => !newcomer && *but != Some(id),
                Audience::User(addressee) => addressee == user,
                Audience::Socket(addressee) => *addressee == id,
                Audience::Connection(_) | Audience::Leaving(_) | Audience::Waiting(_) => false,
            };
            let words = if theirs { line.messages(dialect) } else { &[] };
            for message in words {
                parcel.push(Piece::Event(message.clone()));
            }
        }
    }

    fn push(&self, extras: &mut Extras, id: ConnectionId, line: &Line) {
        let parcel = extras.entry(id).or_default();
        for message in line.messages((self.dialect)(id)) {
            parcel.push(Piece::Event(message.clone()));
        }
    }
}
