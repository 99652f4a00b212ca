//! From a token to the issuer that answers for it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::claims::look_at;
use super::fault::TokenFault;
use super::issuer::{Issuer, TokenLimits};
use super::jwks::Jwks;
use super::principal::Principal;
use crate::clock::Clock;

/// Everybody whose tokens are believed.
#[derive(Debug)]
pub struct Issuers {
    /// By exact `iss`.
    pub named: HashMap<String, Issuer>,
    /// Answers for every other token, also one without `iss`.
    pub other: Option<Issuer>,
    /// The same for all of them.
    pub limits: TokenLimits,
}

impl Issuers {
    /// Whether anybody can be verified.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.other.is_none()
    }
}

/// Verifies tokens.
#[derive(Debug)]
pub struct Authenticator {
    issuers: RwLock<Arc<Issuers>>,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// Believes these issuers.
    #[must_use]
    pub fn new(issuers: Issuers, clock: Arc<dyn Clock>) -> Self {
        Self {
            issuers: RwLock::new(Arc::new(issuers)),
            clock,
        }
    }

    fn issuers(&self) -> Arc<Issuers> {
        let issuers = self.issuers.read();
        issuers.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Believes these issuers from now on. Who is connected stays connected.
    pub fn replace(&self, issuers: Issuers) {
        let mut current = self.issuers.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(issuers);
    }

    /// The published keys that are kept for an issuer, so that its successor need not fetch them.
    #[must_use]
    pub fn published(&self, issuer: &str) -> Option<Arc<Jwks>> {
        self.issuers().named.get(issuer)?.jwks.clone()
    }

    /// Whether tokens are required and checked.
    #[must_use]
    pub fn verifies(&self) -> bool {
        !self.issuers().is_empty()
    }

    /// The principal behind a token. Without a key everybody is nobody in particular.
    ///
    /// # Errors
    /// What is wrong with the token, or that a needed one is missing.
    pub async fn authenticate(&self, token: Option<&str>) -> Result<Principal, TokenFault> {
        let issuers = self.issuers();
        if issuers.is_empty() {
            return Ok(Principal::anyone());
        }
        let token = token.ok_or(TokenFault::Missing)?;
        let seen = look_at(token)?;
        let named = seen.issuer.as_ref().and_then(|it| issuers.named.get(it));
        let issuer = named.or(issuers.other.as_ref()).ok_or(TokenFault::Issuer)?;
        let now = self.clock.now();
        issuer.verify(token, &seen, &issuers.limits, now).await
    }
}
