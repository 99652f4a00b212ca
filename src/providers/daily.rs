//! Daily's rooms, tokens and people.
//!
//! A token lets somebody into a private room only; the room has a hard end, and tokens carry no rule of
//! their own about ejection, which would switch the room's off.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use moka::sync::Cache;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::daily_api::{DailyApi, DailyRoom};
use super::signing::Signer;
use crate::clock::Clock;
use crate::domain::role::Role;
use crate::domain::ticket::{Entitlement, Hidden, Ticket, Wanted};
use crate::domain::time::Timestamp;
use crate::engine::providers::{Carried, Change, ProviderFault};

/// How far a token's beginning lies back, for clocks that differ.
const BACKDATED_SECS: u64 = 30;

/// Rooms that are known to be there.
const ROOMS: u64 = 10_000;

/// How Daily is used.
#[derive(Debug, Clone)]
pub struct DailyOptions {
    /// Whether every token is asked of the API.
    pub rest: bool,
    /// The domain's id, where it is known.
    pub domain_id: Option<String>,
    /// After which time a room ends.
    pub room_lifetime: Duration,
}

/// Issues Daily's tokens, and carries changes out there.
pub struct Daily {
    api: DailyApi,
    signer: Signer,
    options: DailyOptions,
    domain: OnceLock<String>,
    rooms: Cache<String, Arc<OnceCell<DailyRoom>>>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Daily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Daily")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Daily {
    /// Over this API; `signer` signs with the same key.
    #[must_use]
    pub fn new(
        api: DailyApi,
        signer: Signer,
        options: DailyOptions,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let domain = options.domain_id.clone().map(OnceLock::from);
        // Looked after well before half of its time is over.
        let rooms = Cache::builder()
            .max_capacity(ROOMS)
            .time_to_live(options.room_lifetime / 4)
            .build();
        Self {
            api,
            signer,
            domain: domain.unwrap_or_default(),
            rooms,
            options,
            clock,
        }
    }

    /// The ticket, when nobody has to be asked for it.
    #[must_use]
    pub fn issue_now(&self, to: &Entitlement, names: (&str, &str)) -> Option<Ticket> {
        let room = self.rooms.get(names.0)?;
        let (room, domain) = (room.get()?, self.domain.get()?);
        self.is_signed_here(to)
            .then(|| self.sign(to, names, room, domain))
            .flatten()
    }

    /// The ticket.
    ///
    /// # Errors
    /// Why Daily did not do its part.
    pub async fn issue(
        &self,
        to: &Entitlement,
        names: (&str, &str),
    ) -> Result<Ticket, ProviderFault> {
        let room = self.room(names.0).await?;
        if !self.is_signed_here(to) {
            let now = self.clock.now();
            let token = self.api.meeting_token(properties(to, names, now)).await?;
            return Ok(ticket(to, names, &room, token, now));
        }
        let domain = match self.domain.get() {
            Some(domain) => domain.clone(),
            None => {
                let domain = self.api.domain_id().await?;
                self.domain.get_or_init(|| domain).clone()
            }
        };
        self.sign(to, names, &room, &domain)
            .ok_or(ProviderFault::Unconfigured)
    }

    /// Nobody has confirmed how `canAdmin` is written in a token of one's own.
    fn is_signed_here(&self, to: &Entitlement) -> bool {
        !self.options.rest && to.role != Some(Role::CoHost)
    }

    /// The room, made where it is not there. Many who come at once ask for it once.
    async fn room(&self, name: &str) -> Result<DailyRoom, ProviderFault> {
        let cell = self.rooms.get_with(name.to_owned(), Arc::default);
        let ends = self.clock.now().plus(self.options.room_lifetime).0 / 1000;
        let made = cell.get_or_try_init(|| self.api.ensure_room(name, ends, None));
        made.await.cloned()
    }

    fn sign(
        &self,
        to: &Entitlement,
        names: (&str, &str),
        room: &DailyRoom,
        domain: &str,
    ) -> Option<Ticket> {
        let now = self.clock.now();
        let token = self.signer.sign(&claims(to, names, domain, now))?;
        Some(ticket(to, names, room, token, now))
    }

    /// Brings somebody to where they should be.
    ///
    /// # Errors
    /// Why Daily did not do its part.
    pub async fn settle(
        &self,
        names: (&str, &str),
        change: &Change,
    ) -> Result<Carried, ProviderFault> {
        let (room, user) = names;
        let whom = [user.to_owned()];
        let role = match &change.wanted {
            Wanted::Removed { banned } => {
                // The ban holds for those as well who are not there now.
                self.api.eject(room, &whom, *banned).await?;
                return Ok(Carried::Out);
            }
            Wanted::Member { role, .. } => *role,
        };
        if change.demoted && role != Some(Role::Host) {
            // An owner stays one: they have to come back with the token that they have got. Whoever was not
            // there and comes with an old one is told of by the webhook.
            self.api.eject(room, &whom, false).await?;
            return Ok(Carried::Out);
        }
        let sessions = self.api.sessions(room, user).await?;
        let permissions = permissions(role);
        self.api
            .update_permissions(room, &sessions, &permissions)
            .await
    }

    /// Puts everybody out whom Daily shows, which it does late; the `last` time the room goes, too, and
    /// nobody can be put out after that.
    ///
    /// # Errors
    /// Why Daily did not do its part.
    pub async fn end(&self, room: &str, last: bool) -> Result<Carried, ProviderFault> {
        self.rooms.invalidate(room);
        self.api.eject_everybody(room).await?;
        if !last {
            return Ok(Carried::NotSeenYet);
        }
        self.api.delete_room(room).await?;
        Ok(Carried::Out)
    }
}

/// What a token of our own says, in Daily's abbreviations.
#[must_use]
pub fn claims(to: &Entitlement, names: (&str, &str), domain: &str, now: Timestamp) -> Value {
    let (room, user) = names;
    let now_secs = now.0 / 1000;
    json!({
        "r": room,
        "d": domain,
        "ud": user,
        "u": &*to.name,
        "o": to.role == Some(Role::Host),
        "ss": to.rights.publish_screen,
        "iat": now_secs,
        "nbf": now_secs.saturating_sub(BACKDATED_SECS),
        "exp": to.expires_at(now).0 / 1000,
    })
}

/// The same for the API.
#[must_use]
pub fn properties(to: &Entitlement, names: (&str, &str), now: Timestamp) -> Value {
    let (room, user) = names;
    json!({
        "room_name": room,
        "user_id": user,
        "user_name": &*to.name,
        "is_owner": to.role == Some(Role::Host),
        "enable_screenshare": to.rights.publish_screen,
        "nbf": (now.0 / 1000).saturating_sub(BACKDATED_SECS),
        "exp": to.expires_at(now).0 / 1000,
        "permissions": permissions(to.role),
    })
}

/// What somebody may do who is no owner. Nobody but an owner is above a co-host there.
fn permissions(role: Option<Role>) -> Value {
    let admin = match role {
        Some(Role::Host) => Value::Bool(true),
        Some(Role::CoHost) => json!(["participants"]),
        None => Value::Bool(false),
    };
    json!({ "hasPresence": true, "canSend": true, "canAdmin": admin })
}

fn ticket(
    to: &Entitlement,
    names: (&str, &str),
    room: &DailyRoom,
    token: String,
    now: Timestamp,
) -> Ticket {
    let names = (names.0.to_owned(), names.1.to_owned());
    Ticket {
        token: Some(Hidden(token)),
        url: Some(room.url.clone()),
        ..Ticket::blank(to.clone(), names, now)
    }
}
