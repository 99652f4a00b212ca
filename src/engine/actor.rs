//! The room actor: one task per loaded room, which owns the replica and everything that leaves it.
//!
//! All messages that wait while a commit is in flight are decided together and go into the next
//! one. Fan-out happens here too, in revision order, so that a joiner's snapshot and the events after
//! it neither overlap nor leave a hole.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use tokio::sync::mpsc;

use super::authority;
use super::directory::{DirectoryError, LedgerEntry};
use super::registry::{EngineParts, Message, Request, Unload};
use super::reply::{Answer, Outcome, ReplyTo};
use super::sink::RoomSink;
use super::store::{Appended, Missed};
use crate::domain::grant::Grants;
use crate::domain::id::{RoomKey, UserId};
use crate::domain::policy::UncreatedRooms;
use crate::domain::refusal::Refusal;
use crate::domain::room::state::Authority;
use crate::domain::room::{Actor, Command, Commit, Draft, Event, Gap, Replica, Room, decide};
use crate::domain::time::Timestamp;

/// How often a commit is decided again on a head that moved, before the commands are refused.
const MAX_CONFLICTS: usize = 64;

const STORE_DOWN: Refusal = Refusal::Unavailable { reason: "The room store does not answer" };
const DATABASE_DOWN: Refusal = Refusal::Unavailable { reason: "The database takes no writes" };

type Recording = BoxFuture<'static, (Pending, Result<(), DirectoryError>)>;

/// Commands whose effect everybody sees already, but which are acknowledged only when it is durable.
#[derive(Debug)]
struct Pending {
    commit: Arc<Commit>,
    replies: Vec<(ReplyTo, Outcome)>,
}

/// One command's result while its commit is being made.
struct Decided {
    reply: ReplyTo,
    outcome: Result<Outcome, Refusal>,
    durable: bool,
}

/// What the loop was woken by.
enum Woken {
    Recorded(Pending, Result<(), DirectoryError>),
    Messages(usize),
    Foreign(Arc<Commit>),
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

/// The actor once its room is there.
struct Loaded {
    key: RoomKey,
    parts: Arc<EngineParts>,
    sink: Box<dyn RoomSink>,
    replica: Replica,
    recording: FuturesOrdered<Recording>,
    /// Authority as SQL has acknowledged it: where to go back to when a write fails.
    confirmed: Confirmed,
    must_restore: bool,
    empty_since: Option<Timestamp>,
}

#[derive(Debug, Clone)]
struct Confirmed {
    grants: Grants,
    creator: Option<UserId>,
}

impl RoomActor {
    pub(super) fn new(
        key: RoomKey,
        parts: Arc<EngineParts>,
        inbox: mpsc::Receiver<Message>,
        unload: Unload,
    ) -> Self {
        let sink = parts.sink.open(&key);
        Self { key, parts, inbox, unload, sink }
    }

    /// Lives until the room has been empty for a while or everybody who could write to it is gone.
    pub(super) async fn run(mut self) {
        match load(&self.key, &self.parts).await {
            Ok((room, feed)) => self.serve(room, feed).await,
            Err(refusal) => self.refuse_everything(&refusal).await,
        }
    }

    async fn serve(self, room: Room, mut feed: mpsc::Receiver<Arc<Commit>>) {
        let Self { key, parts, mut inbox, unload, sink } = self;
        let confirmed = Confirmed { grants: room.grants.clone(), creator: room.creator.clone() };
        let empty_since = room.is_empty().then(|| parts.clock.now());
        let mut room = Loaded {
            key,
            parts,
            sink,
            replica: Replica::new(room),
            recording: FuturesOrdered::new(),
            confirmed,
            must_restore: false,
            empty_since,
        };
        let mut waiting = Vec::new();
        loop {
            let woken = room.wait(&mut inbox, &mut feed, &mut waiting).await;
            match woken {
                Woken::Recorded(pending, result) => room.recorded(pending, result).await,
                Woken::Messages(0) => break,
                Woken::Messages(_) => room.handle(std::mem::take(&mut waiting)).await,
                Woken::Foreign(commit) => room.follow(&commit).await,
                Woken::Deadline if room.may_close() => {
                    if room.forget().await && unload.unload_if_idle(&inbox) {
                        break;
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
            self.parts.policy.clone(),
            Authority { creator: None, grants: Grants::default(), ended: false },
        );
        while let Some(message) = self.inbox.recv().await {
            let mut answers = Vec::new();
            answer(message.reply, &nobody, 0, Err(refusal.clone()), &mut answers);
            self.sink.publish(&nobody, None, answers);
        }
    }
}

/// Puts the room together: what SQL knows, or what the store already holds.
async fn load(
    key: &RoomKey,
    parts: &EngineParts,
) -> Result<(Room, mpsc::Receiver<Arc<Commit>>), Refusal> {
    let down = |error: DirectoryError| {
        tracing::warn!(room.id = %key, %error, "cannot load the room from the database");
        Refusal::Unavailable { reason: "The database does not answer" }
    };
    let meeting = parts.directory.meeting(key).await.map_err(down)?;
    let ended = match &meeting {
        Some(meeting) => meeting.ended_at.is_some(),
        None => parts.directory.is_closed(key).await.map_err(down)?,
    };
    let grants = parts.directory.grants(key).await.map_err(down)?;
    let policy = meeting
        .as_ref()
        .map_or_else(|| parts.policy.clone(), |m| parts.policy.for_meeting(&m.settings));
    let creator = meeting.map(|meeting| meeting.created_by.clone());
    let authority = Authority { creator, grants, ended };
    let fresh = Room::new(key.clone(), parts.ids.epoch(), policy, authority);
    match parts.store.open(parts.ids.node(), &fresh).await {
        Ok(opened) => Ok((opened.room, opened.feed)),
        Err(error) => {
            tracing::warn!(room.id = %key, %error, "cannot open the room");
            Err(STORE_DOWN)
        }
    }
}

impl Loaded {
    const fn room(&self) -> &Room {
        self.replica.room()
    }

    async fn wait(
        &mut self,
        inbox: &mut mpsc::Receiver<Message>,
        feed: &mut mpsc::Receiver<Arc<Commit>>,
        waiting: &mut Vec<Message>,
    ) -> Woken {
        let deadline = self.deadline();
        let clock = self.parts.clock.clone();
        let timer = async {
            match deadline {
                Some(deadline) => clock.sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some((pending, result)) = self.recording.next(), if !self.recording.is_empty() => {
                Woken::Recorded(pending, result)
            }
            Some(commit) = feed.recv() => Woken::Foreign(commit),
            count = inbox.recv_many(waiting, self.parts.limits.batch) => Woken::Messages(count),
            () = timer => Woken::Deadline,
        }
    }

    /// When to look at the room again although nobody sent anything.
    fn deadline(&self) -> Option<Timestamp> {
        let idle = self.empty_since.map(|since| since.plus(self.parts.limits.idle_close));
        self.room().next_deadline().into_iter().chain(idle).min()
    }

    /// Whether nobody has been here for long enough and nothing is under way.
    fn may_close(&self) -> bool {
        let limit = self.parts.limits.idle_close;
        self.recording.is_empty()
            && self.room().is_empty()
            && self.empty_since.is_some_and(|since| since.plus(limit) <= self.parts.clock.now())
    }

    async fn forget(&mut self) -> bool {
        match self.parts.store.forget(self.parts.ids.node(), self.room()).await {
            Ok(true) => true,
            Ok(false) | Err(_) => {
                self.empty_since = Some(self.parts.clock.now());
                false
            }
        }
    }

    async fn expire(&mut self) {
        let request = Request::Change { actor: Actor::System, command: Command::Expire };
        self.handle(vec![Message { request, reply: ReplyTo::Nobody }]).await;
    }

    /// Handles messages in order. What has to be durable before anybody sees it (an end, a claim) is
    /// decided alone; everything between is decided together.
    async fn handle(&mut self, messages: Vec<Message>) {
        let mut batch = Vec::with_capacity(messages.len());
        for message in messages {
            if let Request::Refresh(connection) = message.request {
                self.sink.refresh(self.replica.room(), connection);
                continue;
            }
            match self.durable_first(&message) {
                None => batch.push(message),
                Some(entry) => {
                    self.commit(std::mem::take(&mut batch)).await;
                    self.commit_durably(message, entry).await;
                }
            }
        }
        self.commit(batch).await;
    }

    /// What SQL has to know before the message is decided, if anything.
    fn durable_first(&self, message: &Message) -> Option<LedgerEntry> {
        let Request::Change { command, .. } = &message.request else { return None };
        let at = self.parts.clock.now();
        match command {
            Command::End => Some(LedgerEntry::End { at }),
            Command::Join(join)
                if self.room().creator.is_none()
                    && self.room().policy.uncreated == UncreatedRooms::FirstJoinerHosts =>
            {
                Some(LedgerEntry::Claim { creator: join.user.clone(), at })
            }
            _ => None,
        }
    }

    async fn commit_durably(&mut self, message: Message, entry: LedgerEntry) {
        let Request::Change { actor, command } = &message.request else { return };
        let claims = matches!(entry, LedgerEntry::Claim { .. });
        let now = self.parts.clock.now();
        let allowed = decide(self.room(), actor, command, now);
        if allowed.as_ref().is_ok_and(|events| !events.is_empty()) {
            if let Err(error) = self.parts.directory.record(&self.key, vec![entry]).await {
                tracing::warn!(room.id = %self.key, %error, "a change could not be made durable");
                self.answer_one(message.reply, Err(DATABASE_DOWN));
                return;
            }
            if claims {
                self.adopt_record().await;
            }
        }
        self.commit(vec![message]).await;
    }

    /// Somebody else may have created the meeting meanwhile: what SQL holds counts.
    async fn adopt_record(&mut self) {
        let Ok(Some(meeting)) = self.parts.directory.meeting(&self.key).await else { return };
        let command = Command::AdoptMeeting {
            creator: meeting.created_by.clone(),
            policy: Box::new(self.parts.policy.for_meeting(&meeting.settings)),
        };
        let request = Request::Change { actor: Actor::System, command };
        self.commit(vec![Message { request, reply: ReplyTo::Nobody }]).await;
    }

    /// Decides the messages on the newest state and appends what they cause as one commit, again on
    /// what was missed if another node was faster.
    async fn commit(&mut self, messages: Vec<Message>) {
        if messages.is_empty() {
            return;
        }
        let id = self.parts.ids.commit();
        let (requests, replies): (Vec<_>, Vec<_>) =
            messages.into_iter().map(|message| (message.request, message.reply)).unzip();
        for _ in 0..MAX_CONFLICTS {
            let now = self.parts.clock.now();
            let (draft, outcomes) = self.draft(&requests, now);
            let Some((commit, after)) = draft.into_commit(id, now) else {
                return self.finish(None, join(replies, outcomes));
            };
            let commit = Arc::new(commit);
            match self.parts.store.append(&commit, &after).await {
                Ok(Appended::Accepted) => {
                    self.replica.advance(after);
                    return self.finish(Some(commit), join(replies, outcomes));
                }
                Ok(Appended::Conflict(missed)) => self.catch_up(missed),
                Err(error) => {
                    tracing::warn!(room.id = %self.key, %error, "a commit was not accepted");
                    break;
                }
            }
        }
        let refused = replies.into_iter().map(|reply| refused(reply, STORE_DOWN)).collect();
        self.finish(None, refused);
    }

    fn draft(&self, requests: &[Request], now: Timestamp) -> (Draft, Vec<DraftOutcome>) {
        let writable = self.parts.directory.is_writable();
        let mut draft = Draft::of(self.room());
        let outcomes = requests
            .iter()
            .map(|request| {
                let before = draft.events().len();
                let outcome = match request {
                    Request::Read => Ok(Outcome::State),
                    Request::Refresh(_) => Ok(Outcome::Done),
                    Request::Change { command, .. }
                        if !writable && authority::changes_authority(command) =>
                    {
                        Err(DATABASE_DOWN)
                    }
                    Request::Change { actor, command } => {
                        draft.execute(actor, command, now).map(|()| outcome_of(command))
                    }
                };
                let caused = draft.events().get(before..).unwrap_or_default();
                let durable = caused.iter().any(authority::is_durable);
                (outcome, durable)
            })
            .collect();
        (draft, outcomes)
    }

    /// Tells everybody: the commit to the members, the answers to those who asked. What must be
    /// durable first is answered when SQL has it.
    fn finish(&mut self, commit: Option<Arc<Commit>>, decided: Vec<Decided>) {
        let rev = self.room().rev;
        let mut now = Vec::with_capacity(decided.len());
        let mut later = Vec::new();
        for Decided { reply, outcome, durable, .. } in decided {
            match outcome {
                Ok(outcome) if durable => later.push((reply, outcome)),
                outcome => answer(reply, self.replica.room(), rev, outcome, &mut now),
            }
        }
        self.sink.publish(self.replica.room(), commit.as_deref(), now);
        self.note_emptiness();
        if let Some(commit) = commit {
            self.record(commit, later);
        }
    }

    fn note_emptiness(&mut self) {
        self.empty_since = match (self.room().is_empty(), self.empty_since) {
            (false, _) => None,
            (true, Some(since)) => Some(since),
            (true, None) => Some(self.parts.clock.now()),
        };
    }

    fn record(&mut self, commit: Arc<Commit>, replies: Vec<(ReplyTo, Outcome)>) {
        let entries = authority::entries(&commit);
        if entries.is_empty() {
            return;
        }
        let directory = self.parts.directory.clone();
        let key = self.key.clone();
        self.recording.push_back(Box::pin(async move {
            let result = directory.record(&key, entries).await;
            (Pending { commit, replies }, result)
        }));
    }

    /// SQL has answered: so can we.
    async fn recorded(&mut self, pending: Pending, result: Result<(), DirectoryError>) {
        let Pending { commit, replies } = pending;
        let mut answers = Vec::new();
        match result {
            Ok(()) => {
                authority::fold(&mut self.confirmed.grants, &commit.events);
                self.confirmed.creator.clone_from(&self.replica.room().creator);
                for (reply, outcome) in replies {
                    answer(reply, self.room(), commit.rev, Ok(outcome), &mut answers);
                }
            }
            Err(error) => {
                tracing::warn!(room.id = %self.key, %error, "roles could not be made durable");
                self.must_restore = commit.events.iter().any(authority::is_durable);
                for (reply, _) in replies {
                    answer(reply, self.room(), commit.rev, Err(DATABASE_DOWN), &mut answers);
                }
            }
        }
        if !answers.is_empty() {
            self.sink.publish(self.replica.room(), None, answers);
        }
        if self.must_restore && self.recording.is_empty() {
            self.must_restore = false;
            let Confirmed { grants, creator } = self.confirmed.clone();
            let command = Command::RestoreGrants { grants: Box::new(grants), creator };
            let request = Request::Change { actor: Actor::System, command };
            self.commit(vec![Message { request, reply: ReplyTo::Nobody }]).await;
        }
    }

    fn answer_one(&mut self, reply: ReplyTo, outcome: Result<Outcome, Refusal>) {
        let mut answers = Vec::new();
        answer(reply, self.room(), self.room().rev, outcome, &mut answers);
        self.sink.publish(self.replica.room(), None, answers);
    }

    /// Another node's commit.
    async fn follow(&mut self, commit: &Arc<Commit>) {
        match self.replica.apply(commit) {
            Ok(true) => self.adopted(commit),
            Ok(false) => {}
            Err(gap) => self.resynchronise(gap).await,
        }
    }

    fn adopted(&mut self, commit: &Commit) {
        authority::fold(&mut self.confirmed.grants, &commit.events);
        for event in &commit.events {
            if let Event::MeetingAdopted { creator, .. } | Event::MeetingClaimed { creator } = event {
                self.confirmed.creator = Some(creator.clone());
            }
        }
        self.sink.publish(self.replica.room(), Some(commit), Vec::new());
        self.note_emptiness();
    }

    async fn resynchronise(&mut self, gap: Gap) {
        tracing::info!(room.id = %self.key, %gap, "the replica has a gap");
        match self.parts.store.since(self.room(), self.room().rev).await {
            Ok(Some(missed)) => self.catch_up(missed),
            Ok(None) => {}
            Err(error) => tracing::warn!(room.id = %self.key, %error, "cannot read what was missed"),
        }
    }

    fn catch_up(&mut self, missed: Missed) {
        match missed {
            Missed::Commits(commits) => {
                for commit in commits {
                    if self.replica.apply(&commit) == Ok(true) {
                        self.adopted(&commit);
                    }
                }
            }
            Missed::Snapshot(room) => {
                self.confirmed =
                    Confirmed { grants: room.grants.clone(), creator: room.creator.clone() };
                self.replica.advance(*room);
                self.sink.resync(self.replica.room());
                self.note_emptiness();
            }
        }
    }
}

type DraftOutcome = (Result<Outcome, Refusal>, bool);

fn join(replies: Vec<ReplyTo>, outcomes: Vec<DraftOutcome>) -> Vec<Decided> {
    replies
        .into_iter()
        .zip(outcomes)
        .map(|(reply, (outcome, durable))| Decided { reply, outcome, durable })
        .collect()
}

const fn refused(reply: ReplyTo, refusal: Refusal) -> Decided {
    Decided { reply, outcome: Err(refusal), durable: false }
}

fn outcome_of(command: &Command) -> Outcome {
    match command {
        Command::Join(join) => Outcome::Joined { user: join.user.clone() },
        Command::Leave { .. }
        | Command::LoseConnection { .. }
        | Command::ChangeRole { .. }
        | Command::UpdateState { .. }
        | Command::End
        | Command::Expire
        | Command::AdoptMeeting { .. }
        | Command::RestoreGrants { .. } => Outcome::Done,
    }
}

/// Answers a task at once; a client's answer is collected for the sink.
fn answer(
    reply: ReplyTo,
    room: &Room,
    rev: u64,
    outcome: Result<Outcome, Refusal>,
    answers: &mut Vec<Answer>,
) {
    match reply {
        ReplyTo::Nobody => {}
        ReplyTo::Connection(to) => answers.push(Answer { to, rev, outcome }),
        ReplyTo::Caller(caller) => {
            if caller.send(outcome.map(|_| room.clone())).is_err() {
                tracing::debug!(room.id = %room.key, "the caller did not wait for the answer");
            }
        }
    }
}
