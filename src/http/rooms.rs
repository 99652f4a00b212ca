//! `/api/rooms`: the live rooms of a tenant, for operators and their back ends.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Api;
use super::caller::Caller;
use super::input::Params;
use super::meetings::{ByQuery, ListQuery};
use super::problem::Problem;
use crate::protocol::rest::{PageBody, RoomBody};

type Shared = State<Arc<Api>>;
type Answer = Result<Response, Problem>;

/// `GET /api/rooms?limit=&after=`: rooms with somebody in them or in their lobbies, by id.
///
/// # Errors
/// 403.
pub async fn list(State(api): Shared, caller: Caller, Params(query): Params<ListQuery>) -> Answer {
    caller.authorize_all(&api)?;
    let limit = usize::try_from(query.limit(&api)).unwrap_or(usize::MAX);
    let tenant = &caller.principal.tenant;
    let page = api.meetings.live(tenant, query.after(), limit).await?;
    let items: Vec<RoomBody> = page.items.iter().map(RoomBody::from).collect();
    let next = page.next;
    Ok(Json(PageBody { items, next }).into_response())
}

/// `POST /api/rooms/end`: ends every live room of the tenant.
///
/// # Errors
/// 403.
pub async fn end_all(State(api): Shared, caller: Caller, Params(by): Params<ByQuery>) -> Answer {
    caller.authorize_all(&api)?;
    let by = caller.live_origin(&api, by.user()?.as_ref())?;
    let (ended, failed) = api.meetings.end_all(&caller.principal.tenant, &by).await?;
    Ok(Json(json!({ "ended": ended, "failed": failed })).into_response())
}
