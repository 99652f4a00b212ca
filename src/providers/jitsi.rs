//! Jitsi Meet's tokens: one's own server with a shared secret or a key pair, and 8x8's service.
//!
//! Prosody checks them without leeway, wants `typ`, a scalar `aud` and a `sub`, and compares room names in
//! lower case. Whoever has a token is a moderator by these claims alone: `context.user.moderator` and
//! `affiliation`, where the server loads `token_affiliation`.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::signing::Signer;
use crate::domain::ticket::{Entitlement, Flags, Hidden, Ticket};
use crate::domain::time::Timestamp;

/// How far a token's beginning lies back: the verifier forgives clocks nothing.
const BACKDATED_SECS: u64 = 30;

/// Whose server it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JitsiServer {
    /// One's own.
    Own {
        /// `iss`.
        app_id: String,
        /// `aud`.
        audience: String,
        /// `sub`.
        domain: String,
    },
    /// 8x8's.
    Jaas {
        /// The application, `sub`.
        app_id: String,
    },
}

/// Issues Jitsi's tokens.
pub struct Jitsi {
    /// Whose server it is.
    pub server: JitsiServer,
    /// Where it is, without a slash at the end.
    pub base: String,
    /// Signs.
    pub signer: Arc<Signer>,
}

impl fmt::Debug for Jitsi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jitsi")
            .field("server", &self.server)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Jitsi {
    /// Everything that a token says.
    #[must_use]
    pub fn claims(&self, to: &Entitlement, names: (&str, &str), now: Timestamp) -> Value {
        let (room, user) = names;
        let now_secs = now.0 / 1000;
        let (iss, aud, sub) = match &self.server {
            JitsiServer::Own {
                app_id,
                audience,
                domain,
            } => (app_id.as_str(), audience.as_str(), domain),
            JitsiServer::Jaas { app_id } => ("chat", "jitsi", app_id),
        };
        let moderator = to.rights.moderate;
        let mut person = Map::new();
        person.insert("id".to_owned(), user.into());
        person.insert("name".to_owned(), (&*to.name).into());
        person.insert("moderator".to_owned(), self.flag(moderator));
        let affiliation = if moderator { "owner" } else { "member" };
        person.insert("affiliation".to_owned(), affiliation.into());
        // A picture that is null breaks clients.
        if let Some(url) = &to.image_url {
            person.insert("avatar".to_owned(), (&**url).into());
        }
        json!({
            "iss": iss,
            "aud": aud,
            "sub": sub,
            "room": room,
            "iat": now_secs,
            "nbf": now_secs.saturating_sub(BACKDATED_SECS),
            "exp": to.expires_at(now).0 / 1000,
            "context": { "user": person, "features": self.features(to) },
        })
    }

    /// Said one by one: a client takes what is missing for off, and no features at all for all of them.
    fn features(&self, to: &Entitlement) -> Value {
        let rights = to.rights;
        let calls = [
            ("inbound-call", false),
            ("outbound-call", false),
            ("sip-inbound-call", false),
            ("sip-outbound-call", false),
        ];
        let records = [
            ("livestreaming", rights.record),
            ("recording", rights.record),
            ("transcription", rights.record),
        ];
        let shared = [("file-upload", true), ("list-visitors", rights.moderate)];
        let own = [
            ("branding", true),
            ("calendar", true),
            ("create-polls", true),
            ("flip", true),
            ("live-translation", rights.record),
            ("lobby", rights.moderate),
            ("moderation", rights.moderate),
            ("room", true),
            ("screen-sharing", rights.publish_screen),
            ("send-groupchat", true),
            ("send-private-message", true),
        ];
        // 8x8 knows no others, and refuses a token with them.
        let own = match self.server {
            JitsiServer::Own { .. } => &own[..],
            JitsiServer::Jaas { .. } => &[],
        };
        let all = calls.iter().chain(&records).chain(&shared).chain(own);
        let features = all.map(|(name, on)| ((*name).to_owned(), self.flag(*on)));
        Value::Object(features.collect())
    }

    /// 8x8 wants flags as text.
    fn flag(&self, on: bool) -> Value {
        match self.server {
            JitsiServer::Own { .. } => on.into(),
            JitsiServer::Jaas { .. } => on.to_string().into(),
        }
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
        let room = &names.0;
        let url = match &self.server {
            JitsiServer::Own { .. } => format!("{}/{room}", self.base),
            JitsiServer::Jaas { app_id } => format!("{}/{app_id}/{room}", self.base),
        };
        Some(Ticket {
            token: Some(Hidden(token)),
            url: Some(url),
            feature_flags: feature_flags(&to),
            config: config(&to),
            ..Ticket::blank(to, names, now)
        })
    }
}

/// Flags of the mobile SDK. Waiting, inviting and passwords are Usher's; the lobby's flag is only a button.
fn feature_flags(to: &Entitlement) -> Flags {
    let rights = to.rights;
    vec![
        ("chat.enabled", true),
        ("invite.enabled", false),
        ("ios.recording.enabled", rights.record),
        ("kick-out.enabled", rights.moderate),
        ("live-streaming.enabled", rights.record),
        ("lobby-mode.enabled", false),
        ("meeting-password.enabled", false),
        ("pip.enabled", true),
        ("prejoinpage.enabled", false),
        ("raise-hand.enabled", true),
        ("recording.enabled", rights.record),
        ("security-options.enabled", false),
        ("unsaferoomwarning.enabled", false),
        ("welcomepage.enabled", false),
    ]
}

/// Options of the web client.
fn config(to: &Entitlement) -> Flags {
    vec![
        ("disableDeepLinking", true),
        ("prejoinConfig.enabled", false),
        ("recordingService.enabled", to.rights.record),
        ("securityUi.hideLobbyButton", true),
    ]
}
