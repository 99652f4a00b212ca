//! Signing tokens.

use std::fmt;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// A key with which tokens are signed.
pub struct Signer {
    header: Header,
    key: EncodingKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("algorithm", &self.header.alg)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// With a shared secret.
    #[must_use]
    pub fn hs256(secret: &SecretString) -> Self {
        Self {
            header: Header::new(Algorithm::HS256),
            key: EncodingKey::from_secret(secret.expose_secret().as_bytes()),
        }
    }

    /// With a private RSA key in PEM that is called `id`.
    ///
    /// # Errors
    /// It is none. The error does not show it.
    pub fn rs256(pem: &SecretString, id: String) -> Result<Self, &'static str> {
        let key = EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes());
        let key = key.map_err(|_shows_nothing| "is no private RSA key in PEM")?;
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(id);
        let signer = Self { header, key };
        // A public key, or one that is too short, is noticed only when it is used.
        match signer.sign(&Value::Null) {
            Some(_) => Ok(signer),
            None => Err("is no private RSA key that can sign"),
        }
    }

    /// Whether a signature takes so long (RSA: about a millisecond) that others should not wait for it.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.header.alg == Algorithm::RS256
    }

    /// The token with these claims; `None` when the key cannot sign, which was tried before.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> Option<String> {
        jsonwebtoken::encode(&self.header, claims, &self.key).ok()
    }
}
