//! Delivers what happens in a room to its members on this node: rendered once, framed once, written
//! at most once per socket and commit.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::connection::{Connection, Delivered};
use super::hub::Hub;
use super::inbound::refused;
use super::parcel::{Parcel, Piece};
use crate::domain::id::{ConnectionId, RoomKey, UserId};
use crate::domain::room::{Commit, Room};
use crate::engine::reply::{Answer, Outcome};
use crate::engine::sink::{EventSink, RoomSink};
use crate::protocol::delta::{self, Rendered, View};
use crate::protocol::message::{Audience, Message};
use crate::protocol::names::{client, server};

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
        Box::new(Fanout {
            hub: self.hub.clone(),
            key: key.clone(),
            view: None,
            members: HashMap::new(),
        })
    }
}

#[derive(Debug)]
struct Member {
    connection: Arc<Connection>,
    user: UserId,
}

/// The members of one room on this node.
#[derive(Debug)]
struct Fanout {
    hub: Arc<Hub>,
    key: RoomKey,
    view: Option<View>,
    members: HashMap<ConnectionId, Member>,
}

/// What one connection gets besides what the whole room gets.
type Extras = HashMap<ConnectionId, Parcel>;

impl RoomSink for Fanout {
    fn publish(&mut self, room: &Room, commit: Option<&Commit>, answers: Vec<Answer>) {
        let mut view = self.view.take().unwrap_or_else(|| View::of(room));
        let rendered =
            commit.map(|commit| delta::render(&mut view, commit, room)).unwrap_or_default();
        let mut extras = Extras::new();
        let for_room = self.sort(&rendered, &mut extras);
        self.remove(&rendered, &mut extras);
        self.attach(&rendered);
        let list = needs_list(&rendered, &answers).then(|| view.list(room));
        self.answer(room, &mut view, list.as_deref(), answers, &rendered, &mut extras);
        self.send(&rendered, for_room, list, extras);
        self.view = Some(view);
    }

    fn resync(&mut self, room: &Room) {
        let mut view = View::of(room);
        let list = list_parcel(view.list(room));
        self.members.retain(|id, member| {
            room.participant(&member.user).is_some_and(|participant| participant.holds(*id))
        });
        for member in self.members.values() {
            deliver(&self.hub, &member.connection, &[&list]);
        }
        self.view = Some(view);
    }

    fn refresh(&mut self, room: &Room, connection: ConnectionId) {
        let Some(member) = self.members.get(&connection) else { return };
        let view = self.view.get_or_insert_with(|| View::of(room));
        member.connection.start_over();
        deliver(&self.hub, &member.connection, &[&list_parcel(view.list(room))]);
    }
}

impl Fanout {
    /// Splits the lines: one parcel for the room, and per connection what is for it alone.
    fn sort(&self, rendered: &Rendered, extras: &mut Extras) -> Parcel {
        let mut for_room = Vec::new();
        for line in &rendered.lines {
            let event = || Piece::Event(line.message.clone());
            match &line.audience {
                Audience::Room => for_room.push(event()),
                Audience::Everyone => {
                    for_room.push(event());
                    for user in &rendered.departed {
                        for id in self.connections_of(rendered, user) {
                            extras.entry(id).or_default().push(event());
                        }
                    }
                }
                Audience::User(user) => {
                    for id in self.connections_of(rendered, user) {
                        extras.entry(id).or_default().push(event());
                    }
                }
                Audience::Connection(id) => extras.entry(*id).or_default().push(event()),
            }
        }
        Parcel::new(for_room)
    }

    fn connections_of(&self, rendered: &Rendered, user: &UserId) -> Vec<ConnectionId> {
        let present = self.members.iter().filter(|(_, m)| m.user == *user).map(|(id, _)| *id);
        let coming = rendered.attached.iter().filter(|(_, u)| u == user).map(|(id, _)| *id);
        present.chain(coming).collect()
    }

    /// Takes out who leaves with the commit, after their last words.
    fn remove(&mut self, rendered: &Rendered, extras: &mut Extras) {
        let mut leaving = rendered.detached.clone();
        for user in &rendered.departed {
            leaving.extend(self.members.iter().filter(|(_, m)| m.user == *user).map(|(id, _)| *id));
        }
        for id in leaving {
            if let Some(member) = self.members.remove(&id) {
                member.connection.leave(&self.key);
                if let Some(words) = extras.remove(&id) {
                    deliver(&self.hub, &member.connection, &[&words]);
                }
            }
        }
    }

    fn attach(&mut self, rendered: &Rendered) {
        for (id, user) in &rendered.attached {
            // Not ours, or gone by now; then its end is on the way and will take it out again.
            if let Some(connection) = self.hub.connection(*id) {
                self.members.insert(*id, Member { connection, user: user.clone() });
            }
        }
    }

    fn answer(
        &self,
        room: &Room,
        view: &mut View,
        list: Option<&str>,
        answers: Vec<Answer>,
        rendered: &Rendered,
        extras: &mut Extras,
    ) {
        let attached = |id| rendered.attached.iter().any(|(new, _)| *new == id);
        for Answer { to, rev, outcome } in answers {
            let Some(connection) = self.connection(to.connection) else { continue };
            connection.end_command();
            let refused_join = to.event == client::JOIN_ROOM && outcome.is_err();
            if refused_join && !self.members.contains_key(&to.connection) {
                connection.leave(&self.key);
            }
            // A repeated join changes nothing, but who asks for the list gets it.
            let repeated = matches!(outcome, Ok(Outcome::Joined { .. })) && !attached(to.connection);
            if repeated && let Some(list) = list && self.members.contains_key(&to.connection) {
                let message =
                    Message { name: server::EXISTING_PARTICIPANTS, payload: list.to_owned() };
                extras.entry(to.connection).or_default().push(Piece::Event(message));
            }
            let parcel = match (&outcome, to.ack) {
                (Err(refusal), _) => refused(to, refusal),
                (Ok(_), None) => continue,
                (Ok(outcome), Some(id)) => {
                    let payload = match outcome {
                        Outcome::Done => delta::done_ack(rev),
                        Outcome::State => {
                            delta::room_ack(view, room, list.unwrap_or("[]"), None)
                        }
                        Outcome::Joined { user } => {
                            delta::room_ack(view, room, list.unwrap_or("[]"), Some(user))
                        }
                    };
                    Parcel::new(vec![Piece::Ack { id, payload }])
                }
            };
            if self.members.contains_key(&to.connection) {
                let extra = extras.entry(to.connection).or_default();
                parcel.pieces().iter().cloned().for_each(|piece| extra.push(piece));
            } else {
                connection.answer(&parcel);
            }
        }
    }

    fn connection(&self, id: ConnectionId) -> Option<Arc<Connection>> {
        match self.members.get(&id) {
            Some(member) => Some(member.connection.clone()),
            None => self.hub.connection(id),
        }
    }

    /// One write per member: newcomers the list, the others what happened, each what is theirs.
    fn send(
        &self,
        rendered: &Rendered,
        for_room: Parcel,
        list: Option<String>,
        extras: Extras,
    ) {
        let list = list.filter(|_| !rendered.attached.is_empty()).map(list_parcel);
        if for_room.is_empty() && list.is_none() {
            for (id, extra) in &extras {
                if let Some(member) = self.members.get(id) {
                    member.connection.answer(extra);
                }
            }
            return;
        }
        let new: HashSet<ConnectionId> = rendered.attached.iter().map(|(id, _)| *id).collect();
        for (id, member) in &self.members {
            let main = if !new.is_empty() && new.contains(id) { list.as_ref() } else { Some(&for_room) };
            let extra = if extras.is_empty() { None } else { extras.get(id) };
            match (main.filter(|main| !main.is_empty()), extra) {
                (None, None) => {}
                (Some(main), None) => deliver(&self.hub, &member.connection, &[main]),
                (Some(main), Some(extra)) => {
                    deliver(&self.hub, &member.connection, &[main, extra]);
                }
                (None, Some(extra)) => deliver(&self.hub, &member.connection, &[extra]),
            }
        }
    }
}

fn deliver(hub: &Arc<Hub>, connection: &Arc<Connection>, parcels: &[&Parcel]) {
    match connection.deliver(parcels) {
        Delivered::Ok | Delivered::Dropped => {}
        Delivered::FellBehind => hub.watch_recovery(connection),
    }
}

fn list_parcel(list: String) -> Parcel {
    let message = Message { name: server::EXISTING_PARTICIPANTS, payload: list };
    Parcel::new(vec![Piece::Event(message)])
}

fn needs_list(rendered: &Rendered, answers: &[Answer]) -> bool {
    let asked =
        |answer: &Answer| matches!(answer.outcome, Ok(Outcome::State | Outcome::Joined { .. }));
    !rendered.attached.is_empty() || answers.iter().any(asked)
}
