//! What becomes of the answers to commands: who is told what, and in whose stead a replay comes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::fanout::{Fanout, send_answer};
use super::inbound::refused;
use super::parcel::{Parcel, Piece};
use super::sorting::{ByDialect, Extras};
use super::waiting::waits;
use crate::domain::id::ConnectionId;
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::room::Room;
use crate::engine::reply::{Answer, Handout, Holder, Outcome, Voucher};
use crate::protocol::delta::{self, Provided, Resumed};
use crate::protocol::dialect::Dialect;
use crate::protocol::list;
use crate::protocol::message::Message;
use crate::protocol::names::{client, server};
use crate::protocol::render::{Rendered, View};

impl Fanout {
    /// What a command's outcome means for who is where, and for how often one may join.
    pub(super) fn note_outcome(&mut self, room: &Room, answer: &Answer) {
        let id = answer.to.connection;
        if let Err(refusal) = &answer.outcome
            && refusal.kind() == Kind::Unavailable
            && is_join(answer.to.event)
        {
            self.hub.forgive_join_of(id);
        }
        if answer.outcome == Err(Refusal::WrongPasscode) {
            self.hub.note_wrong_passcode(id, &self.key);
        }
        let Ok(Outcome::Joined { user, returned }) = &answer.outcome else {
            return;
        };
        if *returned {
            self.hub.forgive_join(&self.key.tenant, user);
        }
        // A repeated join, of which the first was never answered.
        if room.participant(user).is_some_and(|p| p.holds(id)) {
            self.enlist_one(id, user);
        } else if waits(room, id, user) && self.lobby.get(id).is_none() {
            self.let_wait(id, user);
        }
    }

    /// What those are told who come back and say what they have seen.
    pub(super) fn replays(&self, room: &Room, rendered: &Rendered, answers: &[Answer]) -> Replays {
        let mut replays = Replays::new();
        for answer in answers {
            let id = answer.to.connection;
            if let Ok(Outcome::Joined { user, returned }) = &answer.outcome
                && let Some(seen) = answer.to.seen
                && let Some(member) = self.members.get(id)
                && member.dialect() == Dialect::Delta
            {
                let newly = rendered.attached.iter().any(|new| new.connection.id == id);
                // Over a connection that was here before they were told everything.
                let replay = if newly {
                    self.past.since(room, user, seen, *returned)
                } else {
                    (Resumed::NothingMissed, Parcel::default())
                };
                replays.insert(id, replay);
            }
        }
        replays
    }

    /// What each member is answered; who is not a member is answered at once.
    pub(super) fn answers(
        &self,
        room: &Room,
        view: &mut View,
        shown: &Shown<'_>,
        (answers, vouchers): (Vec<Answer>, Vouchers),
    ) -> Extras {
        let mut extras = Extras::new();
        // Who asked to join gets it after the list, which may be part of the answer.
        let mut vouchers = vouchers;
        let joins = |answer: &&Answer| matches!(answer.outcome, Ok(Outcome::Joined { .. }));
        let joining: HashSet<_> = answers
            .iter()
            .filter(joins)
            .map(|it| it.to.connection)
            .collect();
        for (id, voucher) in vouchers.iter_mut().filter(|(id, _)| !joining.contains(*id)) {
            let extra: &mut Parcel = extras.entry(*id).or_default();
            extra.push(voucher.tell());
        }
        let mut whole: HashMap<ConnectionId, usize> = HashMap::new();
        for mut answer in answers {
            let id = answer.to.connection;
            let member = self.members.get(id).cloned();
            let is_member = member.is_some();
            let Some(connection) = member.or_else(|| self.hub.connection(id)) else {
                continue;
            };
            connection.end_command();
            let dialect = connection.dialect();
            let list = shown.lists.and_then(|lists| lists.of(dialect));
            let asks_for_all =
                matches!(answer.outcome, Ok(Outcome::State | Outcome::Joined { .. }));
            let for_members = Outcome::is_for_members;
            let waits = self.lobby.get(id).is_some();
            if answer.outcome == Ok(Outcome::Chat) && waits && dialect == Dialect::List {
                // It comes with the list when they are let in.
                let limit = self.hub.limits.rooms_per_connection;
                connection.await_history(&self.key, false, limit);
                answer.outcome = Ok(Outcome::Done);
            } else if answer.outcome.as_ref().is_ok_and(for_members) && !is_member {
                // Its join was refused meanwhile.
                answer.outcome = Err(Refusal::NotJoined);
            } else if let Ok(Outcome::Joined { user, .. }) = &answer.outcome
                && room.is_banned(user)
                && !is_member
            {
                // Banned with the same commit.
                answer.outcome = Err(Refusal::Banned);
            } else if asks_for_all || answer.outcome == Ok(Outcome::Chat) {
                // A list may be a hundred kilobytes, and the commands that ask for it are a hundred
                // bytes: what one client is sent in one go is bounded like all that waits for it.
                let sent = whole.entry(id).or_default();
                if *sent > self.hub.limits.send_queue_bytes {
                    answer.outcome = over_budget(&answer);
                }
                *sent = sent.saturating_add(size_of(room, &answer, list));
            }
            let is_here = is_member || self.lobby.get(id).is_some();
            if is_join(answer.to.event) && answer.outcome.is_err() && !is_here {
                connection.leave(&self.key);
            }
            let mut pieces = Vec::with_capacity(2);
            let mut attached = shown.rendered.attached.iter();
            let newly_attached = attached.any(|new| new.connection.id == id);
            let joined = matches!(answer.outcome, Ok(Outcome::Joined { .. }));
            // A repeated join changes nothing, but who asks for the list gets it.
            if is_member && joined && !newly_attached && !shown.spares_list(id) {
                pieces.extend(list.cloned().map(Piece::Event));
            }
            let voucher = vouchers.get_mut(&id).filter(|_| is_member);
            if let Some(voucher) = voucher.filter(|voucher| !voucher.told) {
                pieces.push(voucher.tell());
            }
            let resumed = shown.replays.get(&id).map(|(resumed, _)| *resumed);
            let entered = is_member || shown.has_entered(room, &answer);
            let provided = vouchers.get(&id).map_or(Provided::Nothing, Told::provided);
            let came = Came {
                entered,
                already: is_member && joined && !newly_attached,
                resumed,
            };
            pieces.extend(match dialect {
                Dialect::Delta => acknowledge(room, view, list, &answer, (&came, provided)),
                Dialect::List => acknowledge_in_list(room, list, &answer, (&came, provided)),
            });
            if is_member {
                let extra: &mut Parcel = extras.entry(id).or_default();
                pieces.into_iter().for_each(|piece| extra.push(piece));
            } else if !pieces.is_empty() {
                send_answer(&self.hub, &connection, &Parcel::new(pieces));
            }
        }
        extras
    }
}

/// A ticket, or that it follows, for one connection.
pub(super) struct Told {
    message: Arc<Message>,
    told: bool,
}

/// Tickets by connection.
pub(super) type Vouchers = HashMap<ConnectionId, Told>;

impl Told {
    fn tell(&mut self) -> Piece {
        self.told = true;
        Piece::Event(self.message.clone())
    }

    fn provided(&self) -> Provided<'_> {
        if self.message.name == server::PROVIDER_TOKEN {
            Provided::Ticket(&self.message.payload)
        } else {
            Provided::Pending
        }
    }
}

impl Fanout {
    /// The tickets for members on this node.
    pub(super) fn vouchers(&self, tickets: &[Handout]) -> Vouchers {
        let mut vouchers = Vouchers::new();
        for Handout { to, voucher } in tickets {
            let message = Arc::new(match voucher {
                Voucher::Ticket(ticket) => delta::provider_token(ticket),
                Voucher::Pending(provider) => delta::provider_pending(*provider, &self.key.room),
            });
            let ids = match to {
                Holder::Connection(id) => std::slice::from_ref(id),
                Holder::User(user) => self.members.of(user),
            };
            for id in ids.iter().filter(|id| self.members.get(**id).is_some()) {
                let (message, told) = (message.clone(), false);
                vouchers.insert(*id, Told { message, told });
            }
        }
        vouchers
    }
}

/// About how many bytes an answer brings along.
fn size_of(room: &Room, answer: &Answer, list: Option<&Arc<Message>>) -> usize {
    if answer.outcome == Ok(Outcome::Chat) {
        let messages: usize = room.messages().map(|it| it.size()).sum();
        // As an event and in the acknowledgement.
        return messages.saturating_mul(2);
    }
    list.map_or(0, |list| list.payload.len())
}

/// What is answered instead of one more list. A join has taken effect and is not refused.
fn over_budget(answer: &Answer) -> Result<Outcome, Refusal> {
    match &answer.outcome {
        Ok(Outcome::Joined { .. }) => Ok(Outcome::Done),
        Ok(Outcome::State | Outcome::Chat | Outcome::Ticket | Outcome::Done) | Err(_) => Err(
            Refusal::busy("You asked for the whole room too often at once"),
        ),
    }
}

/// What those are told who come back.
pub(super) type Replays = HashMap<ConnectionId, (Resumed, Parcel)>;

/// What goes out with the answers to commands.
pub(super) struct Shown<'a> {
    pub(super) lists: Option<&'a Lists>,
    pub(super) rendered: &'a Rendered,
    pub(super) replays: &'a Replays,
}

impl Shown<'_> {
    /// Whether this connection is told what it missed instead of the list.
    pub(super) fn spares_list(&self, id: ConnectionId) -> bool {
        let resumed = self.replays.get(&id).map(|(resumed, _)| resumed);
        matches!(resumed, Some(Resumed::NothingMissed | Resumed::Replayed(_)))
    }

    /// Whether a joiner who is no member came into the room all the same: they have left it again with
    /// the same commit, by themselves.
    fn has_entered(&self, room: &Room, answer: &Answer) -> bool {
        let Ok(Outcome::Joined { user, .. }) = &answer.outcome else {
            return false;
        };
        let came = self.rendered.entered.contains(user) && room.dismissal(user).is_none();
        came || room.participant(user).is_some()
    }
}

/// The list as each dialect carries it.
pub(super) struct Lists(ByDialect<Option<Arc<Message>>>);

impl Lists {
    /// In the list dialect only where that is spoken.
    pub(super) fn new(list: String, listed: bool) -> Self {
        let other = listed.then(|| Arc::new(list::listed(list.clone())));
        Self(ByDialect {
            delta: Some(Arc::new(delta::listed(list))),
            list: other,
        })
    }

    const fn of(&self, dialect: Dialect) -> Option<&Arc<Message>> {
        self.0.of(dialect).as_ref()
    }

    pub(super) fn parcels(&self) -> ByDialect<Parcel> {
        let parcel = |dialect| {
            let event = self.of(dialect).cloned().map(Piece::Event);
            Parcel::new(event.into_iter().collect())
        };
        ByDialect {
            delta: parcel(Dialect::Delta),
            list: parcel(Dialect::List),
        }
    }
}

/// Whether this event is a wish to enter.
pub(super) fn is_join(event: &str) -> bool {
    matches!(event, client::JOIN_ROOM | client::JOIN_MEDIASOUP_ROOM)
}

/// How a joiner came in.
struct Came {
    /// Into the room, and not into its lobby.
    entered: bool,
    /// Over this connection they were in it before.
    already: bool,
    /// How they were brought up to date.
    resumed: Option<Resumed>,
}

/// The pieces that answer one command in the delta dialect.
fn acknowledge(
    room: &Room,
    view: &mut View,
    list: Option<&Arc<Message>>,
    answer: &Answer,
    (came, provided): (&Came, Provided<'_>),
) -> Vec<Piece> {
    let outcome = match &answer.outcome {
        Ok(outcome) => outcome,
        Err(refusal) => return refused(answer.to, Dialect::Delta, refusal),
    };
    let list = list.map_or("[]", |list| &*list.payload);
    let mut pieces = Vec::with_capacity(2);
    let payload = match outcome {
        Outcome::Done => delta::done_ack(answer.rev),
        Outcome::State => delta::room_ack(room, list),
        Outcome::Joined { user, .. } if came.entered => {
            delta::joined_ack(view, room, list, user, (came.resumed, provided))
        }
        // In the lobby, or out of it again with the same commit: the room is not shown.
        Outcome::Joined { user, .. } => delta::waiting_ack(room, user),
        Outcome::Ticket => delta::ticket_ack(answer.rev, provided),
        Outcome::Chat => {
            let history = delta::history(room);
            let payload = delta::chat_ack(answer.rev, &history);
            pieces.push(Piece::Event(Arc::new(delta::history_event(history))));
            payload
        }
    };
    pieces.extend(acked(answer, payload));
    pieces
}

/// The same in the list dialect.
fn acknowledge_in_list(
    room: &Room,
    list: Option<&Arc<Message>>,
    answer: &Answer,
    (came, provided): (&Came, Provided<'_>),
) -> Vec<Piece> {
    let outcome = match &answer.outcome {
        Ok(outcome) => outcome,
        Err(refusal) => return refused(answer.to, Dialect::List, refusal),
    };
    let mut pieces = Vec::with_capacity(2);
    let payload = match outcome {
        Outcome::Done => list::done_ack(Some(answer.rev)),
        Outcome::State => delta::room_ack(room, list.map_or("[]", |list| &*list.payload)),
        Outcome::Joined { user, .. } if came.entered => {
            list::joined_ack(room, user, came.already, provided)
        }
        Outcome::Joined { user, .. } => list::waiting_ack(room, user),
        Outcome::Ticket => list::ticket_ack(answer.rev, provided),
        Outcome::Chat => {
            let history = list::history(room);
            let payload = list::chat_ack(answer.rev, &history.payload);
            pieces.push(Piece::Event(Arc::new(history)));
            payload
        }
    };
    pieces.extend(acked(answer, payload));
    pieces
}

fn acked(answer: &Answer, payload: String) -> Option<Piece> {
    answer.to.ack.map(|id| Piece::Ack { id, payload })
}

/// Whether somebody gets the list.
pub(super) fn needs_list(rendered: &Rendered, answers: &[Answer]) -> bool {
    let asked =
        |answer: &Answer| matches!(answer.outcome, Ok(Outcome::State | Outcome::Joined { .. }));
    !rendered.attached.is_empty() || answers.iter().any(asked)
}
