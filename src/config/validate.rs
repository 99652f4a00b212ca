//! What no single type or range can tell: texts with a syntax, and settings that contradict each
//! other.

use secrecy::ExposeSecret;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::auth;
use super::database_url;
use super::fault::{ConfigFault, ConfigFaults};
use super::origins;
use super::providers;
use super::proxies;
use super::sections::Config;

/// Paths that belong to the HTTP API, first segment only.
const RESERVED_PATHS: [&str; 4] = ["api", "healthz", "readyz", "metrics"];

/// Whether everything that was to be read could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layers {
    /// It could.
    Complete,
    /// A file or variable could not, so an option may stand at its default against its owner's will.
    Missing,
}

/// Adds what is wrong with `config` as a whole. Options that are known to be at fault stand at
/// their defaults in it, so what would follow from those is left out.
pub(super) fn validate(config: &Config, layers: Layers, faults: &mut ConfigFaults) {
    auth::check(&config.auth, faults);
    check_socket_path(config, faults);
    check_origins(config, faults);
    check_proxies(config, faults);
    check_database(config, faults);
    check_store(config, faults);
    check_log_level(config, faults);
    match layers {
        Layers::Complete => {
            check_providers(config, faults);
            check_public_address(config, faults);
            check_bounds(config, faults);
        }
        Layers::Missing => {}
    }
}

fn check_providers(config: &Config, faults: &mut ConfigFaults) {
    let checked = providers::Checked {
        providers: &config.providers,
        mesh: &config.mesh,
        jitsi: &config.jitsi,
        livekit: &config.livekit,
        daily: &config.daily,
    };
    providers::check(&checked, faults);
}

fn check_public_address(config: &Config, faults: &mut ConfigFaults) {
    if faults.concern(&[
        "http.listen",
        "auth.hs256_secret",
        "auth.issuers",
        "http.allow_unauthenticated_public",
    ]) {
        return;
    }
    if !config.auth.verifies()
        && !config.http.is_loopback()
        && !config.http.allow_unauthenticated_public
    {
        faults.push(ConfigFault::new(
            "http.listen",
            format!(
                "{} is not loopback, and without a key the server believes any user id",
                config.http.listen
            ),
            "set auth.hs256_secret or auth.issuers, or listen on 127.0.0.1, or, where everybody is trusted, set \
             http.allow_unauthenticated_public = true",
        ));
    }
}

fn check_origins(config: &Config, faults: &mut ConfigFaults) {
    if let Err(reason) = origins::parse(&config.http.allowed_origins) {
        faults.push(ConfigFault::new(
            "http.allowed_origins",
            reason,
            "as in https://app.example, http://localhost:3000",
        ));
    }
}

fn check_proxies(config: &Config, faults: &mut ConfigFaults) {
    if let Err(reason) = proxies::parse(&config.http.trusted_proxies) {
        faults.push(ConfigFault::new(
            "http.trusted_proxies",
            reason,
            "as in 10.0.0.0/8, 192.0.2.7",
        ));
    }
}

fn check_socket_path(config: &Config, faults: &mut ConfigFaults) {
    let path = config.socket.path.as_str();
    let first = path
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    let character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~');
    let reason = if !path.starts_with('/') {
        "does not start with a slash"
    } else if path.ends_with('/') || path.contains("//") {
        "has an empty part"
    } else if !path.chars().all(character) {
        "holds characters other than letters, digits and / - _ . ~"
    } else if RESERVED_PATHS.contains(&first) {
        "is taken by the HTTP API"
    } else {
        return;
    };
    faults.push(ConfigFault::new("socket.path", reason, "as in /socket.io"));
}

fn check_database(config: &Config, faults: &mut ConfigFaults) {
    if faults.concern(&["database.url"]) {
        return;
    }
    if let Err(fault) = database_url::check(config.database.url.expose_secret()) {
        faults.push(ConfigFault::new("database.url", fault.reason, fault.hint));
    }
}

fn check_store(config: &Config, faults: &mut ConfigFaults) {
    const SCHEMES: [&str; 8] = [
        "redis://",
        "rediss://",
        "valkey://",
        "valkeys://",
        "redis+sentinel://",
        "rediss+sentinel://",
        "redis+cluster://",
        "rediss+cluster://",
    ];
    let store = &config.store;
    if let Some(url) = &store.redis_url
        && !SCHEMES
            .iter()
            .any(|scheme| url.expose_secret().starts_with(scheme))
    {
        faults.push(ConfigFault::new(
            "store.redis_url",
            "has an unknown scheme",
            "redis://HOST:PORT, redis+sentinel://HOST:PORT,HOST:PORT/NAME or \
             redis+cluster://HOST:PORT,HOST:PORT, with rediss for TLS",
        ));
    }
    let prefix = &store.key_prefix;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.');
    if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(plain) {
        faults.push(ConfigFault::new(
            "store.key_prefix",
            "is not a prefix for keys",
            "1 to 64 letters, digits and the characters - _ : .",
        ));
    }
}

/// `EnvFilter` takes a misspelt level for the name of a module, and then logs next to nothing. So a
/// bare word must be a level here.
fn check_log_level(config: &Config, faults: &mut ConfigFaults) {
    const HINT: &str = "error, warn, info, debug, trace or off, also per module as in \
                        info,usher::engine=debug";
    let level = config.log.level.as_str();
    let misspelt = || {
        // Commas inside of a span filter `target[span{a,b}]` do not separate directives.
        !level.contains('[')
            && level.split(',').map(str::trim).any(|part| {
                part.is_empty() || !part.contains('=') && part.parse::<LevelFilter>().is_err()
            })
    };
    let reason = if level.trim().is_empty() {
        "is empty".to_owned()
    } else if misspelt() {
        "holds a word that is no level".to_owned()
    } else {
        match EnvFilter::builder().parse(level) {
            Ok(_) => return,
            Err(error) => error.to_string(),
        }
    };
    faults.push(ConfigFault::new("log.level", reason, HINT));
}

/// Bounds that make one another useless.
fn check_bounds(config: &Config, faults: &mut ConfigFaults) {
    let Config {
        http,
        socket,
        database,
        limits,
        ..
    } = config;
    let mut contradiction = |broken: bool, keys: [&str; 2], reason: String| {
        if broken && !faults.concern(&keys) {
            let [key, other] = keys;
            faults.push(ConfigFault::new(
                key,
                reason,
                format!("change it or {other}"),
            ));
        }
    };
    contradiction(
        socket.send_queue_bytes < socket.max_message_bytes,
        ["socket.send_queue_bytes", "socket.max_message_bytes"],
        format!(
            "{} does not hold a single message of socket.max_message_bytes = {}",
            socket.send_queue_bytes, socket.max_message_bytes
        ),
    );
    contradiction(
        database.write_batch > database.write_queue,
        ["database.write_batch", "database.write_queue"],
        format!(
            "{} writes never wait together in database.write_queue = {}",
            database.write_batch, database.write_queue
        ),
    );
    contradiction(
        limits.description_chars > http.max_body_bytes,
        ["limits.description_chars", "http.max_body_bytes"],
        format!(
            "{} characters do not fit into http.max_body_bytes = {}",
            limits.description_chars, http.max_body_bytes
        ),
    );
    contradiction(
        limits.image_url_bytes > socket.max_message_bytes,
        ["limits.image_url_bytes", "socket.max_message_bytes"],
        format!(
            "{} bytes do not fit into socket.max_message_bytes = {}",
            limits.image_url_bytes, socket.max_message_bytes
        ),
    );
}
