//! Who is asking, as far as that could be established.

use std::sync::Arc;

use crate::domain::id::{TenantId, UserId};
use crate::domain::permission::Scope;
use crate::domain::refusal::Refusal;
use crate::domain::room::Actor;
use crate::domain::time::Timestamp;

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// A person, a back end, or nobody in particular.
    pub identity: Identity,
    /// The display name in the token.
    pub name: Option<Arc<str>>,
    /// Whose rooms these are.
    pub tenant: TenantId,
    /// When the token stops being valid.
    pub expires_at: Option<Timestamp>,
    /// Whether a user id in a payload that is not the token's is passed over rather than refused.
    pub ignore_claimed_user: bool,
}

/// What kind of caller it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// On a server without a key: whoever they say they are.
    Anyone,
    /// The verified user.
    User(UserId),
    /// A verified back end, which may act for any user of its tenant.
    Service(Service),
}

/// A back end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The subject of its token.
    pub id: UserId,
    /// What it may do.
    pub scope: Scope,
}

/// The most that these words allow; `None` when none of them is a scope of ours.
pub(super) fn scope_among<'a>(words: impl Iterator<Item = &'a str>) -> Option<Scope> {
    let known = words.filter_map(|word| match word {
        "meetings:write" => Some(Scope::Write),
        "meetings:admin" => Some(Scope::Admin),
        _ => None,
    });
    known.max()
}

impl Principal {
    /// Everybody on a server without a key.
    #[must_use]
    pub fn anyone() -> Self {
        Self {
            identity: Identity::Anyone,
            name: None,
            tenant: TenantId::default_tenant(),
            expires_at: None,
            ignore_claimed_user: false,
        }
    }

    /// The verified user; `None` for a back end and on a server without a key.
    #[must_use]
    pub const fn user(&self) -> Option<&UserId> {
        match &self.identity {
            Identity::User(user) => Some(user),
            Identity::Anyone | Identity::Service(_) => None,
        }
    }

    /// The subject of the token, a person or a back end.
    #[must_use]
    pub const fn subject(&self) -> Option<&UserId> {
        match &self.identity {
            Identity::User(user) => Some(user),
            Identity::Service(service) => Some(&service.id),
            Identity::Anyone => None,
        }
    }

    /// The user whom this request is about: the verified one, which a claim may repeat but not
    /// change; for a back end, and on a server without a key, the claim itself.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] when the claim is somebody else.
    pub fn act_as(&self, claim: Option<&UserId>) -> Result<Option<UserId>, Refusal> {
        match (self.user(), claim) {
            (Some(user), Some(claim)) if user != claim && !self.ignore_claimed_user => {
                Err(Refusal::Unauthorized {
                    reason: "The user id is not the token's subject",
                })
            }
            (Some(user), _) => Ok(Some(user.clone())),
            (None, claim) => Ok(claim.cloned()),
        }
    }

    /// Who it is, as the actor of a change over REST: on behalf of `user`, where a back end or anybody
    /// may say so.
    #[must_use]
    pub fn actor(&self, user: Option<UserId>) -> Actor {
        match &self.identity {
            Identity::Service(service) => Actor::BackEnd {
                id: service.id.clone(),
                user,
            },
            Identity::Anyone | Identity::User(_) => Actor::Service(user),
        }
    }

    /// Whether another token may take this one's place on a connection: it is the same user's.
    #[must_use]
    pub fn is_succeeded_by(&self, other: &Self) -> bool {
        self.identity == other.identity && self.tenant == other.tenant
    }
}
