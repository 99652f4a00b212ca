//! `/api/webhooks/{provider}`: what media providers tell, believed by its signature alone.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode, header};

use super::Api;
use super::input::RawBody;
use super::problem::{self, Problem};
use crate::domain::id::TenantId;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::Provider;
use crate::engine::notices::{NoticeFault, RawNotice, Taken};
use crate::engine::rates::{Counted, Payer, network_of};
use crate::engine::security::{Attempt, SecurityKind};
use crate::net::ClientAddress;

const TELL_AGAIN: Refusal = Refusal::Unavailable {
    reason: "This notice could not be followed",
};

/// Of the installation's account.
///
/// # Errors
/// 400, 401, 404, 503 to be told again.
pub async fn take(
    State(api): State<Arc<Api>>,
    Path(provider): Path<String>,
    address: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<StatusCode, Problem> {
    let from = address.map(|Extension(address)| address);
    accept(&api, (&provider, None), from, &headers, &body).await
}

/// Of a tenant's own account.
///
/// # Errors
/// As for [`take`].
pub async fn take_for_tenant(
    State(api): State<Arc<Api>>,
    Path((provider, tenant)): Path<(String, String)>,
    address: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<StatusCode, Problem> {
    let tenant = TenantId::new(&tenant).map_err(|_none| problem::no_such_route())?;
    let from = address.map(|Extension(address)| address);
    accept(&api, (&provider, Some(&tenant)), from, &headers, &body).await
}

async fn accept(
    api: &Api,
    (provider, tenant): (&str, Option<&TenantId>),
    from: Option<ClientAddress>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<StatusCode, Problem> {
    let known = Provider::ALL.into_iter();
    let provider = known
        .into_iter()
        .find(|it| it.as_str() == provider)
        .ok_or_else(problem::no_such_route)?;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let notice = RawNotice {
        provider,
        tenant,
        authorization: text(header::AUTHORIZATION.as_str()),
        signature: text("x-webhook-signature"),
        timestamp: text("x-webhook-timestamp"),
        body,
    };
    match api.notices.take(&notice).await {
        Ok(Taken::Done) => Ok(StatusCode::OK),
        Ok(Taken::TellAgain) => Err(TELL_AGAIN.into()),
        Err(NoticeFault::Unconfigured) => Err(problem::no_such_route()),
        Err(NoticeFault::Malformed) => Err(Problem::malformed("The body is no notice".to_owned())),
        Err(NoticeFault::Stale) => Err(problem::stale_notice()),
        Err(NoticeFault::BadSignature) => Err(suspect(api, from)),
    }
}

/// Whoever guesses signatures is slowed down like whoever guesses tokens.
fn suspect(api: &Api, from: Option<ClientAddress>) -> Problem {
    let network = from.and_then(ClientAddress::counted).map(network_of);
    let attempt = Attempt {
        network,
        ..Attempt::of(SecurityKind::TokenRefused, "webhook-signature")
    };
    api.security.note(attempt, None);
    let here = network.map(Payer::Network);
    match api.rates.admit(Counted::RefusedToken, here) {
        Ok(()) => Refusal::Unauthorized {
            reason: "The signature is not the provider's",
        }
        .into(),
        Err(exceeded) => Refusal::from(exceeded).into(),
    }
}
