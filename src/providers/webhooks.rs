//! What LiveKit and Daily tell by webhook: whether it is from them, and what of it matters here.

use std::time::Duration;

use aws_lc_rs::{constant_time, digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use forms::{DailyBody, LiveKitBody, moment};

use crate::domain::time::Timestamp;

mod forms;

/// How far LiveKit's clock may be from this one, as its own libraries allow.
const LEEWAY: Duration = Duration::from_secs(60);

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookFault {
    /// It is not signed, or not with our secret, or it was changed on the way.
    #[error("the signature is missing or wrong")]
    BadSignature,
    /// It was signed too long ago, or in the future.
    #[error("it was not signed just now")]
    Stale,
    /// It is no event.
    #[error("the body is no event")]
    Malformed,
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// Somebody has come in.
    Joined,
    /// Somebody has left, or been put out.
    Left,
    /// Something that does not matter here.
    Other,
}

/// An event, as far as it matters here. What it is about may be missing from any that is
/// [`Happening::Other`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent<R> {
    /// The same when the same event is told again.
    pub id: String,
    /// What has happened.
    pub kind: Happening,
    /// In which room, as the provider calls it.
    pub room: Option<String>,
    /// To whom, as the provider calls them.
    pub user: Option<String>,
    /// In which of their sessions.
    pub session: Option<String>,
    /// As what they are there.
    pub standing: R,
    /// When.
    pub at: Timestamp,
}

/// An event of LiveKit; the standing is the role that we wrote into their token or gave them since.
pub type LiveKitEvent = WebhookEvent<Option<String>>;

/// An event of Daily.
pub type DailyEvent = WebhookEvent<DailyStanding>;

/// What somebody may do in a room of Daily.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DailyStanding {
    /// Everything, and it cannot be taken from them.
    pub owner: bool,
    /// Manage participants.
    pub admin: bool,
}

/// What Daily sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DailyWebhook {
    /// The question whether anybody listens; it is not signed.
    Probe,
    /// An event.
    Event(DailyEvent),
}

/// Reads a webhook of LiveKit, signed by a token over the body's hash.
///
/// # Errors
/// Why it is not believed.
pub fn livekit(
    body: &[u8],
    authorization: &str,
    key: &str,
    secret: &SecretString,
    now: Timestamp,
) -> Result<LiveKitEvent, WebhookFault> {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_issuer(&[key]);
    rules.set_required_spec_claims(&["exp", "iss"]);
    // Times are compared below, with the time that was given.
    rules.validate_exp = false;
    let secret = secret.expose_secret().as_bytes();
    if secret.is_empty() {
        return Err(WebhookFault::BadSignature);
    }
    let secret = DecodingKey::from_secret(secret);
    let claims: Claims = decode(authorization.trim(), &secret, &rules)
        .map_err(|_refused| WebhookFault::BadSignature)?
        .claims;
    let signed = STANDARD
        .decode(claims.sha256)
        .map_err(|_none| WebhookFault::BadSignature)?;
    let hash = digest::digest(&digest::SHA256, body);
    constant_time::verify_slices_are_equal(hash.as_ref(), &signed)
        .map_err(|_other_body| WebhookFault::BadSignature)?;
    let expires = Timestamp(claims.exp.saturating_mul(1_000)).plus(LEEWAY);
    let begins = Timestamp(claims.nbf.unwrap_or_default().saturating_mul(1_000));
    if expires <= now || begins > now.plus(LEEWAY) {
        return Err(WebhookFault::Stale);
    }
    Ok(parsed::<LiveKitBody>(body)?.reduced())
}

/// Reads a webhook of Daily. `secret` is the webhook's, as bytes; `signature` and `timestamp` are the
/// headers.
///
/// # Errors
/// Why it is not believed.
pub fn daily(
    body: &[u8],
    signature: Option<&str>,
    timestamp: Option<&str>,
    secret: &[u8],
    now: Timestamp,
    tolerance: Duration,
) -> Result<DailyWebhook, WebhookFault> {
    if is_probe(body) {
        return Ok(DailyWebhook::Probe);
    }
    let (Some(signature), Some(timestamp)) = (signature, timestamp) else {
        return Err(WebhookFault::BadSignature);
    };
    if secret.is_empty() {
        return Err(WebhookFault::BadSignature);
    }
    let tag = STANDARD
        .decode(signature)
        .map_err(|_none| WebhookFault::BadSignature)?;
    let signed = [timestamp.as_bytes(), b".", body].concat();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), &signed, &tag)
        .map_err(|_wrong| WebhookFault::BadSignature)?;
    let sent = timestamp
        .parse()
        .ok()
        .and_then(moment)
        .ok_or(WebhookFault::Stale)?;
    if sent.since(now).max(now.since(sent)) > tolerance {
        return Err(WebhookFault::Stale);
    }
    Ok(DailyWebhook::Event(parsed::<DailyBody>(body)?.reduced()))
}

fn is_probe(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Probe {
        test: String,
    }
    serde_json::from_slice(body).is_ok_and(|probe: Probe| probe.test == "test")
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, WebhookFault> {
    serde_json::from_slice(body).map_err(|_other_form| WebhookFault::Malformed)
}

#[derive(Deserialize)]
struct Claims {
    exp: u64,
    nbf: Option<u64>,
    sha256: String,
}

#[cfg(test)]
mod tests;
