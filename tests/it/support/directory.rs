//! A directory in memory whose answers a test holds back or turns into failures.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};
use usher::domain::grant::Grants;
use usher::domain::id::{RoomKey, TenantId};
use usher::domain::meeting::Meeting;
use usher::domain::policy::{Access, MeetingSettings};
use usher::domain::role::Role;
use usher::domain::time::Timestamp;
use usher::engine::directory::{
    AuditRow, Directory, DirectoryError, LedgerEntry, MeetingChange, MeetingFilter, Page,
};

use super::people::{START, user};
use super::within;

/// How a write ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is durable.
    Kept,
    /// It failed, whole.
    Lost,
    /// It is durable, but the answer got lost, so that it looks like a failure.
    Unheard,
    /// Nothing is said yet: the write that was asked for next ends before it.
    Overtaken,
}

#[derive(Debug, Default)]
struct Truth {
    meetings: HashMap<RoomKey, Arc<Meeting>>,
    grants: HashMap<RoomKey, Grants>,
    ended: HashMap<RoomKey, Timestamp>,
    entries: Vec<LedgerEntry>,
}

#[derive(Debug, Clone, Copy)]
struct Mood {
    readable: bool,
    writable: bool,
    /// How a write ends; `None`: the test says so, one by one.
    verdict: Option<Verdict>,
    /// Whether changes of the record fail.
    refuses_updates: bool,
}

/// The durable truth, for as long as the test lasts.
#[derive(Debug)]
pub(crate) struct TestDirectory {
    truth: Mutex<Truth>,
    mood: Mutex<Mood>,
    asked: watch::Sender<Vec<Vec<LedgerEntry>>>,
    say: mpsc::UnboundedSender<Verdict>,
    /// Writes end in the order in which they were asked for.
    verdicts: tokio::sync::Mutex<mpsc::UnboundedReceiver<Verdict>>,
}

impl TestDirectory {
    pub(crate) fn new() -> Arc<Self> {
        let (say, verdicts) = mpsc::unbounded_channel();
        Arc::new(Self {
            truth: Mutex::default(),
            mood: Mutex::new(Mood {
                readable: true,
                writable: true,
                verdict: Some(Verdict::Kept),
                refuses_updates: false,
            }),
            asked: watch::Sender::default(),
            say,
            verdicts: tokio::sync::Mutex::new(verdicts),
        })
    }

    fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap()
    }

    fn set(&self, change: impl FnOnce(&mut Mood)) {
        change(&mut self.mood.lock().unwrap());
    }

    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap()
    }

    /// From now on writes end like this.
    pub(crate) fn ends_writes(&self, verdict: Verdict) {
        self.set(|mood| mood.verdict = Some(verdict));
    }

    /// From now on each write waits until the test [says](Self::says) how it ends.
    pub(crate) fn holds_writes(&self) {
        self.set(|mood| mood.verdict = None);
    }

    /// Ends the oldest write that is held, or the next one.
    pub(crate) fn says(&self, verdict: Verdict) {
        self.say.send(verdict).unwrap();
    }

    pub(crate) fn refuses_reads(&self, refuses: bool) {
        self.set(|mood| mood.readable = !refuses);
    }

    pub(crate) fn knows_that_it_cannot_write(&self, knows: bool) {
        self.set(|mood| mood.writable = !knows);
    }

    /// Waits until this many writes were asked for, since the beginning.
    pub(crate) async fn was_asked(&self, times: usize) {
        within(async { drop(self.asked.subscribe().wait_for(|a| a.len() >= times).await) }).await;
    }

    /// Every write that was asked for, however it ended.
    pub(crate) fn asked(&self) -> Vec<Vec<LedgerEntry>> {
        self.asked.borrow().clone()
    }

    /// Everything that is durable, in order.
    pub(crate) fn entries(&self) -> Vec<LedgerEntry> {
        self.truth().entries.clone()
    }

    pub(crate) fn holds_grant(&self, key: &RoomKey, name: &str, role: Role) -> bool {
        let truth = self.truth();
        truth
            .grants
            .get(key)
            .is_some_and(|grants| grants.of(&user(name)).since(role).is_some())
    }

    pub(crate) fn refuses_updates(&self, refuses: bool) {
        self.set(|mood| mood.refuses_updates = refuses);
    }

    /// The meeting has a lobby.
    pub(crate) fn has_lobby(&self, key: &RoomKey) {
        if let Some(meeting) = self.truth().meetings.get_mut(key) {
            Arc::make_mut(meeting).access.lobby = true;
        }
    }

    /// The meeting of this creator exists.
    pub(crate) fn has_meeting(&self, key: &RoomKey, creator: &str) {
        let meeting = Arc::new(meeting(key, creator));
        self.truth().meetings.insert(key.clone(), meeting);
    }

    fn keep(&self, key: &RoomKey, entries: Vec<LedgerEntry>) {
        let mut truth = self.truth();
        for entry in &entries {
            match entry {
                LedgerEntry::Grant { user, mark, held } => {
                    let grants = truth.grants.entry(key.clone()).or_default();
                    grants.merge(user, *mark, *held);
                }
                LedgerEntry::Claim { creator, at } => {
                    let mut claimed = meeting(key, creator.as_str());
                    claimed.created_at = *at;
                    truth
                        .meetings
                        .entry(key.clone())
                        .or_insert_with(|| Arc::new(claimed));
                }
                LedgerEntry::End { at } => {
                    truth.ended.insert(key.clone(), *at);
                    if let Some(meeting) = truth.meetings.get_mut(key) {
                        Arc::make_mut(meeting).ended_at = Some(*at);
                    }
                }
                LedgerEntry::Sync { .. } | LedgerEntry::Audit(_) => {}
            }
        }
        truth.entries.extend(entries);
    }

    fn read(&self) -> Result<MutexGuard<'_, Truth>, DirectoryError> {
        if self.mood().readable {
            Ok(self.truth())
        } else {
            Err(down())
        }
    }
}

fn down() -> DirectoryError {
    DirectoryError::Unavailable("the test says so".to_owned())
}

pub(crate) fn meeting(key: &RoomKey, creator: &str) -> Meeting {
    Meeting {
        key: key.clone(),
        created_by: user(creator),
        creator_name: None,
        description: "Meeting".into(),
        starts_at: START,
        created_at: START,
        updated_at: START,
        ended_at: None,
        settings: MeetingSettings::default(),
        access: Access::default(),
    }
}

#[async_trait]
impl Directory for TestDirectory {
    async fn meeting(&self, key: &RoomKey) -> Result<Option<Arc<Meeting>>, DirectoryError> {
        Ok(self.read()?.meetings.get(key).cloned())
    }

    async fn grants(&self, key: &RoomKey) -> Result<Grants, DirectoryError> {
        Ok(self.read()?.grants.get(key).cloned().unwrap_or_default())
    }

    async fn is_closed(&self, key: &RoomKey) -> Result<bool, DirectoryError> {
        Ok(self.read()?.ended.contains_key(key))
    }

    async fn record(&self, key: &RoomKey, entries: Vec<LedgerEntry>) -> Result<(), DirectoryError> {
        self.asked.send_modify(|asked| asked.push(entries.clone()));
        loop {
            let mut verdicts = self.verdicts.lock().await;
            let verdict = match self.mood().verdict {
                Some(verdict) => verdict,
                None => verdicts.recv().await.expect("the sender is in self"),
            };
            if verdict != Verdict::Lost && verdict != Verdict::Overtaken {
                self.keep(key, entries.clone());
            }
            match verdict {
                Verdict::Kept => return Ok(()),
                Verdict::Lost | Verdict::Unheard => return Err(down()),
                Verdict::Overtaken => {}
            }
        }
    }

    fn is_writable(&self) -> bool {
        self.mood().writable
    }

    async fn create_audited(
        &self,
        meeting: Meeting,
        _audit: AuditRow,
    ) -> Result<Arc<Meeting>, DirectoryError> {
        let meeting = Arc::new(meeting);
        self.truth()
            .meetings
            .insert(meeting.key.clone(), meeting.clone());
        Ok(meeting)
    }

    async fn list(
        &self,
        _tenant: &TenantId,
        _filter: &MeetingFilter,
        _after: Option<&str>,
        _limit: u64,
    ) -> Result<Page<Meeting>, DirectoryError> {
        Err(down())
    }

    async fn update(
        &self,
        key: &RoomKey,
        change: &MeetingChange,
        _audit: Vec<AuditRow>,
    ) -> Result<Option<Arc<Meeting>>, DirectoryError> {
        if self.mood().refuses_updates {
            return Err(down());
        }
        let mut truth = self.truth();
        let updated = truth.meetings.get_mut(key).map(|held| {
            let meeting = Arc::make_mut(held);
            meeting.access = meeting.access.with(&change.access);
            meeting.updated_at = Timestamp(meeting.updated_at.0 + 1);
            held.clone()
        });
        Ok(updated)
    }

    async fn delete(&self, _key: &RoomKey, _audit: AuditRow) -> Result<bool, DirectoryError> {
        Err(down())
    }

    async fn audit(
        &self,
        _key: &RoomKey,
        _after: Option<&str>,
        _limit: u64,
    ) -> Result<Page<AuditRow>, DirectoryError> {
        Err(down())
    }
}
