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
use crate::protocol::delta;
use crate::protocol::names::client;
use crate::protocol::request::{JoinRequest, Request, Token};

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
        let (event, request) = read(&body, &self.hub);
        let from = ConnectionReply {
            connection: self.connection.id(),
            ack,
            event,
            seen: None,
        };
        let outcome = self.pace(event).and(request);
        let outcome = outcome.and_then(|request| self.dispatch(from, request));
        if let Err(refusal) = outcome {
            let parcel = Parcel::new(refused(from, &refusal));
            send_answer(&self.hub, &self.connection, &parcel);
        }
    }
}

fn read(body: &Value, hub: &Hub) -> (&'static str, Result<Request, Refusal>) {
    let Value::Str(text, attachments) = body else {
        return ("unknown", Err(Refusal::UnknownEvent));
    };
    match Packet::parse(text) {
        Err(_malformed) => ("unknown", Err(Refusal::UnknownEvent)),
        Ok(packet) => {
            let (event, request) = delta::parse(&packet, &hub.limits.payload);
            if attachments
                .as_ref()
                .is_some_and(|attachments| !attachments.is_empty())
            {
                let reason = "Binary attachments have no meaning here".to_owned();
                return (event, request.and(Err(Refusal::InvalidPayload { reason })));
            }
            (event, request)
        }
    }
}

/// The refusal of a command: its acknowledgement, if one was asked for, and the `error` event. An
/// event that nobody knows is no command: without an acknowledgement it is ignored.
pub(super) fn refused(from: ConnectionReply, refusal: &Refusal) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(2);
    if let Some(id) = from.ack {
        pieces.push(Piece::Ack {
            id,
            payload: delta::refused_ack(refusal),
        });
    }
    if *refusal != Refusal::UnknownEvent {
        pieces.push(Piece::Event(Arc::new(delta::error(refusal, from.event))));
    }
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
            Request::Change { room, command } => {
                let key = self.key(room);
                let user = self.user_in(&key)?;
                self.change(from, &key, user, command)
            }
            Request::ChatHistory(room) => self.read(from, room, Reading::Chat),
            Request::RefreshTicket(room) => self.refresh_ticket(from, room),
            Request::RoomState(room) => self.read(from, room, Reading::Room),
            Request::RefreshAuth(token) => self.refresh_auth(from, token),
        }
    }

    fn read(&self, from: ConnectionReply, room: RoomId, reading: Reading) -> Result<(), Refusal> {
        let key = self.key(room);
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
        let claimed = self.connection.principal().act_as(join.user.as_ref());
        let claimed = claimed.inspect_err(|_refusal| self.note_forged("user-id"))?;
        let user =
            claimed
                .or_else(|| self.connection.user())
                .ok_or_else(|| Refusal::InvalidPayload {
                    reason: "userId is missing: say who joins".to_owned(),
                })?;
        if !self.connection.bind(&user) {
            return Err(Refusal::Unauthorized {
                reason: "This connection belongs to another user; open a new one",
            });
        }
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

    fn note_forged(&self, reason: &'static str) {
        let kind = SecurityKind::ForgedId;
        let attempt = admission::about(&self.connection, kind, reason);
        self.hub.security.note(attempt, None);
    }

    fn leave(&self, from: ConnectionReply, room: Option<RoomId>) -> Result<(), Refusal> {
        let key = match room {
            Some(room) => self.key(room),
            None => {
                let mut rooms = self.connection.rooms();
                let only = rooms.pop().ok_or(Refusal::NotJoined)?;
                if !rooms.is_empty() {
                    let reason = "You are in several rooms: say which to leave".to_owned();
                    return Err(Refusal::InvalidPayload { reason });
                }
                only
            }
        };
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
                        payload: delta::refreshed_ack(expires),
                    }],
                    None => Vec::new(),
                },
                Err(refusal) => refused(from, &refusal),
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
