//! `POST /api/meetings/{id}/token`: a ticket to the media provider for somebody who is in the room.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, HeaderValue};
use serde::{Deserialize, Serialize};

use super::Api;
use super::caller::Caller;
use super::input::{self, JsonBody, MeetingId, invalid};
use super::problem::Problem;
use crate::domain::id::Revision;
use crate::domain::permission::MeetingAction;
use crate::protocol::ticket::TicketBody;

/// `{userId?}`: for whom, where no token says so.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssueBody {
    user_id: Option<String>,
}

#[derive(Serialize)]
struct IssuedBody<'a> {
    ok: bool,
    rev: Revision,
    provider: Option<TicketBody<'a>>,
}

/// A fresh ticket. A person gets their own, a back end anybody's.
///
/// # Errors
/// 401, 403 for who is not in the room or banned, 404, 410, 422, 503 while the provider does not answer.
pub async fn issue(
    State(api): State<Arc<Api>>,
    caller: Caller,
    MeetingId(id): MeetingId,
    JsonBody(body): JsonBody<IssueBody>,
) -> Result<Response, Problem> {
    let claim = body
        .user_id
        .as_deref()
        .map(|id| input::user_id("userId", id))
        .transpose()?;
    let user = caller.act_as(&api, claim.as_ref())?;
    let user = user.ok_or_else(|| invalid("userId is missing: say for whom".to_owned()))?;
    let key = caller.key(id);
    let action = MeetingAction::IssueTicket;
    caller.authorize(&api, &key, action).await?;
    let issued = caller.found(&api, &key, api.meetings.ticket(&key, user).await)?;
    let body = IssuedBody {
        ok: true,
        rev: issued.rev,
        provider: issued.ticket.as_deref().map(TicketBody::from),
    };
    let mut response = Json(body).into_response();
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, never);
    Ok(response)
}
