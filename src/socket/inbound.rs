//! From a client's packet to a room's inbox, synchronously: socketioxide spawns what handlers
//! return, and spawned work may overtake.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{DisconnectHandler, MessageHandler};
use socketioxide::socket::{DisconnectReason, Sid, Socket};
use socketioxide_core::Value;

use super::abandoned::version_of;
use super::admission;
use super::connection::Connection;
use super::fanout::send_answer;
use super::hub::{Ending, Hub};
use super::parcel::{Parcel, Piece};
use crate::domain::id::{RoomId, RoomKey, UserId};
use crate::domain::participant::Profile;
use crate::domain::passcode::{GivenPasscode, Network};
use crate::domain::refusal::{Refusal, RoleChange};
use crate::domain::room::{Actor, Command, Join, LossCause};
use crate::domain::time::Timestamp;
use crate::engine::registry::{Message, Reading, Request as RoomRequest, Rooms};
use crate::engine::reply::{ConnectionReply, ReplyTo};
use crate::engine::security::SecurityKind;
use crate::protocol::args::Packet;
use crate::protocol::dialect::{self, Dialect};
use crate::protocol::names::client;
use crate::protocol::request::{JoinRequest, Request, Token};
use crate::protocol::{delta, list};

/// Names our implementation of the library's handler traits among its blanket ones.
#[derive(Debug)]
pub enum Ours {}

/// Has the events of a connection handled, and its end told.
pub(super) fn listen(
    hub: &Arc<Hub>,
    connection: &Arc<Connection>,
    socket: &Arc<Socket<LocalAdapter>>,
) {
    let (hub, connection) = (hub.clone(), connection.clone());
    socket.on_fallback(Inbound {
        hub: hub.clone(),
        connection: connection.clone(),
    });
    socket.on_disconnect(Outbound {
        hub,
        connection,
        sid: socket.id,
        told: AtomicBool::new(false),
    });
}

/// Handles every event of one connection.
#[derive(Debug, Clone)]
struct Inbound {
    hub: Arc<Hub>,
    connection: Arc<Connection>,
}

impl MessageHandler<LocalAdapter, Ours> for Inbound {
    fn call(&self, _socket: Arc<Socket<LocalAdapter>>, body: Value, ack: Option<i64>) {
        let (event, request) = self.read_event(&body, ack.is_some());
        let from = ConnectionReply {
            connection: self.connection.id(),
            ack,
            event,
            seen: None,
        };
        let outcome = self.pace(event).and(request);
        let outcome = outcome.and_then(|request| self.dispatch(from, request));
        if let Err(refusal) = outcome {
            let dialect = self.connection.dialect();
            let parcel = Parcel::new(refused(from, dialect, &refusal));
            send_answer(&self.hub, &self.connection, &parcel);
        }
    }
}

impl Inbound {
    /// Reads an event, and from some of them in which dialect the client is to be spoken to.
    fn read_event(
        &self,
        body: &Value,
        acknowledged: bool,
    ) -> (&'static str, Result<Request, Refusal>) {
        let unknown = ("unknown", Err(Refusal::UnknownEvent));
        let Value::Str(text, attachments) = body else {
            return unknown;
        };
        let Ok(packet) = Packet::parse(text) else {
            return unknown;
        };
        if dialect::is_mark_of_list(&packet, acknowledged) {
            self.hub.list_to(&self.connection);
        }
        let spoken = self.connection.dialect();
        let (event, request) = dialect::parse(&packet, &self.hub.limits.payload, spoken);
        let attached = attachments.as_ref().is_some_and(|it| !it.is_empty());
        if attached {
            let reason = "Binary attachments have no meaning here".to_owned();
            return (event, request.and(Err(Refusal::InvalidPayload { reason })));
        }
        (event, request)
    }
}

/// The refusal of a command: its acknowledgement, if one was asked for, and the `error` event. An
/// event that nobody knows is no command: without an acknowledgement it is ignored.
pub(super) fn refused(from: ConnectionReply, dialect: Dialect, refusal: &Refusal) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(2);
    if let Some(id) = from.ack {
        let payload = match dialect {
            Dialect::Delta => delta::refused_ack(refusal),
            Dialect::List => list::refused_ack(refusal),
        };
        pieces.push(Piece::Ack { id, payload });
    }
    if *refusal == Refusal::UnknownEvent {
        return pieces;
    }
    if dialect == Dialect::List {
        let beside = list::said_with(refusal).map(Arc::new);
        pieces.extend(beside.map(Piece::Event));
    }
    pieces.push(Piece::Event(Arc::new(delta::error(refusal, from.event))));
    pieces
}

impl Inbound {
    fn key(&self, room: RoomId) -> RoomKey {
        RoomKey {
            tenant: self.connection.principal().tenant.clone(),
            room,
        }
    }

    /// Whoever leaves is never held up.
    fn pace(&self, event: &str) -> Result<(), Refusal> {
        if event == client::LEAVE_ROOM {
            return Ok(());
        }
        let now = self.hub.now().saturating_mul(1_000);
        admission::pace(&self.hub, &self.connection, now)
    }

    fn dispatch(&self, from: ConnectionReply, request: Request) -> Result<(), Refusal> {
        match request {
            Request::Join(join) => self.join(from, *join),
            Request::Leave(room) => self.leave(from, room),
            Request::ChangeRole {
                room,
                target,
                change,
            } => {
                let key = self.key(room);
                let user = self.user_for_role(&key, change)?;
                self.change(from, &key, user, Command::ChangeRole { target, change })
            }
            Request::Change { room, mut command } => {
                let key = self.key_or_only(room)?;
                let user = self.user_in(&key)?;
                command.sent_over(self.connection.id());
                self.change(from, &key, user, command)
            }
            Request::ChatHistory(room) => self.read_messages(from, room),
            Request::Subscribe => {
                self.acknowledge(from, list::done_ack(None));
                Ok(())
            }
            Request::Identify(user) => self.identify(from, &user),
            Request::Media => {
                self.acknowledge(from, list::no_media_ack());
                Ok(())
            }
            Request::SocketIdOf(user) => self.find_socket(from, user),
            Request::RefreshTicket(room) => self.refresh_ticket(from, room),
            Request::RoomState(room) => self.read(from, self.key(room), Reading::Room),
            Request::RefreshAuth(token) => self.refresh_auth(from, token),
        }
    }

    /// The room that is named, or the only one that the connection is in.
    fn key_or_only(&self, room: Option<RoomId>) -> Result<RoomKey, Refusal> {
        if let Some(room) = room {
            return Ok(self.key(room));
        }
        let mut rooms = self.connection.rooms();
        let only = rooms.pop().ok_or(Refusal::NotJoined)?;
        if !rooms.is_empty() {
            let reason = "You are in several rooms: say which is meant".to_owned();
            return Err(Refusal::InvalidPayload { reason });
        }
        Ok(only)
    }

    fn read(&self, from: ConnectionReply, key: RoomKey, reading: Reading) -> Result<(), Refusal> {
        self.user_in(&key)?;
        if !self.connection.is_in(&key) {
            return Err(Refusal::NotJoined);
        }
        self.send(
            from,
            |rooms, message| rooms.send(&key, message),
            RoomRequest::Read(reading),
        )
    }

    fn join(&self, from: ConnectionReply, join: JoinRequest) -> Result<(), Refusal> {
        let user = self.bind(join.user.as_ref())?;
        let key = self.key(join.room);
        let entered = self.connection.is_in(&key);
        if !self
            .connection
            .enter(&key, self.hub.limits.rooms_per_connection)
        {
            return Err(Refusal::busy("This connection is in too many rooms"));
        }
        if let Err(refusal) = admission::count_join(&self.hub, &self.connection, user.clone()) {
            if !entered {
                self.connection.leave(&key);
            }
            return Err(refusal);
        }
        let name = match &self.connection.principal().name {
            Some(name) if join.name.is_empty() => name.clone(),
            _ => join.name,
        };
        let network = self.connection.source().network;
        let from = ConnectionReply {
            seen: join.seen,
            ..from
        };
        let command = Command::Join(Box::new(Join {
            user: user.clone(),
            connection: self.connection.id(),
            node: self.hub.ids.node(),
            profile: Profile {
                name,
                image_url: join.image_url,
            },
            media: join.media,
            network: network.map(|network| Network::new(&network.to_string())),
            passcode: join.passcode.map(GivenPasscode::new),
            returning: None,
        }));
        let request = RoomRequest::by_us(Actor::User(user), command);
        let sent = self.send(
            from,
            |rooms, message| rooms.send_or_load(&key, message),
            request,
        );
        if sent.is_err() && !entered {
            self.connection.leave(&key);
        }
        sent
    }

    /// Binds the connection to its user: who its token says, or whom the client claims to be where nobody
    /// is verified.
    fn bind(&self, claimed: Option<&UserId>) -> Result<UserId, Refusal> {
        let user = self.connection.principal().act_as(claimed);
        let user = user.inspect_err(|_refusal| self.note_forged("user-id"))?;
        let user = user.or_else(|| self.connection.user());
        let user = user.ok_or_else(|| Refusal::InvalidPayload {
            reason: "userId is missing: say who joins".to_owned(),
        })?;
        if !self.connection.bind(&user) {
            return Err(Refusal::Unauthorized {
                reason: "This connection belongs to another user; open a new one",
            });
        }
        Ok(user)
    }

    fn identify(&self, from: ConnectionReply, user: &UserId) -> Result<(), Refusal> {
        self.bind(Some(user))?;
        self.acknowledge(from, list::done_ack(None));
        Ok(())
    }

    /// Whoever asks before they are in the room gets its messages as soon as they are.
    fn read_messages(&self, from: ConnectionReply, room: Option<RoomId>) -> Result<(), Refusal> {
        let listed = self.connection.dialect() == Dialect::List;
        if let Some(room) = room.as_ref().filter(|_| listed) {
            let key = self.key(room.clone());
            if !self.connection.is_in(&key) {
                let limit = self.hub.limits.rooms_per_connection;
                self.connection.await_history(&key, false, limit);
                self.acknowledge(from, list::done_ack(None));
                return Ok(());
            }
        }
        self.read(from, self.key_or_only(room)?, Reading::Chat)
    }

    /// Looks in the rooms that the connection is in, on whatever node the socket is.
    fn find_socket(&self, from: ConnectionReply, user: UserId) -> Result<(), Refusal> {
        let rooms = self.hub.rooms().cloned().ok_or(Refusal::Unavailable {
            reason: "The server is starting",
        })?;
        self.take_place()?;
        let this = self.clone();
        self.hub.tracker.spawn(async move {
            let mut found = None;
            for key in this.connection.rooms() {
                let room = rooms.read(&key).await.ok().flatten();
                // Whoever waits to be let in is told nothing of the room.
                let own = this.connection.id();
                let room = room.filter(|room| room.participant_of(own).is_some());
                let person = room.and_then(|room| room.participant(&user).cloned());
                let newest = person.and_then(|it| it.connections.last().map(|held| held.id));
                found = found.or(newest);
            }
            this.connection.end_command();
            this.acknowledge(from, list::socket_ack(found));
        });
        Ok(())
    }

    /// Answers what concerns no room.
    fn acknowledge(&self, from: ConnectionReply, payload: String) {
        if let Some(id) = from.ack {
            let parcel = Parcel::new(vec![Piece::Ack { id, payload }]);
            send_answer(&self.hub, &self.connection, &parcel);
        }
    }

    fn note_forged(&self, reason: &'static str) {
        let kind = SecurityKind::ForgedId;
        let attempt = admission::about(&self.connection, kind, reason);
        self.hub.security.note(attempt, None);
    }

    fn leave(&self, from: ConnectionReply, room: Option<RoomId>) -> Result<(), Refusal> {
        let listed = self.connection.dialect() == Dialect::List;
        let is_nowhere = match &room {
            Some(room) => !self.connection.is_in(&self.key(room.clone())),
            None => self.connection.rooms().is_empty(),
        };
        if listed && is_nowhere {
            // Subscribed is not joined: there is nothing to leave.
            self.acknowledge(from, list::done_ack(None));
            return Ok(());
        }
        let key = self.key_or_only(room)?;
        let user = self.user_in(&key)?;
        let command = Command::Leave {
            connection: self.connection.id(),
        };
        self.change(from, &key, user, command)?;
        self.connection.leave(&key);
        self.hub.note_session(&self.connection);
        Ok(())
    }

    fn refresh_ticket(&self, from: ConnectionReply, room: RoomId) -> Result<(), Refusal> {
        let key = self.key(room);
        let user = self.user_in(&key)?;
        // Whose connection is not in the room learns from the room why.
        let request = RoomRequest::Ticket(user);
        self.send(from, |rooms, message| rooms.send(&key, message), request)
    }

    /// Verifying may have to wait for keys, and concerns no room: it is no command of one.
    fn refresh_auth(&self, from: ConnectionReply, token: Token) -> Result<(), Refusal> {
        self.take_place()?;
        let (hub, connection) = (self.hub.clone(), self.connection.clone());
        let number = connection.next_token();
        self.hub.tracker.spawn(async move {
            let outcome = renew(&hub, &connection, number, &token).await;
            connection.end_command();
            let pieces = match outcome {
                Ok(expires) => match from.ack {
                    Some(id) => vec![Piece::Ack {
                        id,
                        payload: match connection.dialect() {
                            Dialect::Delta => delta::refreshed_ack(expires),
                            Dialect::List => list::refreshed_ack(expires),
                        },
                    }],
                    None => Vec::new(),
                },
                Err(refusal) => refused(from, connection.dialect(), &refusal),
            };
            send_answer(&hub, &connection, &Parcel::new(pieces));
        });
        Ok(())
    }

    fn take_place(&self) -> Result<(), Refusal> {
        let limit = self.hub.limits.commands_in_flight;
        if self.connection.begin_command(limit) {
            return Ok(());
        }
        let reason = "Too many commands under way; wait for their answers";
        Err(Refusal::busy(reason))
    }

    /// The connection's user; without one it has not joined anything.
    fn user_in(&self, key: &RoomKey) -> Result<UserId, Refusal> {
        self.connection.user().ok_or_else(|| {
            if self.is_loaded(key) {
                Refusal::NotJoined
            } else {
                Refusal::RoomNotFound
            }
        })
    }

    fn user_for_role(&self, key: &RoomKey, change: RoleChange) -> Result<UserId, Refusal> {
        self.user_in(key).map_err(|refusal| {
            if refusal == Refusal::NotJoined {
                Refusal::NotJoinedForRole(change)
            } else {
                refusal
            }
        })
    }

    fn is_loaded(&self, key: &RoomKey) -> bool {
        self.hub.rooms().is_some_and(|rooms| rooms.is_loaded(key))
    }

    fn change(
        &self,
        from: ConnectionReply,
        key: &RoomKey,
        user: UserId,
        command: Command,
    ) -> Result<(), Refusal> {
        // Only what the audit tells of needs a name there.
        let audited = command.is_audited();
        let id = audited.then(|| self.connection.name_request()).flatten();
        let request = RoomRequest::Change {
            actor: Actor::User(user),
            command,
            id,
        };
        self.send(from, |rooms, message| rooms.send(key, message), request)
    }

    fn send(
        &self,
        from: ConnectionReply,
        send: impl FnOnce(&Rooms, Message) -> Result<(), Box<crate::engine::registry::Undelivered>>,
        request: RoomRequest,
    ) -> Result<(), Refusal> {
        let rooms = self.hub.rooms().ok_or(Refusal::Unavailable {
            reason: "The server is starting",
        })?;
        self.take_place()?;
        send(
            rooms,
            Message {
                request,
                reply: ReplyTo::Connection(from),
            },
        )
        .map_err(|undelivered| {
            self.connection.end_command();
            undelivered.refusal
        })
    }
}

/// Puts a token in the place of the connection's, which must be the same user's.
async fn renew(
    hub: &Hub,
    connection: &Connection,
    number: u64,
    token: &Token,
) -> Result<Option<Timestamp>, Refusal> {
    let network = connection.source().network;
    let principal = match hub.authenticator.authenticate(Some(&token.0)).await {
        Ok(principal) => principal,
        Err(fault) => return Err(admission::refused_token(hub, network, fault)),
    };
    if !connection.principal().is_succeeded_by(&principal) {
        let attempt = admission::about(connection, SecurityKind::ForgedId, "refresh-auth");
        hub.security.note(attempt, None);
        return Err(Refusal::Unauthorized {
            reason: "The token is another user's; open a new connection with it",
        });
    }
    hub.expiries.forget(connection);
    // One that was sent later may have been verified sooner.
    connection.renew(number, principal.expires_at);
    hub.expiries.watch(connection);
    Ok(connection.expires_at())
}

/// Tells the rooms when the connection ends. The library drops the handler uncalled when the answer
/// to CONNECT cannot be sent; then the drop tells them.
#[derive(Debug)]
struct Outbound {
    hub: Arc<Hub>,
    connection: Arc<Connection>,
    sid: Sid,
    told: AtomicBool,
}

impl Outbound {
    fn tell(&self, ending: Ending) {
        if !self.told.swap(true, Ordering::Relaxed) {
            self.hub.close(&self.connection, self.sid, ending);
        }
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        self.tell(Ending::Gone(LossCause::Lost));
    }
}

impl DisconnectHandler<LocalAdapter, Ours> for Outbound {
    fn call_with_defer(
        &self,
        socket: Arc<Socket<LocalAdapter>>,
        reason: DisconnectReason,
        defer: fn(Arc<Socket<LocalAdapter>>),
    ) {
        if reason == DisconnectReason::ClientNSDisconnect {
            // The official clients close the transport; another would be pinged for as long as it likes.
            let (version, wire) = (version_of(socket.protocol()), self.connection.wire());
            self.hub.abandon(socket.id, version, wire);
        }
        self.tell(ending(reason));
        defer(socket);
    }
}

/// A leave, a closed tab, or a broken transport.
const fn ending(reason: DisconnectReason) -> Ending {
    match reason {
        DisconnectReason::ClientNSDisconnect | DisconnectReason::ServerNSDisconnect => Ending::Left,
        DisconnectReason::TransportClose => Ending::Gone(LossCause::Closed),
        DisconnectReason::MultipleHttpPollingError
        | DisconnectReason::PacketParsingError
        | DisconnectReason::TransportError
        | DisconnectReason::HeartbeatTimeout
        | DisconnectReason::ClosingServer => Ending::Gone(LossCause::Lost),
    }
}
