//! Who is asking: verified tokens become a [`Principal`].
//!
//! A token is routed by its `iss` to an issuer, whose keys and rules decide. Without any key nobody can
//! be verified; the caller then decides what a claim is worth, and the configuration keeps such a
//! server on loopback.

mod authenticator;
mod claims;
mod fault;
mod fetch;
mod issuer;
mod jwks;
mod keys;
mod principal;
#[cfg(test)]
mod tests;

pub use authenticator::{Authenticator, Issuers};
pub use claims::MAX_TOKEN_BYTES;
pub use fault::TokenFault;
pub use fetch::{Endpoint, FetchLimits};
pub use issuer::{Issuer, Preset, Rules, TokenLimits};
pub use jwks::{Jwks, KeepLimits, KeySource, Published};
pub use keys::{Key, SignedBy};
pub use principal::{Identity, Principal, Service};

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
