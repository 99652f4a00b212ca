//! The rooms that are loaded on this node, and the way to each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::actor::RoomActor;
use super::committing::STORE_DOWN;
use super::directory::Directory;
use super::limits::EngineLimits;
use super::passcodes::Passcodes;
use super::reply::{Issued, ReplyTo};
use super::sink::EventSink;
use super::store::RoomStore;
use super::tickets::TicketIssuer;
use crate::clock::Clock;
use crate::domain::id::{ConnectionId, RequestId, RoomKey, TenantId, UserId};
use crate::domain::policy::Installation;
use crate::domain::refusal::Refusal;
use crate::domain::room::{Actor, Command, Room};
use crate::ids::IdSource;

/// What a room actor is asked.
#[derive(Debug)]
pub enum Request {
    /// Change the room.
    Change {
        /// Who asks.
        actor: Actor,
        /// For what.
        command: Command,
        /// What the request is called, when it is a client's.
        id: Option<RequestId>,
    },
    /// Only read it.
    Read(Reading),
    /// A fresh ticket to the media provider for this user.
    Ticket(UserId),
    /// This node was away: whoever is connected here and no longer in the room enters again.
    Reassert,
    /// This connection of the room can be written to again after it had fallen behind.
    Refresh(ConnectionId),
}

/// What is read of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Who is in it.
    Room,
    /// The messages that are kept.
    Chat,
}

impl Request {
    /// A change that no client asked for.
    #[must_use]
    pub const fn by_us(actor: Actor, command: Command) -> Self {
        Self::Change {
            actor,
            command,
            id: None,
        }
    }
}

/// A request and where its answer goes.
#[derive(Debug)]
pub struct Message {
    /// What is asked.
    pub request: Request,
    /// Who waits for the answer.
    pub reply: ReplyTo,
}

/// The way to one loaded room.
#[derive(Debug, Clone)]
pub struct RoomHandle {
    sender: mpsc::Sender<Message>,
}

/// A message that was not taken, and why.
#[derive(Debug)]
pub struct Undelivered {
    /// The message, as it was.
    pub message: Message,
    /// The reason.
    pub refusal: Refusal,
}

/// Everything that a room actor needs besides its own room.
pub struct EngineParts {
    /// Live rooms.
    pub store: Arc<dyn RoomStore>,
    /// Durable truth.
    pub directory: Arc<dyn Directory>,
    /// The clients of this node.
    pub sink: Arc<dyn EventSink>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Commit and epoch numbers.
    pub ids: Arc<IdSource>,
    /// Hashes passcodes.
    pub passcodes: Arc<Passcodes>,
    /// Issues tickets to media providers.
    pub tickets: Arc<dyn TicketIssuer>,
    /// Woken when a provider has something to follow.
    pub to_sync: Arc<Notify>,
    /// Defaults of every room.
    pub policy: Installation,
    /// Bounds.
    pub limits: EngineLimits,
    /// Where actors run, so that shutdown can wait for them.
    pub tracker: TaskTracker,
}

impl std::fmt::Debug for EngineParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineParts")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

const SHUTTING_DOWN: Refusal = Refusal::Unavailable {
    reason: "The room is shutting down",
};

type Table = Mutex<HashMap<RoomKey, RoomHandle>>;

/// All rooms loaded on this node.
#[derive(Debug)]
pub struct Rooms {
    table: Arc<Table>,
    parts: Arc<EngineParts>,
}

impl Rooms {
    /// No room is loaded yet.
    #[must_use]
    pub fn new(parts: EngineParts) -> Arc<Self> {
        Arc::new(Self {
            table: Arc::default(),
            parts: Arc::new(parts),
        })
    }

    /// How many rooms are loaded.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.table).len()
    }

    /// Whether no room is loaded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rooms that are loaded.
    #[must_use]
    pub fn keys(&self) -> Vec<RoomKey> {
        lock(&self.table).keys().cloned().collect()
    }

    /// Where work for the rooms runs.
    #[must_use]
    pub fn tracker(&self) -> &TaskTracker {
        &self.parts.tracker
    }

    /// Whether this room is loaded.
    #[must_use]
    pub fn is_loaded(&self, key: &RoomKey) -> bool {
        lock(&self.table).contains_key(key)
    }

    /// Sends to a room that is loaded; [`Refusal::RoomNotFound`] when it is not.
    ///
    /// # Errors
    /// The message comes back with the reason.
    pub fn send(&self, key: &RoomKey, message: Message) -> Result<(), Box<Undelivered>> {
        // Sending under the lock: a room that is about to close sees the message or is gone.
        let table = lock(&self.table);
        match table.get(key) {
            Some(handle) => handle.send(message),
            None => Err(Box::new(Undelivered {
                message,
                refusal: Refusal::RoomNotFound,
            })),
        }
    }

    /// Sends to a room, loading it first when it is not.
    ///
    /// # Errors
    /// The message comes back with the reason.
    pub fn send_or_load(&self, key: &RoomKey, message: Message) -> Result<(), Box<Undelivered>> {
        let mut table = lock(&self.table);
        // A closed inbox still in the table is that of a room whose task has died.
        if let Some(handle) = table.get(key).filter(|handle| !handle.sender.is_closed()) {
            return handle.send(message);
        }
        let (sender, inbox) = mpsc::channel(self.parts.limits.room_queue);
        let handle = RoomHandle { sender };
        let sent = handle.send(message);
        let unload = Unload {
            table: Arc::downgrade(&self.table),
            key: key.clone(),
        };
        let actor = RoomActor::new(key.clone(), self.parts.clone(), inbox, unload);
        self.parts.tracker.spawn(actor.run());
        table.insert(key.clone(), handle);
        sent
    }

    /// Sends to a loaded room and waits for a place in its queue: for what must not be refused, such
    /// as the news that a connection is gone.
    pub async fn insist(&self, key: &RoomKey, message: Message) {
        let handle = lock(&self.table).get(key).cloned();
        let Some(handle) = handle else { return };
        if handle.sender.send(message).await.is_err() {
            tracing::debug!(room.id = %key, "the room was unloaded before it heard of a lost connection");
        }
    }

    /// Sends a change and waits for the room as it is after it.
    ///
    /// # Errors
    /// Why it was refused.
    pub async fn change(
        &self,
        key: &RoomKey,
        actor: Actor,
        command: Command,
    ) -> Result<Room, Refusal> {
        self.change_for(key, actor, command, None).await
    }

    /// [`Self::change`] for a request of a client that is called `id`.
    ///
    /// # Errors
    /// As for [`Self::change`].
    pub async fn change_for(
        &self,
        key: &RoomKey,
        actor: Actor,
        command: Command,
        id: Option<RequestId>,
    ) -> Result<Room, Refusal> {
        let request = Request::Change { actor, command, id };
        self.ask(key, request, true).await
    }

    /// A fresh ticket for somebody who is in the room, loading it first when it is not.
    ///
    /// # Errors
    /// Why they get none.
    pub async fn ticket(&self, key: &RoomKey, user: UserId) -> Result<Issued, Refusal> {
        let (sender, answer) = oneshot::channel();
        let message = Message {
            request: Request::Ticket(user),
            reply: ReplyTo::Ticket(sender),
        };
        self.send_or_load(key, message)
            .map_err(|undelivered| undelivered.refusal)?;
        answer.await.unwrap_or(Err(SHUTTING_DOWN))
    }

    /// Who issues tickets.
    #[must_use]
    pub fn tickets(&self) -> &dyn TicketIssuer {
        &*self.parts.tickets
    }

    /// The room as it is, on whichever node it lives; `None` when it does not.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when it is not known here and the store does not answer.
    pub async fn read(&self, key: &RoomKey) -> Result<Option<Room>, Refusal> {
        match self.ask(key, Request::Read(Reading::Room), false).await {
            Ok(room) => Ok(Some(room)),
            Err(Refusal::RoomNotFound) => self.peek(key).await,
            Err(refusal) => Err(refusal),
        }
    }

    /// The rooms of a tenant that some node has open, by id.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when the store does not answer.
    pub async fn open_anywhere(&self, tenant: &TenantId) -> Result<Vec<RoomKey>, Refusal> {
        let rooms = self.parts.store.rooms().await.map_err(|error| {
            tracing::warn!(%error, "cannot list the rooms");
            STORE_DOWN
        })?;
        Ok(rooms
            .into_iter()
            .filter(|key| key.tenant == *tenant)
            .collect())
    }

    /// The room as the store holds it.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when the store does not answer.
    pub async fn peek(&self, key: &RoomKey) -> Result<Option<Room>, Refusal> {
        self.parts.store.peek(key).await.map_err(|error| {
            tracing::warn!(room.id = %key, %error, "cannot look at the room");
            STORE_DOWN
        })
    }

    async fn ask(&self, key: &RoomKey, request: Request, load: bool) -> Result<Room, Refusal> {
        let (sender, answer) = oneshot::channel();
        let message = Message {
            request,
            reply: ReplyTo::Caller(sender),
        };
        let sent = if load {
            self.send_or_load(key, message)
        } else {
            self.send(key, message)
        };
        sent.map_err(|undelivered| undelivered.refusal)?;
        match answer.await {
            Ok(result) => result,
            Err(_closed) => Err(SHUTTING_DOWN),
        }
    }
}

impl RoomHandle {
    fn send(&self, message: Message) -> Result<(), Box<Undelivered>> {
        self.sender.try_send(message).map_err(|error| {
            let (message, reason) = match error {
                TrySendError::Full(message) => (message, "The room has too many commands waiting"),
                TrySendError::Closed(message) => (message, "The room is shutting down"),
            };
            Box::new(Undelivered {
                message,
                refusal: Refusal::Unavailable { reason },
            })
        })
    }
}

/// Lets a room take itself out of the table.
#[derive(Debug)]
pub(super) struct Unload {
    /// Not an owner: when the node lets go of its rooms, their inboxes close and they end.
    table: Weak<Table>,
    key: RoomKey,
}

impl Unload {
    /// Takes the room out if nothing is waiting in its inbox. Senders hold the same lock, so nothing
    /// can slip in between the look and the removal.
    pub(super) fn unload_if_idle(&self, inbox: &mpsc::Receiver<Message>) -> bool {
        let Some(table) = self.table.upgrade() else {
            return true;
        };
        let mut table = lock(&table);
        let idle = inbox.is_empty();
        if idle {
            table.remove(&self.key);
        }
        idle
    }

    /// Takes the room out whatever is waiting.
    pub(super) fn unload(&self) {
        if let Some(table) = self.table.upgrade() {
            lock(&table).remove(&self.key);
        }
    }
}

fn lock(table: &Table) -> std::sync::MutexGuard<'_, HashMap<RoomKey, RoomHandle>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
