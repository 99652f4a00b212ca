//! Delivers what happens in a room to its members on this node: rendered once, framed once, written
//! at most once per socket and commit.

use std::collections::HashMap;
use std::sync::Arc;

use super::connection::{Connection, Delivered};
use super::hub::Hub;
use super::inbound::refused;
use super::members::Members;
use super::parcel::{Parcel, Piece};
use super::sorting::{Extras, Sorted, sort};
use crate::domain::id::{ConnectionId, RoomKey, UserId};
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::room::{Actor, Command, Commit, LossCause, Room};
use crate::engine::registry::Request;
use crate::engine::reply::{Answer, Outcome};
use crate::engine::sink::{EventSink, RoomSink};
use crate::protocol::delta::{self, Attached, Rendered, View};
use crate::protocol::message::Message;
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
        let (hub, key) = (self.hub.clone(), key.clone());
        Box::new(Fanout {
            hub,
            key,
            view: None,
            members: Members::default(),
        })
    }
}

/// The members of one room on this node and what they have been shown.
#[derive(Debug)]
struct Fanout {
    hub: Arc<Hub>,
    key: RoomKey,
    view: Option<View>,
    members: Members,
}

impl RoomSink for Fanout {
    fn publish(&mut self, room: &Room, commit: Option<&Commit>, answers: Vec<Answer>) {
        let mut view = self.view.take().unwrap_or_else(|| View::of(room));
        let rendered = commit
            .map(|commit| delta::render(&mut view, commit, room))
            .unwrap_or_default();
        let sorted = sort(&rendered, &self.members);
        self.remove(&rendered, &sorted);
        self.attach(&rendered);
        for answer in &answers {
            if let Err(refusal) = &answer.outcome
                && refusal.kind() == Kind::Unavailable
                && answer.to.event == client::JOIN_ROOM
            {
                self.hub.forgive_join_of(answer.to.connection);
            }
            let Ok(Outcome::Joined { user, returned }) = &answer.outcome else {
                continue;
            };
            if *returned {
                self.hub.forgive_join(&self.key.tenant, user);
            }
            // A repeated join, of which the first was never answered.
            if room
                .participant(user)
                .is_some_and(|p| p.holds(answer.to.connection))
            {
                self.enlist_one(answer.to.connection, user);
            }
        }
        let list = needs_list(&rendered, &answers).then(|| list_event(view.list(room)));
        let extras = self.answers(room, &mut view, list.as_ref(), answers, &rendered);
        self.send(&rendered, &sorted, list, &extras);
        self.view = Some(view);
    }

    fn is_live(&self, connection: ConnectionId) -> bool {
        self.hub
            .connection(connection)
            .is_some_and(|connection| connection.is_in(&self.key))
    }

    fn resync(&mut self, room: &Room) {
        let mut view = View::of(room);
        let list = Parcel::new(vec![Piece::Event(list_event(view.list(room)))]);
        self.enlist(room);
        self.members.retain(|id, user| {
            room.participant(user)
                .is_some_and(|participant| participant.holds(id))
        });
        for (_, connection) in self.members.iter() {
            deliver(&self.hub, connection, &[&list], None);
        }
        self.view = Some(view);
    }

    fn refresh(&mut self, room: &Room, connection: ConnectionId) {
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
        let list = Parcel::new(vec![Piece::Event(list_event(view.list(room)))]);
        deliver(&self.hub, member, &[&list], None);
    }
}

impl Fanout {
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
            // Only who is sent away gets last words. Who left by itself has noted that when it
            // asked, and may be on its way in again.
            if let Some(words) = sorted.parting.get(&id) {
                connection.leave(&self.key);
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
    }

    fn enlist_one(&mut self, id: ConnectionId, user: &UserId) {
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
                // It ended while its join was under way, and may have said so before the join was
                // noted: without this the room would keep a ghost.
                None => {
                    let cause = LossCause::Lost;
                    let command = Command::LoseConnection {
                        connection: id,
                        cause,
                    };
                    self.hub
                        .tell(&self.key, Request::by_us(Actor::System, command));
                }
            }
        }
    }

    /// What each member is answered; who is not a member is answered at once.
    fn answers(
        &self,
        room: &Room,
        view: &mut View,
        list: Option<&Arc<Message>>,
        answers: Vec<Answer>,
        rendered: &Rendered,
    ) -> Extras {
        let mut extras = Extras::new();
        let mut whole: HashMap<ConnectionId, usize> = HashMap::new();
        for mut answer in answers {
            let id = answer.to.connection;
            let member = self.members.get(id).cloned();
            let is_member = member.is_some();
            let Some(connection) = member.or_else(|| self.hub.connection(id)) else {
                continue;
            };
            connection.end_command();
            let asks_for_all =
                matches!(answer.outcome, Ok(Outcome::State | Outcome::Joined { .. }));
            if matches!(answer.outcome, Ok(Outcome::State)) && !is_member {
                // Its join was refused meanwhile.
                answer.outcome = Err(Refusal::NotJoined);
            } else if asks_for_all {
                // A list may be a hundred kilobytes, and the commands that ask for it are a hundred
                // bytes: what one client is sent in one go is bounded like all that waits for it.
                let sent = whole.entry(id).or_default();
                if *sent > self.hub.limits.send_queue_bytes {
                    answer.outcome = over_budget(&answer);
                }
                *sent = sent.saturating_add(list.map_or(0, |list| list.payload.len()));
            }
            if answer.to.event == client::JOIN_ROOM && answer.outcome.is_err() && !is_member {
                connection.leave(&self.key);
            }
            let mut pieces = Vec::with_capacity(2);
            let newly = || rendered.attached.iter().any(|new| new.connection.id == id);
            let joined = matches!(answer.outcome, Ok(Outcome::Joined { .. }));
            // A repeated join changes nothing, but who asks for the list gets it.
            if is_member && joined && !newly() {
                pieces.extend(list.cloned().map(Piece::Event));
            }
            pieces.extend(acknowledge(room, view, list, &answer));
            if is_member {
                let extra: &mut Parcel = extras.entry(id).or_default();
                pieces.into_iter().for_each(|piece| extra.push(piece));
            } else if !pieces.is_empty() {
                send_answer(&self.hub, &connection, &Parcel::new(pieces));
            }
        }
        extras
    }

    /// One write per member: newcomers the list, the others what happened, each what is theirs.
    fn send(
        &self,
        rendered: &Rendered,
        sorted: &Sorted,
        list: Option<Arc<Message>>,
        extras: &Extras,
    ) {
        let nothing_new = sorted.room.is_empty() && sorted.own.is_empty();
        if nothing_new && rendered.attached.is_empty() {
            for (id, extra) in extras {
                if let Some(connection) = self.members.get(*id) {
                    send_answer(&self.hub, connection, extra);
                }
            }
            return;
        }
        let list = list.map(|list| Parcel::new(vec![Piece::Event(list)]));
        for (id, connection) in self.members.iter() {
            let newcomer = sorted.newcomers.contains(&id);
            let own = if sorted.own.is_empty() {
                None
            } else {
                sorted.own.get(&id)
            };
            let shared = if newcomer {
                list.as_ref()
            } else {
                Some(&sorted.room)
            };
            let shared = shared.filter(|_| newcomer || own.is_none());
            let extra = if extras.is_empty() {
                None
            } else {
                extras.get(&id)
            };
            let shared = shared.filter(|shared| !shared.is_empty());
            match (shared, own) {
                (None, None) if extra.is_none() => {}
                (None, None) => deliver(&self.hub, connection, &[], extra),
                (Some(one), None) | (None, Some(one)) => {
                    deliver(&self.hub, connection, &[one], extra);
                }
                (Some(shared), Some(own)) => {
                    deliver(&self.hub, connection, &[shared, own], extra);
                }
            }
        }
    }
}

/// What is answered instead of one more list. A join has taken effect and is not refused.
fn over_budget(answer: &Answer) -> Result<Outcome, Refusal> {
    match &answer.outcome {
        Ok(Outcome::Joined { .. }) => Ok(Outcome::Done),
        Ok(Outcome::State | Outcome::Done) | Err(_) => Err(Refusal::busy(
            "You asked for the whole room too often at once",
        )),
    }
}

/// The pieces that answer one command.
fn acknowledge(
    room: &Room,
    view: &mut View,
    list: Option<&Arc<Message>>,
    answer: &Answer,
) -> Vec<Piece> {
    let outcome = match &answer.outcome {
        Ok(outcome) => outcome,
        Err(refusal) => return refused(answer.to, refusal),
    };
    let Some(id) = answer.to.ack else {
        return Vec::new();
    };
    let list = list.map_or("[]", |list| &*list.payload);
    let payload = match outcome {
        Outcome::Done => delta::done_ack(answer.rev),
        Outcome::State => delta::room_ack(view, room, list, None),
        Outcome::Joined { user, .. } => delta::room_ack(view, room, list, Some(user)),
    };
    vec![Piece::Ack { id, payload }]
}

fn deliver(
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

/// Last words. They are never repeated: who could not be told is cut off, so that its client does not
/// show a room that it is no longer in.
fn part(hub: &Arc<Hub>, connection: &Arc<Connection>, words: &Parcel) {
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

fn list_event(list: String) -> Arc<Message> {
    Arc::new(Message {
        name: server::EXISTING_PARTICIPANTS,
        payload: list,
    })
}

fn needs_list(rendered: &Rendered, answers: &[Answer]) -> bool {
    let asked =
        |answer: &Answer| matches!(answer.outcome, Ok(Outcome::State | Outcome::Joined { .. }));
    !rendered.attached.is_empty() || answers.iter().any(asked)
}
