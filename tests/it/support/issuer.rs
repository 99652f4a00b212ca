//! Issuers of tickets that need no provider: one that hands out nothing, and one that writes down what it was
//! asked for and does not answer before it is told to.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use usher::domain::id::TenantId;
use usher::domain::ticket::{Entitlement, Hidden, Provider, Ticket};
use usher::domain::time::Timestamp;
use usher::engine::tickets::{Issuing, TicketIssuer};

/// A server without a provider.
#[derive(Debug)]
pub(crate) struct NoIssuer;

impl TicketIssuer for NoIssuer {
    fn serves(&self, _tenant: &TenantId, provider: Provider) -> bool {
        provider == Provider::Mesh
    }

    fn hands_out(&self, _tenant: &TenantId, _provider: Provider) -> bool {
        false
    }

    fn issue(&self, _entitlement: Entitlement) -> Issuing {
        Issuing::Nothing
    }
}

/// A ticket for this and nothing else.
fn ticket(entitlement: Entitlement) -> Arc<Ticket> {
    Arc::new(Ticket {
        token: Some(Hidden(format!("token of {}", entitlement.user))),
        url: None,
        room_name: entitlement.key.room.to_string(),
        provider_user: entitlement.user.to_string(),
        expires_at: Timestamp::default(),
        ice_servers: Vec::new(),
        feature_flags: Vec::new(),
        config: Vec::new(),
        entitlement,
    })
}

/// A provider that a test holds back or lets go.
#[derive(Debug)]
pub(crate) struct TestIssuer {
    ordered: Mutex<Vec<Entitlement>>,
    answers: watch::Sender<bool>,
    at_once: bool,
}

impl TestIssuer {
    /// One that issues at once.
    pub(crate) fn ready() -> Arc<Self> {
        Self::of(true)
    }

    /// One that has to be asked, and answers when the test says so.
    pub(crate) fn slow() -> Arc<Self> {
        Self::of(false)
    }

    fn of(at_once: bool) -> Arc<Self> {
        Arc::new(Self {
            ordered: Mutex::default(),
            answers: watch::Sender::new(false),
            at_once,
        })
    }

    /// Whether it answers from now on.
    pub(crate) fn answer(&self, answers: bool) {
        self.answers.send_replace(answers);
    }

    /// What it was asked for so far.
    pub(crate) fn ordered(&self) -> Vec<Entitlement> {
        self.ordered.lock().unwrap().clone()
    }
}

impl TicketIssuer for TestIssuer {
    fn serves(&self, _tenant: &TenantId, _provider: Provider) -> bool {
        true
    }

    fn hands_out(&self, _tenant: &TenantId, _provider: Provider) -> bool {
        true
    }

    fn issue(&self, entitlement: Entitlement) -> Issuing {
        self.ordered.lock().unwrap().push(entitlement.clone());
        if self.at_once {
            return Issuing::Ready(ticket(entitlement));
        }
        let mut answers = self.answers.subscribe();
        Issuing::Later(Box::pin(async move {
            // The issuer outlives its tickets in every test.
            drop(answers.wait_for(|answers| *answers).await);
            ticket(entitlement)
        }))
    }
}
