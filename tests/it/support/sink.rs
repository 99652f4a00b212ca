//! The clients of a node, who write down what they are told.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use usher::domain::id::{ConnectionId, RoomKey};
use usher::domain::room::{Commit, Event, Room};
use usher::engine::reply::{Answer, Handout};
use usher::engine::sink::{EventSink, Farewell, RoomSink};

use super::within;

/// Something that a room said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most of them are the large one")]
pub(crate) enum Told {
    /// A commit and answers.
    Published {
        /// The room as it was then.
        room: Room,
        /// What happened.
        commit: Option<Commit>,
        /// Who was answered.
        answers: Vec<Answer>,
        /// Who was given a ticket.
        tickets: Vec<Handout>,
    },
    /// Everybody was shown the room anew.
    Resynced,
    /// One client was told that it had been taken out.
    SentAway {
        /// Which.
        connection: ConnectionId,
        /// Why.
        why: Farewell,
    },
    /// One client was shown the room anew.
    Refreshed {
        /// Which.
        connection: ConnectionId,
    },
}

impl Told {
    pub(crate) fn commit(&self) -> Option<&Commit> {
        match self {
            Self::Published { commit, .. } => commit.as_ref(),
            Self::Resynced | Self::SentAway { .. } | Self::Refreshed { .. } => None,
        }
    }

    pub(crate) fn answers(&self) -> &[Answer] {
        match self {
            Self::Published { answers, .. } => answers,
            Self::Resynced | Self::SentAway { .. } | Self::Refreshed { .. } => &[],
        }
    }
}

/// Keeps everything, in order.
#[derive(Debug, Default)]
pub(crate) struct RecordingSink {
    told: Mutex<Vec<Told>>,
    count: watch::Sender<usize>,
}

impl RecordingSink {
    fn note(&self, told: Told) {
        self.told.lock().unwrap().push(told);
        self.count.send_modify(|count| *count += 1);
    }

    /// Everything so far.
    pub(crate) fn all(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    /// Every ticket so far, and in which state of the room.
    pub(crate) fn tickets(&self) -> Vec<(Room, Handout)> {
        let each = self.all().into_iter().flat_map(|told| match told {
            Told::Published { room, tickets, .. } => {
                tickets.into_iter().map(|it| (room.clone(), it)).collect()
            }
            Told::Resynced | Told::SentAway { .. } | Told::Refreshed { .. } => Vec::new(),
        });
        each.collect()
    }

    /// Every commit so far.
    pub(crate) fn commits(&self) -> Vec<Commit> {
        self.all()
            .iter()
            .filter_map(Told::commit)
            .cloned()
            .collect()
    }

    /// Every answer so far.
    pub(crate) fn answers(&self) -> Vec<Answer> {
        self.all()
            .iter()
            .flat_map(|told| told.answers().to_vec())
            .collect()
    }

    /// Waits until something that was told is what is looked for.
    pub(crate) async fn until<T>(&self, mut found: impl FnMut(&Told) -> Option<T>) -> T {
        let mut count = self.count.subscribe();
        let mut seen = 0;
        within(async {
            loop {
                for told in self.all().iter().skip(seen) {
                    seen += 1;
                    if let Some(found) = found(told) {
                        return found;
                    }
                }
                count.wait_for(|count| *count > seen).await.unwrap();
            }
        })
        .await
    }

    /// Waits for the first commit with such an event.
    pub(crate) async fn commit_with(&self, wanted: impl Fn(&Event) -> bool) -> Commit {
        self.until(|told| {
            told.commit()
                .filter(|c| c.events.iter().any(&wanted))
                .cloned()
        })
        .await
    }
}

/// A [`RecordingSink`] as the engine takes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder(pub(crate) Arc<RecordingSink>);

impl EventSink for Recorder {
    fn open(&self, _key: &RoomKey) -> Box<dyn RoomSink> {
        Box::new(self.clone())
    }
}

impl RoomSink for Recorder {
    fn publish(
        &mut self,
        room: &Room,
        commit: Option<&Commit>,
        answers: Vec<Answer>,
        tickets: &[Handout],
    ) {
        let (room, commit, tickets) = (room.clone(), commit.cloned(), tickets.to_vec());
        self.0.note(Told::Published {
            room,
            commit,
            answers,
            tickets,
        });
    }

    fn is_live(&self, _connection: ConnectionId) -> bool {
        true
    }

    fn recall(&mut self, _room: &Room, _commits: &[Arc<Commit>]) {}

    fn send_away(&mut self, connection: ConnectionId, why: &Farewell) {
        let why = why.clone();
        self.0.note(Told::SentAway { connection, why });
    }

    fn resync(&mut self, _room: &Room) {
        self.0.note(Told::Resynced);
    }

    fn refresh(&mut self, _room: &Room, connection: ConnectionId) {
        self.0.note(Told::Refreshed { connection });
    }
}
