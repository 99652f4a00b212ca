//! Tickets to media providers, as clients see them over the socket and over REST alike.

use serde::{Serialize, Serializer};

use super::rest::rfc3339;
use crate::domain::id::{Revision, UserId};
use crate::domain::ticket::{Flags, IceServer, Rights, Ticket, role_word};

/// A ticket with its token: only for whom it was issued.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketBody<'a> {
    provider: &'static str,
    token: Option<&'a str>,
    url: Option<&'a str>,
    room_name: &'a str,
    role: &'static str,
    participant_id: &'a UserId,
    provider_user_id: &'a str,
    rights: Rights,
    expires_at: String,
    rev: Revision,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ice_servers: Vec<IceServerBody<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "flags")]
    feature_flags: &'a Flags,
    #[serde(
        rename = "configOverwrite",
        skip_serializing_if = "<[_]>::is_empty",
        serialize_with = "flags"
    )]
    config: &'a Flags,
}

impl std::fmt::Debug for TicketBody<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TicketBody")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct IceServerBody<'a> {
    urls: &'a [std::sync::Arc<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<&'a str>,
}

impl<'a> From<&'a IceServer> for IceServerBody<'a> {
    fn from(server: &'a IceServer) -> Self {
        let credential = server.credential.as_ref();
        Self {
            urls: &server.urls,
            username: credential.map(|(name, _)| name.as_str()),
            credential: credential.map(|(_, password)| password.0.as_str()),
        }
    }
}

impl<'a> From<&'a Ticket> for TicketBody<'a> {
    fn from(ticket: &'a Ticket) -> Self {
        let entitlement = &ticket.entitlement;
        Self {
            provider: entitlement.provider.as_str(),
            token: ticket.token.as_ref().map(|token| token.0.as_str()),
            url: ticket.url.as_deref(),
            room_name: &ticket.room_name,
            role: role_word(entitlement.role),
            participant_id: &entitlement.user,
            provider_user_id: &ticket.provider_user,
            rights: entitlement.rights,
            expires_at: rfc3339(ticket.expires_at),
            rev: entitlement.rev,
            ice_servers: ticket.ice_servers.iter().map(Into::into).collect(),
            feature_flags: &ticket.feature_flags,
            config: &ticket.config,
        }
    }
}

fn flags<S: Serializer>(flags: &Flags, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(flags.iter().map(|(name, on)| (name, on)))
}

/// A ticket as JSON.
#[must_use]
pub fn json(ticket: &Ticket) -> String {
    // Texts, numbers and lists of them always have a JSON form.
    serde_json::to_string(&TicketBody::from(ticket)).unwrap_or_else(|_| "null".to_owned())
}
