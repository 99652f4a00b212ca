//! Serde helpers that keep secrets out of everything that is printed.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serializer};

use super::database_url::masked;

/// What is printed for a secret that is set.
pub(super) const MASK: &str = "***";

/// An empty secret is no secret.
pub(super) fn empty_is_none<'de, D>(deserializer: D) -> Result<Option<SecretString>, D::Error>
where
    D: Deserializer<'de>,
{
    let secret = SecretString::deserialize(deserializer)?;
    Ok(if secret.expose_secret().is_empty() {
        None
    } else {
        Some(secret)
    })
}

/// Writes [`MASK`], or nothing when there is no secret.
pub(super) fn mask<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if secret.is_some() { MASK } else { "" })
}

/// Writes a URL without its query, which may hold a key.
pub(super) fn mask_query<S: Serializer>(
    url: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match url
        .as_deref()
        .map(|url| url.split_once('?').unwrap_or((url, "")))
    {
        None => serializer.serialize_none(),
        Some((url, "")) => serializer.serialize_str(url),
        Some((url, _)) => serializer.serialize_str(&format!("{url}?{MASK}")),
    }
}

/// Writes [`MASK`] for each secret.
pub(super) fn mask_all<S: Serializer>(
    secrets: &[SecretString],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(secrets.iter().map(|_| MASK))
}

/// Writes a URL without its password.
pub(super) fn mask_url<S: Serializer>(
    url: &SecretString,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&masked(url.expose_secret()))
}

/// Writes a URL without its password, or nothing when there is no URL.
pub(super) fn mask_optional_url<S: Serializer>(
    url: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = url.as_ref().map(|url| masked(url.expose_secret()));
    serializer.serialize_str(&text.unwrap_or_default())
}
