//! Delivers what happens in a room to its members on this node: rendered once, framed once, written
//! at most once per socket and commit.

use std::sync::Arc;

use super::answering::{Lists, Shown, needs_list};
use super::connection::{Connection, Delivered};
use super::hub::Hub;
use super::listing::Listing;
use super::members::Members;
use super::parcel::{Parcel, Piece};
use super::past::Past;
use super::sorting::{Extras, People, Sorted, sort};
use super::waiting::waits;
use crate::domain::id::{ConnectionId, RoomKey, UserId};
use crate::domain::room::{Actor, Command, Commit, DismissalKind, LeaveReason, LossCause, Room};
use crate::domain::time::Timestamp;
use crate::engine::registry::Request;
use crate::engine::reply::{Answer, Handout};
use crate::engine::sink::{EventSink, Farewell, RoomSink};
use crate::protocol::dialect::Dialect;
use crate::protocol::message::Message;
use crate::protocol::render::{self, Attached, Notice, Rendered, View};
use crate::protocol::{delta, list};

/// Opens a fan-out per room.
#[derive(Debug)]
pub struct Fanouts {
    hub: Arc<Hub>,
}

impl Fanouts {
    /// Fan-outs to the connections of this hub.
    #[must_use]
    pub const fn new(hub: Arc<Hub>) -> Self {
        Self { hub }
    }
}

impl EventSink for Fanouts {
    fn open(&self, key: &RoomKey) -> Box<dyn RoomSink> {
        let (hub, key) = (self.hub.clone(), key.clone());
        let past = Past::new(hub.limits.past);
        Box::new(Fanout {
            hub,
            key,
            view: None,
            members: Members::default(),
            lobby: Members::default(),
            past,
            listing: Listing::default(),
        })
    }
}

/// The members of one room on this node and what they have been shown.
#[derive(Debug)]
pub(super) struct Fanout {
    pub(super) hub: Arc<Hub>,
    pub(super) key: RoomKey,
    pub(super) view: Option<View>,
    pub(super) members: Members,
    /// Who waits to be let in. Nothing that is for the room goes there.
    pub(super) lobby: Members,
    pub(super) past: Past,
    pub(super) listing: Listing,
}

impl RoomSink for Fanout {
    fn publish(
        &mut self,
        room: &Room,
        commit: Option<&Commit>,
        answers: Vec<Answer>,
        tickets: &[Handout],
    ) {
        let mut view = self.view.take().unwrap_or_else(|| View::of(room));
        let rendered = commit
            .map(|commit| render::render(&mut view, commit, room, self.hub.is_listed()))
            .unwrap_or_default();
        if commit.is_some() {
            self.past.note(room, &rendered);
        }
        let sorted = self.sort(&rendered);
        self.tell_lobby(room, &rendered, &sorted);
        self.remove(&rendered, &sorted);
        self.attach(&rendered);
        for answer in &answers {
            self.note_outcome(room, answer);
        }
        self.note_seats(room, &rendered, &answers);
        let replays = self.replays(room, &rendered, &answers);
        let list = needs_list(&rendered, &answers).then(|| view.list(room));
        let lists = list.map(|list| Lists::new(list, self.hub.is_listed()));
        let shown = Shown {
            lists: lists.as_ref(),
            rendered: &rendered,
            replays: &replays,
        };
        let vouchers = self.vouchers(tickets);
        let extras = self.answers(room, &mut view, &shown, (answers, vouchers));
        self.send(room, &sorted, &shown, &extras);
        self.pass(room, &rendered, &sorted);
        self.view = Some(view);
        if rendered.list_changed {
            self.list_later();
        }
    }

    fn lists_due(&self) -> Option<Timestamp> {
        Self::lists_due(self)
    }

    fn send_lists(&mut self, room: &Room) {
        Self::send_lists(self, room);
    }

    fn is_live(&self, connection: ConnectionId) -> bool {
        self.hub
            .connection(connection)
            .is_some_and(|connection| connection.is_in(&self.key))
    }

    fn recall(&mut self, room: &Room, commits: &[Arc<Commit>]) {
        self.past.recall(room, &render::recall(commits, room));
    }

    fn send_away(&mut self, connection: ConnectionId, why: &Farewell) {
        let member = self.members.remove(connection);
        let waiting = self.lobby.remove(connection);
        let Some(connection) = member
            .or(waiting)
            .or_else(|| self.hub.connection(connection))
        else {
            return;
        };
        self.leave(&connection);
        let words = match why {
            Farewell::Ended => render::ended(),
            Farewell::SentAway { by, kind } => match kind {
                DismissalKind::Denied => render::denied(by),
                DismissalKind::Kicked => render::kicked(by, LeaveReason::Kicked),
                DismissalKind::Banned => render::kicked(by, LeaveReason::Banned),
            },
        };
        let words = Piece::Event(Arc::new(words));
        part(&self.hub, &connection, &Parcel::new(vec![words]));
    }

    fn resync(&mut self, room: &Room) {
        let mut view = View::of(room);
        self.past.forget();
        let lists = Lists::new(view.list(room), self.hub.is_listed()).parcels();
        self.tell_admitted(room);
        self.enlist(room);
        self.members.retain(|id, user| {
            room.participant(user)
                .is_some_and(|participant| participant.holds(id))
        });
        self.lobby.retain(|id, user| waits(room, id, user));
        self.note_all_seats(room);
        let around = Around::new(room);
        for (id, connection) in self.members.iter() {
            let more = around.of(room, id);
            let dialect = connection.dialect();
            let missed = missed(room, id, dialect);
            show(&self.hub, connection, &[lists.of(dialect), more, &missed]);
        }
        for (id, connection) in self.lobby.iter() {
            if let Some(waiting) = room.lobby().holder_of(id) {
                self.tell_place(room, connection, &waiting.user);
            }
        }
        self.view = Some(view);
    }

    fn refresh(&mut self, room: &Room, connection: ConnectionId) {
        if let Some(waiting) = self.lobby.get(connection) {
            waiting.start_over();
            if let Some(person) = room.lobby().holder_of(connection) {
                self.tell_place(room, waiting, &person.user);
            }
            return;
        }
        let Some(member) = self.members.get(connection) else {
            // It has left since; without a room there is nothing to show it anew.
            if let Some(idle) = self
                .hub
                .connection(connection)
                .filter(|c| c.rooms().is_empty())
            {
                idle.start_over();
            }
            return;
        };
        let view = self.view.get_or_insert_with(|| View::of(room));
        member.start_over();
        let dialect = member.dialect();
        let lists = Lists::new(view.list(room), self.hub.is_listed()).parcels();
        let around = Around::new(room);
        let more = around.of(room, connection);
        let missed = missed(room, connection, dialect);
        show(&self.hub, member, &[lists.of(dialect), more, &missed]);
    }
}

impl Fanout {
    fn sort(&self, rendered: &Rendered) -> Sorted {
        let known = |id| self.members.get(id).or_else(|| self.lobby.get(id)).cloned();
        let dialect = |id| {
            let connection = known(id).or_else(|| self.hub.connection(id));
            connection.map_or(Dialect::Delta, |it| it.dialect())
        };
        let people = People {
            members: &self.members,
            lobby: &self.lobby,
            dialect: &dialect,
        };
        sort(rendered, &people)
    }

    /// Last words for connections that came and were sent away with the same commit.
    fn pass(&self, room: &Room, rendered: &Rendered, sorted: &Sorted) {
        let node = self.hub.ids.node();
        let waited = rendered
            .waited_in_passing
            .iter()
            .map(|it| (it, &sorted.waiting));
        let entered = rendered.passing.iter().map(|it| (it, &sorted.parting));
        for (Attached { connection, user }, words) in waited.chain(entered) {
            let id = connection.id;
            let known = self.members.get(id).is_some() || waits(room, id, user);
            let here = self.hub.connection(id);
            let here = here.filter(|_| connection.node == node && !known);
            if let (Some(here), Some(words)) = (here, words.get(&id)) {
                self.leave(&here);
                part(&self.hub, &here, words);
            }
        }
    }

    /// A connection ended while its join was under way, and may have said so before the join was noted:
    /// without this the room would keep a ghost.
    pub(super) fn report_lost(&self, connection: ConnectionId) {
        let cause = LossCause::Lost;
        let command = Command::LoseConnection { connection, cause };
        self.hub
            .tell(&self.key, Request::by_us(Actor::System, command));
    }

    /// Takes out who leaves with the commit, after their last words.
    fn remove(&mut self, rendered: &Rendered, sorted: &Sorted) {
        let mut leaving = rendered.detached.clone();
        for user in &rendered.departed {
            leaving.extend_from_slice(self.members.of(user));
        }
        for id in leaving {
            let Some(connection) = self.members.remove(id) else {
                continue;
            };
            self.unseat(&connection);
            // Only who is sent away gets last words. Who left by itself has noted that when it
            // asked, and may be on its way in again.
            if let Some(words) = sorted.parting.get(&id) {
                self.leave(&connection);
                part(&self.hub, &connection, words);
            }
        }
    }

    /// Takes in connections of this node that the room holds and that were never seen to be attached:
    /// the answer to their join was lost, and a snapshot tells of it.
    fn enlist(&mut self, room: &Room) {
        let node = self.hub.ids.node();
        for participant in room.participants() {
            for held in participant.connections.iter().filter(|c| c.node == node) {
                self.enlist_one(held.id, &participant.user);
            }
        }
        for waiting in room.lobby().iter() {
            for held in waiting.connections.iter().filter(|c| c.node == node) {
                let known = self.lobby.get(held.id).is_some();
                let here = || self.is_live(held.id);
                if !known && here() {
                    self.let_wait(held.id, &waiting.user);
                }
            }
        }
    }

    pub(super) fn enlist_one(&mut self, id: ConnectionId, user: &UserId) {
        if self.members.get(id).is_none()
            && let Some(connection) = self.hub.connection(id)
            && connection.is_in(&self.key)
        {
            self.members.insert(id, user, connection);
        }
    }

    fn attach(&mut self, rendered: &Rendered) {
        let node = self.hub.ids.node();
        for Attached { connection, user } in &rendered.attached {
            if connection.node != node {
                continue;
            }
            let id = connection.id;
            match self
                .hub
                .connection(id)
                .filter(|held| held.enter(&self.key, usize::MAX))
            {
                Some(connection) => self.members.insert(id, user, connection),
                None => self.report_lost(id),
            }
        }
    }

    /// One write per member: newcomers the list, the others what happened, each what is theirs.
    fn send(&self, room: &Room, sorted: &Sorted, shown: &Shown<'_>, extras: &Extras) {
        let rendered = shown.rendered;
        let no_room = sorted.room.delta.is_empty() && sorted.room.list.is_empty();
        let nothing_new = no_room && sorted.own.is_empty();
        if nothing_new && rendered.attached.is_empty() {
            for (id, extra) in extras {
                if let Some(connection) = self.members.get(*id) {
                    send_answer(&self.hub, connection, extra);
                }
            }
            return;
        }
        let lists = shown.lists.map(Lists::parcels).unwrap_or_default();
        let mut history = None;
        for (id, connection) in self.members.iter() {
            let dialect = connection.dialect();
            let newcomer = sorted.newcomers.contains(&id);
            let replay = shown.replays.get(&id).filter(|_| shown.spares_list(id));
            let replay = replay.filter(|_| newcomer);
            // What is replayed holds what is theirs of this commit.
            let own = if sorted.own.is_empty() || replay.is_some() {
                None
            } else {
                sorted.own.get(&id)
            };
            let shared = match (newcomer, replay) {
                (true, Some((_, missed))) => Some(missed),
                (true, None) => Some(lists.of(dialect)),
                (false, _) => Some(sorted.room.of(dialect)),
            };
            let shared = shared.filter(|_| newcomer || own.is_none());
            let extra = if extras.is_empty() {
                None
            } else {
                extras.get(&id)
            };
            let shared = shared.filter(|shared| !shared.is_empty());
            let own = own.filter(|own| !own.is_empty());
            let listed = newcomer && dialect == Dialect::List;
            let more = listed.then(|| self.more_to(room, id, connection, rendered, &mut history));
            let awaited = more.as_ref().filter(|more| !more.is_empty());
            match (shared, own, awaited) {
                (None, None, None) if extra.is_none() => {}
                (None, None, None) => deliver(&self.hub, connection, &[], extra),
                (Some(one), None, None) | (None, Some(one), None) => {
                    deliver(&self.hub, connection, &[one], extra);
                }
                (Some(shared), Some(own), None) => {
                    deliver(&self.hub, connection, &[shared, own], extra);
                }
                (shared, own, awaited) => {
                    let all = [shared, own, awaited];
                    let all: Vec<&Parcel> = all.into_iter().flatten().collect();
                    deliver(&self.hub, connection, &all, extra);
                }
            }
        }
    }
}

impl Fanout {
    /// What somebody of the list dialect is told with the list who comes in: what they may not switch on,
    /// unless the commit says so itself, and what they have missed.
    fn more_to(
        &self,
        room: &Room,
        id: ConnectionId,
        connection: &Connection,
        rendered: &Rendered,
        history: &mut Option<Arc<Message>>,
    ) -> Parcel {
        let mut pieces = Vec::new();
        let awaits = connection.takes_history(&self.key);
        if let Some(person) = room.participant_of(id) {
            if !rendered.entered.contains(&person.user) {
                pieces.extend(said(&render::muted(room, person), Dialect::List, room));
            }
            if awaits == Some(true) {
                pieces.extend(said(&render::unlocked(room, person), Dialect::List, room));
            }
        }
        if awaits.is_some() {
            let history = history.get_or_insert_with(|| Arc::new(list::history(room)));
            pieces.push(Piece::Event(history.clone()));
        }
        Parcel::new(pieces)
    }
}

/// What somebody is told of themselves who may have missed it; in the list dialect also the messages, for
/// which nobody asks again.
fn missed(room: &Room, id: ConnectionId, dialect: Dialect) -> Parcel {
    let Some(person) = room.participant_of(id) else {
        return Parcel::default();
    };
    let mut pieces: Vec<Piece> = said(&render::muted(room, person), dialect, room).collect();
    if dialect == Dialect::List {
        pieces.extend(said(&render::unlocked(room, person), dialect, room));
        pieces.push(Piece::Event(Arc::new(list::history(room))));
    }
    Parcel::new(pieces)
}

fn said<'a>(
    notices: &'a [Notice<'static>],
    dialect: Dialect,
    room: &'a Room,
) -> impl Iterator<Item = Piece> + 'a {
    let words = notices.iter().flat_map(move |notice| match dialect {
        Dialect::Delta => delta::say(notice, room.rev).into_iter().collect(),
        Dialect::List => list::say(notice, room.rev),
    });
    words.map(|message| Piece::Event(Arc::new(message)))
}

/// What is told with the list to those who may have missed changes.
struct Around {
    participants: Parcel,
    moderators: Parcel,
}

impl Around {
    fn new(room: &Room) -> Self {
        let doors = Arc::new(render::doors(room));
        let lobby = Piece::Event(Arc::new(render::lobby(room)));
        Self {
            participants: Parcel::new(vec![Piece::Event(doors.clone())]),
            moderators: Parcel::new(vec![Piece::Event(doors), lobby]),
        }
    }

    fn of(&self, room: &Room, id: ConnectionId) -> &Parcel {
        let user = room.participant_of(id).map(|it| &it.user);
        match user {
            Some(user) if room.rank_of(user).is_moderator() => &self.moderators,
            Some(_) | None => &self.participants,
        }
    }
}

pub(super) fn deliver(
    hub: &Arc<Hub>,
    connection: &Arc<Connection>,
    events: &[&Parcel],
    answer: Option<&Parcel>,
) {
    match connection.deliver(events, answer) {
        Delivered::Ok | Delivered::Dropped => {}
        Delivered::Waiting => hub.pump(connection),
        Delivered::FellBehind => hub.watch_recovery(connection),
        Delivered::TooSlow => hub.cut_off(connection),
    }
}

/// Shows somebody the room anew.
fn show(hub: &Arc<Hub>, connection: &Arc<Connection>, parcels: &[&Parcel]) {
    let some = parcels.iter().copied().filter(|parcel| !parcel.is_empty());
    deliver(hub, connection, &some.collect::<Vec<_>>(), None);
}

/// Last words. They are never repeated: who could not be told is cut off, so that its client does not
/// show a room that it is no longer in.
pub(super) fn part(hub: &Arc<Hub>, connection: &Arc<Connection>, words: &Parcel) {
    match connection.deliver(&[words], None) {
        Delivered::Ok => {}
        Delivered::Waiting => hub.pump(connection),
        Delivered::FellBehind | Delivered::Dropped | Delivered::TooSlow => hub.cut_off(connection),
    }
}

/// Answers one command outside of a commit.
pub(super) fn send_answer(hub: &Arc<Hub>, connection: &Arc<Connection>, parcel: &Parcel) {
    deliver(hub, connection, &[], Some(parcel));
}
