//! Ports: what is done at the media provider after a room has changed.

use async_trait::async_trait;

use super::directory::DirectoryError;
use crate::domain::id::{RoomId, RoomKey, TenantId, UserId};
use crate::domain::ticket::{Provider, Wanted};
use crate::domain::time::Timestamp;

/// Why a provider did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderFault {
    /// It refuses this request, now and later: a wrong key, a plan that lacks the feature.
    #[error("refused with {status}: {code}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its stable code, never its free text.
        code: String,
    },
    /// Too many requests.
    #[error("too many requests")]
    RateLimited,
    /// It is slow, down or broken.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It failed too often lately and is left alone for a moment.
    #[error("left alone after too many failures")]
    LeftAlone,
    /// Nobody has configured it.
    #[error("not configured")]
    Unconfigured,
}

/// What became of a change at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// It stands as wanted.
    Out,
    /// They are not there as far as the provider says, which it may learn late: look again.
    NotSeenYet,
}

/// Where somebody should be brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How they should stand.
    pub wanted: Wanted,
    /// Whether they may still be there as a host, and should not.
    pub demoted: bool,
    /// When this came to be: what was handed out before is not to be good any more.
    pub since: Timestamp,
}

/// Carries changes of rooms out at a provider. Each call may be repeated.
#[async_trait]
pub trait ProviderControl: Send + Sync {
    /// Brings one participant to where they should be.
    ///
    /// # Errors
    /// Why the provider did not do it.
    async fn settle(
        &self,
        provider: Provider,
        key: &RoomKey,
        user: &UserId,
        change: &Change,
    ) -> Result<Carried, ProviderFault>;

    /// Ends the meeting there: everybody out, nobody in. `last` says that nobody will look again.
    ///
    /// # Errors
    /// Why the provider did not do it.
    async fn end(
        &self,
        provider: Provider,
        key: &RoomKey,
        last: bool,
    ) -> Result<Carried, ProviderFault>;
}

/// A name under which the provider knows a room or a user of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The name there: a UUID.
    pub name: String,
    /// Whose.
    pub tenant: TenantId,
    /// Of what.
    pub of: Aliased,
}

/// What has another name at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aliased {
    /// A room.
    Room(RoomId),
    /// A user.
    User(UserId),
}

/// Why somebody has to be looked at, as far as the truth of a later moment may not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Reasons(u8);

impl Reasons {
    /// Their role or their ban.
    pub const STANDING: Self = Self(0);
    /// They may have been a host, and are none now.
    pub const DEMOTED: Self = Self(1);
    /// They were taken out of the room, which a room that is empty may forget.
    pub const REMOVED: Self = Self(2);

    /// As SQL keeps them.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// As SQL kept them.
    #[must_use]
    pub const fn of(bits: u8) -> Self {
        Self(bits)
    }

    /// Whether all of these are among them.
    #[must_use]
    pub const fn include(self, some: Self) -> bool {
        self.0 & some.0 == some.0
    }
}

impl std::ops::BitOr for Reasons {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitOrAssign for Reasons {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

/// Something that a provider has to follow. What that is, is looked up when it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncTask {
    /// In which room.
    pub key: RoomKey,
    /// About whom; `None` for the end of the whole meeting.
    pub user: Option<UserId>,
    /// Which provider.
    pub provider: Provider,
    /// Why.
    pub reasons: Reasons,
    /// The last change that it is about, so that a later one is not taken for done with it.
    pub touched: Timestamp,
    /// How often it has failed.
    pub attempts: u32,
    /// How often the provider did not see them.
    pub looks: u32,
}

/// Why a task is not done yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// The provider did not take it.
    Failed,
    /// It did not see them.
    NotSeen,
}

/// What is the same when a notice comes twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeId {
    /// From which provider, and of which tenant.
    pub source: String,
    /// Its id there.
    pub id: String,
}

/// Port: what SQL keeps for providers.
#[async_trait]
pub trait ProviderStore: Send + Sync {
    /// Tasks that are due and that no node works at.
    async fn due(&self, now: Timestamp, limit: u64) -> Result<Vec<SyncTask>, DirectoryError>;

    /// Takes a task until then; `false` when another node was faster.
    async fn claim(
        &self,
        task: &SyncTask,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, DirectoryError>;

    /// The task is done, unless there was another change meanwhile, for which it is due again.
    async fn done(&self, task: &SyncTask) -> Result<(), DirectoryError>;

    /// The task is due again then.
    async fn postpone(
        &self,
        task: &SyncTask,
        miss: Miss,
        until: Timestamp,
    ) -> Result<(), DirectoryError>;

    /// Keeps what rooms and users are called at providers.
    async fn remember(&self, aliases: Vec<Alias>) -> Result<(), DirectoryError>;

    /// What is called so.
    async fn named(&self, name: &str) -> Result<Option<Alias>, DirectoryError>;

    /// Notes a provider's notice and, unless it was noted before, what there is to follow because of it.
    /// Forgets notices from before `forget_before`.
    async fn follow_notice(
        &self,
        notice: NoticeId,
        task: SyncTask,
        forget_before: Timestamp,
    ) -> Result<bool, DirectoryError>;

    /// The key from which names at providers are derived: `fresh`, unless there is one.
    async fn naming_key(&self, fresh: &str) -> Result<String, DirectoryError>;
}
