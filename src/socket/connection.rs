//! One Socket.IO connection of a client, as Usher sees it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;
use socketioxide::TransportType;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::FromMessageParts;
use socketioxide::socket::{Sid, Socket};
use socketioxide_core::{Str, Value};
use tokio::time::Instant;

use super::abandoned::version_of;
use super::kept::Kept;
use super::parcel::{Parcel, Piece};
use super::query::Version;
use super::wire::{SWITCH_EVENT, Sent, Wire};
use crate::auth::Principal;
use crate::domain::id::{ConnectionId, RequestId, RoomKey, TenantId, UserId};
use crate::domain::rate::Rate;
use crate::domain::time::Timestamp;
use crate::net::Place;
use crate::protocol::dialect::Dialect;

/// A second fall-behind within this time ends the connection.
const RELAPSE: Duration = Duration::from_secs(30);

/// How often a full library queue is tried again: polling tells nobody when it is read.
const PUMP_INTERVAL: Duration = Duration::from_millis(20);

/// The expiry of what does not expire.
const NEVER: u64 = u64::MAX;

/// Where a connection comes from, and the places that it takes as long as it lives.
#[derive(Debug, Default)]
pub struct Source {
    /// The network that limits count; `None` for this machine.
    pub network: Option<IpAddr>,
    /// Its place among the connections of its user.
    pub(super) _of_user: Option<Place<(TenantId, UserId)>>,
    /// Its place among the connections that a proxy names the same address for.
    pub(super) _of_network: Option<Place<IpAddr>>,
}

/// How packets reach the client.
#[derive(Debug)]
enum Route {
    /// Through the library, packet by packet: polling, or an upgrade that is not finished.
    Library {
        /// The WebSocket that an upgrade would use.
        upgrade: Option<Arc<Wire>>,
        /// What the library's queue had no place for, in order.
        waiting: Backlog,
    },
    /// Straight to the socket, framed.
    Wire(Arc<Wire>),
}

/// Packets that wait for a place in the library's queue.
#[derive(Debug, Default)]
struct Backlog {
    pieces: VecDeque<Piece>,
    bytes: usize,
    /// Too much waited: only answers are kept until the client has been shown its rooms anew.
    behind: bool,
}

#[derive(Debug)]
struct State {
    route: Route,
    user: Option<UserId>,
    rooms: Vec<RoomKey>,
    /// Rooms whose messages it wants as soon as it is in them, and whether it comes back to them.
    curious: Vec<(RoomKey, bool)>,
    fell_behind: Option<Instant>,
    gone: bool,
    kept: Kept,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    id: ConnectionId,
    principal: Principal,
    source: Source,
    socket: Weak<Socket<LocalAdapter>>,
    in_flight: AtomicUsize,
    /// Cut off: no further command is taken, nothing more is sent.
    cut: AtomicBool,
    /// Whether it was told to go to another node.
    away: AtomicBool,
    /// Whether it is spoken to in the list dialect.
    listed: AtomicBool,
    backlog_limit: usize,
    /// How many of its requests were given a name.
    named: AtomicU64,
    /// What its commands have used of their rate.
    pace: AtomicU64,
    /// Tokens that were sent, and the last of them that counts.
    tokens: AtomicU64,
    newest_token: AtomicU64,
    /// When its token expires: milliseconds since 1970, or [`NEVER`].
    expires_at: AtomicU64,
    state: Mutex<State>,
}

/// What became of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// On its way.
    Ok,
    /// Kept until the library has a place for it; somebody has to [`Connection::pump`].
    Waiting,
    /// Dropped; the client has just fallen behind and has to be shown the room anew.
    FellBehind,
    /// Dropped; it is behind, or gone.
    Dropped,
    /// Dropped, and so is the connection to be, with [`Hub::cut_off`](super::hub::Hub::cut_off).
    TooSlow,
}

/// Parcels that are written together at most.
const MOST_PARCELS: usize = 3;

impl Connection {
    /// A connection of this socket. With a `wire` it is a WebSocket from the start; otherwise
    /// `backlog_limit` bytes may wait for the client's next poll.
    #[must_use]
    pub fn new(
        id: ConnectionId,
        principal: Principal,
        source: Source,
        socket: &Arc<Socket<LocalAdapter>>,
        wire: Option<Arc<Wire>>,
        backlog_limit: usize,
    ) -> Self {
        let route = match wire {
            Some(wire) => Route::Wire(wire),
            None => Route::Library {
                upgrade: None,
                waiting: Backlog::default(),
            },
        };
        let user = principal.user().cloned();
        let expires_at = principal.expires_at.map_or(NEVER, |at| at.0);
        let state = State {
            route,
            user,
            rooms: Vec::new(),
            curious: Vec::new(),
            fell_behind: None,
            gone: false,
            kept: Kept::default(),
        };
        Self {
            id,
            principal,
            socket: Arc::downgrade(socket),
            in_flight: AtomicUsize::new(0),
            cut: AtomicBool::new(false),
            away: AtomicBool::new(false),
            listed: AtomicBool::new(false),
            backlog_limit,
            named: AtomicU64::new(0),
            pace: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
            newest_token: AtomicU64::new(0),
            source,
            expires_at: AtomicU64::new(expires_at),
            state: Mutex::new(state),
        }
    }

    /// Its id within Usher.
    #[must_use]
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    /// Counts a command at `now` (microseconds since 1970).
    ///
    /// # Errors
    /// When the next one is worth another try.
    pub fn pace(&self, rate: Rate, now: u64) -> Result<(), Duration> {
        let mut wait = None;
        let charge = |mark| rate.admit(mark, now).map_err(|it| wait = Some(it)).ok();
        let order = Ordering::Relaxed;
        let charged = self.pace.fetch_update(order, order, charge);
        charged.map(drop).map_err(|_mark| wait.unwrap_or_default())
    }

    /// Its session, as long as the library has it.
    pub(super) fn session(&self) -> Option<(Sid, Version)> {
        let socket = self.socket.upgrade()?;
        Some((socket.id, version_of(socket.protocol())))
    }

    /// The WebSocket that it is on, or about to change to.
    pub(super) fn wire(&self) -> Option<Weak<Wire>> {
        match &self.state().route {
            Route::Wire(wire) => Some(Arc::downgrade(wire)),
            Route::Library { upgrade, .. } => upgrade.as_ref().map(Arc::downgrade),
        }
    }

    /// Where it comes from.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// A name for the next request of this connection, unlike that of any other.
    #[must_use]
    pub fn name_request(&self) -> Option<RequestId> {
        let number = self.named.fetch_add(1, Ordering::Relaxed);
        RequestId::new(&format!("{:016x}-{number}", self.id.0)).ok()
    }

    /// When its token expires; `None` when there is none.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        let at = self.expires_at.load(Ordering::Relaxed);
        (at != NEVER).then_some(Timestamp(at))
    }

    /// The place of a token among those that the client sent, in the order in which it did.
    pub(super) fn next_token(&self) -> u64 {
        self.tokens
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1)
    }

    /// Another token of the same user takes the place of the one before, unless one that was sent later
    /// has done so.
    pub(super) fn renew(&self, number: u64, expires_at: Option<Timestamp>) {
        if self.newest_token.fetch_max(number, Ordering::Relaxed) > number {
            return;
        }
        let at = expires_at.map_or(NEVER, |at| at.0);
        self.expires_at.store(at, Ordering::Relaxed);
    }

    /// Tells the client to go, and not to come back by itself; `false` when the library has no place
    /// for the word of it.
    pub(super) fn dismiss(&self) -> bool {
        self.socket
            .upgrade()
            .is_none_or(|socket| !socket.connected() || socket.disconnect().is_ok())
    }

    /// Whom its token belongs to.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The library's id of the socket.
    #[must_use]
    pub fn sid(&self) -> Option<Sid> {
        self.socket.upgrade().map(|socket| socket.id)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The user whom this connection belongs to, once that is known.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        self.state().user.clone()
    }

    /// Binds the connection to a user. `false` when it belongs to somebody else already.
    #[must_use]
    pub fn bind(&self, user: &UserId) -> bool {
        let mut state = self.state();
        state.user.get_or_insert_with(|| user.clone()) == user
    }

    /// Notes that the connection is entering a room. `false` when it is in `limit` rooms already or
    /// the connection has ended.
    #[must_use]
    pub fn enter(&self, room: &RoomKey, limit: usize) -> bool {
        let mut state = self.state();
        if state.gone {
            return false;
        }
        if state.rooms.contains(room) {
            return true;
        }
        let free = state.rooms.len() < limit;
        if free {
            state.rooms.push(room.clone());
        }
        free
    }

    /// Notes that the connection is not in a room, or no longer.
    pub fn leave(&self, room: &RoomKey) {
        let mut state = self.state();
        state.rooms.retain(|entered| entered != room);
        state.kept.unseat(room);
    }

    /// What is kept of it for who comes back, its user, and whether it has ended.
    pub(super) fn with_kept<T>(
        &self,
        look: impl FnOnce(&mut Kept, Option<&UserId>, bool) -> T,
    ) -> T {
        let State {
            kept, user, gone, ..
        } = &mut *self.state();
        look(kept, user.as_ref(), *gone)
    }

    /// Whether the library sends its packets.
    pub(super) fn polls(&self) -> bool {
        matches!(self.state().route, Route::Library { .. })
    }

    /// In which dialect it is spoken to.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        if self.listed.load(Ordering::Relaxed) {
            Dialect::List
        } else {
            Dialect::Delta
        }
    }

    /// It is spoken to in this dialect from now on.
    pub fn speak(&self, dialect: Dialect) {
        let listed = dialect == Dialect::List;
        self.listed.store(listed, Ordering::Relaxed);
    }

    /// Has it sent a room's messages as soon as it is in the room, and where it comes back also what it may
    /// switch on; one more than `limit` rooms is forgotten.
    pub(super) fn await_history(&self, room: &RoomKey, back: bool, limit: usize) {
        let curious = &mut self.state().curious;
        if !curious.iter().any(|(wanted, _)| wanted == room) && curious.len() < limit {
            curious.push((room.clone(), back));
        }
    }

    /// Whether it awaits a room's messages, which it is about to get, and whether it comes back.
    pub(super) fn takes_history(&self, room: &RoomKey) -> Option<bool> {
        let curious = &mut self.state().curious;
        let at = curious.iter().position(|(wanted, _)| wanted == room)?;
        Some(curious.swap_remove(at).1)
    }

    /// Whether something waits to be sent to it.
    pub(super) fn is_backed_up(&self) -> bool {
        match &self.state().route {
            Route::Wire(wire) => wire.is_backed_up(),
            Route::Library { waiting, .. } => !waiting.pieces.is_empty(),
        }
    }

    /// The rooms that the connection is in or entering.
    #[must_use]
    pub fn rooms(&self) -> Vec<RoomKey> {
        self.state().rooms.clone()
    }

    /// Whether the connection is in or entering this room.
    #[must_use]
    pub fn is_in(&self, room: &RoomKey) -> bool {
        self.state().rooms.contains(room)
    }

    /// Ends the connection for Usher; the rooms that it was in come back once.
    #[must_use]
    pub fn end(&self) -> Vec<RoomKey> {
        let mut state = self.state();
        state.gone = true;
        std::mem::take(&mut state.rooms)
    }

    /// Takes one of `limit` places for a command under way.
    #[must_use]
    pub fn begin_command(&self, limit: usize) -> bool {
        if self.cut.load(Ordering::Relaxed) {
            return false;
        }
        if self.in_flight.fetch_add(1, Ordering::Relaxed) < limit {
            return true;
        }
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        false
    }

    /// Gives the place back: the command was answered.
    pub fn end_command(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// A WebSocket is about to take over from polling.
    pub fn offer_upgrade(&self, wire: Arc<Wire>) {
        if let Route::Library { upgrade, .. } = &mut self.state().route {
            *upgrade = Some(wire);
        }
    }

    /// Sends what happened in a room and the answer to a command, either of which may be missing.
    /// The answer is sent also to a client that has fallen behind.
    pub fn deliver(&self, events: &[&Parcel], answer: Option<&Parcel>) -> Delivered {
        let mut state = self.state();
        if self.cut.load(Ordering::Relaxed) {
            return Delivered::Dropped;
        }
        self.switch_when_upgraded(&mut state);
        let delivered = match &mut state.route {
            Route::Wire(wire) => {
                let mut frames = [const { Bytes::new() }; MOST_PARCELS];
                debug_assert!(events.len() <= MOST_PARCELS, "a parcel would be dropped");
                let mut used = 0;
                for (slot, parcel) in frames.iter_mut().zip(events) {
                    *slot = parcel.framed();
                    used += 1;
                }
                let answer = answer.map(Parcel::framed);
                match wire.send(frames.get(..used).unwrap_or_default(), answer.as_slice()) {
                    Sent::Ok => Delivered::Ok,
                    Sent::FellBehind => Delivered::FellBehind,
                    Sent::Behind | Sent::Closed => Delivered::Dropped,
                }
            }
            Route::Library { waiting, .. } => {
                let parcels = events.iter().copied().chain(answer);
                let pieces = parcels.flat_map(Parcel::pieces);
                waiting.send(self.socket.upgrade().as_ref(), pieces, self.backlog_limit)
            }
        };
        if let Route::Library { waiting, .. } = &mut state.route
            && waiting.bytes > self.backlog_limit.saturating_mul(2)
        {
            // It asks without ever polling for the answers.
            return Delivered::TooSlow;
        }
        if delivered == Delivered::FellBehind {
            return Self::note_fall(&mut state);
        }
        delivered
    }

    fn note_fall(state: &mut State) -> Delivered {
        let now = Instant::now();
        let relapsed = state
            .fell_behind
            .is_some_and(|at| now.duration_since(at) < RELAPSE);
        state.fell_behind = Some(now);
        if relapsed {
            return Delivered::TooSlow;
        }
        Delivered::FellBehind
    }

    /// Polling is over and everything that was queued for it is on its way: from here on frames go
    /// straight to the socket.
    fn switch_when_upgraded(&self, state: &mut State) {
        let Route::Library {
            upgrade: Some(wire),
            waiting,
        } = &state.route
        else {
            return;
        };
        if !waiting.pieces.is_empty() || waiting.behind {
            return;
        }
        let Some(socket) = self.socket.upgrade() else {
            return;
        };
        if socket.transport_type() != TransportType::Websocket {
            return;
        }
        if socket.emit(SWITCH_EVENT, &()).is_ok() {
            state.route = Route::Wire(wire.clone());
        }
    }

    /// Gives the library what waits, as far as it has places. `true` when nothing waits any more.
    #[must_use]
    pub fn pump(&self) -> bool {
        let mut state = self.state();
        let Route::Library { waiting, .. } = &mut state.route else {
            return true;
        };
        match self.socket.upgrade() {
            Some(socket) => waiting.drain(&socket),
            None => true,
        }
    }

    /// Whether the client reads what it is sent. Awaits that nothing waits any more.
    pub async fn recovered(&self) {
        let wire = match &self.state().route {
            Route::Wire(wire) => Some(wire.clone()),
            Route::Library { .. } => None,
        };
        match wire {
            Some(wire) => wire.drained().await,
            None => {
                while !self.pump() {
                    tokio::time::sleep(PUMP_INTERVAL).await;
                }
            }
        }
    }

    /// The client is about to be sent the room anew.
    pub fn start_over(&self) {
        match &mut self.state().route {
            Route::Wire(wire) => wire.caught_up(),
            Route::Library { waiting, .. } => waiting.behind = false,
        }
    }

    /// Closes the transport, so that the client connects again by itself. One that polls finds its next
    /// request refused: a disconnect would tell it to stay away.
    pub fn send_away(&self) {
        self.away.store(true, Ordering::Relaxed);
        if let Route::Wire(wire) = &self.state().route {
            wire.abort();
        }
    }

    /// Whether it was sent away.
    pub(super) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Nothing is sent from now on, and no command is taken; `false` when that was so already.
    #[must_use]
    pub(super) fn cut(&self) -> bool {
        !self.cut.swap(true, Ordering::Relaxed)
    }

    /// Waits until the transport of a client that was cut off has been closed. One that polls may have
    /// to fetch first what fills the library's queue; the end of the session ends the waiting.
    pub(super) async fn closed(&self) {
        while !self.close() {
            tokio::time::sleep(PUMP_INTERVAL).await;
        }
    }

    /// Closes the transport; `false` when the library has no place for the word of it. Not under the
    /// lock: the library tells of the end at once, and that comes back here.
    #[must_use]
    pub(super) fn close(&self) -> bool {
        let (wire, polls) = match &mut self.state().route {
            Route::Wire(wire) => (Some(wire.clone()), false),
            Route::Library { upgrade, waiting } => {
                *waiting = Backlog::default();
                (upgrade.clone(), true)
            }
        };
        if let Some(wire) = wire {
            wire.abort();
        }
        if polls
            && let Some(socket) = self.socket.upgrade()
            && socket.connected()
        {
            return socket.disconnect().is_ok();
        }
        true
    }
}

impl Backlog {
    /// Sends in order what the library takes and keeps the rest, within `limit` bytes.
    fn send<'a>(
        &mut self,
        socket: Option<&Arc<Socket<LocalAdapter>>>,
        pieces: impl Iterator<Item = &'a Piece>,
        limit: usize,
    ) -> Delivered {
        let Some(socket) = socket else {
            return Delivered::Dropped;
        };
        let was_behind = self.behind;
        let was_waiting = !self.pieces.is_empty();
        for piece in pieces {
            if self.behind && matches!(piece, Piece::Event(_)) {
                continue;
            }
            if self.pieces.is_empty() && emit(socket, piece) {
                continue;
            }
            self.behind = self.behind || self.bytes > limit;
            if !self.behind || matches!(piece, Piece::Ack { .. }) {
                self.bytes = self.bytes.saturating_add(piece.len());
                self.pieces.push_back(piece.clone());
            }
        }
        match (self.behind, was_behind, self.pieces.is_empty(), was_waiting) {
            (true, true, _, _) => Delivered::Dropped,
            (true, false, _, _) => Delivered::FellBehind,
            (false, _, false, false) => Delivered::Waiting,
            (false, _, _, _) => Delivered::Ok,
        }
    }

    fn drain(&mut self, socket: &Arc<Socket<LocalAdapter>>) -> bool {
        while let Some(piece) = self.pieces.front() {
            if !emit(socket, piece) {
                return !socket.connected();
            }
            self.bytes = self.bytes.saturating_sub(piece.len());
            self.pieces.pop_front();
        }
        true
    }
}

/// Sends one packet through the library; `false` when its queue is full or the socket is gone.
fn emit(socket: &Arc<Socket<LocalAdapter>>, piece: &Piece) -> bool {
    match piece {
        Piece::Event(message) => {
            raw(&message.payload).is_some_and(|payload| socket.emit(message.name, &payload).is_ok())
        }
        Piece::Ack { id, payload } => {
            let mut nothing = Value::Str(Str::from(""), None);
            let Ok(ack) = AckSender::from_message_parts(socket, &mut nothing, &Some(*id));
            raw(payload).is_some_and(|payload| ack.send(&payload).is_ok())
        }
    }
}

fn raw(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.to_owned()).ok()
}
