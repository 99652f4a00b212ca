//! A room's messages become commits: decided together, appended at the head, then told.

use std::sync::Arc;
use std::time::Duration;

use super::actor::Loaded;
use super::directory::LedgerEntry;
use super::followed::Concerned;
use super::registry::{Message, Reading, Request};
use super::reply::{Answer, Issued, Outcome, ReplyTo};
use super::store::{Appended, StoreError};
use super::ticketing::Told;
use crate::domain::policy::UncreatedRooms;
use crate::domain::refusal::Refusal;
use crate::domain::room::{Actor, Command, Commit, Draft, Event, Room};
use crate::domain::time::Timestamp;

/// How often a commit is decided again on a head that moved, before the commands are refused.
const MAX_CONFLICTS: usize = 64;

/// Longer than SQL may have been away before a node died that still had roles to tell it.
const UNHEARD_FOR: Duration = Duration::from_secs(600);

pub(super) const STORE_DOWN: Refusal = Refusal::Unavailable {
    reason: "The room store does not answer",
};
pub(super) const DATABASE_DOWN: Refusal = Refusal::Unavailable {
    reason: "The database takes no writes",
};

/// Whether commands that change authority still need a writable database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authority {
    /// They do.
    Unchecked,
    /// SQL has what they change already.
    Recorded,
}

/// One command's result while its commit is being made.
struct Decided {
    reply: ReplyTo,
    outcome: Result<Outcome, Refusal>,
    durable: bool,
}

impl Loaded {
    /// What SQL has to know before the message is decided, if anything.
    fn durable_first(&self, message: &Message) -> Option<LedgerEntry> {
        let Request::Change { command, .. } = &message.request else {
            return None;
        };
        let at = self.parts.clock.now();
        if let Command::End { .. } = command {
            return Some(LedgerEntry::End { at });
        }
        let Command::Join(join) = command else {
            return None;
        };
        let claims = self.room().creator.is_none()
            && self.room().policy.uncreated == UncreatedRooms::FirstJoinerHosts;
        claims.then(|| LedgerEntry::Claim {
            creator: join.user.clone(),
            at,
        })
    }

    /// Handles messages in order. What has to be durable before anybody sees it (an end, a claim) is
    /// decided alone; everything between is decided together.
    pub(super) async fn handle(&mut self, messages: Vec<Message>) {
        let messages = if self.deferred.is_empty() {
            messages
        } else {
            let mut all = std::mem::take(&mut self.deferred);
            all.extend(messages);
            all
        };
        self.recall(&messages).await;
        let mut batch = Vec::with_capacity(messages.len().saturating_add(1));
        // A room that is never without a message still keeps its deadlines.
        if self.is_due() {
            let (actor, command) = (Actor::System, Command::Expire);
            let request = Request::by_us(actor, command);
            batch.push(Message {
                request,
                reply: ReplyTo::Nobody,
            });
        }
        for message in messages {
            if let Request::Refresh(connection) = message.request {
                self.sink.refresh(self.replica.room(), connection);
                self.tickets_again(Some(connection));
                continue;
            }
            if is_about_the_dead(&message.request) {
                let now = self.parts.clock.now();
                if self.room().grants.newest().age(now) < UNHEARD_FOR {
                    self.reconcile_later();
                }
            }
            if matches!(message.request, Request::Reassert) {
                self.reopen().await;
                continue;
            }
            if matches!(message.request, Request::Ticket(_)) {
                self.commit(std::mem::take(&mut batch), Authority::Unchecked)
                    .await;
                self.answer_ticket(message).await;
                continue;
            }
            if is_about_access(&message.request) {
                self.commit(std::mem::take(&mut batch), Authority::Unchecked)
                    .await;
                self.commit_access(message).await;
                continue;
            }
            match self.durable_first(&message) {
                None => batch.push(message),
                Some(entry) => {
                    self.commit(std::mem::take(&mut batch), Authority::Unchecked)
                        .await;
                    self.commit_durably(message, entry).await;
                }
            }
        }
        self.commit(batch, Authority::Unchecked).await;
        self.bring_back().await;
    }

    /// Decides the messages on the newest state and appends what they cause as one commit, again on
    /// what was missed if another node was faster.
    pub(super) async fn commit(&mut self, messages: Vec<Message>, authority: Authority) -> Fate {
        if messages.is_empty() {
            return Fate::Unchanged;
        }
        let id = self.parts.ids.commit();
        let (mut requests, mut replies): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .map(|message| (message.request, message.reply))
            .unzip();
        let mut reopened = false;
        for _ in 0..MAX_CONFLICTS {
            let now = self.parts.clock.now();
            let (mut draft, mut outcomes) = self.draft(&requests, now, authority);
            if self.defer(&mut requests, &mut replies, &outcomes) {
                (draft, outcomes) = self.draft(&requests, now, authority);
            }
            while self.compare_passcodes(&mut requests, &outcomes).await {
                (draft, outcomes) = self.draft(&requests, now, authority);
            }
            let Some((commit, after)) = draft.into_commit(id, now) else {
                if requests.iter().any(is_change) {
                    match self.refreshed().await {
                        Freshness::Same => {}
                        Freshness::Moved => continue,
                        Freshness::Unknown => break,
                    }
                }
                self.finish(None, join(replies, outcomes));
                return Fate::Unchanged;
            };
            let commit = Arc::new(commit);
            match self.parts.store.append(&commit, &after).await {
                Ok(Appended::Accepted) => {
                    let before = self.is_followed().then(|| self.room().clone());
                    self.replica.advance(after);
                    let concerned = self.concerned(&commit, before.as_ref());
                    self.finish(Some((commit, concerned)), join(replies, outcomes));
                    return Fate::Committed;
                }
                Ok(Appended::Conflict(missed)) => {
                    self.catch_up(missed);
                    // Who was taken out has to see the room again before it is answered.
                    self.bring_back().await;
                }
                Err(StoreError::Forgotten) if !reopened => {
                    reopened = true;
                    self.reopen().await;
                }
                Err(error) => {
                    tracing::warn!(room.id = %self.key, %error, "a commit was not accepted");
                    self.in_doubt = true;
                    // Whoever is gone by now has to be taken out later.
                    self.to_reassert = true;
                    self.pause_graces();
                    break;
                }
            }
        }
        // Whoever only asks is answered from the replica all the same.
        let refused = requests
            .iter()
            .zip(replies)
            .map(|(request, reply)| match request {
                Request::Read(reading) => decided(reply, Ok(read(*reading))),
                Request::Change { .. }
                | Request::Refresh(_)
                | Request::Ticket(_)
                | Request::Reassert => decided(reply, Err(STORE_DOWN)),
            })
            .collect();
        self.pause();
        // What SQL holds of the meeting the room has to hear once the store answers.
        self.stale |= requests.iter().any(is_adoption);
        self.finish(None, refused);
        Fate::Refused
    }

    /// Before a command is answered that changed nothing: whether the replica is as new as the store.
    /// Otherwise a command might be judged on a state older than an answer that its sender has seen.
    pub(super) async fn refreshed(&mut self) -> Freshness {
        let before = (self.room().epoch, self.room().rev);
        match self.parts.store.since(self.room(), self.room().rev).await {
            Ok(Some(missed)) => {
                self.catch_up(missed);
                self.bring_back().await;
            }
            Ok(None) => self.reopen().await,
            Err(error) => {
                tracing::debug!(room.id = %self.key, %error, "whether the replica is new is not known");
                return Freshness::Unknown;
            }
        }
        if before == (self.room().epoch, self.room().rev) {
            Freshness::Same
        } else {
            Freshness::Moved
        }
    }

    fn draft(
        &self,
        requests: &[Request],
        now: Timestamp,
        authority: Authority,
    ) -> (Draft, Vec<DraftOutcome>) {
        let writable = authority == Authority::Recorded || self.parts.directory.is_writable();
        // What a provider has to follow over restarts is acknowledged when SQL has it.
        let follows = self.is_followed();
        let mut draft = Draft::of(self.room());
        let outcomes = requests
            .iter()
            .map(|request| {
                let before = draft.events().len();
                let mut outcome = match request {
                    Request::Read(reading) => Ok(read(*reading)),
                    Request::Refresh(_) | Request::Reassert | Request::Ticket(_) => {
                        Ok(Outcome::Done)
                    }
                    Request::Change { command, .. } if !writable && command.changes_authority() => {
                        Err(DATABASE_DOWN)
                    }
                    Request::Change { actor, command, .. } => draft
                        .execute(actor, command, now)
                        .map(|()| outcome_of(command)),
                };
                if let Err(Refusal::WrongPasscode) = &outcome {
                    note_failure(&mut draft, request, now);
                }
                if let Request::Change { id: Some(id), .. } = request {
                    draft.attribute(before, id);
                }
                let caused = draft.events().get(before..).unwrap_or_default();
                if let Ok(Outcome::Joined { returned, .. }) = &mut outcome {
                    let enters = |it: &Event| {
                        matches!(
                            it,
                            Event::ParticipantJoined { .. } | Event::LobbyEntered { .. }
                        )
                    };
                    *returned = !caused.iter().any(enters);
                }
                let durable = |it: &Event| {
                    let removed = matches!(it, Event::Removed { .. });
                    it.is_durable() || (follows && removed)
                };
                (outcome, caused.iter().any(durable))
            })
            .collect();
        (draft, outcomes)
    }

    /// Tells everybody: the commit to the members, the answers to those who asked. What must be
    /// durable first is answered when SQL has it.
    fn finish(&mut self, commit: Option<(Arc<Commit>, Concerned)>, decided: Vec<Decided>) {
        let (commit, concerned) = commit.unzip();
        let rev = self.room().rev;
        let mut told = Told::default();
        let mut later = Vec::new();
        if let Some(commit) = &commit {
            self.tickets_after(commit, &mut told);
            // Who joined before and has left with it is answered before their leave.
            self.release(&mut told);
        }
        for Decided {
            reply,
            outcome,
            durable,
            ..
        } in decided
        {
            match outcome {
                Ok(outcome) if durable => later.push((reply, outcome)),
                Ok(outcome @ Outcome::Joined { .. }) => self.answer_join(reply, outcome, &mut told),
                outcome => answer(reply, self.replica.room(), rev, outcome, &mut told.answers),
            }
        }
        self.release(&mut told);
        let Told { answers, tickets } = told;
        self.sink
            .publish(self.replica.room(), commit.as_deref(), answers, &tickets);
        self.note_emptiness();
        self.record(commit, concerned.unwrap_or_default(), later);
    }

    pub(super) fn note_emptiness(&mut self) {
        self.empty_since = match (self.room().is_deserted(), self.empty_since) {
            (false, _) => None,
            (true, Some(since)) => Some(since),
            (true, None) => Some(self.parts.clock.now()),
        };
    }

    pub(super) fn answer_one(&mut self, reply: ReplyTo, outcome: Result<Outcome, Refusal>) {
        let mut answers = Vec::new();
        answer(reply, self.room(), self.room().rev, outcome, &mut answers);
        self.sink.publish(self.replica.room(), None, answers, &[]);
    }
}

/// What became of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// They are a commit.
    Committed,
    /// They changed nothing.
    Unchanged,
    /// The store did not take them.
    Refused,
}

/// How new the replica is.
pub(super) enum Freshness {
    /// As new as the store.
    Same,
    /// It was older, and is not any more.
    Moved,
    /// The store did not say.
    Unknown,
}

/// Whether a person or a service asks for a change: only their answers promise anything.
const fn is_change(request: &Request) -> bool {
    matches!(
        request,
        Request::Change {
            actor: Actor::User(_) | Actor::Remote(_) | Actor::Service(_) | Actor::BackEnd { .. },
            ..
        }
    )
}

/// Whether nodes are gone, which may not have told SQL of their last commits.
const fn is_about_the_dead(request: &Request) -> bool {
    matches!(
        request,
        Request::Change {
            command: Command::LoseNodes { .. } | Command::LoseStrangers { .. },
            ..
        }
    )
}

/// Whether the room is to take over what SQL holds.
const fn is_adoption(request: &Request) -> bool {
    matches!(
        request,
        Request::Change {
            command: Command::AdoptMeeting { .. },
            ..
        }
    )
}

/// Whether it is a switch of the meeting's record.
const fn is_about_access(request: &Request) -> bool {
    matches!(
        request,
        Request::Change {
            command: Command::UpdateAccess { .. },
            ..
        }
    )
}

const fn read(reading: Reading) -> Outcome {
    match reading {
        Reading::Room => Outcome::State,
        Reading::Chat => Outcome::Chat,
    }
}

/// A refusal changes nothing, but that there was a wrong passcode has to be remembered.
fn note_failure(draft: &mut Draft, request: &Request, now: Timestamp) {
    let Request::Change {
        command: Command::Join(join),
        ..
    } = request
    else {
        return;
    };
    let note = Command::NoteFailure {
        user: join.user.clone(),
        network: join.network.clone(),
    };
    if let Err(refusal) = draft.execute(&Actor::System, &note, now) {
        tracing::error!(%refusal, "a wrong passcode could not be noted");
    }
}

pub(super) type DraftOutcome = (Result<Outcome, Refusal>, bool);

fn join(replies: Vec<ReplyTo>, outcomes: Vec<DraftOutcome>) -> Vec<Decided> {
    replies
        .into_iter()
        .zip(outcomes)
        .map(|(reply, (outcome, durable))| Decided {
            reply,
            outcome,
            durable,
        })
        .collect()
}

const fn decided(reply: ReplyTo, outcome: Result<Outcome, Refusal>) -> Decided {
    Decided {
        reply,
        outcome,
        durable: false,
    }
}

fn outcome_of(command: &Command) -> Outcome {
    let Command::Join(join) = command else {
        return Outcome::Done;
    };
    Outcome::Joined {
        user: join.user.clone(),
        returned: false,
    }
}

/// Answers a task at once; a client's answer is collected for the sink.
pub(super) fn answer(
    reply: ReplyTo,
    room: &Room,
    rev: u64,
    outcome: Result<Outcome, Refusal>,
    answers: &mut Vec<Answer>,
) {
    match reply {
        ReplyTo::Nobody => {}
        ReplyTo::Connection(to) => answers.push(Answer { to, rev, outcome }),
        ReplyTo::Ticket(caller) => {
            let ticket = None;
            drop(caller.send(outcome.map(|_| Issued { rev, ticket })));
        }
        ReplyTo::Caller(caller) => {
            if caller.send(outcome.map(|_| room.clone())).is_err() {
                tracing::debug!(room.id = %room.key, "the caller did not wait for the answer");
            }
        }
    }
}
