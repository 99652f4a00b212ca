//! LiveKit's room service: Twirp with JSON.

use std::fmt;
use std::sync::Arc;

use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::outbound::Outbound;
use crate::domain::role::Role;
use crate::domain::ticket::{Rights, role_word};
use crate::engine::providers::{Carried, ProviderFault};

/// The attribute of a participant that holds their role with us.
pub const ROLE_ATTRIBUTE: &str = "usher.role";

/// For how long a token for one call is good. Servers allow 60 s of difference between clocks.
const TOKEN_SECS: u64 = 60;

/// The API of one LiveKit server.
pub struct LiveKitApi {
    outbound: Arc<Outbound>,
    key: String,
    secret: SecretString,
}

impl fmt::Debug for LiveKitApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveKitApi")
            .field("outbound", &self.outbound)
            .finish_non_exhaustive()
    }
}

impl LiveKitApi {
    /// The API behind `outbound`, with this API key and its secret.
    #[must_use]
    pub const fn new(outbound: Arc<Outbound>, key: String, secret: SecretString) -> Self {
        Self {
            outbound,
            key,
            secret,
        }
    }

    /// Gives somebody who is there this role and these rights, and all others away.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn update_participant(
        &self,
        room: &str,
        identity: &str,
        name: Option<&str>,
        role: Option<Role>,
        rights: Rights,
    ) -> Result<Carried, ProviderFault> {
        let mut body = json!({
            "room": room,
            "identity": identity,
            "attributes": { ROLE_ATTRIBUTE: role_word(role) },
            "permission": permission(rights),
        });
        if let (Some(name), Some(body)) = (name, body.as_object_mut()) {
            body.insert("name".to_owned(), name.into());
        }
        carried(self.in_room("UpdateParticipant", room, body).await)
    }

    /// Puts somebody out. Tokens issued before `revoke_before` (Unix seconds) let them in no more, where
    /// the server knows how.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn remove_participant(
        &self,
        room: &str,
        identity: &str,
        revoke_before: u64,
    ) -> Result<Carried, ProviderFault> {
        let body = json!({
            "room": room,
            "identity": identity,
            "revoke_token_ts": revoke_before,
        });
        carried(self.in_room("RemoveParticipant", room, body).await)
    }

    /// Puts everybody out.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn delete_room(&self, room: &str) -> Result<(), ProviderFault> {
        let grant = json!({ "roomCreate": true });
        let call = self.call("DeleteRoom", &grant, json!({ "room": room }))?;
        carried(self.outbound.send(&call.in_background()).await).map(|_carried| ())
    }

    async fn in_room(&self, method: &str, room: &str, body: Value) -> Result<Reply, ProviderFault> {
        let grant = json!({ "roomAdmin": true, "room": room });
        let call = self.call(method, &grant, body)?;
        self.outbound.send(&call).await
    }

    fn call(&self, method: &str, grant: &Value, body: Value) -> Result<Call, ProviderFault> {
        let path = ["twirp", "livekit.RoomService", method];
        Ok(Call::new(Method::POST, &path, self.token(grant)?).with(body))
    }

    fn token(&self, grant: &Value) -> Result<SecretString, ProviderFault> {
        let now = self.outbound.clock().now().0 / 1_000;
        let claims = json!({
            "iss": self.key,
            "nbf": now,
            "exp": now.saturating_add(TOKEN_SECS),
            "video": grant,
        });
        let key = EncodingKey::from_secret(self.secret.expose_secret().as_bytes());
        let token = encode(&Header::new(Algorithm::HS256), &claims, &key);
        token
            .map(SecretString::from)
            .map_err(|_not_signed| ProviderFault::Unconfigured)
    }
}

/// The names of the sources that these rights let somebody publish, as the room service calls them.
fn sources(rights: Rights) -> Vec<&'static str> {
    let audio = rights.publish_audio.then_some("MICROPHONE");
    let video = rights.publish_video.then_some("CAMERA");
    let screen = rights
        .publish_screen
        .then_some(["SCREEN_SHARE", "SCREEN_SHARE_AUDIO"]);
    video
        .into_iter()
        .chain(audio)
        .chain(screen.into_iter().flatten())
        .collect()
}

/// The server replaces all of it: what is left out would be taken away, or given.
fn permission(rights: Rights) -> Value {
    let sources = sources(rights);
    json!({
        "can_subscribe": rights.subscribe,
        // No sources would mean all of them.
        "can_publish": !sources.is_empty(),
        "can_publish_sources": sources,
        "can_publish_data": true,
        "can_update_metadata": false,
        "hidden": false,
    })
}

/// Whom the server does not know needs nothing.
fn carried(result: Result<Reply, ProviderFault>) -> Result<Carried, ProviderFault> {
    match result {
        Ok(_) => Ok(Carried::Out),
        Err(ProviderFault::Refused { code, .. }) if code == "not_found" => Ok(Carried::Out),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests;
