//! `[auth]`: who the server believes.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::fault::{ConfigFault, ConfigFaults};
use super::secret;

/// The shortest key that is accepted, in bytes.
pub const SECRET_BYTES_MIN: usize = 16;

/// `[auth]`: who the server believes.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// Key of the HS256 tokens that name a user, at least 16 bytes. Default none (empty).
    ///
    /// Answers for tokens of no listed issuer. Danger: without any key the server believes any user
    /// id. Whoever has it is any user.
    #[serde(
        deserialize_with = "secret::empty_is_none",
        serialize_with = "secret::mask"
    )]
    pub hs256_secret: Option<SecretString>,
    /// The key before [`Self::hs256_secret`], while tokens that it signed are still about. Default
    /// none (empty).
    #[serde(
        deserialize_with = "secret::empty_is_none",
        serialize_with = "secret::mask"
    )]
    pub hs256_previous_secret: Option<SecretString>,
    /// Where tokens of no listed issuer name their tenant. Default empty: all are of one tenant.
    pub tenant_claim: String,
    /// Identity providers whose tokens are believed. Default none.
    pub issuers: Vec<IssuerConfig>,
    /// Seconds by which clocks may differ when the times of a token are checked. Default 30.
    pub leeway_secs: u64,
    /// Seconds that a token may be valid from now on; longer ones are refused. Default a week.
    pub max_lifetime_secs: u64,
    /// Seconds before its token expires that a connection is warned. Default 30.
    pub expiry_warning_secs: u64,
    /// Seconds after its token has expired that a connection is ended. Default 30.
    pub expiry_grace_secs: u64,
    /// What becomes of a payload's user id that is not the token's. Default
    /// [`UserIdMismatch::Refuse`].
    pub user_id_mismatch: UserIdMismatch,
    /// Seconds that published keys are kept at least, but for [`Self::jwks_fresh_max_secs`]. Default 60.
    pub jwks_fresh_min_secs: u64,
    /// Seconds that published keys are kept at most before they are fetched again. Default 3,600.
    pub jwks_fresh_max_secs: u64,
    /// Seconds after that in which they serve if they cannot be fetched. Default 86,400.
    pub jwks_stale_secs: u64,
    /// Seconds between two fetches of an issuer's keys. Default 10.
    pub jwks_retry_secs: u64,
    /// Milliseconds that a fetch may take. Default 3,000.
    pub jwks_timeout_ms: u64,
    /// Bytes of published keys. Default 64 KiB.
    pub jwks_max_bytes: usize,
}

/// What becomes of a user id in a payload that is not the token's subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserIdMismatch {
    /// The command is refused.
    Refuse,
    /// The token's subject counts.
    Ignore,
}

/// One of `auth.issuers`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The exact `iss` of its tokens.
    pub issuer: String,
    /// The rules of a known identity provider. Default [`IssuerPreset::Plain`].
    #[serde(default)]
    pub preset: IssuerPreset,
    /// Where its keys are published: https, or http on loopback.
    #[serde(default, serialize_with = "secret::mask_query")]
    pub jwks_url: Option<String>,
    /// Public keys in PEM: RSA (RS256), P-256 (ES256) or Ed25519 (`EdDSA`).
    #[serde(default)]
    pub public_keys: Vec<String>,
    /// Files with one public key in PEM each.
    #[serde(default)]
    pub public_key_files: Vec<PathBuf>,
    /// Keys of HS256, at least 16 bytes each.
    #[serde(default, serialize_with = "secret::mask_all")]
    pub hs256_secrets: Vec<SecretString>,
    /// Files with one key of HS256 each; white space around it does not count.
    #[serde(default)]
    pub hs256_secret_files: Vec<PathBuf>,
    /// `aud` must name one of these.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// `azp` must be one of these.
    #[serde(default)]
    pub authorized_parties: Vec<String>,
    /// The tenant of tokens that name none. Default `default`.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The claim that names the tenant, a path of names with dots between them.
    #[serde(default)]
    pub tenant_claim: Option<String>,
    /// Whether a token that names no tenant is refused.
    #[serde(default)]
    pub tenant_required: bool,
    /// The claim that holds the display name. Default `name`.
    #[serde(default)]
    pub name_claim: Option<String>,
    /// Whether its tokens may be a back end's, with scopes.
    #[serde(default)]
    pub services: bool,
}

/// The rules of a known identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IssuerPreset {
    /// None.
    #[default]
    Plain,
    /// Any `OpenID` Connect provider.
    Oidc,
    /// Clerk.
    Clerk,
    /// Supabase.
    Supabase,
}

impl AuthConfig {
    /// Whether anybody can be verified.
    #[must_use]
    pub const fn verifies(&self) -> bool {
        self.hs256_secret.is_some()
            || self.hs256_previous_secret.is_some()
            || !self.issuers.is_empty()
    }

    /// [`Self::leeway_secs`].
    #[must_use]
    pub const fn leeway(&self) -> Duration {
        Duration::from_secs(self.leeway_secs)
    }

    /// [`Self::max_lifetime_secs`].
    #[must_use]
    pub const fn max_lifetime(&self) -> Duration {
        Duration::from_secs(self.max_lifetime_secs)
    }

    /// [`Self::expiry_warning_secs`].
    #[must_use]
    pub const fn expiry_warning(&self) -> Duration {
        Duration::from_secs(self.expiry_warning_secs)
    }

    /// [`Self::expiry_grace_secs`].
    #[must_use]
    pub const fn expiry_grace(&self) -> Duration {
        Duration::from_secs(self.expiry_grace_secs)
    }

    /// [`Self::jwks_timeout_ms`].
    #[must_use]
    pub const fn jwks_timeout(&self) -> Duration {
        Duration::from_millis(self.jwks_timeout_ms)
    }
}

impl IssuerConfig {
    /// Where its keys are published: as set, or where its provider always publishes them.
    #[must_use]
    pub fn published_at(&self) -> Option<String> {
        let keyless = self.public_keys.is_empty()
            && self.public_key_files.is_empty()
            && self.hs256_secrets.is_empty()
            && self.hs256_secret_files.is_empty();
        match self.preset {
            IssuerPreset::Clerk | IssuerPreset::Supabase if keyless && self.jwks_url.is_none() => {
                let issuer = self.issuer.trim_end_matches('/');
                Some(format!("{issuer}/.well-known/jwks.json"))
            }
            IssuerPreset::Plain
            | IssuerPreset::Oidc
            | IssuerPreset::Clerk
            | IssuerPreset::Supabase => self.jwks_url.clone(),
        }
    }

    fn has_key(&self) -> bool {
        self.published_at().is_some()
            || !self.public_keys.is_empty()
            || !self.public_key_files.is_empty()
            || !self.hs256_secrets.is_empty()
            || !self.hs256_secret_files.is_empty()
    }
}

/// Adds what is wrong with `[auth]`.
pub(super) fn check(auth: &AuthConfig, faults: &mut ConfigFaults) {
    let secrets = [
        ("auth.hs256_secret", &auth.hs256_secret),
        ("auth.hs256_previous_secret", &auth.hs256_previous_secret),
    ];
    for (key, secret) in secrets {
        if secret.as_ref().is_some_and(is_short) {
            faults.push(short_secret(key));
        }
    }
    if is_user_written(&auth.tenant_claim) {
        faults.push(ConfigFault::new(
            "auth.tenant_claim",
            "is under user_metadata, which users write themselves",
            "take one under app_metadata",
        ));
    }
    for (place, issuer) in auth.issuers.iter().enumerate() {
        let key = format!("auth.issuers[{place}]");
        let known = auth.issuers.iter().take(place);
        if known.clone().any(|other| other.issuer == issuer.issuer) {
            faults.push(ConfigFault::new(&key, "names an issuer once more", ""));
        }
        for (reason, hint) in issuer_faults(issuer) {
            faults.push(ConfigFault::new(&key, reason, hint));
        }
    }
}

fn issuer_faults(issuer: &IssuerConfig) -> Vec<(String, &'static str)> {
    let mut faults = Vec::new();
    if issuer.issuer.is_empty() {
        faults.push((
            "has an empty issuer".to_owned(),
            "the exact iss of its tokens",
        ));
    }
    if !issuer.has_key() {
        let hint =
            "set jwks_url, public_keys, public_key_files, hs256_secrets or hs256_secret_files";
        faults.push(("has no key".to_owned(), hint));
    }
    if issuer.hs256_secrets.iter().any(is_short) {
        let reason = format!("has a secret shorter than {SECRET_BYTES_MIN} bytes");
        faults.push((reason, "make one with: openssl rand -base64 32"));
    }
    if let Some(url) = issuer.published_at()
        && !may_be_fetched(&url)
    {
        let hint = "https://HOST/PATH, or http on this machine; no user name or fragment in it";
        faults.push(("has an unusable address of keys".to_owned(), hint));
    }
    if issuer.preset == IssuerPreset::Oidc && issuer.audiences.is_empty() {
        let hint = "without it every application of the provider could sign people in here";
        faults.push(("is oidc without audiences".to_owned(), hint));
    }
    let mut listed = issuer.audiences.iter().chain(&issuer.authorized_parties);
    if listed.any(String::is_empty) {
        let reason = "has an empty entry in audiences or authorized_parties";
        faults.push((reason.to_owned(), "it would let in whoever names none"));
    }
    let claim = issuer.tenant_claim.as_deref().unwrap_or_default();
    if is_user_written(claim) {
        let hint = "take one under app_metadata";
        let reason = "takes the tenant from user_metadata, which users write themselves";
        faults.push((reason.to_owned(), hint));
    }
    faults
}

fn is_user_written(claim: &str) -> bool {
    claim.split('.').next() == Some("user_metadata")
}

/// Whether it is https, or http on this machine, without a user name or a fragment.
pub(super) fn may_be_fetched(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_loopback =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    !host.is_empty()
        && !authority.contains('@')
        && !url.contains('#')
        && (scheme == "https" || scheme == "http" && is_loopback)
}

fn is_short(secret: &SecretString) -> bool {
    secret.expose_secret().len() < SECRET_BYTES_MIN
}

fn short_secret(key: &str) -> ConfigFault {
    ConfigFault::new(
        key,
        format!("is shorter than {SECRET_BYTES_MIN} bytes"),
        "make one with: openssl rand -base64 32",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for good in [
            "https://idp.example/jwks",
            "http://127.0.0.1:9/jwks",
            "http://localhost/jwks",
            "http://[::1]:9/jwks",
        ] {
            assert!(may_be_fetched(good), "{good}");
        }
        for bad in [
            "http://idp.example/jwks",
            "http://127.0.0.1.evil.example/",
            "http://127.0.0.1@evil.example/",
            "https://user:pw@idp.example/",
            "file:///etc/passwd",
            "https://idp.example/jwks#x",
            "https://",
            "idp.example",
        ] {
            assert!(!may_be_fetched(bad), "{bad}");
        }
    }
}
