//! Keys that signatures are checked with. Each is for one algorithm: a token never chooses it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

/// Keys of one published set that are kept, at most.
const MAX_KEYS: usize = 64;

/// The name of P-256 in DER (RFC 5480, section 2.1.1.1).
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// A public RSA key of 2048 bits holds at least its modulus.
const RSA_BYTES: usize = 256;

/// Longest `kid` that is kept, in bytes.
const MAX_KID_BYTES: usize = 256;

/// The algorithms that are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedBy {
    /// A shared secret.
    Hs256,
    /// RSA.
    Rs256,
    /// P-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl SignedBy {
    /// As a token's header names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// As the library names it.
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HS256,
            Self::Rs256 => Algorithm::RS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }

    const fn declared(self) -> KeyAlgorithm {
        match self {
            Self::Hs256 => KeyAlgorithm::HS256,
            Self::Rs256 => KeyAlgorithm::RS256,
            Self::Es256 => KeyAlgorithm::ES256,
            Self::EdDsa => KeyAlgorithm::EdDSA,
        }
    }
}

/// A key, what it is for and what it is called.
pub struct Key {
    /// Its `kid`; keys from the configuration have none.
    pub id: Option<String>,
    /// The one algorithm that it is for.
    pub algorithm: SignedBy,
    /// The key itself.
    pub key: DecodingKey,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl Key {
    /// A key of HS256: the bytes of the text as they stand.
    #[must_use]
    pub fn secret(secret: &SecretString) -> Self {
        Self {
            id: None,
            algorithm: SignedBy::Hs256,
            key: DecodingKey::from_secret(secret.expose_secret().as_bytes()),
        }
    }

    /// A public key in PEM: RSA of 2048 bits or more, P-256 or Ed25519. `None` for anything else, also
    /// for a private key and for more than one.
    #[must_use]
    pub fn pem(text: &str) -> Option<Self> {
        let blocks = text.matches("-----BEGIN ").count();
        if blocks != 1 || text.contains("PRIVATE KEY-----") {
            return None;
        }
        let curve = der(text).is_some_and(|der| der.windows(P256.len()).any(|it| it == P256));
        let text = text.as_bytes();
        let kinds = [
            (SignedBy::Rs256, DecodingKey::from_rsa_pem(text)),
            (SignedBy::Es256, DecodingKey::from_ec_pem(text)),
            (SignedBy::EdDsa, DecodingKey::from_ed_pem(text)),
        ];
        let found = kinds.into_iter().find_map(|(algorithm, key)| {
            let key = key.ok()?;
            let fits = match algorithm {
                SignedBy::Rs256 => key.try_get_as_bytes().ok()?.len() >= RSA_BYTES,
                SignedBy::Es256 => curve,
                SignedBy::Hs256 | SignedBy::EdDsa => true,
            };
            fits.then_some((algorithm, key))
        });
        found.map(|(algorithm, key)| Self {
            id: None,
            algorithm,
            key,
        })
    }

    /// A published key for signatures of an algorithm that is accepted; `None` for any other.
    fn published(key: &Jwk) -> Option<Self> {
        let common = &key.common;
        let algorithm = kind(&key.algorithm)?;
        let signs = common
            .public_key_use
            .as_ref()
            .is_none_or(|it| *it == PublicKeyUse::Signature)
            && common
                .key_operations
                .as_ref()
                .is_none_or(|it| it.contains(&KeyOperations::Verify));
        let is_meant = common
            .key_algorithm
            .is_none_or(|it| it == algorithm.declared());
        let short = common
            .key_id
            .as_ref()
            .is_none_or(|it| it.len() <= MAX_KID_BYTES);
        (signs && is_meant && short).then_some(())?;
        Some(Self {
            id: common.key_id.clone(),
            algorithm,
            key: DecodingKey::from_jwk(key).ok()?,
        })
    }
}

/// What a published key is for, by what it is made of.
fn kind(parameters: &AlgorithmParameters) -> Option<SignedBy> {
    if let AlgorithmParameters::RSA(_) = parameters {
        return Some(SignedBy::Rs256);
    }
    if let AlgorithmParameters::EllipticCurve(it) = parameters
        && it.curve == EllipticCurve::P256
    {
        return Some(SignedBy::Es256);
    }
    if let AlgorithmParameters::OctetKeyPair(it) = parameters
        && it.curve == EllipticCurve::Ed25519
    {
        return Some(SignedBy::EdDsa);
    }
    None
}

/// A published set; each key is read for itself, so that an odd one does not spoil the others.
#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// The bytes between the lines of a PEM text.
fn der(text: &str) -> Option<Vec<u8>> {
    let body: String = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("-----"))
        .collect();
    STANDARD.decode(body).ok()
}

/// The usable keys of a published set (RFC 7517); `None` when it is no set at all. A key that cannot
/// be read is left out: sets may hold keys for other uses. A set without any takes all keys back.
#[must_use]
pub(super) fn published(json: &[u8]) -> Option<Vec<Key>> {
    let set: Set = serde_json::from_slice(json).ok()?;
    let keys: Vec<Key> = set
        .keys
        .into_iter()
        .filter_map(|key| Key::published(&serde_json::from_value(key).ok()?))
        .take(MAX_KEYS)
        .collect();
    Some(keys)
}
