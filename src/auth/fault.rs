//! Why a token is not believed.

use crate::domain::refusal::Refusal;

/// What is wrong with a token, or with what it should be checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// There is none.
    Missing,
    /// Longer than any that is looked at.
    TooLong,
    /// Not three parts of base64url with JSON objects in the first two.
    Malformed,
    /// The header demands something (`crit`, an odd `typ`) that is not understood.
    Header,
    /// Its `iss` is not configured.
    Issuer,
    /// The header's `alg` is not the one that its key is for.
    Algorithm,
    /// No key has its `kid`.
    Key,
    /// The signature is not the key's.
    Signature,
    /// Some object in it names a member twice.
    Duplicate,
    /// No `exp`, or one that is no number.
    NoExpiry,
    /// `exp` has passed.
    Expired,
    /// `nbf` or `iat` has yet to come.
    Immature,
    /// `exp` is further away than tokens may last.
    Lifetime,
    /// `aud` names none of ours.
    Audience,
    /// `azp` is somebody else.
    Party,
    /// No `sub`.
    NoSubject,
    /// `sub` does not fit the grammar of user ids.
    Subject,
    /// The claim that names the tenant is missing.
    NoTenant,
    /// The claim that names the tenant does not fit the grammar of ids.
    Tenant,
    /// Clerk: the user has yet to finish signing in.
    Pending,
    /// Supabase: an API key, not a person.
    Role,
    /// A back end's token where a person's is needed.
    Service,
    /// The issuer's keys are not at hand.
    KeysUnavailable,
}

impl TokenFault {
    /// Stable, kebab-case: what security events and logs call it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "token-missing",
            Self::TooLong => "token-too-long",
            Self::Malformed => "token-malformed",
            Self::Header => "token-header",
            Self::Issuer => "token-issuer",
            Self::Algorithm => "token-algorithm",
            Self::Key => "token-key",
            Self::Signature => "token-signature",
            Self::Duplicate => "token-duplicate-claim",
            Self::NoExpiry => "token-without-expiry",
            Self::Expired => "token-expired",
            Self::Immature => "token-immature",
            Self::Lifetime => "token-lifetime",
            Self::Audience => "token-audience",
            Self::Party => "token-party",
            Self::NoSubject => "token-without-subject",
            Self::Subject => "token-subject",
            Self::NoTenant => "token-without-tenant",
            Self::Tenant => "token-tenant",
            Self::Pending => "token-pending",
            Self::Role => "token-role",
            Self::Service => "token-service",
            Self::KeysUnavailable => "token-keys-unavailable",
        }
    }

    /// Whether somebody who guards the server wants to hear of it: not of a missing token, nor of keys
    /// that are out of reach.
    #[must_use]
    pub const fn is_suspicious(self) -> bool {
        !matches!(self, Self::Missing | Self::KeysUnavailable)
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Missing => "A token is required",
            Self::TooLong => "The token is too long",
            Self::Malformed => "The token is malformed",
            Self::Header => "The token's header asks for what is not understood",
            Self::Issuer => "The token's issuer is not known here",
            Self::Algorithm => "The token's algorithm is not the key's",
            Self::Key => "The token's key is not known",
            Self::Signature => "The token's signature is wrong",
            Self::Duplicate => "The token holds a claim twice",
            Self::NoExpiry => "The token lacks exp",
            Self::Expired => "The token has expired",
            Self::Immature => "The token is not valid yet",
            Self::Lifetime => "The token lasts too long",
            Self::Audience => "The token's audience is another",
            Self::Party => "The token was made for another party",
            Self::NoSubject => "The token lacks sub",
            Self::Subject => "The token's subject is not a user id",
            Self::NoTenant => "The token names no tenant",
            Self::Tenant => "The token's tenant is not an id",
            Self::Pending => "The token's session is pending",
            Self::Role => "The token's role may not join",
            Self::Service => "A service token cannot join a room",
            Self::KeysUnavailable => "The keys of the token's issuer cannot be fetched",
        }
    }
}

impl std::fmt::Display for TokenFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.sentence())
    }
}

impl std::error::Error for TokenFault {}

impl From<TokenFault> for Refusal {
    fn from(fault: TokenFault) -> Self {
        let reason = fault.sentence();
        if fault == TokenFault::KeysUnavailable {
            Self::Unavailable { reason }
        } else {
            Self::Unauthorized { reason }
        }
    }
}
