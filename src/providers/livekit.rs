//! LiveKit's access tokens. What a token does not say counts as allowed there, so everything is said.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use super::livekit_api::{LiveKitApi, ROLE_ATTRIBUTE};
use super::signing::Signer;
use crate::domain::role::Role;
use crate::domain::ticket::{Entitlement, Hidden, Rights, Ticket, role_word};
use crate::domain::time::Timestamp;

/// Who may administer rooms with their own token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Administrators {
    /// Nobody.
    Nobody,
    /// Hosts.
    Hosts,
    /// Hosts and co-hosts.
    Moderators,
}

/// Issues LiveKit's tokens and reaches its API.
pub struct LiveKit {
    /// What clients connect to.
    pub url: String,
    /// The key's name, `iss`.
    pub key: String,
    /// Signs with its secret.
    pub signer: Arc<Signer>,
    /// Who gets `roomAdmin`.
    pub administrators: Administrators,
    /// `RoomService`.
    pub api: LiveKitApi,
}

impl fmt::Debug for LiveKit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveKit")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What somebody may publish, in LiveKit's words for a token.
fn sources(rights: Rights) -> Vec<&'static str> {
    let each = [
        (rights.publish_video, "camera"),
        (rights.publish_audio, "microphone"),
        (rights.publish_screen, "screen_share"),
        (rights.publish_screen, "screen_share_audio"),
    ];
    let allowed = each.into_iter().filter(|(allowed, _)| *allowed);
    allowed.map(|(_, source)| source).collect()
}

impl LiveKit {
    /// Everything that a token says. The beginning is honest: tokens from before a removal are told by it.
    #[must_use]
    pub fn claims(&self, to: &Entitlement, names: (&str, &str), now: Timestamp) -> Value {
        let (room, user) = names;
        let (rights, now_secs) = (to.rights, now.0 / 1000);
        let sources = sources(rights);
        let admin = rights.moderate
            && match self.administrators {
                Administrators::Nobody => false,
                Administrators::Hosts => to.role == Some(Role::Host),
                Administrators::Moderators => true,
            };
        json!({
            "iss": self.key,
            "sub": user,
            "name": &*to.name,
            "iat": now_secs,
            "nbf": now_secs,
            "exp": to.expires_at(now).0 / 1000,
            "attributes": { ROLE_ATTRIBUTE: role_word(to.role) },
            "video": {
                "roomJoin": true,
                "room": room,
                "canPublish": !sources.is_empty(),
                "canPublishSources": sources,
                "canPublishData": true,
                "canSubscribe": rights.subscribe,
                "canUpdateOwnMetadata": false,
                "canSubscribeMetrics": false,
                "roomAdmin": admin,
                "roomRecord": rights.record && self.administrators != Administrators::Nobody,
                "roomCreate": false,
                "roomList": false,
                "ingressAdmin": false,
                "hidden": false,
                "recorder": false,
                "agent": false,
            },
        })
    }

    /// The ticket; `None` when the key cannot sign.
    #[must_use]
    pub fn issue(
        &self,
        to: Entitlement,
        names: (String, String),
        now: Timestamp,
    ) -> Option<Ticket> {
        let claims = self.claims(&to, (&names.0, &names.1), now);
        let token = self.signer.sign(&claims)?;
        Some(Ticket {
            token: Some(Hidden(token)),
            url: Some(self.url.clone()),
            ..Ticket::blank(to, names, now)
        })
    }
}
