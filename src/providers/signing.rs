//! Signing tokens.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// Smallest modulus that verifiers of RS256 accept, in bytes (RFC 7518, section 3.3).
const RSA_BYTES: usize = 256;

/// A key with which tokens are signed.
pub struct Signer(Key);

enum Key {
    Shared(EncodingKey),
    /// Read once: the JWT library reads and checks such a key again for each signature, which costs
    /// twice as much as the signature itself.
    Rsa {
        key: Box<RsaKeyPair>,
        /// The header as it stands in the token.
        header: String,
    },
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Key::Shared(_) => "Signer(HS256)",
            Key::Rsa { .. } => "Signer(RS256)",
        })
    }
}

impl Signer {
    /// With a shared secret.
    #[must_use]
    pub fn hs256(secret: &SecretString) -> Self {
        let secret = secret.expose_secret().as_bytes();
        Self(Key::Shared(EncodingKey::from_secret(secret)))
    }

    /// With a private RSA key in PEM that is called `id`.
    ///
    /// # Errors
    /// What is wrong with it. The error does not show it.
    pub fn rs256(pem: &SecretString, id: &str) -> Result<Self, &'static str> {
        let pem = pem.expose_secret().as_bytes();
        let der =
            PrivateKeyDer::from_pem_slice(pem).map_err(|_shows| "is no private key in PEM")?;
        let key = match &der {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(_) | _ => return Err("is no private RSA key"),
        };
        let key = key.map_err(|_shows| "is no private RSA key")?;
        if key.public_modulus_len() < RSA_BYTES {
            return Err("is an RSA key of fewer than 2048 bits");
        }
        let header = json!({ "alg": "RS256", "kid": id, "typ": "JWT" });
        Ok(Self(Key::Rsa {
            key: Box::new(key),
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
        }))
    }

    /// Whether a signature takes so long (RSA: most of a millisecond) that others should not wait for it.
    #[must_use]
    pub const fn is_slow(&self) -> bool {
        matches!(self.0, Key::Rsa { .. })
    }

    /// The token with these claims; `None` when there is no randomness, which no machine lacks for long.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> Option<String> {
        match &self.0 {
            Key::Shared(key) => {
                jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, key).ok()
            }
            Key::Rsa { key, header } => {
                let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
                let text = format!("{header}.{claims}");
                let mut signature = vec![0; key.public_modulus_len()];
                let random = SystemRandom::new();
                key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
                    .ok()?;
                Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
            }
        }
    }
}
