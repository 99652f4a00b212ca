//! Who is asking: verified tokens become a [`Principal`].
//!
//! Without a key nobody can be verified; the caller then decides what a claim is worth, and the
//! configuration keeps such a server on loopback.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::domain::id::{TenantId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::text;

/// Longest token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 8192;

/// Who is asking, as far as that could be established.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The verified user; `None` on a server without a key.
    pub user: Option<UserId>,
    /// The display name in the token.
    pub name: Option<Arc<str>>,
    /// Whose rooms these are.
    pub tenant: TenantId,
}

/// Verifies tokens.
pub struct Authenticator {
    key: Option<(DecodingKey, Validation)>,
    name_chars: usize,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator")
            .field("verifies", &self.key.is_some())
            .finish()
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    #[serde(default)]
    name: Option<String>,
}

impl Authenticator {
    /// Verifies HS256 tokens with `secret`, or nothing when there is none. `leeway` is allowed on
    /// `exp` and `nbf`; a `name` longer than `name_chars` is left out.
    #[must_use]
    pub fn new(secret: Option<&SecretString>, leeway: Duration, name_chars: usize) -> Self {
        let key = secret.map(|secret| {
            let mut validation = Validation::new(Algorithm::HS256);
            validation.leeway = leeway.as_secs();
            validation.validate_nbf = true;
            validation.validate_aud = false;
            validation.set_required_spec_claims(&["exp", "sub"]);
            (
                DecodingKey::from_secret(secret.expose_secret().as_bytes()),
                validation,
            )
        });
        Self { key, name_chars }
    }

    /// Whether tokens are required and checked.
    #[must_use]
    pub const fn verifies(&self) -> bool {
        self.key.is_some()
    }

    /// The principal behind a token. Without a key everybody is nobody in particular.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] when a token is needed and is missing or not valid.
    pub fn authenticate(&self, token: Option<&str>) -> Result<Principal, Refusal> {
        let Some((key, validation)) = &self.key else {
            return Ok(Principal {
                user: None,
                name: None,
                tenant: TenantId::default_tenant(),
            });
        };
        let token = token.ok_or(Refusal::Unauthorized {
            reason: "A token is required",
        })?;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::Unauthorized {
                reason: "The token is too long",
            });
        }
        let claims = decode::<Claims>(token, key, validation)
            .map_err(|error| Refusal::Unauthorized {
                reason: reason(&error),
            })?
            .claims;
        let user = UserId::new(&claims.sub).map_err(|error| {
            tracing::info!(%error, "a token's subject is not a user id");
            Refusal::Unauthorized {
                reason: "The token's subject is not a user id",
            }
        })?;
        let name = claims
            .name
            .and_then(|name| text::line(&name, self.name_chars).ok());
        Ok(Principal {
            user: Some(user),
            name,
            tenant: TenantId::default_tenant(),
        })
    }
}

impl Principal {
    /// The user whom this request is about: the verified one, which a claim may repeat but not
    /// change, or on a server without a key the claim itself.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] when the claim is somebody else.
    pub fn act_as(&self, claim: Option<&UserId>) -> Result<Option<UserId>, Refusal> {
        match (&self.user, claim) {
            (Some(user), Some(claim)) if user != claim => Err(Refusal::Unauthorized {
                reason: "The user id is not the token's subject",
            }),
            (Some(user), _) => Ok(Some(user.clone())),
            (None, claim) => Ok(claim.cloned()),
        }
    }
}

fn reason(error: &jsonwebtoken::errors::Error) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    let kind = error.kind();
    let named = [
        (
            matches!(kind, ErrorKind::ExpiredSignature),
            "The token has expired",
        ),
        (
            matches!(kind, ErrorKind::ImmatureSignature),
            "The token is not valid yet",
        ),
        (
            matches!(kind, ErrorKind::InvalidSignature),
            "The token's signature is wrong",
        ),
        (
            matches!(kind, ErrorKind::InvalidAlgorithm),
            "The token's algorithm is not accepted",
        ),
        (
            matches!(kind, ErrorKind::MissingRequiredClaim(_)),
            "The token lacks a required claim",
        ),
    ];
    named
        .iter()
        .find(|(is, _)| *is)
        .map_or("The token is not valid", |(_, reason)| reason)
}

/// The token of a request: `Authorization: Bearer` first, then `?token=`.
#[must_use]
pub fn bearer<'a>(authorization: Option<&'a str>, query: Option<&'a str>) -> Option<&'a str> {
    let header = authorization.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    header.or_else(|| {
        query?
            .split('&')
            .find_map(|pair| pair.strip_prefix("token="))
            .filter(|t| !t.is_empty())
    })
}
