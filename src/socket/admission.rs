//! Who is let in, and how often: what a connection and its commands have to pass.

use std::net::IpAddr;
use std::sync::Arc;

use socketioxide::adapter::LocalAdapter;
use socketioxide::socket::Socket;

use super::connection::{Connection, Source};
use super::hub::Hub;
use crate::auth::{Identity, Principal, TokenFault};
use crate::domain::id::UserId;
use crate::domain::refusal::Refusal;
use crate::engine::rates::{Counted, Exceeded, Payer, network_of};
use crate::engine::security::{Attempt, SecurityKind};
use crate::net::ClientAddress;

/// Lets a connection in: its token is good, and there are not too many of its kind.
///
/// # Errors
/// Why not.
pub(super) async fn admit(
    hub: &Hub,
    socket: &Arc<Socket<LocalAdapter>>,
    token: Option<&str>,
) -> Result<(Principal, Source), Refusal> {
    let address = socket.req_parts().extensions.get().copied();
    let network = address.and_then(ClientAddress::counted).map(network_of);
    // The token first: what strangers do from the same address costs its owner nothing.
    let principal = match hub.authenticator.authenticate(token).await {
        Ok(principal) => principal,
        Err(fault) => return Err(refused_token(hub, network, fault)),
    };
    if matches!(principal.identity, Identity::Service(_)) {
        return Err(refused_token(hub, network, TokenFault::Service));
    }
    let tenant = &principal.tenant;
    let user = principal.user().cloned();
    let who = Attempt {
        tenant: user.as_ref().map(|_| tenant.clone()),
        user: user.clone(),
        network,
        ..Attempt::of(SecurityKind::LimitHit, Counted::Connect.as_str())
    };
    let here = network.map(Payer::Network);
    let payers = user.map(|user| {
        let user = Payer::User(tenant.clone(), user);
        [user, Payer::Tenant(tenant.clone())]
    });
    let payers = payers.into_iter().flatten().chain(here);
    noted(hub, &who, hub.rates.admit(Counted::Connect, payers))?;
    let source = places(hub, &principal, address, &who)?;
    Ok((principal, source))
}

/// Notes a limit that was hit.
fn noted(hub: &Hub, who: &Attempt, counted: Result<(), Exceeded>) -> Result<(), Refusal> {
    counted.map_err(|exceeded| {
        hub.security.note(who.clone(), None);
        exceeded.into()
    })
}

/// What is said of a bad token; nothing in detail to whoever tries too many.
pub(super) fn refused_token(hub: &Hub, network: Option<IpAddr>, fault: TokenFault) -> Refusal {
    let mut who = Attempt {
        network,
        ..Attempt::of(SecurityKind::TokenRefused, fault.code())
    };
    if !fault.is_suspicious() {
        return fault.into();
    }
    hub.security.note(who.clone(), None);
    who.kind = SecurityKind::LimitHit;
    who.reason = Counted::RefusedToken.as_str();
    let here = network.map(Payer::Network);
    let counted = hub.rates.admit(Counted::RefusedToken, here);
    match noted(hub, &who, counted) {
        Ok(()) => fault.into(),
        Err(refusal) => refusal,
    }
}

fn places(
    hub: &Hub,
    principal: &Principal,
    address: Option<ClientAddress>,
    who: &Attempt,
) -> Result<Source, Refusal> {
    // Whoever comes without a proxy was counted when they were accepted.
    let forwarded = address.is_some_and(|address| address.forwarded);
    let none_left = |complaint| {
        hub.security.note(who.clone(), None);
        Refusal::busy(complaint)
    };
    let of_network =
        match who.network.filter(|_| forwarded) {
            None => None,
            Some(network) => Some(hub.networks.enter(network).ok_or_else(|| {
                none_left("Too many connections from this address; close one first")
            })?),
        };
    let of_user = match principal.user() {
        None => None,
        Some(user) => {
            let owner = (principal.tenant.clone(), user.clone());
            Some(
                hub.users
                    .enter(owner)
                    .ok_or_else(|| none_left("You have too many connections; close one first"))?,
            )
        }
    };
    Ok(Source {
        network: who.network,
        _of_user: of_user,
        _of_network: of_network,
    })
}

/// Counts a command of a connection.
///
/// # Errors
/// [`Refusal::RateLimited`].
pub(super) fn pace(hub: &Hub, connection: &Connection, now: u64) -> Result<(), Refusal> {
    if let Some(rate) = hub.limits.commands_per_connection {
        let paced = connection.pace(rate, now).map_err(|retry_after| Exceeded {
            counted: Counted::Command,
            retry_after,
        });
        noted(hub, &attempt(connection, Counted::Command), paced)?;
    }
    let Some(user) = connection.user() else {
        return Ok(());
    };
    count(hub, connection, Counted::Command, user)
}

/// Counts a join.
///
/// # Errors
/// [`Refusal::RateLimited`].
pub(super) fn count_join(hub: &Hub, connection: &Connection, user: UserId) -> Result<(), Refusal> {
    count(hub, connection, Counted::Join, user)
}

fn count(
    hub: &Hub,
    connection: &Connection,
    counted: Counted,
    user: UserId,
) -> Result<(), Refusal> {
    let tenant = connection.principal().tenant.clone();
    let payers = [Payer::User(tenant.clone(), user), Payer::Tenant(tenant)];
    let admitted = hub.rates.admit(counted, payers);
    noted(hub, &attempt(connection, counted), admitted)
}

fn attempt(connection: &Connection, counted: Counted) -> Attempt {
    about(connection, SecurityKind::LimitHit, counted.as_str())
}

/// Something that the owner of a connection attempted.
pub(super) fn about(connection: &Connection, kind: SecurityKind, reason: &'static str) -> Attempt {
    let principal = connection.principal();
    let user = principal.user().cloned();
    Attempt {
        tenant: user.as_ref().map(|_| principal.tenant.clone()),
        user,
        network: connection.source().network,
        ..Attempt::of(kind, reason)
    }
}
