//! From `[auth]` to the issuers whose tokens are believed.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use secrecy::SecretString;
use tokio_util::task::TaskTracker;

use crate::auth::{
    Authenticator, Endpoint, FetchLimits, Issuer, Issuers, Jwks, KeepLimits, Key, Preset, Rules,
    TokenLimits,
};
use crate::clock::Clock;
use crate::config::{
    AuthConfig, Config, IssuerConfig, IssuerPreset, SECRET_BYTES_MIN, UserIdMismatch,
};
use crate::domain::id::TenantId;

/// Where an issuer's tenants stand when nothing else is said.
const CLERK_TENANT: [&str; 2] = ["o.id", "org_id"];
const SUPABASE_TENANT: &str = "app_metadata.tenant_id";

/// The audience of Supabase's access tokens.
const SUPABASE_AUDIENCE: &str = "authenticated";

/// What issuers need besides their settings.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where fetches run.
    pub tracker: TaskTracker,
}

/// The issuers of a configuration. Published keys that `before` has kept are not fetched anew.
///
/// # Errors
/// A file cannot be read, or a key is none.
pub fn issuers(
    config: &Config,
    around: &Surroundings,
    before: Option<&Authenticator>,
) -> anyhow::Result<Issuers> {
    let auth = &config.auth;
    let mut named = HashMap::new();
    for listed in &auth.issuers {
        let name = &listed.issuer;
        let kept = before.and_then(|it| it.published(name));
        let issuer = issuer(auth, listed, around, kept)
            .with_context(|| format!("auth.issuers: {name:?}"))?;
        named.insert(name.clone(), issuer);
    }
    Ok(Issuers {
        named,
        other: other(auth),
        limits: TokenLimits {
            leeway: auth.leeway(),
            lifetime: auth.max_lifetime(),
            name_chars: config.limits.name_chars,
            ignore_claimed_user: auth.user_id_mismatch == UserIdMismatch::Ignore,
        },
    })
}

/// The one that answers for tokens of no listed issuer.
fn other(auth: &AuthConfig) -> Option<Issuer> {
    let secrets = [&auth.hs256_secret, &auth.hs256_previous_secret];
    let keys: Vec<Key> = secrets.into_iter().flatten().map(Key::secret).collect();
    let claim = Some(&auth.tenant_claim).filter(|claim| !claim.is_empty());
    (!keys.is_empty()).then(|| Issuer {
        keys,
        jwks: None,
        rules: Rules {
            preset: Preset::Plain,
            audiences: Vec::new(),
            parties: Vec::new(),
            tenant_claims: claim.cloned().into_iter().collect(),
            tenant: Some(TenantId::default_tenant()),
            name_claim: "name".to_owned(),
            services: true,
        },
    })
}

fn issuer(
    auth: &AuthConfig,
    listed: &IssuerConfig,
    around: &Surroundings,
    kept: Option<Arc<Jwks>>,
) -> anyhow::Result<Issuer> {
    let jwks = match listed.published_at() {
        None => None,
        Some(url) => {
            let jwks = fetched(auth, url, around)?;
            if let Some(kept) = kept {
                jwks.inherit(&kept);
            }
            Some(jwks)
        }
    };
    Ok(Issuer {
        keys: keys(listed)?,
        jwks,
        rules: rules(listed)?,
    })
}

fn fetched(auth: &AuthConfig, url: String, around: &Surroundings) -> anyhow::Result<Arc<Jwks>> {
    let limits = FetchLimits {
        timeout: auth.jwks_timeout(),
        bytes: auth.jwks_max_bytes,
    };
    let source = Endpoint::new(url.clone(), limits).map_err(|error| anyhow!(error))?;
    let keep = KeepLimits {
        fresh_min: Duration::from_secs(auth.jwks_fresh_min_secs),
        fresh_max: Duration::from_secs(auth.jwks_fresh_max_secs),
        stale: Duration::from_secs(auth.jwks_stale_secs),
        pause: Duration::from_secs(auth.jwks_retry_secs),
    };
    let (clock, tracker) = (around.clock.clone(), around.tracker.clone());
    Ok(Jwks::new(url, Arc::new(source), keep, clock, tracker))
}

fn keys(listed: &IssuerConfig) -> anyhow::Result<Vec<Key>> {
    let mut keys = Vec::new();
    for pem in &listed.public_keys {
        keys.push(Key::pem(pem).context(NO_PEM)?);
    }
    for path in &listed.public_key_files {
        let key = Key::pem(&read(path)?).context(NO_PEM);
        keys.push(key.with_context(|| path.display().to_string())?);
    }
    keys.extend(listed.hs256_secrets.iter().map(Key::secret));
    for path in &listed.hs256_secret_files {
        let secret = read(path)?.trim().to_owned();
        let path = path.display();
        anyhow::ensure!(
            secret.len() >= SECRET_BYTES_MIN,
            "{path} holds fewer than {SECRET_BYTES_MIN} bytes"
        );
        keys.push(Key::secret(&SecretString::from(secret)));
    }
    Ok(keys)
}

const NO_PEM: &str = "is no public key in PEM of RSA, P-256 or Ed25519";

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn rules(listed: &IssuerConfig) -> anyhow::Result<Rules> {
    let (preset, audiences, tenant_claims): (_, &[&str], &[&str]) = match listed.preset {
        IssuerPreset::Plain => (Preset::Plain, &[], &[]),
        IssuerPreset::Oidc => (Preset::Oidc, &[], &[]),
        IssuerPreset::Clerk => (Preset::Clerk, &[], &CLERK_TENANT),
        IssuerPreset::Supabase => (Preset::Supabase, &[SUPABASE_AUDIENCE], &[SUPABASE_TENANT]),
    };
    let tenant = match &listed.tenant {
        Some(tenant) => TenantId::new(tenant).context("its tenant")?,
        None => TenantId::default_tenant(),
    };
    let set_or = |set: &[String], usual: &[&str]| match set {
        [] => usual.iter().map(|it| (*it).to_owned()).collect(),
        set => set.to_vec(),
    };
    Ok(Rules {
        preset,
        audiences: set_or(&listed.audiences, audiences),
        parties: listed.authorized_parties.clone(),
        tenant_claims: set_or(listed.tenant_claim.as_slice(), tenant_claims),
        tenant: (!listed.tenant_required).then_some(tenant),
        name_claim: listed
            .name_claim
            .clone()
            .unwrap_or_else(|| "name".to_owned()),
        services: listed.services,
    })
}
