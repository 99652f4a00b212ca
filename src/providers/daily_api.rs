//! Daily's REST API.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use super::answer::bad_answer;
use super::call::{Call, Lane};
use super::outbound::{Outbound, Paces};
use crate::domain::rate::Rate;
use crate::engine::providers::ProviderFault;

mod people;

/// How often Daily may be called: 20 at once but 100 in 5 s; deletions 2 at once but 50 in 30 s.
pub const PACES: Paces = Paces {
    usual: Some(Rate {
        count: 20,
        period: Duration::from_millis(1_250),
    }),
    slow: Some(Rate {
        count: 2,
        period: Duration::from_millis(1_250),
    }),
};

/// A room as Daily has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyRoom {
    /// Where to go.
    pub url: String,
    /// When it closes, in Unix seconds.
    pub exp: u64,
}

/// The API of one Daily domain.
pub struct DailyApi {
    outbound: Arc<Outbound>,
    api_key: SecretString,
    domain_id: OnceCell<String>,
}

impl fmt::Debug for DailyApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DailyApi")
            .field("outbound", &self.outbound)
            .finish_non_exhaustive()
    }
}

impl DailyApi {
    /// The API behind `outbound`, with this key.
    #[must_use]
    pub const fn new(outbound: Arc<Outbound>, api_key: SecretString) -> Self {
        Self {
            outbound,
            api_key,
            domain_id: OnceCell::const_new(),
        }
    }

    fn call(&self, method: Method, path: &[&str]) -> Call {
        Call::new(method, path, self.api_key.clone())
    }

    fn in_room(&self, method: Method, name: &str, what: &str) -> Call {
        self.call(method, &["rooms", name, what])
    }

    async fn ask<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ProviderFault> {
        let reply = self.outbound.send(call).await?;
        T::deserialize(reply.body).map_err(|_other_form| bad_answer())
    }

    /// The id of the domain that the key is of; asked for once.
    ///
    /// # Errors
    /// Why it could not be had.
    pub async fn domain_id(&self) -> Result<String, ProviderFault> {
        #[derive(Deserialize)]
        struct Domain {
            domain_id: String,
        }
        let ask = || async {
            let domain: Domain = self.ask(&self.call(Method::GET, &[""])).await?;
            Ok(domain.domain_id)
        };
        self.domain_id.get_or_try_init(ask).await.cloned()
    }

    /// A private room of that name which is open until about `exp_secs` (Unix seconds): a new one, or the
    /// one that is there, which keeps its other properties.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ensure_room(
        &self,
        name: &str,
        exp_secs: u64,
        max_participants: Option<u32>,
    ) -> Result<DailyRoom, ProviderFault> {
        let mut wanted = closing(exp_secs);
        // Whoever has no ticket is not to be let in by a host there.
        wanted.insert("enable_knocking".to_owned(), false.into());
        if let Some(most) = max_participants {
            wanted.insert("max_participants".to_owned(), most.into());
        }
        let body = json!({ "name": name, "privacy": "private", "properties": wanted });
        let refused = match self
            .ask(&self.call(Method::POST, &["rooms"]).with(body))
            .await
        {
            Ok(created) => return Ok(shown(created, exp_secs)),
            Err(fault @ ProviderFault::Refused { status: 400, .. }) => fault,
            Err(fault) => return Err(fault),
        };
        // A name that is taken and one that is bad are refused alike.
        match self
            .ask::<Room>(&self.call(Method::GET, &["rooms", name]))
            .await
        {
            Ok(there) if self.holds(&there, exp_secs) => Ok(shown(there, exp_secs)),
            Ok(_) => self.put_off(name, exp_secs).await,
            Err(fault) if is_missing(&fault) => Err(refused),
            Err(fault) => Err(fault),
        }
    }

    /// Whether a room is as wanted, for half of the time that is left at least.
    fn holds(&self, room: &Room, exp_secs: u64) -> bool {
        let now = self.outbound.clock().now().0 / 1_000;
        let enough = now.saturating_add(exp_secs.saturating_sub(now) / 2);
        let lasts = room.config.exp.is_some_and(|exp| exp >= enough);
        lasts && room.config.eject_at_room_exp && room.privacy == "private"
    }

    async fn put_off(&self, name: &str, exp_secs: u64) -> Result<DailyRoom, ProviderFault> {
        let body = json!({ "privacy": "private", "properties": closing(exp_secs) });
        let call = self.call(Method::POST, &["rooms", name]).with(body);
        Ok(shown(self.ask(&call).await?, exp_secs))
    }

    /// A token with these properties, as the API names them.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn meeting_token(&self, properties: Value) -> Result<String, ProviderFault> {
        #[derive(Deserialize)]
        struct Issued {
            token: String,
        }
        let body = json!({ "properties": properties });
        let call = self.call(Method::POST, &["meeting-tokens"]).with(body);
        let issued: Issued = self.ask(&call).await?;
        Ok(issued.token)
    }

    /// Deletes a room, which puts nobody out.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn delete_room(&self, name: &str) -> Result<(), ProviderFault> {
        let call = self.call(Method::DELETE, &["rooms", name]).in_background();
        match self
            .outbound
            .send(&Call {
                lane: Lane::Slow,
                ..call
            })
            .await
        {
            Err(fault) if !is_missing(&fault) => Err(fault),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct Room {
    url: String,
    #[serde(default)]
    privacy: String,
    #[serde(default)]
    config: RoomConfig,
}

#[derive(Deserialize, Default)]
struct RoomConfig {
    exp: Option<u64>,
    #[serde(default)]
    eject_at_room_exp: bool,
}

/// The properties that close a room at that time, with everybody out.
fn closing(exp_secs: u64) -> Map<String, Value> {
    let exp = ("exp".to_owned(), exp_secs.into());
    Map::from_iter([exp, ("eject_at_room_exp".to_owned(), true.into())])
}

fn shown(room: Room, exp_secs: u64) -> DailyRoom {
    DailyRoom {
        url: room.url,
        exp: room.config.exp.unwrap_or(exp_secs),
    }
}

/// That there is no such room, and not that the address is wrong.
fn is_missing(fault: &ProviderFault) -> bool {
    matches!(fault, ProviderFault::Refused { status: 404, code } if code == "not-found")
}

#[cfg(test)]
mod tests;
