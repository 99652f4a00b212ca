//! The REST surface: routes on one screen, translations beside them, no rule of their own.

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Serialize;

use crate::auth::Authenticator;
use crate::domain::id::RoomId;
use crate::engine::directory::Page;
use crate::engine::meetings::Meetings;
use crate::engine::notices::Notices;
use crate::engine::rates::Rates;
use crate::engine::readiness::Readiness;
use crate::engine::security::Security;
use crate::protocol::rest::PageBody;

pub mod browsers;
pub mod caller;
pub mod health;
pub mod input;
pub mod meetings;
pub mod moderation;
pub mod problem;
pub mod request_id;
pub mod rooms;
pub mod security;
pub mod tickets;
pub mod webhooks;

/// Bounds of the REST surface, all of them settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Until a request's body is complete.
    pub body_timeout: Duration,
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Characters of a display name.
    pub name_chars: usize,
    /// Characters of a description.
    pub description_chars: usize,
    /// Items on one page.
    pub page_size: usize,
}

impl HttpLimits {
    /// How many items the page has that was asked for.
    #[must_use]
    pub fn page(&self, wanted: Option<u64>) -> u64 {
        let most = u64::try_from(self.page_size).unwrap_or(u64::MAX);
        wanted.unwrap_or(20).clamp(1, most)
    }
}

/// A page as clients see it.
fn page<'a, T, B>(page: &'a Page<T>) -> Response
where
    B: From<&'a T> + Serialize,
{
    let items: Vec<B> = page.items.iter().map(B::from).collect();
    let next = page.next.clone();
    Json(PageBody { items, next }).into_response()
}

/// What handlers need.
#[derive(Debug)]
pub struct Api {
    /// The use cases.
    pub meetings: Meetings,
    /// Whether the node wants work.
    pub readiness: Arc<Readiness>,
    /// Verifies tokens.
    pub authenticator: Arc<Authenticator>,
    /// What was refused.
    pub security: Arc<Security>,
    /// How often somebody may ask.
    pub rates: Arc<Rates>,
    /// What media providers tell.
    pub notices: Notices,
    /// Bounds.
    pub limits: HttpLimits,
    /// Draws a meeting's id where the client gave none.
    pub new_id: fn() -> Option<RoomId>,
}

/// What is done in live rooms.
fn live() -> Router<Arc<Api>> {
    let of = |path: &str| format!("/api/meetings/{{id}}/{path}");
    Router::new()
        .route("/api/rooms", get(rooms::list))
        .route("/api/rooms/end", post(rooms::end_all))
        .route(&of("token"), post(tickets::issue))
        .route(&of("lobby"), get(moderation::lobby))
        .route(&of("admit"), post(moderation::admit))
        .route(&of("deny"), post(moderation::deny))
        .route(&of("remove"), post(moderation::remove))
        .route(&of("mute"), post(moderation::mute))
        .route(&of("lock"), post(moderation::lock))
        .route(&of("bans"), get(moderation::bans))
        .route(
            &of("bans/{user}"),
            put(moderation::ban).delete(moderation::unban),
        )
        .route(
            &of("roles/{user}/{role}"),
            put(moderation::grant_role).delete(moderation::revoke_role),
        )
}

/// Every route.
pub fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/api/meetings", post(meetings::create).get(meetings::list))
        .route(
            "/api/meetings/{id}",
            get(meetings::read)
                .patch(meetings::update)
                .delete(meetings::delete),
        )
        .route("/api/meetings/{id}/end", post(meetings::end))
        .route(
            "/api/meetings/{id}/participants",
            get(meetings::participants),
        )
        .route("/api/meetings/{id}/audit", get(meetings::audit))
        .merge(live())
        .route("/api/security-events", get(security::events))
        .route("/api/webhooks/{provider}", post(webhooks::take))
        .route(
            "/api/webhooks/{provider}/{tenant}",
            post(webhooks::take_for_tenant),
        )
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .layer(axum::middleware::from_fn(request_id::named))
        .with_state(api)
}
