//! Every configured provider, and which tenant uses which credentials.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use super::aliases::Aliases;
use super::daily::Daily;
use super::jitsi::Jitsi;
use super::livekit::{Administrators, LiveKit};
use super::mesh::Mesh;
use super::names::Names;
use super::outbound::back_off;
use super::webhooks::{self, DailyWebhook, Happening, WebhookFault};
use crate::clock::Clock;
use crate::domain::id::{RoomKey, TenantId, UserId};
use crate::domain::role::Role;
use crate::domain::ticket::{Entitlement, Provider, Ticket, Wanted};
use crate::domain::time::Timestamp;
use crate::engine::notices::{Arrival, CameAs, NoticeFault, NoticeReader, RawNotice};
use crate::engine::providers::{Alias, Aliased, Carried, Change, ProviderControl, ProviderFault};
use crate::engine::tickets::{Issuing, TicketIssuer};

/// By how much the clocks of nodes are taken to differ, when tickets from before a change are revoked.
const CLOCKS_DIFFER_SECS: u64 = 1;

/// Providers with one set of credentials.
#[derive(Default)]
pub struct Credentials {
    /// STUN and TURN.
    pub mesh: Option<Arc<Mesh>>,
    /// Jitsi.
    pub jitsi: Option<Arc<Jitsi>>,
    /// LiveKit, and what its notices are signed with.
    pub livekit: Option<Arc<LiveKit>>,
    /// LiveKit's secret, for its notices.
    pub livekit_secret: Option<SecretString>,
    /// Daily.
    pub daily: Option<Arc<Daily>>,
    /// What Daily's notices are signed with.
    pub daily_webhook: Option<Vec<u8>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("jitsi", &self.jitsi)
            .field("livekit", &self.livekit)
            .field("daily", &self.daily)
            .finish_non_exhaustive()
    }
}

/// How tries are repeated, and how much is done at once.
#[derive(Debug, Clone, Copy)]
pub struct Persistence {
    /// Before the second try.
    pub retry_min: Duration,
    /// Before any other, at most.
    pub retry_max: Duration,
    /// By how much a notice may be old, or ahead.
    pub tolerance: Duration,
}

/// Every configured provider.
pub struct Providers {
    names: Names,
    own: Credentials,
    tenants: HashMap<TenantId, Credentials>,
    aliases: Arc<Aliases>,
    clock: Arc<dyn Clock>,
    persistence: Persistence,
    /// RSA signatures under way: each keeps a processor busy for about a millisecond.
    signatures: Arc<Semaphore>,
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Providers")
            .field("own", &self.own)
            .finish_non_exhaustive()
    }
}

impl Providers {
    /// The installation's providers, and those of single tenants.
    #[must_use]
    pub fn new(
        names: Names,
        own: Credentials,
        tenants: HashMap<TenantId, Credentials>,
        clock: Arc<dyn Clock>,
        persistence: Persistence,
    ) -> Self {
        Self {
            names,
            own,
            tenants,
            aliases: Arc::default(),
            clock,
            persistence,
            signatures: Arc::new(Semaphore::new(2)),
        }
    }

    /// What rooms and users are called is kept by this.
    #[must_use]
    pub fn aliases(&self) -> Arc<Aliases> {
        self.aliases.clone()
    }

    /// What a tenant uses: its own, or the installation's.
    fn of<T>(&self, tenant: &TenantId, pick: fn(&Credentials) -> Option<&T>) -> Option<&T> {
        let own = self.tenants.get(tenant).and_then(pick);
        own.or_else(|| pick(&self.own))
    }

    fn mesh(&self, tenant: &TenantId) -> Option<&Arc<Mesh>> {
        self.of(tenant, |it| it.mesh.as_ref())
            .filter(|mesh| !mesh.is_empty())
    }

    fn jitsi(&self, tenant: &TenantId) -> Option<&Arc<Jitsi>> {
        self.of(tenant, |it| it.jitsi.as_ref())
    }

    fn livekit(&self, tenant: &TenantId) -> Option<&Arc<LiveKit>> {
        self.of(tenant, |it| it.livekit.as_ref())
    }

    fn daily(&self, tenant: &TenantId) -> Option<&Arc<Daily>> {
        self.of(tenant, |it| it.daily.as_ref())
    }

    /// What the room and the user are called there. Kept for notices, which know nothing else.
    fn name(&self, to: &Entitlement) -> (String, String) {
        let tenant = &to.key.tenant;
        let (room, user) = (self.names.room(&to.key), self.names.user(tenant, &to.user));
        let alias = |name: &str, of| Alias {
            name: name.to_owned(),
            tenant: tenant.clone(),
            of,
        };
        self.aliases
            .note(&room, || alias(&room, Aliased::Room(to.key.room.clone())));
        self.aliases
            .note(&user, || alias(&user, Aliased::User(to.user.clone())));
        (room, user)
    }

    fn issue_jitsi(&self, jitsi: &Arc<Jitsi>, to: Entitlement) -> Issuing {
        let names = self.name(&to);
        let now = self.clock.now();
        if !jitsi.signer.is_slow() {
            return ready(jitsi.issue(to, names, now));
        }
        let (jitsi, signatures) = (jitsi.clone(), self.signatures.clone());
        Issuing::Later(Box::pin(async move {
            let place = signatures.acquire_owned().await;
            let signed = tokio::task::spawn_blocking(move || {
                let _place = place;
                jitsi.issue(to, names, now)
            });
            match signed.await.ok().flatten() {
                Some(ticket) => Arc::new(ticket),
                None => std::future::pending().await,
            }
        }))
    }

    fn issue_daily(&self, daily: &Arc<Daily>, to: Entitlement) -> Issuing {
        let (room, user) = self.name(&to);
        if let Some(ticket) = daily.issue_now(&to, (&room, &user)) {
            return Issuing::Ready(Arc::new(ticket));
        }
        let (daily, clock, persistence) = (daily.clone(), self.clock.clone(), self.persistence);
        Issuing::Later(until_issued(clock, persistence, to, move |to| {
            let (daily, room, user) = (daily.clone(), room.clone(), user.clone());
            Box::pin(async move { daily.issue(&to, (&room, &user)).await })
        }))
    }
}

/// A ticket whose key was tried when the server started.
fn ready(ticket: Option<Ticket>) -> Issuing {
    ticket.map_or(Issuing::Nothing, |ticket| Issuing::Ready(Arc::new(ticket)))
}

type Attempt = BoxFuture<'static, Result<Ticket, ProviderFault>>;

/// Tries until there is a ticket.
fn until_issued(
    clock: Arc<dyn Clock>,
    persistence: Persistence,
    to: Entitlement,
    attempt: impl Fn(Entitlement) -> Attempt + Send + 'static,
) -> BoxFuture<'static, Arc<Ticket>> {
    Box::pin(async move {
        let mut tries = 1;
        loop {
            match attempt(to.clone()).await {
                Ok(ticket) => return Arc::new(ticket),
                Err(fault) => {
                    let provider = to.provider.as_str();
                    tracing::warn!(room.id = %to.key, provider, %fault, tries, "no ticket yet");
                }
            }
            let pause = back_off(persistence.retry_min, persistence.retry_max, tries);
            clock.sleep_until(clock.now().plus(pause)).await;
            tries = tries.saturating_add(1);
        }
    })
}

impl TicketIssuer for Providers {
    fn serves(&self, tenant: &TenantId, provider: Provider) -> bool {
        match provider {
            Provider::Mesh => true,
            Provider::Daily | Provider::Jitsi | Provider::LiveKit => {
                self.hands_out(tenant, provider)
            }
        }
    }

    fn hands_out(&self, tenant: &TenantId, provider: Provider) -> bool {
        match provider {
            Provider::Daily => self.daily(tenant).is_some(),
            Provider::Jitsi => self.jitsi(tenant).is_some(),
            Provider::LiveKit => self.livekit(tenant).is_some(),
            Provider::Mesh => self.mesh(tenant).is_some(),
        }
    }

    fn issue(&self, entitlement: Entitlement) -> Issuing {
        let tenant = entitlement.key.tenant.clone();
        let now = self.clock.now();
        match entitlement.provider {
            Provider::Daily => match self.daily(&tenant) {
                Some(daily) => self.issue_daily(daily, entitlement),
                None => Issuing::Nothing,
            },
            Provider::Jitsi => match self.jitsi(&tenant) {
                Some(jitsi) => self.issue_jitsi(jitsi, entitlement),
                None => Issuing::Nothing,
            },
            Provider::LiveKit => match self.livekit(&tenant) {
                Some(livekit) => {
                    let names = self.name(&entitlement);
                    ready(livekit.issue(entitlement, names, now))
                }
                None => Issuing::Nothing,
            },
            Provider::Mesh => match self.mesh(&tenant) {
                Some(mesh) => {
                    let names = self.name(&entitlement);
                    let blank = Ticket::blank(entitlement, names, now);
                    let servers = mesh.servers(&blank.provider_user, blank.expires_at);
                    Issuing::Ready(Arc::new(Ticket {
                        ice_servers: servers,
                        ..blank
                    }))
                }
                None => Issuing::Nothing,
            },
        }
    }
}

#[async_trait]
impl ProviderControl for Providers {
    async fn settle(
        &self,
        provider: Provider,
        key: &RoomKey,
        user: &UserId,
        change: &Change,
    ) -> Result<Carried, ProviderFault> {
        let (room, name) = (self.names.room(key), self.names.user(&key.tenant, user));
        match provider {
            Provider::Daily => {
                let daily = self.daily(&key.tenant).ok_or(ProviderFault::Unconfigured)?;
                daily.settle((&room, &name), change).await
            }
            Provider::LiveKit => {
                let livekit = self
                    .livekit(&key.tenant)
                    .ok_or(ProviderFault::Unconfigured)?;
                let api = &livekit.api;
                // What they get from now on is to be good, whatever other nodes' clocks say.
                let since = change.since.0 / 1000;
                let before = match change.wanted {
                    Wanted::Removed { banned: true } => since,
                    Wanted::Removed { banned: false } | Wanted::Member { .. } => {
                        since.saturating_sub(CLOCKS_DIFFER_SECS)
                    }
                };
                match &change.wanted {
                    Wanted::Removed { .. } => api.remove_participant(&room, &name, before).await,
                    Wanted::Member { role, rights } => {
                        let (role, rights) = (*role, *rights);
                        let updated = api.update_participant(&room, &name, None, role, rights);
                        let carried = updated.await?;
                        let host = role == Some(Role::Host);
                        if !change.demoted
                            || host
                            || livekit.administrators == Administrators::Nobody
                        {
                            return Ok(carried);
                        }
                        // What a host's token says about the room nobody can change in place.
                        api.remove_participant(&room, &name, before).await
                    }
                }
            }
            Provider::Jitsi | Provider::Mesh => Err(ProviderFault::Unconfigured),
        }
    }

    async fn end(
        &self,
        provider: Provider,
        key: &RoomKey,
        last: bool,
    ) -> Result<Carried, ProviderFault> {
        let room = self.names.room(key);
        match provider {
            Provider::Daily => {
                let daily = self.daily(&key.tenant).ok_or(ProviderFault::Unconfigured)?;
                daily.end(&room, last).await
            }
            Provider::LiveKit => {
                let livekit = self
                    .livekit(&key.tenant)
                    .ok_or(ProviderFault::Unconfigured)?;
                livekit.api.delete_room(&room).await?;
                Ok(Carried::Out)
            }
            Provider::Jitsi | Provider::Mesh => Err(ProviderFault::Unconfigured),
        }
    }
}

impl NoticeReader for Providers {
    fn speaks_for(&self, notice: &RawNotice<'_>, tenant: &TenantId) -> bool {
        let own = self
            .tenants
            .get(tenant)
            .is_some_and(|it| match notice.provider {
                Provider::LiveKit => it.livekit.is_some(),
                Provider::Daily => it.daily.is_some(),
                Provider::Jitsi | Provider::Mesh => false,
            });
        match notice.tenant {
            None => !own,
            Some(of) => own && of == tenant,
        }
    }

    fn read(&self, notice: &RawNotice<'_>, now: Timestamp) -> Result<Option<Arrival>, NoticeFault> {
        let credentials = match notice.tenant {
            None => Some(&self.own),
            Some(tenant) => self.tenants.get(tenant),
        };
        let credentials = credentials.ok_or(NoticeFault::Unconfigured)?;
        match notice.provider {
            Provider::LiveKit => {
                let livekit = credentials.livekit.as_ref();
                let secret = credentials.livekit_secret.as_ref();
                let both = livekit.zip(secret).ok_or(NoticeFault::Unconfigured)?;
                let authorization = notice.authorization.ok_or(NoticeFault::BadSignature)?;
                let (livekit, secret) = both;
                let event =
                    webhooks::livekit(notice.body, authorization, &livekit.key, secret, now)?;
                let came_as = event.standing.as_deref().map_or(CameAs::Unknown, came_as);
                Ok(arrival(
                    event.kind, event.id, event.room, event.user, came_as,
                ))
            }
            Provider::Daily => {
                let secret = credentials.daily_webhook.as_ref();
                let secret = secret.ok_or(NoticeFault::Unconfigured)?;
                let (signature, timestamp) = (notice.signature, notice.timestamp);
                let tolerance = self.persistence.tolerance;
                let read =
                    webhooks::daily(notice.body, signature, timestamp, secret, now, tolerance)?;
                let event = match read {
                    DailyWebhook::Probe => return Ok(None),
                    DailyWebhook::Event(event) => event,
                };
                let role = match (event.standing.owner, event.standing.admin) {
                    (true, _) => Some(Role::Host),
                    (false, true) => Some(Role::CoHost),
                    (false, false) => None,
                };
                let came_as = CameAs::Role(role);
                Ok(arrival(
                    event.kind, event.id, event.room, event.user, came_as,
                ))
            }
            Provider::Jitsi | Provider::Mesh => Err(NoticeFault::Unconfigured),
        }
    }
}

fn arrival(
    kind: Happening,
    id: String,
    room: Option<String>,
    user: Option<String>,
    came_as: CameAs,
) -> Option<Arrival> {
    if kind != Happening::Joined {
        return None;
    }
    let (room, user) = room.zip(user)?;
    Some(Arrival {
        id,
        room,
        user,
        came_as,
    })
}

fn came_as(word: &str) -> CameAs {
    match word {
        "host" => CameAs::Role(Some(Role::Host)),
        "co-host" => CameAs::Role(Some(Role::CoHost)),
        "participant" => CameAs::Role(None),
        _ => CameAs::Unknown,
    }
}

impl From<WebhookFault> for NoticeFault {
    fn from(fault: WebhookFault) -> Self {
        match fault {
            WebhookFault::BadSignature => Self::BadSignature,
            WebhookFault::Stale => Self::Stale,
            WebhookFault::Malformed => Self::Malformed,
        }
    }
}
