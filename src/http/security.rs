//! `/api/security-events`: what was refused in the caller's tenant.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::Api;
use super::caller::Caller;
use super::input::Params;
use super::problem::Problem;
use crate::domain::refusal::Refusal;
use crate::engine::meetings::refusal;
use crate::engine::security::SecurityRow;
use crate::protocol::rest::rfc3339;

/// The query of the list.
#[derive(Debug, Deserialize)]
pub struct EventsQuery {
    after: Option<String>,
    limit: Option<u64>,
}

/// `GET /api/security-events?limit=&after=`, newest first, for back ends with `meetings:admin`.
///
/// # Errors
/// 403.
pub async fn events(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(query): Params<EventsQuery>,
) -> Result<Response, Problem> {
    if !caller.sees_everybody() {
        return Err(Refusal::Forbidden.into());
    }
    let limit = api.limits.page(query.limit);
    let tenant = &caller.principal.tenant;
    let found = api.security.events(tenant, query.after.as_deref(), limit);
    let page = found.await.map_err(refusal)?;
    Ok(super::page::<_, EventBody<'_>>(&page))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EventBody<'a> {
    at: String,
    kind: &'a str,
    reason: &'a str,
    user_id: Option<&'a str>,
    network: Option<&'a str>,
    meeting_id: Option<&'a str>,
    request_id: Option<&'a str>,
    count: u64,
}

impl<'a> From<&'a SecurityRow> for EventBody<'a> {
    fn from(row: &'a SecurityRow) -> Self {
        Self {
            at: rfc3339(row.at),
            kind: &row.kind,
            reason: &row.reason,
            user_id: row.user.as_ref().map(|id| id.as_str()),
            network: row.network.as_deref(),
            meeting_id: row.room.as_ref().map(|id| id.as_str()),
            request_id: row.request.as_ref().map(|id| id.as_str()),
            count: row.count,
        }
    }
}
