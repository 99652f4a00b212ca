//! A node without sockets: rooms over a store and a directory, with people who are made of names.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::task::TaskTracker;
use usher::clock::{Clock, ManualClock};
use usher::domain::id::{ConnectionId, NodeId, RoomKey};
use usher::domain::policy::RoomPolicy;
use usher::domain::refusal::{Refusal, RoleChange};
use usher::domain::room::{Actor, Command, Room};
use usher::domain::time::Timestamp;
use usher::engine::directory::Directory;
use usher::engine::limits::EngineLimits;
use usher::engine::passcodes::Passcodes;
use usher::engine::registry::{EngineParts, Message, Request, Rooms};
use usher::engine::reply::{Answer, ConnectionReply, Outcome, ReplyTo};
use usher::engine::store::RoomStore;
use usher::engine::tickets::TicketIssuer;
use usher::ids::IdSource;
use usher::store::MemoryRoomStore;

use super::directory::TestDirectory;
use super::issuer::NoIssuer;
use super::people::{END, START, acting, change_role, join, leave, lose, room_key};
use super::sink::{Recorder, RecordingSink};

/// How often a room may look at the clock in one test. A room that never rests would keep the test
/// from ever ending.
const GLANCES: usize = 50_000;

/// The test's clock. Looking at it lets others run, so that a room that never rests is noticed,
/// instead of standing still with the whole test.
#[derive(Debug)]
struct PoliteClock {
    clock: Arc<ManualClock>,
    glances: AtomicUsize,
}

#[async_trait]
impl Clock for PoliteClock {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        let glances = self.glances.fetch_add(1, Ordering::Relaxed);
        assert!(glances < GLANCES, "a room looks at the clock all the time");
        tokio::task::yield_now().await;
        self.clock.sleep_until(deadline).await;
    }
}

/// What the nodes of a test have in common.
pub(crate) struct World {
    pub(crate) directory: Arc<TestDirectory>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn RoomStore>,
    pub(crate) key: RoomKey,
    pub(crate) policy: RoomPolicy,
    pub(crate) limits: EngineLimits,
    /// Who issues tickets.
    pub(crate) tickets: Arc<dyn TicketIssuer>,
    /// A directory instead of the one that obeys the test.
    pub(crate) durable: Option<Arc<dyn Directory>>,
}

impl World {
    /// One room, which nobody created.
    pub(crate) fn new() -> Self {
        Self {
            directory: TestDirectory::new(),
            clock: Arc::new(ManualClock::new(START)),
            store: Arc::new(MemoryRoomStore::new(256)),
            key: room_key("r"),
            policy: RoomPolicy::default(),
            limits: EngineLimits::default(),
            tickets: Arc::new(NoIssuer),
            durable: None,
        }
    }

    /// One room, which Ann created.
    pub(crate) fn of_ann() -> Self {
        let world = Self::new();
        world.directory.has_meeting(&world.key, "ann");
        world
    }

    pub(crate) fn node(&self, number: u64) -> Node {
        let recorder = Recorder::default();
        let sink = recorder.0.clone();
        let tracker = TaskTracker::new();
        let durable = self.durable.clone();
        let rooms = Rooms::new(EngineParts {
            store: self.store.clone(),
            directory: durable.unwrap_or_else(|| self.directory.clone()),
            sink: Arc::new(recorder),
            clock: Arc::new(PoliteClock {
                clock: self.clock.clone(),
                glances: AtomicUsize::new(0),
            }),
            ids: Arc::new(IdSource::counting(NodeId(number))),
            passcodes: Passcodes::new(1).unwrap(),
            tickets: self.tickets.clone(),
            to_sync: Arc::default(),
            policy: self.policy.clone().into(),
            limits: self.limits,
            tracker: tracker.clone(),
        });
        let (names, acks) = (Mutex::default(), AtomicI64::new(0));
        Node {
            id: NodeId(number),
            key: self.key.clone(),
            rooms,
            sink,
            tracker,
            names,
            acks,
        }
    }

    pub(crate) fn seconds_pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// A command that was sent; its answer will carry this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(i64);

pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) key: RoomKey,
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) sink: Arc<RecordingSink>,
    pub(crate) tracker: TaskTracker,
    names: Mutex<Vec<String>>,
    acks: AtomicI64,
}

impl Node {
    /// The connection through which somebody talks to this node.
    pub(crate) fn connection_of(&self, name: &str) -> ConnectionId {
        let mut names = self.names.lock().unwrap();
        let known = names.iter().position(|known| known == name);
        let index = known.unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
        ConnectionId(self.id.0 * 100_000 + u64::try_from(index).unwrap() + 1)
    }

    /// Sends without waiting for anything.
    pub(crate) fn send(&self, connection: ConnectionId, actor: Actor, command: Command) -> Ticket {
        self.try_send(connection, actor, command)
            .expect("the room's queue has a place")
    }

    pub(crate) fn try_send(
        &self,
        connection: ConnectionId,
        actor: Actor,
        command: Command,
    ) -> Result<Ticket, Refusal> {
        let ack = self.acks.fetch_add(1, Ordering::Relaxed);
        let reply = ReplyTo::Connection(ConnectionReply {
            connection,
            ack: Some(ack),
            event: "x",
            seen: None,
        });
        let message = Message {
            request: Request::by_us(actor, command),
            reply,
        };
        self.rooms
            .send_or_load(&self.key, message)
            .map_err(|undelivered| undelivered.refusal)?;
        Ok(Ticket(ack))
    }

    /// Sends as somebody who is known by name.
    pub(crate) fn says(&self, name: &str, command: Command) -> Ticket {
        self.send(self.connection_of(name), acting(name), command)
    }

    pub(crate) fn asks_to_join(&self, name: &str) -> Ticket {
        self.says(name, join(name, self.connection_of(name), self.id))
    }

    pub(crate) fn asks_for_role(&self, by: &str, target: &str, change: RoleChange) -> Ticket {
        self.says(by, change_role(target, change))
    }

    /// The answer so far.
    pub(crate) fn answer_yet(&self, ticket: Ticket) -> Option<Answer> {
        self.sink
            .answers()
            .into_iter()
            .find(|answer| answer.to.ack == Some(ticket.0))
    }

    /// The answer, once it is there.
    pub(crate) async fn full_answer(&self, ticket: Ticket) -> Answer {
        let mine = |answer: &&Answer| answer.to.ack == Some(ticket.0);
        self.sink
            .until(|told| told.answers().iter().find(mine).cloned())
            .await
    }

    pub(crate) async fn answer(&self, ticket: Ticket) -> Result<Outcome, Refusal> {
        self.full_answer(ticket).await.outcome
    }

    pub(crate) async fn joins(&self, name: &str) -> Result<(), Refusal> {
        self.answer(self.asks_to_join(name)).await.map(drop)
    }

    pub(crate) async fn everybody_joins(&self, names: &[&str]) {
        for name in names {
            self.joins(name).await.unwrap();
        }
    }

    pub(crate) async fn changes_role(
        &self,
        by: &str,
        target: &str,
        change: RoleChange,
    ) -> Result<(), Refusal> {
        self.answer(self.asks_for_role(by, target, change))
            .await
            .map(drop)
    }

    pub(crate) async fn leaves(&self, name: &str) {
        self.answer(self.says(name, leave(self.connection_of(name))))
            .await
            .unwrap();
    }

    pub(crate) async fn loses(&self, name: &str) {
        self.answer(self.says(name, lose(self.connection_of(name))))
            .await
            .unwrap();
    }

    /// Keeps this node's room busy: an end waits for SQL, which the test holds back. Somebody from
    /// outside asks for it.
    pub(crate) async fn waits_for_an_end(&self) -> Ticket {
        let service = Actor::Service(None);
        let ticket = self.send(self.connection_of("outside"), service, END);
        super::settled().await;
        ticket
    }

    /// The room as this node's replica has it.
    pub(crate) async fn room(&self) -> Room {
        super::within(self.rooms.read(&self.key))
            .await
            .expect("the store answers")
            .expect("the room is loaded")
    }
}
