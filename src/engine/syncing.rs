//! Carrying changes of rooms out at the media provider, until it has followed.
//!
//! SQL keeps what is to be followed as marks: "look at this person of this room". What is done is decided
//! when a mark is worked at, from what is true then, so it does not matter how often it is tried, in
//! which order, or by which node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::directory::{Directory, DirectoryError};
use super::providers::{
    Carried, Change, Miss, ProviderControl, ProviderFault, ProviderStore, Reasons, SyncTask,
};
use super::registry::Rooms;
use crate::clock::Clock;
use crate::domain::id::{RoomKey, TenantId, UserId};
use crate::domain::policy::Installation;
use crate::domain::refusal::Refusal;
use crate::domain::room::state::Authority;
use crate::domain::room::{Actor, Command, Room};
use crate::domain::ticket::{Provider, SyncState, Wanted};
use crate::domain::time::Timestamp;
use crate::ids::IdSource;

/// How often somebody whom the provider does not see is looked for. Daily learns of people with a delay of
/// up to 15 s.
const LOOKS: u32 = 3;

/// Into how many parts the places are shared out among accounts.
const SHARE: usize = 4;

/// How many polls of the queue lie between two of these looks.
const LOOK_AGAIN: u32 = 2;

/// How the queue is worked at; all of it settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncTimes {
    /// Between two looks for what other nodes have left.
    pub poll: Duration,
    /// Tasks that are taken at once.
    pub batch: usize,
    /// Until when a node has a task that it has taken.
    pub lease: Duration,
    /// Before the first repetition.
    pub retry_min: Duration,
    /// Between two repetitions at most.
    pub retry_max: Duration,
    /// After so long nothing is repeated any more.
    pub give_up: Duration,
}

/// What is true of rooms, live or not.
#[derive(Clone)]
pub struct Truth {
    /// Live rooms.
    pub rooms: Arc<Rooms>,
    /// Meetings that nobody has open.
    pub directory: Arc<dyn Directory>,
    /// What their rooms would be like.
    pub installation: Installation,
    /// The same.
    pub ids: Arc<IdSource>,
}

impl std::fmt::Debug for Truth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Truth").finish_non_exhaustive()
    }
}

impl Truth {
    /// How somebody should stand at the provider now.
    pub(super) async fn wanted(
        &self,
        key: &RoomKey,
        user: &UserId,
        reasons: Reasons,
    ) -> Result<Wanted, Trouble> {
        // The store's word, not the replica's, which is old while the store is out of reach.
        let live = self.rooms.peek(key).await.map_err(Trouble::Room)?;
        if let Some(room) = live {
            let present = room.participant(user).is_some();
            let out = room.is_ended() || (reasons.include(Reasons::REMOVED) && !present);
            return Ok(put_out(room.wanted(user), out));
        }
        if self.directory.is_closed(key).await? {
            return Ok(Wanted::Removed { banned: false });
        }
        let meeting = self.directory.meeting(key).await?;
        let grants = self.directory.grants(key).await?;
        let authority = Authority {
            record_version: Timestamp::default(),
            creator: meeting.map(|meeting| meeting.created_by.clone()),
            grants,
            ended: false,
        };
        let policy = self.installation.policy_of(&key.tenant);
        let room = Room::new(key.clone(), self.ids.epoch(), policy, authority);
        let out = reasons.include(Reasons::REMOVED);
        Ok(put_out(room.wanted(user), out))
    }
}

/// Out, and with a ban where there is one.
const fn put_out(wanted: Wanted, out: bool) -> Wanted {
    match wanted {
        Wanted::Member { .. } if out => Wanted::Removed { banned: false },
        wanted @ (Wanted::Member { .. } | Wanted::Removed { .. }) => wanted,
    }
}

/// Whose credentials at which provider.
type Account = (TenantId, Provider);

/// Tasks that are being worked at.
#[derive(Default)]
struct Underway {
    tasks: FuturesUnordered<BoxFuture<'static, Account>>,
    counts: HashMap<Account, usize>,
}

impl Underway {
    /// Whether the account has a place left; it takes it then.
    fn begins(&mut self, account: &Account, share: usize) -> bool {
        let count = self.counts.entry(account.clone()).or_default();
        let has_place = *count < share;
        *count = count.saturating_add(usize::from(has_place));
        has_place
    }

    fn ended(&mut self, account: &Account) {
        if let Some(count) = self.counts.get_mut(account) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(account);
            }
        }
    }
}

/// Works at what providers have to follow.
pub struct Syncing {
    /// What is to be followed.
    pub store: Arc<dyn ProviderStore>,
    /// What is true of rooms.
    pub truth: Truth,
    /// The providers.
    pub control: Arc<dyn ProviderControl>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Woken when this node has added something.
    pub woken: Arc<Notify>,
    /// How.
    pub times: SyncTimes,
}

impl std::fmt::Debug for Syncing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Syncing")
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

impl Syncing {
    /// Works until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut underway = Underway::default();
        loop {
            self.take_up(&mut underway).await;
            let poll = self.clock.now().plus(self.times.poll);
            tokio::select! {
                Some(account) = underway.tasks.next(), if !underway.tasks.is_empty() => {
                    underway.ended(&account);
                }
                () = self.woken.notified() => {}
                () = self.clock.sleep_until(poll) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Begins what is due. No account at a provider gets more than a part of the places, so that one that
    /// hangs does not hold up the others.
    async fn take_up(self: &Arc<Self>, underway: &mut Underway) {
        let places = self.times.batch.saturating_sub(underway.tasks.len());
        if places == 0 {
            return;
        }
        let limit = u64::try_from(self.times.batch).unwrap_or(u64::MAX);
        let due = match self.store.due(self.clock.now(), limit).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "cannot read what providers have to follow");
                return;
            }
        };
        let share = (self.times.batch / SHARE).max(1);
        for task in due {
            let account = (task.key.tenant.clone(), task.provider);
            if underway.tasks.len() < self.times.batch && underway.begins(&account, share) {
                let syncing = self.clone();
                underway.tasks.push(Box::pin(async move {
                    syncing.take(&task).await;
                    account
                }));
            }
        }
    }

    /// Works at a task, unless another node does.
    async fn take(&self, task: &SyncTask) {
        let now = self.clock.now();
        let until = now.plus(self.times.lease);
        match self.store.claim(task, now, until).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "cannot take what a provider has to follow");
                return;
            }
        }
        // Nobody else works at it while the lease lasts, and this node does not when it is over.
        let over = self.clock.sleep_until(until);
        let carried = tokio::select! {
            carried = self.carry_out(task) => carried,
            () = over => Err(Trouble::Provider(ProviderFault::Unavailable("lease over".to_owned()))),
        };
        if let Err(error) = self.settle(task, carried).await {
            tracing::warn!(%error, "cannot note what became of a provider's task");
        }
    }

    async fn carry_out(&self, task: &SyncTask) -> Result<Carried, Trouble> {
        let Some(user) = &task.user else {
            let last = task.looks >= LOOKS;
            return Ok(self.control.end(task.provider, &task.key, last).await?);
        };
        let reasons = task.reasons;
        let wanted = self.truth.wanted(&task.key, user, reasons).await?;
        let change = Change {
            wanted,
            demoted: reasons.include(Reasons::DEMOTED),
            since: task.touched,
        };
        let settled = self.control.settle(task.provider, &task.key, user, &change);
        Ok(settled.await?)
    }

    async fn settle(
        &self,
        task: &SyncTask,
        carried: Result<Carried, Trouble>,
    ) -> Result<(), DirectoryError> {
        let state = match carried {
            Ok(Carried::NotSeenYet) if task.looks < LOOKS => {
                let pause = self.times.poll.saturating_mul(LOOK_AGAIN);
                let again = self.clock.now().plus(pause);
                return self.store.postpone(task, Miss::NotSeen, again).await;
            }
            Ok(Carried::Out | Carried::NotSeenYet) => {
                self.store.done(task).await?;
                SyncState::Applied
            }
            Err(trouble) if self.is_given_up(task) => {
                tracing::error!(room.id = %task.key, provider = task.provider.as_str(), %trouble, "a provider never followed; it is given up");
                return self.store.done(task).await;
            }
            Err(trouble) => {
                let meeting = &task.key;
                tracing::warn!(room.id = %meeting, provider = task.provider.as_str(), %trouble, "a provider does not follow yet");
                let again = self.clock.now().plus(self.pause(task.attempts));
                self.store.postpone(task, Miss::Failed, again).await?;
                if task.attempts > 0 {
                    return Ok(());
                }
                SyncState::Pending
            }
        };
        self.report(task, state).await;
        Ok(())
    }

    /// Whether it has been tried for long enough.
    fn is_given_up(&self, task: &SyncTask) -> bool {
        task.touched.plus(self.times.give_up) <= self.clock.now()
    }

    fn pause(&self, attempts: u32) -> Duration {
        let doubled = self
            .times
            .retry_min
            .saturating_mul(2_u32.saturating_pow(attempts.min(16)));
        doubled.min(self.times.retry_max)
    }

    /// Tells the people of a live room.
    async fn report(&self, task: &SyncTask, state: SyncState) {
        let Some(user) = task.user.clone() else {
            return;
        };
        let command = Command::ReportSync {
            user,
            provider: task.provider,
            state,
        };
        let live = self.truth.rooms.read(&task.key).await;
        if !matches!(live, Ok(Some(room)) if !room.is_deserted() && !room.is_ended()) {
            return;
        }
        let told = self
            .truth
            .rooms
            .change(&task.key, Actor::System, command)
            .await;
        if let Err(refusal) = told {
            tracing::debug!(room.id = %task.key, %refusal, "nobody was told of a provider's state");
        }
    }
}

/// Why it is not known how somebody should stand, or not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("{0}")]
    Provider(#[from] ProviderFault),
    #[error("{0}")]
    Directory(#[from] DirectoryError),
    #[error("{0}")]
    Room(Refusal),
}
