//! `[providers]`, `[mesh]`, `[jitsi]`, `[livekit]` and `[daily]`: who carries the media, and with which
//! credentials tickets to them are issued.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::auth::may_be_fetched;
use super::fault::{ConfigFault, ConfigFaults};
use super::secret;

/// Addresses of STUN and TURN servers, at most: browsers slow down with more than a few.
const MAX_ICE_URLS: usize = 16;

/// The public Jitsi Meet, which believes no token of ours.
const PUBLIC_JITSI: &str = "meet.jit.si";

/// `[providers]`: who carries the media.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProvidersConfig {
    /// The provider of meetings that do not name one. Default [`ProviderName::Mesh`].
    pub default: ProviderName,
    /// Milliseconds that a ticket is good: ten minutes to an hour. Default 1,800,000.
    pub token_lifetime_ms: u64,
    /// Milliseconds that the answer to a join waits for a ticket; then it follows. Default 1,500.
    pub join_budget_ms: u64,
    /// Milliseconds that one call to a provider may take. Default 5,000.
    pub request_timeout_ms: u64,
    /// Milliseconds before a call that failed is made again; doubled each time. Default 500.
    pub retry_min_ms: u64,
    /// Milliseconds between two tries at most. Default 30,000.
    pub retry_max_ms: u64,
    /// Failures in a row after which a provider is left alone for a moment. Default 5.
    pub breaker_failures: usize,
    /// Milliseconds of that moment; then one call tries. Default 5,000.
    pub breaker_pause_ms: u64,
    /// Calls under way to one provider with the same credentials. Default 16.
    pub requests_at_once: usize,
    /// Milliseconds between two looks for changes that another node has left undone. Default 5,000.
    pub sync_poll_ms: u64,
    /// Changes that a node carries out at providers at once. Default 64.
    pub sync_batch: usize,
    /// Milliseconds after which another node may take up a change. Default 30,000.
    pub sync_lease_ms: u64,
    /// Milliseconds after which a change that a provider never took is given up. Default 86,400,000.
    pub sync_give_up_ms: u64,
    /// Seconds by which a notice of Daily may be old, or ahead. Default 300.
    pub webhook_tolerance_secs: u64,
    /// Tenants with credentials of their own. Default none.
    pub tenants: Vec<TenantProviders>,
}

/// A provider's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderName {
    /// Daily.co.
    Daily,
    /// Jitsi Meet.
    Jitsi,
    /// LiveKit.
    LiveKit,
    /// Participants connect to each other.
    Mesh,
}

impl ProviderName {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Jitsi => "jitsi",
            Self::LiveKit => "livekit",
            Self::Mesh => "mesh",
        }
    }
}

/// One of `providers.tenants`. A provider that it does not name is the installation's.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TenantProviders {
    /// Whose.
    pub tenant: String,
    /// The provider of its meetings that do not name one. Default the installation's.
    #[serde(default)]
    pub default: Option<ProviderName>,
    /// Its own STUN and TURN.
    #[serde(default)]
    pub mesh: Option<MeshConfig>,
    /// Its own Jitsi.
    #[serde(default)]
    pub jitsi: Option<JitsiConfig>,
    /// Its own LiveKit.
    #[serde(default)]
    pub livekit: Option<LiveKitConfig>,
    /// Its own Daily.
    #[serde(default)]
    pub daily: Option<DailyConfig>,
}

/// `[mesh]`: STUN and TURN for participants who connect to each other.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeshConfig {
    /// STUN servers, separated by commas: `stun:HOST:3478`. Default none.
    pub stun_urls: String,
    /// TURN servers, separated by commas: `turn:HOST:3478?transport=udp`. Default none.
    pub turn_urls: String,
    /// What they share with this server (coturn: `static-auth-secret`). Default none.
    #[serde(
        deserialize_with = "secret::empty_is_none",
        serialize_with = "secret::mask"
    )]
    pub turn_secret: Option<SecretString>,
}

/// Who signs Jitsi's tokens, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JitsiMode {
    /// One's own server and a shared secret.
    #[default]
    Hs256,
    /// One's own server and a key pair.
    Rs256,
    /// 8x8's service and a key pair.
    Jaas,
}

/// `[jitsi]`: Jitsi Meet.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct JitsiConfig {
    /// Default [`JitsiMode::Hs256`].
    pub mode: JitsiMode,
    /// Where the server is: `https://meet.example.org`. Default none; with jaas `https://8x8.vc`.
    pub url: String,
    /// The application's id: `iss`, with jaas the `AppID`. Default none.
    pub app_id: String,
    /// The shared secret of hs256. Default none.
    #[serde(
        deserialize_with = "secret::empty_is_none",
        serialize_with = "secret::mask"
    )]
    pub app_secret: Option<SecretString>,
    /// The private RSA key of rs256 and jaas, PEM. Default none.
    #[serde(
        deserialize_with = "secret::empty_is_none",
        serialize_with = "secret::mask"
    )]
    pub private_key: Option<SecretString>,
    /// A file that holds it. Default none.
    pub private_key_file: String,
    /// What the public key is called at the server. Default none.
    pub key_id: String,
    /// `aud` of one's own server. Default `jitsi`.
    pub audience: String,
    /// `sub` of one's own server: its XMPP domain. Default the host of the URL.
    pub xmpp_domain: String,
}

impl Default for JitsiConfig {
    fn default() -> Self {
        Self {
            mode: JitsiMode::Hs256,
            url: String::new(),
            app_id: String::new(),
            app_secret: None,
            private_key: None,
            private_key_file: String::new(),
            key_id: String::new(),
            audience: "jitsi".to_owned(),
            xmpp_domain: String::new(),
        }
    }
}

/// Who gets LiveKit's `roomAdmin`, which is above all roles of a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RoomAdmin {
    /// Nobody: moderation goes through Usher.
    Nobody,
    /// Hosts.
    #[default]
    Hosts,
    /// Hosts and co-hosts.
    Moderators,
}

/// `[livekit]`: LiveKit.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LiveKitConfig {
    /// What clients connect to: `wss://HOST`. Default none.
    pub url: String,
    /// Where its API is. Default the same over https.
    pub api_url: String,
    /// Default none.
    pub api_key: String,
    /// Default none.
    #[serde(
        deserialize_with = "secret::empty_is_none",
        serialize_with = "secret::mask"
    )]
    pub api_secret: Option<SecretString>,
    /// Who may administer rooms with their own token. Default [`RoomAdmin::Hosts`].
    ///
    /// Danger: LiveKit knows no ranks. Who is no host any more is put out there, and has to come back with
    /// the new token: the right cannot be taken from somebody who is connected.
    pub room_admin: RoomAdmin,
}

/// How Daily's tokens are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DailyTokens {
    /// Signed here, but for those of co-hosts.
    #[default]
    SelfSigned,
    /// Asked of its API.
    Rest,
}

/// `[daily]`: Daily.co.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DailyConfig {
    /// Default none.
    #[serde(
        deserialize_with = "secret::empty_is_none",
        serialize_with = "secret::mask"
    )]
    pub api_key: Option<SecretString>,
    /// The name before `.daily.co`. Default none.
    pub domain: String,
    /// The domain's id. Default none: it is asked of the API.
    pub domain_id: String,
    /// Where the API is. Default `https://api.daily.co/v1`.
    pub api_url: String,
    /// Default [`DailyTokens::SelfSigned`].
    pub tokens: DailyTokens,
    /// The secret of the webhook, base64. Default none: notices are not read.
    #[serde(
        deserialize_with = "secret::empty_is_none",
        serialize_with = "secret::mask"
    )]
    pub webhook_secret: Option<SecretString>,
    /// Milliseconds after which a room that Usher made there ends at the latest. Default 86,400,000.
    pub room_lifetime_ms: u64,
}

impl Default for DailyConfig {
    fn default() -> Self {
        Self {
            api_key: None,
            domain: String::new(),
            domain_id: String::new(),
            api_url: "https://api.daily.co/v1".to_owned(),
            tokens: DailyTokens::SelfSigned,
            webhook_secret: None,
            room_lifetime_ms: 86_400_000,
        }
    }
}

impl ProvidersConfig {
    /// [`Self::token_lifetime_ms`].
    #[must_use]
    pub const fn token_lifetime(&self) -> Duration {
        Duration::from_millis(self.token_lifetime_ms)
    }

    /// [`Self::join_budget_ms`].
    #[must_use]
    pub const fn join_budget(&self) -> Duration {
        Duration::from_millis(self.join_budget_ms)
    }

    /// [`Self::request_timeout_ms`].
    #[must_use]
    pub const fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// [`Self::retry_min_ms`].
    #[must_use]
    pub const fn retry_min(&self) -> Duration {
        Duration::from_millis(self.retry_min_ms)
    }

    /// [`Self::retry_max_ms`].
    #[must_use]
    pub const fn retry_max(&self) -> Duration {
        Duration::from_millis(self.retry_max_ms)
    }

    /// [`Self::breaker_pause_ms`].
    #[must_use]
    pub const fn breaker_pause(&self) -> Duration {
        Duration::from_millis(self.breaker_pause_ms)
    }

    /// [`Self::sync_poll_ms`].
    #[must_use]
    pub const fn sync_poll(&self) -> Duration {
        Duration::from_millis(self.sync_poll_ms)
    }

    /// [`Self::sync_lease_ms`].
    #[must_use]
    pub const fn sync_lease(&self) -> Duration {
        Duration::from_millis(self.sync_lease_ms)
    }

    /// [`Self::sync_give_up_ms`].
    #[must_use]
    pub const fn sync_give_up(&self) -> Duration {
        Duration::from_millis(self.sync_give_up_ms)
    }

    /// [`Self::webhook_tolerance_secs`].
    #[must_use]
    pub const fn webhook_tolerance(&self) -> Duration {
        Duration::from_secs(self.webhook_tolerance_secs)
    }
}

impl MeshConfig {
    /// Both lists, STUN first.
    #[must_use]
    pub fn urls(&self) -> (Vec<&str>, Vec<&str>) {
        (listed(&self.stun_urls), listed(&self.turn_urls))
    }
}

impl JitsiConfig {
    /// Whether there are credentials, however incomplete.
    #[must_use]
    pub const fn is_configured(&self) -> bool {
        !self.app_id.is_empty()
            || !self.url.is_empty()
            || self.app_secret.is_some()
            || self.private_key.is_some()
            || !self.private_key_file.is_empty()
    }

    /// [`Self::url`], or jaas's, without a slash at the end.
    #[must_use]
    pub fn base(&self) -> &str {
        match self.url.trim_end_matches('/') {
            "" if self.mode == JitsiMode::Jaas => "https://8x8.vc",
            url => url,
        }
    }

    /// [`Self::xmpp_domain`], or the host of the URL.
    #[must_use]
    pub fn domain(&self) -> &str {
        if self.xmpp_domain.is_empty() {
            host(self.base())
        } else {
            &self.xmpp_domain
        }
    }
}

impl LiveKitConfig {
    /// Whether there are credentials, however incomplete.
    #[must_use]
    pub const fn is_configured(&self) -> bool {
        !self.api_key.is_empty() || self.api_secret.is_some() || !self.url.is_empty()
    }

    /// [`Self::api_url`], or the clients' address over HTTP; without a slash at the end.
    #[must_use]
    pub fn api(&self) -> String {
        let url = if self.api_url.is_empty() {
            &self.url
        } else {
            &self.api_url
        };
        let url = url.trim_end_matches('/');
        match url.split_once("://") {
            Some(("ws", rest)) => format!("http://{rest}"),
            Some(("wss", rest)) => format!("https://{rest}"),
            Some(_) | None => url.to_owned(),
        }
    }
}

impl DailyConfig {
    /// Whether there are credentials, however incomplete.
    #[must_use]
    pub const fn is_configured(&self) -> bool {
        self.api_key.is_some() || !self.domain.is_empty()
    }

    /// [`Self::webhook_secret`], decoded.
    #[must_use]
    pub fn webhook_key(&self) -> Option<Vec<u8>> {
        let secret = self.webhook_secret.as_ref()?;
        STANDARD.decode(secret.expose_secret().trim()).ok()
    }

    /// [`Self::room_lifetime_ms`].
    #[must_use]
    pub const fn room_lifetime(&self) -> Duration {
        Duration::from_millis(self.room_lifetime_ms)
    }
}

/// What to check together.
pub(super) struct Checked<'a> {
    pub(super) providers: &'a ProvidersConfig,
    pub(super) mesh: &'a MeshConfig,
    pub(super) jitsi: &'a JitsiConfig,
    pub(super) livekit: &'a LiveKitConfig,
    pub(super) daily: &'a DailyConfig,
}

/// Adds what is wrong with the providers.
pub(super) fn check(all: &Checked<'_>, faults: &mut ConfigFaults) {
    let mut found = Vec::new();
    check_mesh("mesh", all.mesh, &mut found);
    check_jitsi("jitsi", all.jitsi, &mut found);
    check_livekit("livekit", all.livekit, &mut found);
    check_daily("daily", all.daily, &mut found);
    let is_configured = |name, tenant: Option<&TenantProviders>| match name {
        ProviderName::Mesh => true,
        ProviderName::Daily => {
            all.daily.is_configured() || tenant.is_some_and(|it| it.daily.is_some())
        }
        ProviderName::Jitsi => {
            all.jitsi.is_configured() || tenant.is_some_and(|it| it.jitsi.is_some())
        }
        ProviderName::LiveKit => {
            all.livekit.is_configured() || tenant.is_some_and(|it| it.livekit.is_some())
        }
    };
    let default = all.providers.default;
    if !is_configured(default, None) {
        found.push(unconfigured("providers.default", default));
    }
    for (place, tenant) in all.providers.tenants.iter().enumerate() {
        let key = format!("providers.tenants[{place}]");
        let mut before = all.providers.tenants.iter().take(place);
        if before.any(|other| other.tenant == tenant.tenant) {
            found.push(ConfigFault::new(&key, "names a tenant once more", ""));
        }
        check_tenant(&key, tenant, &mut found);
        let default = tenant.default.unwrap_or(ProviderName::Mesh);
        if !is_configured(default, Some(tenant)) {
            found.push(unconfigured(&format!("{key}.default"), default));
        }
    }
    for fault in found {
        faults.push(fault);
    }
}

fn check_tenant(key: &str, tenant: &TenantProviders, found: &mut Vec<ConfigFault>) {
    let name = &tenant.tenant;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.:@-".contains(&b);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(allowed) {
        let hint = "1 to 128 letters, digits and _ . : @ -";
        found.push(ConfigFault::new(key, "has an unusable tenant", hint));
    }
    let empty = [
        (
            "jitsi",
            tenant.jitsi.as_ref().is_some_and(|it| !it.is_configured()),
        ),
        (
            "livekit",
            tenant
                .livekit
                .as_ref()
                .is_some_and(|it| !it.is_configured()),
        ),
        (
            "daily",
            tenant.daily.as_ref().is_some_and(|it| !it.is_configured()),
        ),
    ];
    for (name, _) in empty.into_iter().filter(|(_, empty)| *empty) {
        let key = format!("{key}.{name}");
        found.push(ConfigFault::new(
            key,
            "has no credentials",
            "fill it, or leave it out",
        ));
    }
    if let Some(mesh) = &tenant.mesh {
        check_mesh(&format!("{key}.mesh"), mesh, found);
    }
    if let Some(jitsi) = &tenant.jitsi {
        check_jitsi(&format!("{key}.jitsi"), jitsi, found);
    }
    if let Some(livekit) = &tenant.livekit {
        check_livekit(&format!("{key}.livekit"), livekit, found);
    }
    if let Some(daily) = &tenant.daily {
        check_daily(&format!("{key}.daily"), daily, found);
    }
}

fn unconfigured(key: &str, name: ProviderName) -> ConfigFault {
    let name = name.as_str();
    let reason = format!("is {name}, which has no credentials");
    ConfigFault::new(key, reason, format!("set the options of [{name}]"))
}

fn check_mesh(key: &str, mesh: &MeshConfig, found: &mut Vec<ConfigFault>) {
    let (stun, turn) = mesh.urls();
    let lists = [
        ("stun_urls", &stun, ["stun:", "stuns:"], "stun:HOST:3478"),
        (
            "turn_urls",
            &turn,
            ["turn:", "turns:"],
            "turn:HOST:3478?transport=udp, turns:HOST:5349?transport=tcp",
        ),
    ];
    for (option, urls, schemes, hint) in lists {
        let good = |url: &&str| {
            let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
            let plain = |b: u8| b.is_ascii_graphic() && !b"\"\\<>".contains(&b);
            rest.is_some_and(|rest| {
                !rest.is_empty() && !rest.starts_with(['/', ':', '?']) && rest.bytes().all(plain)
            })
        };
        if !urls.iter().all(good) {
            let key = format!("{key}.{option}");
            found.push(ConfigFault::new(&key, "has an unusable address", hint));
        }
    }
    if stun.len().saturating_add(turn.len()) > MAX_ICE_URLS {
        let reason = format!("has more than {MAX_ICE_URLS} addresses together with the others");
        found.push(ConfigFault::new(format!("{key}.turn_urls"), reason, ""));
    }
    if !turn.is_empty() && mesh.turn_secret.is_none() {
        let hint = "set turn_secret to the static-auth-secret of the TURN server";
        found.push(ConfigFault::new(
            format!("{key}.turn_secret"),
            "is missing, and TURN servers let nobody in without it",
            hint,
        ));
    }
}

fn check_jitsi(key: &str, jitsi: &JitsiConfig, found: &mut Vec<ConfigFault>) {
    if !jitsi.is_configured() {
        return;
    }
    let mut fault = |option: &str, reason: &str, hint: &str| {
        found.push(ConfigFault::new(format!("{key}.{option}"), reason, hint));
    };
    if !may_be_fetched(jitsi.base()) {
        let hint = "https://HOST, or http on this machine";
        fault("url", "is no address of a Jitsi server", hint);
    }
    let public = |host: &str| {
        let host = host.to_ascii_lowercase();
        host == PUBLIC_JITSI || host.ends_with(&format!(".{PUBLIC_JITSI}"))
    };
    if public(host(jitsi.base())) || public(jitsi.domain()) {
        let hint = "run a Jitsi server with token_verification, or use mode = \"jaas\"";
        let reason = "is meet.jit.si, which lets everybody in whatever our tokens say";
        fault("url", reason, hint);
    }
    if jitsi.app_id.is_empty() {
        fault("app_id", "is missing", "the app_id of the Jitsi server");
    }
    let keys = usize::from(jitsi.private_key.is_some())
        .saturating_add(usize::from(!jitsi.private_key_file.is_empty()));
    match jitsi.mode {
        JitsiMode::Hs256 => {
            if jitsi.app_secret.is_none() {
                let hint = "the app_secret of the Jitsi server";
                fault("app_secret", "is missing for hs256", hint);
            }
            if jitsi.audience.is_empty() {
                fault("audience", "is empty", "as in asap_accepted_audiences");
            }
        }
        JitsiMode::Rs256 | JitsiMode::Jaas => {
            if keys != 1 {
                let hint = "set one of private_key and private_key_file";
                fault("private_key", "has to be given once for RS256", hint);
            }
            if jitsi.key_id.is_empty() {
                let hint = "what the server calls the public key";
                fault("key_id", "is missing for RS256", hint);
            }
        }
    }
}

fn check_livekit(key: &str, livekit: &LiveKitConfig, found: &mut Vec<ConfigFault>) {
    if !livekit.is_configured() {
        return;
    }
    let mut fault = |option: &str, reason: &str, hint: &str| {
        found.push(ConfigFault::new(format!("{key}.{option}"), reason, hint));
    };
    let schemes = ["ws://", "wss://", "http://", "https://"];
    let good = |url: &str| {
        let known = schemes.iter().any(|scheme| url.starts_with(scheme));
        known && !host(url).is_empty() && !url.contains(['@', '#', '?', '"', ' '])
    };
    if !good(&livekit.url) {
        fault("url", "is no address of a LiveKit server", "wss://HOST");
    }
    if good(&livekit.url) && !may_be_fetched(&livekit.api()) {
        let hint = "https://HOST, or http on this machine: keys go there";
        fault("api_url", "is no safe address", hint);
    }
    if livekit.api_key.is_empty() {
        fault("api_key", "is missing", "one of the server's keys");
    }
    if livekit.api_secret.is_none() {
        fault("api_secret", "is missing", "the secret of api_key");
    }
}

fn check_daily(key: &str, daily: &DailyConfig, found: &mut Vec<ConfigFault>) {
    if !daily.is_configured() {
        return;
    }
    let mut fault = |option: &str, reason: &str, hint: &str| {
        found.push(ConfigFault::new(format!("{key}.{option}"), reason, hint));
    };
    if daily.api_key.is_none() {
        fault("api_key", "is missing", "from Daily's dashboard");
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if daily.domain.is_empty() || !daily.domain.bytes().all(plain) {
        let hint = "the name before .daily.co";
        fault("domain", "is no name of a domain", hint);
    }
    if !may_be_fetched(&daily.api_url) {
        let hint = "https://api.daily.co/v1";
        fault("api_url", "is no address of an API", hint);
    }
    if daily.webhook_secret.is_some() && daily.webhook_key().is_none_or(|key| key.is_empty()) {
        let hint = "the hmac of the webhook, as Daily gave it";
        fault("webhook_secret", "is not base64", hint);
    }
}

fn listed(text: &str) -> Vec<&str> {
    let parts = text.split(',').map(str::trim);
    parts.filter(|part| !part.is_empty()).collect()
}

/// The host of a URL, without its port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}
