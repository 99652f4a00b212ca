//! Notices of media providers: who has come in there, and whether they should be there as they are.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::providers::{Aliased, NoticeId, ProviderStore, Reasons, SyncTask};
use super::syncing::{Trouble, Truth};
use crate::clock::Clock;
use crate::domain::id::{RoomKey, TenantId};
use crate::domain::role::Role;
use crate::domain::ticket::{Provider, Wanted};
use crate::domain::time::Timestamp;

/// For how long a notice is known that may come again.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Why a notice is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeFault {
    /// Nobody is configured who could send it.
    Unconfigured,
    /// It is not signed as it should be.
    BadSignature,
    /// It is too old, or from the future.
    Stale,
    /// It is no notice.
    Malformed,
}

/// As what somebody has come in at the provider, as far as it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameAs {
    /// It does not tell.
    Unknown,
    /// With the rights of this role.
    Role(Option<Role>),
}

/// Somebody has come into a room at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The same when it is told twice.
    pub id: String,
    /// What the room is called there.
    pub room: String,
    /// What they are called there.
    pub user: String,
    /// As what they came.
    pub came_as: CameAs,
}

/// A notice as it came. Its headers are secret.
#[derive(Clone, Copy)]
pub struct RawNotice<'a> {
    /// From whom it is said to be.
    pub provider: Provider,
    /// With whose credentials; `None` for the installation's.
    pub tenant: Option<&'a TenantId>,
    /// The header of that name.
    pub authorization: Option<&'a str>,
    /// Daily's.
    pub signature: Option<&'a str>,
    /// Daily's.
    pub timestamp: Option<&'a str>,
    /// The body, to the byte.
    pub body: &'a [u8],
}

impl std::fmt::Debug for RawNotice<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawNotice")
            .field("provider", &self.provider)
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

/// Port: reads notices.
pub trait NoticeReader: Send + Sync {
    /// The arrival that a notice tells of; `None` when it tells of something else.
    ///
    /// # Errors
    /// Why it is not believed.
    fn read(&self, notice: &RawNotice<'_>, now: Timestamp) -> Result<Option<Arrival>, NoticeFault>;

    /// Whether the account that a notice is from is the one that this tenant's meetings are held with.
    fn speaks_for(&self, notice: &RawNotice<'_>, tenant: &TenantId) -> bool;
}

/// What is done about notices.
pub struct Notices {
    /// Reads them.
    pub reader: Arc<dyn NoticeReader>,
    /// Knows which have been read, and what rooms and users are called.
    pub store: Arc<dyn ProviderStore>,
    /// What is true of rooms.
    pub truth: Truth,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Woken when somebody has to be put right.
    pub to_sync: Arc<Notify>,
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notices").finish_non_exhaustive()
    }
}

impl Notices {
    /// Takes a notice in.
    ///
    /// # Errors
    /// Why it is not believed.
    pub async fn take(&self, notice: &RawNotice<'_>) -> Result<Taken, NoticeFault> {
        let now = self.clock.now();
        let Some(arrival) = self.reader.read(notice, now)? else {
            return Ok(Taken::Done);
        };
        match self.follow(notice, &arrival, now).await {
            Ok(()) => Ok(Taken::Done),
            Err(trouble) => {
                tracing::warn!(provider = notice.provider.as_str(), %trouble, "a notice could not be followed");
                Ok(Taken::TellAgain)
            }
        }
    }

    /// Whoever should not be there as they are is put right, once for each arrival.
    async fn follow(
        &self,
        notice: &RawNotice<'_>,
        arrival: &Arrival,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let room = self.store.named(&arrival.room).await?;
        let user = self.store.named(&arrival.user).await?;
        let (Some(room), Some(user)) = (room, user) else {
            return Ok(());
        };
        let (Aliased::Room(room_id), Aliased::User(user_id)) = (room.of, user.of) else {
            return Ok(());
        };
        let foreign = !self.reader.speaks_for(notice, &room.tenant);
        if foreign || room.tenant != user.tenant {
            return Ok(());
        }
        let key = RoomKey {
            tenant: room.tenant,
            room: room_id,
        };
        let standing = Reasons::STANDING;
        let wanted = self.truth.wanted(&key, &user_id, standing).await?;
        let (wrong, reasons) = match (&wanted, arrival.came_as) {
            (Wanted::Removed { .. }, _) => (true, Reasons::REMOVED),
            (Wanted::Member { role, .. }, CameAs::Role(came)) => {
                let demoted = came == Some(Role::Host) && *role != Some(Role::Host);
                let reasons = if demoted {
                    Reasons::DEMOTED
                } else {
                    Reasons::STANDING
                };
                (came != *role, reasons)
            }
            (Wanted::Member { .. }, CameAs::Unknown) => (false, Reasons::STANDING),
        };
        if !wrong {
            return Ok(());
        }
        let source = notice.provider.as_str();
        let source = notice
            .tenant
            .map_or_else(|| source.to_owned(), |tenant| format!("{source}/{tenant}"));
        let before = Timestamp(now.0.saturating_sub(millis(KEPT)));
        let id = arrival.id.clone();
        let task = SyncTask {
            key,
            user: Some(user_id),
            provider: notice.provider,
            reasons,
            touched: now,
            attempts: 0,
            looks: 0,
        };
        let noticed = NoticeId { source, id };
        if !self.store.follow_notice(noticed, task, before).await? {
            return Ok(());
        }
        self.to_sync.notify_one();
        Ok(())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What became of a believed notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Nothing more is needed.
    Done,
    /// It has to be told again.
    TellAgain,
}
