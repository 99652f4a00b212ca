//! Who calls.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::Api;
use super::problem::Problem;
use crate::auth::{Identity, Principal, bearer};
use crate::domain::id::{RequestId, RoomId, RoomKey, UserId};
use crate::domain::permission::{MeetingAction, Scope};
use crate::domain::refusal::Refusal;
use crate::engine::meetings::Origin;
use crate::engine::rates::{Counted, Exceeded, Payer, network_of};
use crate::net::ClientAddress;

/// The verified caller of a request.
#[derive(Debug)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// What the request is called.
    pub request: Option<RequestId>,
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let header = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = bearer(header, None);
        let address = parts.extensions.get().copied();
        let network = address.and_then(ClientAddress::counted).map(network_of);
        let rates = &api.rates;
        let here = network.map(Payer::Network);
        rates
            .admit(Counted::Request, here.clone())
            .map_err(limited)?;
        let principal = match api.authenticator.authenticate(token).await {
            Ok(principal) => principal,
            Err(fault) => {
                let tried = rates.admit(Counted::RefusedToken, here);
                return Err(tried.map_or_else(|it| limited(it).into(), |()| Problem::token(fault)));
            }
        };
        rates
            .admit(Counted::Request, payers(&principal))
            .map_err(limited)?;
        Ok(Self {
            principal,
            request: parts.extensions.get().cloned(),
        })
    }
}

fn payers(principal: &Principal) -> impl Iterator<Item = Payer> {
    let tenant = principal.tenant.clone();
    let user = match &principal.identity {
        Identity::Anyone => None,
        Identity::User(user) => Some(user.clone()),
        Identity::Service(service) => Some(service.id.clone()),
    };
    user.into_iter().flat_map(move |user| {
        let user = Payer::User(tenant.clone(), user);
        [user, Payer::Tenant(tenant.clone())]
    })
}

fn limited(exceeded: Exceeded) -> Refusal {
    Refusal::RateLimited {
        reason: exceeded.counted.complaint(),
        retry_after: exceeded.retry_after,
    }
}

impl Caller {
    /// A room of the caller's tenant.
    #[must_use]
    pub fn key(&self, room: RoomId) -> RoomKey {
        RoomKey {
            tenant: self.principal.tenant.clone(),
            room,
        }
    }

    /// The caller, as whom the audit names: acting as `claim`, if given and allowed.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] when the claim is somebody else.
    pub fn origin(&self, claim: Option<&UserId>) -> Result<Origin, Refusal> {
        let user = self.principal.act_as(claim)?;
        Ok(Origin {
            actor: self.principal.actor(user),
            request: self.request.clone(),
        })
    }

    /// Counts a meeting that is about to be created.
    ///
    /// # Errors
    /// [`Refusal::RateLimited`].
    pub fn count_creation(&self, api: &Api) -> Result<(), Refusal> {
        let payers = payers(&self.principal);
        let counted = api.rates.admit(Counted::Creation, payers);
        counted.map_err(limited)
    }

    /// Lets those pass who may do this to the meeting. Without a key nobody can be told apart, so
    /// everybody passes.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::MeetingNotFound`].
    pub async fn authorize(
        &self,
        api: &Api,
        key: &RoomKey,
        action: MeetingAction,
    ) -> Result<(), Refusal> {
        let allowed = match &self.principal.identity {
            Identity::Anyone => true,
            Identity::Service(service) => service.scope >= action.scope(),
            Identity::User(user) => action.is_open_to(api.meetings.standing(key, user).await?),
        };
        if allowed {
            Ok(())
        } else {
            Err(Refusal::Forbidden)
        }
    }

    /// Whether the caller may see meetings of everybody in the tenant.
    #[must_use]
    pub fn sees_everybody(&self) -> bool {
        match &self.principal.identity {
            Identity::Anyone => true,
            Identity::Service(service) => service.scope >= Scope::Admin,
            Identity::User(_) => false,
        }
    }
}
