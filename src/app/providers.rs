//! From `[providers]` and its companions to what issues tickets and carries changes out.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use secrecy::SecretString;

use crate::clock::Clock;
use crate::config::{
    Config, DailyConfig, DailyTokens, JitsiConfig, JitsiMode, LiveKitConfig, MeshConfig,
    ProviderName, ProvidersConfig, RoomAdmin,
};
use crate::domain::id::TenantId;
use crate::domain::policy::{Installation, RoomPolicy};
use crate::domain::ticket::Provider;
use crate::engine::syncing::SyncTimes;
use crate::providers::daily::{Daily, DailyOptions};
use crate::providers::daily_api::{DailyApi, PACES};
use crate::providers::jitsi::{Jitsi, JitsiServer};
use crate::providers::livekit::{Administrators, LiveKit};
use crate::providers::livekit_api::LiveKitApi;
use crate::providers::mesh::Mesh;
use crate::providers::names::Names;
use crate::providers::outbound::{Outbound, OutboundOptions, Paces};
use crate::providers::registry::{Credentials, Persistence, Providers};
use crate::providers::signing::Signer;

/// A call that failed is judged anew before it is made again: what it was to do may be wrong by then.
const PATIENCE: u32 = 1;

/// Every provider of a configuration.
///
/// # Errors
/// A file cannot be read, or a key is none.
pub(super) fn providers(
    config: &Config,
    naming_key: &str,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Providers> {
    let build = Build {
        options: &config.providers,
        clock,
    };
    let mesh = Some(mesh_of(&config.mesh));
    let jitsi = Some(&config.jitsi).filter(|it| it.is_configured());
    let livekit = Some(&config.livekit).filter(|it| it.is_configured());
    let daily = Some(&config.daily).filter(|it| it.is_configured());
    let own = build.credentials(mesh, jitsi, livekit, daily)?;
    let mut tenants = HashMap::new();
    for tenant in &config.providers.tenants {
        let name = &tenant.tenant;
        let id = TenantId::new(name).map_err(|error| anyhow!("providers.tenants: {error}"))?;
        let mesh = tenant.mesh.as_ref().map(mesh_of);
        let (jitsi, livekit, daily) = (&tenant.jitsi, &tenant.livekit, &tenant.daily);
        let credentials = build
            .credentials(mesh, jitsi.as_ref(), livekit.as_ref(), daily.as_ref())
            .with_context(|| format!("providers.tenants: {name:?}"))?;
        tenants.insert(id, credentials);
    }
    let persistence = Persistence {
        retry_min: config.providers.retry_min(),
        retry_max: config.providers.retry_max(),
        tolerance: config.providers.webhook_tolerance(),
    };
    let names = Names::new(naming_key);
    Ok(Providers::new(
        names,
        own,
        tenants,
        clock.clone(),
        persistence,
    ))
}

/// The installation's policy with the default provider of each tenant.
pub(super) fn installation(config: &Config, policy: RoomPolicy) -> Installation {
    let named = config.providers.tenants.iter();
    let defaults = named.filter_map(|it| {
        let tenant = TenantId::new(&it.tenant).ok()?;
        Some((tenant, provider(it.default?)))
    });
    Installation {
        policy,
        providers: defaults.collect::<BTreeMap<_, _>>(),
    }
}

/// A provider as the rules name it.
pub(super) const fn provider(name: ProviderName) -> Provider {
    match name {
        ProviderName::Daily => Provider::Daily,
        ProviderName::Jitsi => Provider::Jitsi,
        ProviderName::LiveKit => Provider::LiveKit,
        ProviderName::Mesh => Provider::Mesh,
    }
}

/// How changes are carried out.
pub(super) const fn sync_times(config: &Config) -> SyncTimes {
    let providers = &config.providers;
    SyncTimes {
        poll: providers.sync_poll(),
        batch: providers.sync_batch,
        lease: providers.sync_lease(),
        retry_min: providers.retry_min(),
        retry_max: providers.retry_max(),
        give_up: providers.sync_give_up(),
    }
}

struct Build<'a> {
    options: &'a ProvidersConfig,
    clock: &'a Arc<dyn Clock>,
}

impl Build<'_> {
    fn credentials(
        &self,
        mesh: Option<Arc<Mesh>>,
        jitsi: Option<&JitsiConfig>,
        livekit: Option<&LiveKitConfig>,
        daily: Option<&DailyConfig>,
    ) -> anyhow::Result<Credentials> {
        Ok(Credentials {
            mesh,
            jitsi: jitsi.map(jitsi_of).transpose().context("jitsi")?,
            livekit: livekit.map(|it| self.livekit(it)).transpose()?,
            livekit_secret: livekit.and_then(|it| it.api_secret.clone()),
            daily: daily.map(|it| self.daily(it)).transpose()?,
            daily_webhook: daily.and_then(DailyConfig::webhook_key),
        })
    }

    fn livekit(&self, config: &LiveKitConfig) -> anyhow::Result<Arc<LiveKit>> {
        let secret = config.api_secret.clone();
        let secret = secret.context("livekit.api_secret is missing")?;
        let outbound = self.outbound(&config.api(), Paces::default());
        let outbound = outbound.context("livekit.api_url")?;
        Ok(Arc::new(LiveKit {
            url: config.url.clone(),
            key: config.api_key.clone(),
            signer: Arc::new(Signer::hs256(&secret)),
            administrators: match config.room_admin {
                RoomAdmin::Nobody => Administrators::Nobody,
                RoomAdmin::Hosts => Administrators::Hosts,
                RoomAdmin::Moderators => Administrators::Moderators,
            },
            api: LiveKitApi::new(outbound, config.api_key.clone(), secret),
        }))
    }

    fn daily(&self, config: &DailyConfig) -> anyhow::Result<Arc<Daily>> {
        let key = config.api_key.clone();
        let key = key.context("daily.api_key is missing")?;
        let outbound = self.outbound(&config.api_url, PACES);
        let outbound = outbound.context("daily.api_url")?;
        let options = DailyOptions {
            rest: config.tokens == DailyTokens::Rest,
            domain_id: Some(config.domain_id.clone()).filter(|id| !id.is_empty()),
            room_lifetime: config.room_lifetime(),
        };
        let signer = Signer::hs256(&key);
        let api = DailyApi::new(outbound, key);
        Ok(Arc::new(Daily::new(
            api,
            signer,
            options,
            self.clock.clone(),
        )))
    }

    fn outbound(&self, base: &str, paces: Paces) -> anyhow::Result<Arc<Outbound>> {
        let options = OutboundOptions {
            timeout: self.options.request_timeout(),
            retry_min: self.options.retry_min(),
            retry_max: self.options.retry_max(),
            breaker_failures: u32::try_from(self.options.breaker_failures).unwrap_or(u32::MAX),
            breaker_pause: self.options.breaker_pause(),
            at_once: self.options.requests_at_once,
            patience: PATIENCE,
        };
        let outbound = Outbound::new(base, options, paces, self.clock.clone());
        outbound.map(Arc::new).map_err(|reason| anyhow!(reason))
    }
}

fn mesh_of(mesh: &MeshConfig) -> Arc<Mesh> {
    let (stun, turn) = mesh.urls();
    Arc::new(Mesh::new(&stun, &turn, mesh.turn_secret.as_ref()))
}

fn jitsi_of(config: &JitsiConfig) -> anyhow::Result<Arc<Jitsi>> {
    let app_id = config.app_id.clone();
    let (server, key_id) = match config.mode {
        JitsiMode::Hs256 | JitsiMode::Rs256 => {
            let (audience, domain) = (config.audience.clone(), config.domain().to_owned());
            let own = JitsiServer::Own {
                app_id,
                audience,
                domain,
            };
            (own, config.key_id.clone())
        }
        JitsiMode::Jaas => {
            let key_id = format!("{app_id}/{}", config.key_id);
            (JitsiServer::Jaas { app_id }, key_id)
        }
    };
    let signer = match config.mode {
        JitsiMode::Hs256 => {
            let secret = config.app_secret.as_ref();
            Signer::hs256(secret.context("app_secret is missing")?)
        }
        JitsiMode::Rs256 | JitsiMode::Jaas => {
            let (pem, option) = match &config.private_key {
                Some(pem) => (pem.clone(), "private_key"),
                None => (read(&config.private_key_file)?, "private_key_file"),
            };
            Signer::rs256(&pem, &key_id).map_err(|reason| anyhow!("{option} {reason}"))?
        }
    };
    Ok(Arc::new(Jitsi {
        server,
        base: config.base().to_owned(),
        signer: Arc::new(signer),
    }))
}

fn read(path: &str) -> anyhow::Result<SecretString> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("private_key_file {path:?} cannot be read"))?;
    Ok(SecretString::from(text))
}
