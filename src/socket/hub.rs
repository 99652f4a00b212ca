//! All connections of this node, and what they share.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use socketioxide::adapter::LocalAdapter;
use socketioxide::socket::{Sid, Socket};
use tokio_util::task::TaskTracker;

use super::abandoned::BackDoor;
use super::admission;
use super::connection::{Connection, Source};
use super::expiry::Expiries;
use super::listing::ListLimits;
use super::past::PastLimits;
use super::wire::Wire;
use crate::auth::{Authenticator, Principal};
use crate::domain::id::{ConnectionId, RoomKey, TenantId, UserId};
use crate::domain::rate::Rate;
use crate::domain::room::{Actor, Command, LossCause};
use crate::engine::keeping::Sessions;
use crate::engine::rates::{Counted, Payer, Rates};
use crate::engine::registry::{Message, Request, Rooms};
use crate::engine::reply::ReplyTo;
use crate::engine::security::{Security, SecurityKind};
use crate::ids::IdSource;
use crate::net::Occupancy;
use crate::protocol::dialect::Dialect;
use crate::protocol::request::PayloadLimits;

/// Bounds of the socket surface, all of them settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketLimits {
    /// How often one connection may send a command.
    pub commands_per_connection: Option<Rate>,
    /// Connections of one user on this node.
    pub connections_per_user: usize,
    /// Connections from one address that a proxy names.
    pub connections_per_network: usize,
    /// Commands of one connection that may be under way.
    pub commands_in_flight: usize,
    /// Rooms that one connection may be in.
    pub rooms_per_connection: usize,
    /// Bytes that may wait for a client that polls.
    pub send_queue_bytes: usize,
    /// How long a client that fell behind has to catch up.
    pub slow_consumer_timeout: Duration,
    /// How long a session may be without a connection.
    pub connect_timeout: Duration,
    /// What payloads may carry.
    pub payload: PayloadLimits,
    /// What is kept of a room's past for those who come back.
    pub past: PastLimits,
    /// How often whole lists are sent.
    pub lists: ListLimits,
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self {
            commands_per_connection: None,
            connections_per_user: 32,
            connections_per_network: 2_000,
            commands_in_flight: 512,
            rooms_per_connection: 16,
            send_queue_bytes: 1 << 20,
            slow_consumer_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(10),
            payload: PayloadLimits::default(),
            past: PastLimits {
                commits: 256,
                bytes: 256 * 1024,
            },
            lists: ListLimits {
                interval: Duration::from_millis(40),
                bytes_per_second: 32 << 20,
            },
        }
    }
}

#[derive(Debug, Default)]
struct Tables {
    connections: HashMap<ConnectionId, Arc<Connection>>,
    by_sid: HashMap<Sid, ConnectionId>,
    /// The streams of upgrades whose session has not connected yet.
    upgrades: HashMap<Sid, Weak<Wire>>,
    /// What clients that poll are about to be told of themselves.
    introductions: HashMap<Sid, Arc<str>>,
}

/// The connections of this node.
#[derive(Debug)]
pub struct Hub {
    tables: Mutex<Tables>,
    rooms: OnceLock<Arc<Rooms>>,
    pub(super) sessions: OnceLock<Arc<Sessions>>,
    draining: AtomicBool,
    /// How many clients of this node are spoken to in the list dialect.
    listed: AtomicUsize,
    /// Verifies tokens at CONNECT.
    pub authenticator: Arc<Authenticator>,
    /// How often users, addresses and tenants may do what costs something.
    pub rates: Arc<Rates>,
    /// Sessions that are about to be ended.
    pub(super) abandoned: Mutex<HashSet<Sid>>,
    /// How sessions are ended.
    pub(super) back_door: OnceLock<BackDoor>,
    /// What was refused.
    pub security: Arc<Security>,
    /// Connections by user.
    pub(super) users: Occupancy<(TenantId, UserId)>,
    /// Connections by the address that a proxy names.
    pub(super) networks: Occupancy<IpAddr>,
    /// When their tokens expire.
    pub expiries: Expiries,
    /// Names connections.
    pub ids: Arc<IdSource>,
    /// Bounds.
    pub limits: SocketLimits,
    /// Where background work runs.
    pub tracker: TaskTracker,
}

impl Hub {
    /// A hub without connections; [`Hub::attach`] gives it the rooms.
    #[must_use]
    pub fn new(
        authenticator: Arc<Authenticator>,
        expiries: Expiries,
        (rates, security): (Arc<Rates>, Arc<Security>),
        ids: Arc<IdSource>,
        limits: SocketLimits,
        tracker: TaskTracker,
    ) -> Arc<Self> {
        Arc::new(Self {
            tables: Mutex::default(),
            rooms: OnceLock::new(),
            sessions: OnceLock::new(),
            draining: AtomicBool::new(false),
            listed: AtomicUsize::new(0),
            authenticator,
            expiries,
            abandoned: Mutex::default(),
            back_door: OnceLock::new(),
            rates,
            security,
            users: Occupancy::new(limits.connections_per_user),
            networks: Occupancy::new(limits.connections_per_network),
            ids,
            limits,
            tracker,
        })
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub(super) fn now(&self) -> u64 {
        self.expiries.now().0
    }

    /// The connection is spoken to in the list dialect from now on. Rooms that it is in are shown anew: it
    /// has no list yet.
    pub(super) fn list_to(&self, connection: &Connection) {
        if connection.dialect() == Dialect::List {
            return;
        }
        {
            let tables = self.tables();
            connection.speak(Dialect::List);
            if tables.connections.contains_key(&connection.id()) {
                self.listed.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.note_session(connection);
        for room in connection.rooms() {
            self.tell(&room, Request::Refresh(connection.id()));
        }
    }

    /// The connection is spoken to in the delta dialect again.
    pub(super) fn unlist(&self, connection: &Connection) {
        let tables = self.tables();
        if connection.dialect() == Dialect::List
            && tables.connections.contains_key(&connection.id())
        {
            connection.speak(Dialect::Delta);
            self.listed.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether any client is spoken to in the list dialect.
    #[must_use]
    pub(super) fn is_listed(&self) -> bool {
        self.listed.load(Ordering::Relaxed) > 0
    }

    /// Gives the hub its rooms. The rooms need the hub as their sink first, hence two steps; a second
    /// call changes nothing.
    pub fn attach(&self, rooms: Arc<Rooms>) {
        self.rooms.get_or_init(|| rooms);
    }

    /// The rooms; `None` before [`Hub::attach`].
    #[must_use]
    pub fn rooms(&self) -> Option<&Arc<Rooms>> {
        self.rooms.get()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends every client away, spread evenly over `window`, so that not all of them come to the other
    /// nodes at once. They count as lost: whoever comes back within the grace has not left.
    pub async fn drain(&self, window: Duration) {
        self.draining.store(true, Ordering::Relaxed);
        let connections: Vec<Arc<Connection>> =
            self.tables().connections.values().cloned().collect();
        // The table's order is random, so nobody's place in the row is the same twice.
        let count = u32::try_from(connections.len()).unwrap_or(u32::MAX).max(1);
        let step = window.checked_div(count).unwrap_or(window);
        let mut next = tokio::time::Instant::now();
        for connection in connections {
            connection.send_away();
            next += step;
            tokio::time::sleep_until(next).await;
        }
    }

    /// Whether a Socket.IO request is to go to another node: this one drains, and it is not of a session
    /// (`sid`) whose turn has yet to come.
    #[must_use]
    pub fn turns_away(&self, sid: Option<Sid>) -> bool {
        if !self.draining.load(Ordering::Relaxed) {
            return false;
        }
        let tables = self.tables();
        let connection = sid
            .and_then(|sid| tables.by_sid.get(&sid))
            .and_then(|id| tables.connections.get(id));
        connection.is_none_or(|connection| connection.is_away())
    }

    /// Whether somebody is connected over this session.
    #[must_use]
    pub(super) fn is_connected(&self, sid: Sid) -> bool {
        self.tables().by_sid.contains_key(&sid)
    }

    /// How many connections there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables().connections.len()
    }

    /// Whether there are no connections.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One connection.
    #[must_use]
    pub fn connection(&self, id: ConnectionId) -> Option<Arc<Connection>> {
        self.tables().connections.get(&id).cloned()
    }

    /// A socket was let in.
    #[must_use]
    pub fn open(
        &self,
        socket: &Arc<Socket<LocalAdapter>>,
        principal: Principal,
        source: Source,
        wire: Option<Arc<Wire>>,
    ) -> Arc<Connection> {
        let id = self.ids.connection();
        let connection = Arc::new(Connection::new(
            id,
            principal,
            source,
            socket,
            wire,
            self.limits.send_queue_bytes,
        ));
        let mut tables = self.tables();
        if let Some(upgrade) = tables
            .upgrades
            .remove(&socket.id)
            .and_then(|wire| wire.upgrade())
        {
            connection.offer_upgrade(upgrade);
        }
        tables.by_sid.insert(socket.id, id);
        tables.connections.insert(id, connection.clone());
        drop(tables);
        self.expiries.watch(&connection);
        connection
    }

    /// A polling session is about to continue over this WebSocket.
    pub fn offer_upgrade(&self, sid: Sid, wire: &Arc<Wire>) {
        let mut tables = self.tables();
        if let Some(packet) = tables.introductions.get(&sid) {
            wire.introduce(packet.clone());
        }
        let known = tables.by_sid.get(&sid).copied();
        match known.and_then(|id| tables.connections.get(&id)) {
            Some(connection) => connection.offer_upgrade(wire.clone()),
            None => {
                tables.upgrades.retain(|_, wire| wire.strong_count() > 0);
                tables.upgrades.insert(sid, Arc::downgrade(wire));
            }
        }
    }

    /// The client is told this of itself in the answer to CONNECT, whichever way that takes.
    pub(super) fn introduce(&self, sid: Sid, connection: &Connection, packet: &Arc<str>) {
        let mut tables = self.tables();
        if connection.polls() && tables.by_sid.contains_key(&sid) {
            tables.introductions.insert(sid, packet.clone());
        }
        if let Some(wire) = connection.wire().and_then(|wire| wire.upgrade()) {
            wire.introduce(packet.clone());
        }
    }

    /// What a client that polls is about to be told of itself.
    pub(super) fn introduction(&self, sid: Sid) -> Option<Arc<str>> {
        self.tables().introductions.get(&sid).cloned()
    }

    /// It has been told.
    pub(super) fn was_introduced(&self, sid: Sid) {
        self.tables().introductions.remove(&sid);
    }

    /// The answer to CONNECT is on its way: what waited for it follows.
    pub(super) fn answered(self: &Arc<Self>, sid: Sid) {
        let tables = self.tables();
        let id = tables.by_sid.get(&sid);
        let connection = id.and_then(|id| tables.connections.get(id)).cloned();
        drop(tables);
        if let Some(connection) = connection.filter(|connection| !connection.pump()) {
            self.pump(&connection);
        }
    }

    /// A socket is gone: each room that it was in hears of it.
    pub fn close(&self, connection: &Connection, sid: Sid, ending: Ending) {
        {
            let mut tables = self.tables();
            let known = tables.connections.remove(&connection.id()).is_some();
            // It keeps its dialect: what is kept of it for its return depends on that.
            if known && connection.dialect() == Dialect::List {
                self.listed.fetch_sub(1, Ordering::Relaxed);
            }
            tables.by_sid.remove(&sid);
            tables.upgrades.remove(&sid);
            tables.introductions.remove(&sid);
        }
        self.expiries.forget(connection);
        let id = connection.id();
        let sent_away = self.draining.load(Ordering::Relaxed);
        let rooms = connection.end();
        self.end_of_session(connection, ending);
        for room in rooms {
            let command = match ending {
                Ending::Gone(LossCause::Closed) if sent_away => Command::LoseConnection {
                    connection: id,
                    cause: LossCause::Lost,
                },
                Ending::Left => Command::Leave { connection: id },
                Ending::Gone(cause) => Command::LoseConnection {
                    connection: id,
                    cause,
                },
            };
            self.tell(&room, Request::by_us(Actor::System, command));
        }
    }

    /// Sends what must not get lost, waiting for a place if there is none.
    pub fn tell(&self, room: &RoomKey, request: Request) {
        let Some(rooms) = self.rooms.get() else {
            return;
        };
        let message = Message {
            request,
            reply: ReplyTo::Nobody,
        };
        if let Err(undelivered) = rooms.send(room, message) {
            let (rooms, room) = (rooms.clone(), room.clone());
            self.tracker
                .spawn(async move { rooms.insist(&room, undelivered.message).await });
        }
    }

    /// The library has no place for some packets: they are sent as it gets some. A client that takes
    /// none for too long is cut off.
    pub fn pump(self: &Arc<Self>, connection: &Arc<Connection>) {
        let (hub, connection) = (self.clone(), connection.clone());
        self.tracker.spawn(async move {
            let patience = hub.limits.slow_consumer_timeout;
            if tokio::time::timeout(patience, connection.recovered())
                .await
                .is_err()
            {
                hub.cut_off(&connection);
            }
        });
    }

    /// A client fell behind: it is shown its rooms anew once it has caught up, or cut off.
    pub fn watch_recovery(self: &Arc<Self>, connection: &Arc<Connection>) {
        let (hub, connection) = (self.clone(), connection.clone());
        self.tracker.spawn(async move {
            let patience = hub.limits.slow_consumer_timeout;
            if tokio::time::timeout(patience, connection.recovered())
                .await
                .is_ok()
            {
                let rooms = connection.rooms();
                if rooms.is_empty() {
                    connection.start_over();
                }
                for room in rooms {
                    hub.tell(&room, Request::Refresh(connection.id()));
                }
            } else {
                hub.cut_off(&connection);
            }
        });
    }

    /// Ends a connection that cannot keep up. Its rooms hear of it now: the library cannot end the
    /// session of a client that polls before it has fetched what waits, or its heartbeat has failed.
    pub fn cut_off(&self, connection: &Arc<Connection>) {
        if !connection.cut() {
            return;
        }
        tracing::info!("a connection was cut off as a slow consumer");
        if let Some(sid) = connection.sid() {
            self.close(connection, sid, Ending::Gone(LossCause::Lost));
        }
        if !connection.close() {
            let connection = connection.clone();
            self.tracker.spawn(async move { connection.closed().await });
        }
    }
}

impl Hub {
    /// A join turned out to be a return: it does not count.
    pub fn forgive_join(&self, tenant: &TenantId, user: &UserId) {
        let payers = [
            Payer::User(tenant.clone(), user.clone()),
            Payer::Tenant(tenant.clone()),
        ];
        self.rates.refund(Counted::Join, payers);
    }

    /// A join could not be tried: it does not count.
    pub fn forgive_join_of(&self, connection: ConnectionId) {
        if let Some(connection) = self.connection(connection)
            && let Some(user) = connection.user()
        {
            self.forgive_join(&connection.principal().tenant, &user);
        }
    }

    /// A joiner did not know the passcode.
    pub fn note_wrong_passcode(&self, connection: ConnectionId, room: &RoomKey) {
        if let Some(connection) = self.connection(connection) {
            let kind = SecurityKind::WrongPasscode;
            let mut attempt = admission::about(&connection, kind, "join-room");
            attempt.room = Some(room.room.clone());
            self.security.note(attempt, None);
        }
    }

    /// Ends a connection whose owner may not be here any longer.
    pub fn expel(self: &Arc<Self>, connection: &Arc<Connection>) {
        let (session, wire) = (connection.session(), connection.wire());
        if !connection.dismiss() {
            // It does not even fetch what it is told.
            return self.cut_off(connection);
        }
        if let Some((sid, version)) = session {
            self.abandon(sid, version, wire);
        }
    }
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a Socket.IO disconnect: a leave.
    Left,
    /// Without.
    Gone(LossCause),
}
