//! Those who are in a room of Daily: who they are, what they may do, and putting them out.

use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{DailyApi, is_missing};
use crate::engine::providers::{Carried, ProviderFault};

/// Participants that one request may name.
const NAMED_AT_ONCE: usize = 100;

/// Rows of presence that are asked for at first.
const ROWS: usize = 100;

#[derive(Deserialize, Default)]
struct Presence {
    #[serde(default)]
    total_count: usize,
    data: Vec<Present>,
}

#[derive(Deserialize)]
struct Present {
    id: String,
    #[serde(rename = "userId")]
    user: Option<String>,
}

impl DailyApi {
    /// The ids of this user's sessions in the room, as far as Daily tells: it may be 15 s late.
    ///
    /// # Errors
    /// Why they could not be had.
    pub async fn sessions(&self, name: &str, user: &str) -> Result<Vec<String>, ProviderFault> {
        let present = self.presence(name, Some(user), ROWS).await?.data;
        let theirs = present
            .into_iter()
            .filter(|it| it.user.as_deref() == Some(user));
        Ok(theirs.map(|it| it.id).collect())
    }

    async fn presence(
        &self,
        name: &str,
        user: Option<&str>,
        rows: usize,
    ) -> Result<Presence, ProviderFault> {
        let mut call = self.in_room(Method::GET, name, "presence").in_background();
        call.query.push(("limit", rows.to_string()));
        call.query
            .extend(user.map(|user| ("userId", user.to_owned())));
        match self.ask(&call).await {
            Err(fault) if is_missing(&fault) => Ok(Presence::default()),
            result => result,
        }
    }

    /// Gives these sessions other permissions, as the API names them.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn update_permissions(
        &self,
        name: &str,
        sessions: &[String],
        permissions: &Value,
    ) -> Result<Carried, ProviderFault> {
        if sessions.is_empty() {
            return Ok(Carried::NotSeenYet);
        }
        for some in sessions.chunks(NAMED_AT_ONCE) {
            let each = some
                .iter()
                .map(|session| (session.clone(), permissions.clone()));
            let data: Map<String, Value> = each.collect();
            let call = self.in_room(Method::POST, name, "update-permissions");
            match self
                .outbound
                .send(&call.with(json!({ "data": data })))
                .await
            {
                Err(fault) if !is_missing(&fault) => return Err(fault),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(Carried::Out)
    }

    /// Puts these users out, and with `ban` keeps them out while the meeting goes on.
    /// [`Carried::NotSeenYet`] when none of them was there.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn eject(
        &self,
        name: &str,
        users: &[String],
        ban: bool,
    ) -> Result<Carried, ProviderFault> {
        let mut ejected = 0;
        for some in users.chunks(NAMED_AT_ONCE) {
            ejected += self
                .put_out(name, json!({ "user_ids": some, "ban": ban }))
                .await?;
        }
        Ok(if ejected == 0 {
            Carried::NotSeenYet
        } else {
            Carried::Out
        })
    }

    /// How many sessions that put out; nobody is in a room that is not there.
    async fn put_out(&self, name: &str, body: Value) -> Result<usize, ProviderFault> {
        #[derive(Deserialize)]
        struct Ejected {
            #[serde(rename = "ejectedIds", default)]
            ids: Vec<String>,
        }
        let call = self.in_room(Method::POST, name, "eject").with(body);
        match self.ask::<Ejected>(&call).await {
            Ok(ejected) => Ok(ejected.ids.len()),
            Err(fault) if is_missing(&fault) => Ok(0),
            Err(fault) => Err(fault),
        }
    }

    /// Puts everybody out whom Daily shows as present, which may be 15 s late. Returns how many it shows:
    /// as long as there are some, look again.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn eject_everybody(&self, name: &str) -> Result<usize, ProviderFault> {
        let mut present = self.presence(name, None, ROWS).await?;
        if present.total_count > present.data.len() {
            // Presence has no pages, only a limit.
            present = self.presence(name, None, present.total_count).await?;
        }
        let ids: Vec<&str> = present.data.iter().map(|it| it.id.as_str()).collect();
        for some in ids.chunks(NAMED_AT_ONCE) {
            self.put_out(name, json!({ "ids": some })).await?;
        }
        Ok(ids.len().max(present.total_count))
    }
}
