//! Ports: issuing tickets to the media provider.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::domain::id::TenantId;
use crate::domain::ticket::{Entitlement, Provider, Ticket};

/// How a ticket comes about.
pub enum Issuing {
    /// The provider needs none.
    Nothing,
    /// Here it is.
    Ready(Arc<Ticket>),
    /// It takes a while: the provider has to be asked, or the signature is costly. Never fails: it is
    /// tried again until it is dropped.
    Later(BoxFuture<'static, Arc<Ticket>>),
}

impl std::fmt::Debug for Issuing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Ready(_) => "Ready",
            Self::Later(_) => "Later",
        })
    }
}

/// Encodes what the core has decided, for whichever provider.
pub trait TicketIssuer: Send + Sync {
    /// Whether this tenant has credentials for this provider.
    fn serves(&self, tenant: &TenantId, provider: Provider) -> bool;

    /// Whether there is anything to hand out to participants of meetings with this provider.
    fn hands_out(&self, tenant: &TenantId, provider: Provider) -> bool;

    /// Begins to issue a ticket. Must not block.
    fn issue(&self, entitlement: Entitlement) -> Issuing;
}
