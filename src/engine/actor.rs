//! The room actor: one task per loaded room, which owns the replica and everything that leaves it.
//!
//! All messages that wait while a commit is in flight are decided together and go into the next
//! one. Fan-out happens here too, in revision order, so that a joiner's snapshot and the events after
//! it neither overlap nor leave a hole.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use tokio::sync::mpsc;

use super::committing::answer;
use super::directory::DirectoryError;
use super::durability::Pending;
use super::loading::{Opening, load};
use super::registry::{EngineParts, Message, Request, Unload};
use super::reply::ReplyTo;
use super::sink::RoomSink;
use super::store::StoreError;
use super::ticketing::{Coming, Ticketing};
use crate::domain::grant::{Grants, Stamp};
use crate::domain::id::{Revision, RoomKey, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::role::Mark;
use crate::domain::room::state::Authority;
use crate::domain::room::{Actor, Command, Commit, Join, Replica, Room};
use crate::domain::time::Timestamp;

/// After the store was away, what everybody has to come back in before a grace may end.
const RETURN: Duration = Duration::from_secs(3);

/// How long nothing is asked of a store that has just failed, unless somebody asks for it.
const STORE_PAUSE: Duration = Duration::from_millis(500);

type Recording = BoxFuture<'static, (Pending, Result<(), DirectoryError>)>;

/// What the loop was woken by.
enum Woken {
    Recorded(Pending, Result<(), DirectoryError>),
    Messages(usize),
    Foreign(Arc<Commit>),
    Compared(Result<Grants, DirectoryError>),
    Ticket(Coming),
    FeedEnded,
    Deferred,
    Lists,
    Deadline,
}

/// One loaded room.
pub(super) struct RoomActor {
    key: RoomKey,
    parts: Arc<EngineParts>,
    inbox: mpsc::Receiver<Message>,
    unload: Unload,
    sink: Box<dyn RoomSink>,
}

/// The actor once its room is there. What it does is in `committing`, `durability` and `following`.
pub(super) struct Loaded {
    pub(super) key: RoomKey,
    pub(super) parts: Arc<EngineParts>,
    pub(super) sink: Box<dyn RoomSink>,
    pub(super) replica: Replica,
    pub(super) recording: FuturesOrdered<Recording>,
    /// Authority as SQL has acknowledged it: where to go back to when a write fails.
    pub(super) confirmed: Grants,
    /// Commits that SQL has not answered yet, oldest first.
    pub(super) unconfirmed: VecDeque<Arc<Commit>>,
    /// Marks that could not be made durable and have to be undone, and by which change.
    pub(super) to_undo: BTreeMap<(UserId, Mark), Stamp>,
    /// After a failure of the store: not before then again.
    pub(super) retry_at: Option<Timestamp>,
    pub(super) empty_since: Option<Timestamp>,
    /// Whether the store may hold more of this room than the replica: it did not answer.
    pub(super) in_doubt: bool,
    /// Connected here, but not in the room any more: let in again as soon as the store takes it.
    pub(super) returning: Vec<Join>,
    /// Whether this node's connections have to be compared with the room once the store answers.
    pub(super) to_reassert: bool,
    /// Whether the store holds less than the replica: the room has to be opened again.
    pub(super) to_reopen: bool,
    /// When to compare roles with SQL: what the store held may have been older.
    pub(super) reconcile_at: Option<Timestamp>,
    /// SQL's answer to that, which is under way.
    pub(super) asked: Option<BoxFuture<'static, Result<Grants, DirectoryError>>>,
    /// Whether the store may hold less authority than SQL does.
    pub(super) stale: bool,
    /// When to look who else has the room open.
    pub(super) count_at: Option<Timestamp>,
    /// Until then nobody's grace ends: people could not come back while the store was away.
    pub(super) hold_until: Option<Timestamp>,
    /// Joins whose passcodes have yet to be compared, and what came after them over their connections.
    pub(super) deferred: Vec<Message>,
    /// Tickets of this node's connections.
    pub(super) ticketing: Ticketing,
    /// From which revision on this node has told of every commit.
    pub(super) told_since: Revision,
    /// `None` while the room has to be opened anew.
    feed: Option<mpsc::Receiver<Arc<Commit>>>,
}

impl RoomActor {
    pub(super) fn new(
        key: RoomKey,
        parts: Arc<EngineParts>,
        inbox: mpsc::Receiver<Message>,
        unload: Unload,
    ) -> Self {
        let sink = parts.sink.open(&key);
        Self {
            key,
            parts,
            inbox,
            unload,
            sink,
        }
    }

    /// Lives until the room has been empty for a while or everybody who could write to it is gone.
    pub(super) async fn run(mut self) {
        match load(&self.key, &self.parts).await {
            Ok(loaded) => self.serve(loaded).await,
            Err(refusal) => self.refuse_everything(&refusal).await,
        }
    }

    async fn serve(self, loaded: Opening) {
        let Opening {
            room,
            feed,
            stale,
            ahead,
        } = loaded;
        let Self {
            key,
            parts,
            mut inbox,
            unload,
            sink,
        } = self;
        let confirmed = (*room.grants).clone();
        let empty_since = room.is_deserted().then(|| parts.clock.now());
        let mut room = Loaded {
            key,
            parts,
            sink,
            replica: Replica::new(room),
            recording: FuturesOrdered::new(),
            confirmed,
            unconfirmed: VecDeque::new(),
            to_undo: BTreeMap::new(),
            retry_at: None,
            empty_since,
            in_doubt: false,
            returning: Vec::new(),
            to_reassert: false,
            to_reopen: false,
            reconcile_at: None,
            asked: None,
            stale,
            count_at: None,
            hold_until: None,
            deferred: Vec::new(),
            ticketing: Ticketing::default(),
            told_since: 0,
            feed: Some(feed),
        };
        room.told_since = room.room().rev;
        if ahead {
            room.reconcile_later();
        }
        room.settle_in().await;
        let mut waiting = Vec::new();
        loop {
            let woken = room.wait(&mut inbox, &mut waiting).await;
            match woken {
                Woken::Recorded(pending, result) => room.recorded(pending, result).await,
                Woken::Messages(0) => break,
                Woken::Messages(_) => room.handle(std::mem::take(&mut waiting)).await,
                Woken::Deferred => room.handle(Vec::new()).await,
                Woken::Foreign(commit) => room.follow(&commit).await,
                Woken::Compared(known) => room.reconcile(known).await,
                Woken::Ticket(coming) => room.ticket_came(coming).await,
                Woken::Lists => room.sink.send_lists(room.replica.room()),
                Woken::FeedEnded => room.reopen().await,
                Woken::Deadline if room.may_close() => {
                    if room.forget().await {
                        if unload.unload_if_idle(&inbox) {
                            break;
                        }
                        room.reopen().await;
                    }
                }
                Woken::Deadline => room.expire().await,
            }
        }
    }

    /// The room cannot be loaded: whoever waits learns why, and the next join tries again.
    async fn refuse_everything(&mut self, refusal: &Refusal) {
        self.unload.unload();
        self.inbox.close();
        let nobody = Room::new(
            self.key.clone(),
            self.parts.ids.epoch(),
            self.parts.policy.policy_of(&self.key.tenant),
            Authority {
                record_version: Timestamp::default(),
                creator: None,
                grants: Grants::default(),
                ended: false,
            },
        );
        while let Some(message) = self.inbox.recv().await {
            let mut answers = Vec::new();
            answer(
                message.reply,
                &nobody,
                0,
                Err(refusal.clone()),
                &mut answers,
            );
            self.sink.publish(&nobody, None, answers, &[]);
        }
    }
}

/// The next commit of another node; never while there is no feed.
async fn next(feed: &mut Option<mpsc::Receiver<Arc<Commit>>>) -> Option<Arc<Commit>> {
    match feed {
        Some(feed) => feed.recv().await,
        None => std::future::pending().await,
    }
}

/// SQL's answer; never while it was not asked.
async fn answer_of<T>(asked: &mut Option<BoxFuture<'static, T>>) -> T {
    match asked {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    }
}

impl Loaded {
    pub(super) const fn room(&self) -> &Room {
        self.replica.room()
    }

    /// Before anybody is served.
    async fn settle_in(&mut self) {
        let node = self.parts.ids.node();
        let ours = self
            .room()
            .everybody()
            .flat_map(|participant| &participant.connections)
            .any(|connection| connection.node == node);
        if ours {
            self.reassert().await;
        }
        if self.stale {
            self.align().await;
        }
    }

    async fn wait(
        &mut self,
        inbox: &mut mpsc::Receiver<Message>,
        waiting: &mut Vec<Message>,
    ) -> Woken {
        let deadline = self.deadline();
        let clock = self.parts.clock.clone();
        let until = async |deadline: Option<Timestamp>| match deadline {
            Some(deadline) => clock.sleep_until(deadline).await,
            None => std::future::pending().await,
        };
        let (timer, lists) = (until(deadline), until(self.sink.lists_due()));
        tokio::select! {
            biased;
            Some((pending, result)) = self.recording.next(), if !self.recording.is_empty() => {
                Woken::Recorded(pending, result)
            }
            commit = next(&mut self.feed) => commit.map_or(Woken::FeedEnded, Woken::Foreign),
            known = answer_of(&mut self.asked) => Woken::Compared(known),
            coming = self.ticketing.next(), if self.ticketing.is_waiting() => Woken::Ticket(coming),
            () = lists => Woken::Lists,
            count = inbox.recv_many(waiting, self.parts.limits.batch) => Woken::Messages(count),
            () = std::future::ready(()), if !self.deferred.is_empty() => Woken::Deferred,
            () = timer => Woken::Deadline,
        }
    }

    /// When to look at the room again although nobody sent anything.
    fn deadline(&self) -> Option<Timestamp> {
        let settled = self.recording.is_empty() && self.to_undo.is_empty();
        // A room that will end for being empty stays until then.
        let idle = self
            .empty_since
            .filter(|_| settled && self.ends_when_empty().is_none());
        let idle = idle.map(|since| {
            let closes = since.plus(self.parts.limits.idle_close);
            self.kept_until().map_or(closes, |kept| closes.max(kept))
        });
        let wanting = !self.to_undo.is_empty()
            || self.in_doubt
            || self.to_reassert
            || self.to_reopen
            || !self.returning.is_empty()
            || self.stale
            || self.feed.is_none();
        let again = self.retry_at.filter(|_| wanting);
        let due = self
            .next_deadline()
            .into_iter()
            .chain(idle)
            .chain(again)
            .chain(self.reconcile_at)
            .chain(self.count_at)
            .chain(self.end_due().map(|(at, _)| at))
            .min();
        // Whatever is due, a store that has just failed is not asked without a pause.
        due.map(|due| self.retry_at.map_or(due, |retry| due.max(retry)))
    }

    /// The room's own next deadline, not before people had a chance to come back.
    fn next_deadline(&self) -> Option<Timestamp> {
        let deadline = self.room().next_deadline()?;
        Some(self.hold_until.map_or(deadline, |hold| deadline.max(hold)))
    }

    /// Whether a deadline of the room has passed.
    pub(super) fn is_due(&self) -> bool {
        let now = self.parts.clock.now();
        self.retry_at.is_none_or(|retry| retry <= now)
            && self.next_deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Whether nobody has been here for long enough and nothing is under way.
    fn may_close(&self) -> bool {
        let limit = self.parts.limits.idle_close;
        self.recording.is_empty()
            && self.to_undo.is_empty()
            && self.deferred.is_empty()
            && self.room().is_deserted()
            && self.ends_when_empty().is_none()
            && self
                .empty_since
                .is_some_and(|since| since.plus(limit) <= self.parts.clock.now())
            && self
                .kept_until()
                .is_none_or(|until| until <= self.parts.clock.now())
    }

    async fn forget(&mut self) -> bool {
        match self
            .parts
            .store
            .forget(self.parts.ids.node(), self.room())
            .await
        {
            Ok(true) => true,
            Ok(false) | Err(_) => {
                self.empty_since = Some(self.parts.clock.now());
                false
            }
        }
    }

    /// Opens the room anew: the feed has ended, or the store has forgotten the room.
    ///
    /// Boxed: what it does may find the room forgotten once more.
    pub(super) fn reopen(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.open_again())
    }

    async fn open_again(&mut self) {
        self.read_to_the_end();
        self.to_reopen = false;
        let (store, node) = (self.parts.store.clone(), self.parts.ids.node());
        let opened = match store.reopen(node, self.room()).await {
            Ok(Some(opened)) => Ok(opened),
            Ok(None) => match self.remembered().await {
                Some(room) => {
                    tracing::warn!(room.id = %self.key, "the store had lost the room; it begins again");
                    // It may have been forgotten because it had ended.
                    self.stale = true;
                    self.count_openers_later();
                    store.restore(node, self.room(), &room).await
                }
                None => Err(StoreError::Unavailable("SQL does not answer".to_owned())),
            },
            Err(error) => Err(error),
        };
        match opened {
            Ok(opened) => {
                self.feed = Some(opened.feed);
                self.in_doubt = false;
                self.compare(opened.room).await;
                self.reassert().await;
                if self.stale {
                    self.align().await;
                }
            }
            Err(error) => {
                tracing::warn!(room.id = %self.key, %error, "cannot open the room again");
                self.pause_graces();
            }
        }
    }

    /// What was heard and not read yet may tell that the room has ended.
    fn read_to_the_end(&mut self) {
        let Some(mut feed) = self.feed.take() else {
            return;
        };
        while let Ok(commit) = feed.try_recv() {
            if self.take_in(&commit).is_err() {
                return;
            }
        }
    }

    /// Notes that the store failed: no deadline is acted on for a moment.
    pub(super) fn pause(&mut self) {
        self.retry_at = Some(self.parts.clock.now().plus(STORE_PAUSE));
    }

    /// The same, and while it was away nobody could come back.
    pub(super) fn pause_graces(&mut self) {
        self.pause();
        self.hold_until = self.retry_at.map(|retry| retry.plus(RETURN));
    }

    async fn expire(&mut self) {
        self.retry_at = None;
        if self.feed.is_none() {
            self.reopen().await;
        }
        self.bring_back().await;
        if self.in_doubt {
            self.look_again().await;
        }
        if self.to_reassert {
            self.reassert().await;
        }
        let now = self.parts.clock.now();
        if self.stale {
            self.align().await;
        }
        self.end_if_due().await;
        if self.reconcile_at.is_some_and(|at| at <= now) {
            self.ask_sql();
        }
        if self.count_at.is_some_and(|at| at <= now) {
            self.count_openers().await;
        }
        self.undo(true).await;
        if self.hold_until.is_some_and(|hold| hold > now) {
            return;
        }
        let request = Request::by_us(Actor::System, Command::Expire);
        self.handle(vec![Message {
            request,
            reply: ReplyTo::Nobody,
        }])
        .await;
    }
}
