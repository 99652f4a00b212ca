//! Who calls.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::Api;
use super::problem::Problem;
use crate::auth::{Identity, Principal, TokenFault, bearer};
use crate::domain::id::{RequestId, RoomId, RoomKey, UserId};
use crate::domain::permission::{MeetingAction, Scope};
use crate::domain::refusal::Refusal;
use crate::domain::room::Actor;
use crate::engine::meetings::Origin;
use crate::engine::rates::{Counted, Payer, network_of};
use crate::engine::security::{Attempt, SecurityKind};
use crate::net::ClientAddress;

/// The verified caller of a request.
#[derive(Debug)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// What the request is called.
    pub request: Option<RequestId>,
    /// From which network; `None` for this machine.
    pub network: Option<IpAddr>,
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
        let request = parts.extensions.get().cloned();
        let mut caller = Self {
            principal: Principal::anyone(),
            request,
            network,
        };
        let here = network.map(Payer::Network);
        // The token first: what strangers do from the same address costs its owner nothing.
        match api.authenticator.authenticate(token).await {
            Ok(principal) => caller.principal = principal,
            Err(fault) => {
                caller.count(api, Counted::Request, here)?;
                return Err(caller.refused(api, fault));
            }
        }
        match caller.principal.identity {
            Identity::Anyone => caller.count(api, Counted::Request, here)?,
            Identity::User(_) | Identity::Service(_) => {
                caller.count(api, Counted::Request, payers(&caller.principal))?;
            }
        }
        Ok(caller)
    }
}

fn payers(principal: &Principal) -> impl Iterator<Item = Payer> {
    let tenant = principal.tenant.clone();
    let own = match &principal.identity {
        Identity::Anyone => None,
        Identity::User(user) => Some(Payer::User(tenant.clone(), user.clone())),
        Identity::Service(service) => Some(Payer::Service(tenant.clone(), service.id.clone())),
    };
    own.into_iter().chain([Payer::Tenant(tenant)])
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
    pub fn origin(&self, api: &Api, claim: Option<&UserId>) -> Result<Origin, Refusal> {
        let user = self.act_as(api, claim)?;
        Ok(Origin {
            actor: self.principal.actor(user),
            request: self.request.clone(),
        })
    }

    /// The caller as the actor of a command in a live room: a person is judged there by rank.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] when the claim is somebody else.
    pub fn live_origin(&self, api: &Api, claim: Option<&UserId>) -> Result<Origin, Refusal> {
        let mut origin = self.origin(api, claim)?;
        if let Identity::User(user) = &self.principal.identity {
            origin.actor = Actor::Remote(user.clone());
        }
        Ok(origin)
    }

    /// Counts a meeting that is about to be created for this user, whoever asks for it.
    ///
    /// # Errors
    /// [`Refusal::RateLimited`].
    pub fn count_creation(&self, api: &Api, creator: &UserId) -> Result<(), Refusal> {
        let payer = Payer::User(self.principal.tenant.clone(), creator.clone());
        self.count(api, Counted::Creation, [payer])
    }

    fn count(
        &self,
        api: &Api,
        counted: Counted,
        payers: impl IntoIterator<Item = Payer>,
    ) -> Result<(), Refusal> {
        api.rates.admit(counted, payers).map_err(|exceeded| {
            self.note(api, SecurityKind::LimitHit, counted.as_str(), None);
            Refusal::from(exceeded)
        })
    }

    /// What is said of a bad token; nothing in detail to whoever tries too many.
    fn refused(&self, api: &Api, fault: TokenFault) -> Problem {
        if !fault.is_suspicious() {
            return Problem::token(fault);
        }
        self.note(api, SecurityKind::TokenRefused, fault.code(), None);
        let here = self.network.map(Payer::Network);
        match self.count(api, Counted::RefusedToken, here) {
            Ok(()) => Problem::token(fault),
            Err(refusal) => refusal.into(),
        }
    }

    fn note(&self, api: &Api, kind: SecurityKind, reason: &'static str, key: Option<&RoomKey>) {
        let known = !matches!(self.principal.identity, Identity::Anyone);
        let attempt = Attempt {
            tenant: known.then(|| self.principal.tenant.clone()),
            user: self.principal.subject().cloned(),
            network: self.network,
            room: key.map(|key| key.room.clone()),
            ..Attempt::of(kind, reason)
        };
        api.security.note(attempt, self.request.clone());
    }

    /// A meeting that was looked for, or that there is none; whether another tenant has it is not told,
    /// but noted.
    ///
    /// # Errors
    /// As they came.
    pub fn found<T>(
        &self,
        api: &Api,
        key: &RoomKey,
        found: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let verified = !matches!(self.principal.identity, Identity::Anyone);
        if verified && matches!(found, Err(Refusal::MeetingNotFound)) {
            let user = self.principal.subject().cloned();
            let (network, request) = (self.network, self.request.clone());
            api.security.note_unknown(key, user, network, request);
        }
        found
    }

    /// The user whom this request is about: see [`Principal::act_as`].
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] when the claim is somebody else.
    pub fn act_as(&self, api: &Api, claim: Option<&UserId>) -> Result<Option<UserId>, Refusal> {
        self.principal.act_as(claim).inspect_err(|_refusal| {
            self.note(api, SecurityKind::ForgedId, "user-id", None);
        })
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
            Identity::User(user) => {
                let standing = api.meetings.standing(key, user).await;
                action.is_open_to(self.found(api, key, standing)?)
            }
        };
        if allowed {
            return Ok(());
        }
        let kind = SecurityKind::Forbidden;
        self.note(api, kind, action.as_str(), Some(key));
        Err(Refusal::Forbidden)
    }

    /// Lets those pass who may see and end rooms of everybody in the tenant.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub fn authorize_all(&self, api: &Api) -> Result<(), Refusal> {
        if self.sees_everybody() {
            return Ok(());
        }
        self.note(api, SecurityKind::Forbidden, "all-rooms", None);
        Err(Refusal::Forbidden)
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
