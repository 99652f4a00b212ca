//! Who is asking, as far as that could be established.

use std::sync::Arc;

use crate::domain::id::{TenantId, UserId};
use crate::domain::refusal::Refusal;
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
    pub scopes: Scopes,
}

/// What a back end may do, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scopes {
    /// `meetings:write`: create meetings for anybody, change and end every meeting.
    Write,
    /// `meetings:admin`: also delete, move ownership, see people, audits and everybody's meetings.
    Admin,
}

impl Scopes {
    /// The most that these words allow; `None` when none of them is a scope of ours.
    #[must_use]
    pub fn named<'a>(words: impl Iterator<Item = &'a str>) -> Option<Self> {
        words
            .filter_map(|word| match word {
                "meetings:write" => Some(Self::Write),
                "meetings:admin" => Some(Self::Admin),
                _ => None,
            })
            .max()
    }
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

    /// Whether another token may take this one's place on a connection: it is the same user's.
    #[must_use]
    pub fn is_succeeded_by(&self, other: &Self) -> bool {
        self.identity == other.identity && self.tenant == other.tenant
    }
}
