//! One issuer: its keys, and what its tokens must say.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Validation;
use jsonwebtoken::errors::ErrorKind;
use serde_json::Value;

use super::claims::{Claims, TWICE, Unverified};
use super::fault::TokenFault;
use super::jwks::Jwks;
use super::keys::Key;
use super::principal::{Identity, Principal, Service, scope_among};
use crate::domain::id::{TenantId, UserId};
use crate::domain::permission::Scope;
use crate::domain::text;
use crate::domain::time::Timestamp;

/// Keys that are tried for one token, at most.
const MAX_TRIED: usize = 8;

/// Whose tokens these are: what differs between the makers of identity providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Nothing beyond what every token needs.
    Plain,
    /// `OpenID` Connect: the audience is ours, and of several the authorized party is ours, too.
    Oidc,
    /// Clerk session tokens (`packages/backend/src/jwt/assertions.ts` in its repository).
    Clerk,
    /// Supabase access tokens (its "JWT Claims Reference").
    Supabase,
}

/// What an issuer's tokens must say.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The makers' own rules.
    pub preset: Preset,
    /// `aud` must name one of these; any will do when there is none.
    pub audiences: Vec<String>,
    /// `azp` must be one of these.
    pub parties: Vec<String>,
    /// Where the tenant stands; the first that is there counts.
    pub tenant_claims: Vec<String>,
    /// The tenant of a token that names none; `None` refuses it.
    pub tenant: Option<TenantId>,
    /// Where the display name stands.
    pub name_claim: String,
    /// Whether tokens may be a back end's.
    pub services: bool,
}

/// What is the same for the tokens of every issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLimits {
    /// By which clocks may differ.
    pub leeway: Duration,
    /// How far away `exp` may be.
    pub lifetime: Duration,
    /// Characters of a display name; a longer one is left out.
    pub name_chars: usize,
    /// Whether a user id in a payload that is not the token's is passed over rather than refused.
    pub ignore_claimed_user: bool,
}

/// An issuer.
#[derive(Debug)]
pub struct Issuer {
    /// Keys from the configuration.
    pub keys: Vec<Key>,
    /// Keys that the issuer publishes.
    pub jwks: Option<Arc<Jwks>>,
    /// What its tokens must say.
    pub rules: Rules,
}

impl Issuer {
    /// The principal behind a token of this issuer.
    ///
    /// # Errors
    /// What is wrong with the token.
    pub async fn verify(
        &self,
        token: &str,
        seen: &Unverified,
        limits: &TokenLimits,
        now: Timestamp,
    ) -> Result<Principal, TokenFault> {
        let claims = match Self::check(&self.keys, token, seen) {
            Err(TokenFault::Key | TokenFault::Signature | TokenFault::Algorithm)
                if self.jwks.is_some() =>
            {
                self.check_published(token, seen).await?
            }
            checked => checked?,
        };
        self.rules.admit(&claims, limits, now)
    }

    async fn check_published(&self, token: &str, seen: &Unverified) -> Result<Claims, TokenFault> {
        let Some(jwks) = &self.jwks else {
            return Err(TokenFault::Key);
        };
        let wanted = |keys: &[Key]| candidates(keys, seen).next().is_some();
        let keys = jwks.keys(wanted).await;
        Self::check(&keys.ok_or(TokenFault::KeysUnavailable)?, token, seen)
    }

    /// The claims of a token that one of the keys has signed.
    fn check(keys: &[Key], token: &str, seen: &Unverified) -> Result<Claims, TokenFault> {
        let mut fault = TokenFault::Key;
        for key in candidates(keys, seen) {
            if key.algorithm.name() != seen.algorithm {
                fault = TokenFault::Algorithm;
                continue;
            }
            match claims_under(key, token) {
                Err(TokenFault::Signature) => fault = TokenFault::Signature,
                checked => return checked,
            }
        }
        Err(fault)
    }
}

/// The keys that a token may have been signed with: those called as it says, and those without a name.
/// A token that names none may be of any that has no name, or of the only one.
fn candidates<'a>(keys: &'a [Key], seen: &'a Unverified) -> impl Iterator<Item = &'a Key> {
    // Those for another algorithm come last: they only say that there is a key, but not for this.
    let fits = |key: &&Key| key.algorithm.name() == seen.algorithm;
    let named = keys.iter().filter(move |key| match (&key.id, &seen.key) {
        (None, _) => true,
        (Some(_), None) => keys.len() == 1,
        (Some(id), Some(wanted)) => id == wanted,
    });
    let (fitting, others): (Vec<_>, Vec<_>) = named.partition(fits);
    fitting.into_iter().chain(others).take(MAX_TRIED)
}

fn claims_under(key: &Key, token: &str) -> Result<Claims, TokenFault> {
    let mut validation = Validation::new(key.algorithm.algorithm());
    // Times and audience are looked at here, under our own clock and with an answer for each.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    jsonwebtoken::decode(token, &key.key, &validation)
        .map(|decoded| decoded.claims)
        .map_err(|error| fault(error.kind()))
}

fn fault(error: &ErrorKind) -> TokenFault {
    if *error == ErrorKind::InvalidSignature {
        TokenFault::Signature
    } else if let ErrorKind::Json(json) = error
        && json.to_string().contains(TWICE)
    {
        TokenFault::Duplicate
    } else {
        TokenFault::Malformed
    }
}

impl Rules {
    fn admit(
        &self,
        claims: &Claims,
        limits: &TokenLimits,
        now: Timestamp,
    ) -> Result<Principal, TokenFault> {
        let expires_at = in_time(claims, limits, now)?;
        self.for_us(claims)?;
        self.of_preset(claims)?;
        let subject = claims.text("sub").ok_or(TokenFault::NoSubject)?;
        let tenant = self.tenant_of(claims)?;
        let scope = self.scope(claims);
        let name = claims
            .text(&self.name_claim)
            .and_then(|name| text::line(name, limits.name_chars).ok());
        let id = UserId::new(subject).map_err(|_not_an_id| TokenFault::Subject)?;
        let identity = match scope {
            Some(scope) => Identity::Service(Service { id, scope }),
            None => Identity::User(id),
        };
        if let Some(actor) = claims.text("act.sub") {
            tracing::info!(actor, "a token was made by somebody acting as its subject");
        }
        Ok(Principal {
            identity,
            name,
            tenant,
            expires_at: Some(expires_at),
            ignore_claimed_user: limits.ignore_claimed_user,
        })
    }

    fn for_us(&self, claims: &Claims) -> Result<(), TokenFault> {
        let audiences = claims.texts("aud");
        let ours = |audience: &&str| self.audiences.iter().any(|our| our == audience);
        if !self.audiences.is_empty() && !audiences.iter().any(ours) {
            return Err(TokenFault::Audience);
        }
        let party = claims.text("azp");
        let listed = |party: &str| self.parties.iter().any(|it| it == party);
        if !self.parties.is_empty() && !party.is_some_and(listed) {
            return Err(TokenFault::Party);
        }
        if self.preset == Preset::Oidc
            && self.parties.is_empty()
            && audiences.len() > 1
            && !party.is_some_and(|party| ours(&party))
        {
            return Err(TokenFault::Party);
        }
        Ok(())
    }

    fn of_preset(&self, claims: &Claims) -> Result<(), TokenFault> {
        match self.preset {
            Preset::Clerk if claims.text("sts") == Some("pending") => Err(TokenFault::Pending),
            Preset::Supabase if claims.text("role") != Some("authenticated") => {
                Err(TokenFault::Role)
            }
            Preset::Plain | Preset::Oidc | Preset::Clerk | Preset::Supabase => Ok(()),
        }
    }

    fn tenant_of(&self, claims: &Claims) -> Result<TenantId, TokenFault> {
        let named = self.tenant_claims.iter().find_map(|path| claims.at(path));
        match named {
            None | Some(Value::Null) => self.tenant.clone().ok_or(TokenFault::NoTenant),
            Some(named) => {
                let id = named.as_str().ok_or(TokenFault::Tenant)?;
                TenantId::new(id).map_err(|_not_an_id| TokenFault::Tenant)
            }
        }
    }

    /// What a back end may do; `None` for a person.
    fn scope(&self, claims: &Claims) -> Option<Scope> {
        if !self.services {
            return None;
        }
        let words = claims.texts("scope");
        scope_among(words.iter().flat_map(|it| it.split_ascii_whitespace()))
    }
}

/// When the token expires, if it is valid now.
fn in_time(claims: &Claims, limits: &TokenLimits, now: Timestamp) -> Result<Timestamp, TokenFault> {
    let expiry = claims.seconds("exp").ok_or(TokenFault::NoExpiry)?;
    let now_secs = Duration::from_millis(now.0).as_secs_f64();
    let leeway = limits.leeway.as_secs_f64();
    if expiry + leeway <= now_secs {
        return Err(TokenFault::Expired);
    }
    for begin in ["nbf", "iat"] {
        if claims.has(begin)
            && claims
                .seconds(begin)
                .is_none_or(|begin| begin > now_secs + leeway)
        {
            return Err(TokenFault::Immature);
        }
    }
    let left = expiry - now_secs;
    if left > limits.lifetime.as_secs_f64() + leeway {
        return Err(TokenFault::Lifetime);
    }
    // In bounds by now: neither negative, nor further away than tokens may last.
    let expiry = Duration::try_from_secs_f64(expiry).map_err(|_absurd| TokenFault::NoExpiry)?;
    Ok(Timestamp(0).plus(expiry))
}
