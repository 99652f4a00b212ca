//! `/api/meetings`: the canonical surface.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::caller::Caller;
use super::input::{self, JsonBody, MeetingId, Params, invalid};
use super::problem::Problem;
use super::{Api, HttpLimits};
use crate::domain::id::{RequestId, UserId};
use crate::domain::meeting::Meeting;
use crate::domain::participant::Participant;
use crate::domain::passcode::{MAX_CHARS, MIN_CHARS, Passcode, PasscodeHash};
use crate::domain::permission::MeetingAction;
use crate::domain::policy::{Access, AccessChange, MeetingSettings};
use crate::domain::refusal::Refusal;
use crate::domain::role::Role;
use crate::domain::time::Timestamp;
use crate::engine::directory::{AuditRow, MeetingChange, MeetingFilter};
use crate::protocol::rest::{
    CreateMeeting, MeetingBody, Moment, ParticipantBody, ParticipantsBody, SettingsInput,
    UpdateMeeting, rfc3339,
};

type Shared = State<Arc<Api>>;
type Answer = Result<Response, Problem>;

/// `POST /api/meetings`.
///
/// # Errors
/// 409 for a taken id, 422 for what does not fit, 401 for another user's id.
pub async fn create(
    State(api): Shared,
    caller: Caller,
    JsonBody(body): JsonBody<CreateMeeting>,
) -> Answer {
    let mut meeting = new_meeting(&api, &caller, &body)?;
    caller.count_creation(&api, &meeting.created_by)?;
    let by = caller.origin(&api, Some(&meeting.created_by))?;
    let passcode = hashed(&api, body.passcode.as_ref()).await?;
    meeting.access.passcode = passcode.flatten();
    let meeting = api.meetings.create(meeting, &by).await?;
    Ok((StatusCode::CREATED, Json(MeetingBody::from(&*meeting))).into_response())
}

fn new_meeting(api: &Api, caller: &Caller, body: &CreateMeeting) -> Result<Meeting, Refusal> {
    let claim = body
        .user_id
        .as_deref()
        .map(|id| input::user_id("userId", id))
        .transpose()?;
    let created_by = caller
        .act_as(api, claim.as_ref())?
        .ok_or_else(|| invalid("userId is missing: say who creates the meeting".to_owned()))?;
    let room = match &body.room_id {
        Some(id) => input::room_id("roomId", id)?,
        None => (api.new_id)().ok_or(Refusal::Unavailable {
            reason: "No id could be drawn",
        })?,
    };
    let HttpLimits {
        name_chars,
        description_chars,
        ..
    } = api.limits;
    let now = api.meetings.clock().now();
    let description = body.description.as_deref().unwrap_or("Meeting");
    Ok(Meeting {
        key: caller.key(room),
        created_by,
        creator_name: body
            .user_name
            .as_deref()
            .map(|name| input::line("userName", name, name_chars))
            .transpose()?
            .or_else(|| caller.principal.name.clone()),
        description: input::line("description", description, description_chars)?,
        starts_at: moment(body.starts_at.as_ref())?.unwrap_or(now),
        created_at: now,
        updated_at: now,
        ended_at: None,
        settings: settings(api, caller, body.settings.as_ref())?.unwrap_or_default(),
        access: Access {
            locked: body.locked.unwrap_or(false),
            lobby: body.lobby.unwrap_or(false),
            passcode: None,
        },
    })
}

fn settings(
    api: &Api,
    caller: &Caller,
    given: Option<&SettingsInput>,
) -> Result<Option<MeetingSettings>, Refusal> {
    let Some(given) = given else { return Ok(None) };
    let read = given.settings();
    if let Some(provider) = read.and_then(|settings| settings.provider)
        && !api
            .meetings
            .may_be_held_at(&caller.principal.tenant, provider)
    {
        let name = provider.as_str();
        return Err(invalid(format!("provider {name} is not configured here")));
    }
    read.map(Some).ok_or_else(|| {
        invalid(
            "notBefore and notAfter must be RFC 3339 text or milliseconds since 1970, and in this order; \
             maxDurationMs and emptyTimeoutMs at most a year"
                .to_owned(),
        )
    })
}

/// The hash of a passcode that is to be set. Absent: it stays; `null`: it goes.
async fn hashed(
    api: &Api,
    given: Option<&Option<String>>,
) -> Result<Option<Option<PasscodeHash>>, Refusal> {
    match given {
        None => Ok(None),
        Some(None) => Ok(Some(None)),
        Some(Some(text)) => {
            let passcode = Passcode::new(text).ok_or_else(|| {
                invalid(format!(
                    "passcode must have {MIN_CHARS} to {MAX_CHARS} characters, or be null"
                ))
            })?;
            api.meetings
                .hash(passcode)
                .await
                .map(|hash| Some(Some(hash)))
        }
    }
}

fn moment(given: Option<&Moment>) -> Result<Option<Timestamp>, Refusal> {
    let Some(given) = given else { return Ok(None) };
    given.timestamp().map(Some).ok_or_else(|| {
        invalid("startsAt must be RFC 3339 text or milliseconds since 1970".to_owned())
    })
}

/// `GET /api/meetings/{id}`.
///
/// # Errors
/// 404.
pub async fn read(State(api): Shared, caller: Caller, MeetingId(id): MeetingId) -> Answer {
    let key = caller.key(id);
    let meeting = caller.found(&api, &key, api.meetings.get(&key).await)?;
    Ok(Json(MeetingBody::from(&*meeting)).into_response())
}

/// The query of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListQuery {
    after: Option<String>,
    limit: Option<u64>,
    created_by: Option<String>,
    status: Option<String>,
}

impl ListQuery {
    /// How many entries.
    pub(super) fn limit(&self, api: &Api) -> u64 {
        api.limits.page(self.limit)
    }

    /// After which one.
    pub(super) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    fn ended(&self) -> Result<Option<bool>, Refusal> {
        match self.status.as_deref() {
            None => Ok(None),
            Some("open") => Ok(Some(false)),
            Some("ended") => Ok(Some(true)),
            Some(_) => Err(invalid("status must be open or ended".to_owned())),
        }
    }
}

/// `GET /api/meetings?createdBy=&status=&limit=&after=`, newest first. With tokens a caller sees
/// the meetings that they created.
///
/// # Errors
/// 422 for an unknown status.
pub async fn list(State(api): Shared, caller: Caller, Params(query): Params<ListQuery>) -> Answer {
    let asked = query
        .created_by
        .as_deref()
        .map(|id| input::user_id("createdBy", id))
        .transpose()?;
    let created_by = caller.act_as(&api, asked.as_ref())?;
    if created_by.is_none() && !caller.sees_everybody() {
        return Err(Refusal::Forbidden.into());
    }
    let filter = MeetingFilter {
        created_by,
        ended: query.ended()?,
    };
    let (tenant, after) = (&caller.principal.tenant, query.after.as_deref());
    let page = api
        .meetings
        .list(tenant, &filter, after, query.limit(&api))
        .await?;
    Ok(super::page::<_, MeetingBody<'_>>(&page))
}

/// `PATCH /api/meetings/{id}`, for its creator and hosts. Only the creator moves ownership.
///
/// # Errors
/// 403, 404, 422.
pub async fn update(
    State(api): Shared,
    caller: Caller,
    MeetingId(id): MeetingId,
    JsonBody(body): JsonBody<UpdateMeeting>,
) -> Answer {
    let key = caller.key(id);
    let claim = body
        .user_id
        .as_deref()
        .map(|id| input::user_id("userId", id))
        .transpose()?;
    caller.authorize(&api, &key, MeetingAction::Change).await?;
    let by = caller.origin(&api, claim.as_ref())?;
    let limit = api.limits.description_chars;
    let change = MeetingChange {
        description: body
            .description
            .as_deref()
            .map(|text| input::line("description", text, limit))
            .transpose()?,
        starts_at: moment(body.starts_at.as_ref())?,
        settings: settings(&api, &caller, body.settings.as_ref())?,
        access: AccessChange {
            locked: body.locked,
            lobby: body.lobby,
            passcode: hashed(&api, body.passcode.as_ref()).await?,
            max_participants: None,
        },
        created_by: body
            .created_by
            .as_deref()
            .map(|id| input::user_id("createdBy", id))
            .transpose()?,
    };
    if change.created_by.is_some() {
        let action = MeetingAction::MoveOwnership;
        caller.authorize(&api, &key, action).await?;
    }
    let updated = api.meetings.update(&key, &change, &by).await;
    let meeting = caller.found(&api, &key, updated)?;
    Ok(Json(MeetingBody::from(&*meeting)).into_response())
}

/// `?userId=`: who asks, where no token says so.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ByQuery {
    user_id: Option<String>,
}

impl ByQuery {
    /// Who asks.
    ///
    /// # Errors
    /// It is no user id.
    pub(super) fn user(&self) -> Result<Option<UserId>, Refusal> {
        self.user_id
            .as_deref()
            .map(|id| input::user_id("userId", id))
            .transpose()
    }
}

/// `DELETE /api/meetings/{id}`, for its creator and hosts.
///
/// # Errors
/// 403, 404.
pub async fn delete(
    State(api): Shared,
    caller: Caller,
    MeetingId(id): MeetingId,
    Params(query): Params<ByQuery>,
) -> Answer {
    let key = caller.key(id);
    caller.authorize(&api, &key, MeetingAction::Delete).await?;
    let by = caller.origin(&api, query.user()?.as_ref())?;
    let deleted = api.meetings.delete(&key, &by).await;
    caller.found(&api, &key, deleted)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /api/meetings/{id}/end`, for its creator and hosts. Repeating it changes nothing.
///
/// # Errors
/// 403, 404.
pub async fn end(
    State(api): Shared,
    caller: Caller,
    MeetingId(id): MeetingId,
    Params(query): Params<ByQuery>,
) -> Answer {
    let key = caller.key(id);
    caller.authorize(&api, &key, MeetingAction::End).await?;
    let by = caller.origin(&api, query.user()?.as_ref())?;
    let ended = api.meetings.end(&key, &by).await;
    let meeting = caller.found(&api, &key, ended)?;
    Ok(Json(MeetingBody::from(&*meeting)).into_response())
}

/// The query of a list of people; without a limit all of them are listed.
#[derive(Debug, Deserialize)]
pub struct PeopleQuery {
    limit: Option<u64>,
    after: Option<u64>,
}

impl PeopleQuery {
    /// The part of `people` that was asked for, and where the next one begins.
    pub(super) fn page<'a>(
        &self,
        api: &Api,
        people: impl Iterator<Item = &'a Arc<Participant>>,
    ) -> (Vec<&'a Participant>, Option<String>) {
        let mut rest = people.skip_while(|it| self.after.is_some_and(|after| it.seat <= after));
        let Some(limit) = self.limit else {
            return (rest.map(|it| &**it).collect(), None);
        };
        let limit = usize::try_from(api.limits.page(Some(limit))).unwrap_or(usize::MAX);
        let page: Vec<&Participant> = rest.by_ref().take(limit).map(|it| &**it).collect();
        let more = rest.next().is_some();
        let last = page.last().map(|it| it.seat.to_string());
        (page, last.filter(|_| more))
    }
}

/// `GET /api/meetings/{id}/participants?limit=&after=`: who is in the room now, for the people of the
/// meeting.
///
/// # Errors
/// 403, 404.
pub async fn participants(
    State(api): Shared,
    caller: Caller,
    MeetingId(id): MeetingId,
    Params(query): Params<PeopleQuery>,
) -> Answer {
    let key = caller.key(id.clone());
    caller
        .authorize(&api, &key, MeetingAction::SeePeople)
        .await?;
    let room = caller.found(&api, &key, api.meetings.room(&key).await)?;
    let Some(room) = room else {
        return Ok(Json(ParticipantsBody::empty(&id)).into_response());
    };
    let (page, next) = query.page(&api, room.participants());
    let participants = page.iter().map(|it| ParticipantBody::new(&room, it));
    let body = ParticipantsBody {
        meeting_id: id.to_string(),
        rev: room.rev,
        count: room.len(),
        participants: participants.collect(),
        next,
    };
    Ok(Json(body).into_response())
}

/// `GET /api/meetings/{id}/audit?limit=&after=`, oldest first, for its creator and hosts.
///
/// # Errors
/// 403, 404.
pub async fn audit(
    State(api): Shared,
    caller: Caller,
    MeetingId(id): MeetingId,
    Params(query): Params<ListQuery>,
) -> Answer {
    let key = caller.key(id);
    caller
        .authorize(&api, &key, MeetingAction::SeeAudit)
        .await?;
    let (after, limit) = (query.after.as_deref(), query.limit(&api));
    let found = api.meetings.audit(&key, after, limit).await;
    let page = caller.found(&api, &key, found)?;
    Ok(super::page::<_, AuditBody<'_>>(&page))
}

/// A row of the audit as clients see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AuditBody<'a> {
    at: String,
    actor: &'a str,
    action: &'a str,
    target: Option<&'a UserId>,
    role: Option<&'static str>,
    before: &'a Option<Value>,
    after: &'a Option<Value>,
    cause: &'a str,
    epoch: Option<String>,
    rev: Option<u64>,
    request_id: Option<&'a RequestId>,
    stamp: Option<u64>,
}

impl<'a> From<&'a AuditRow> for AuditBody<'a> {
    fn from(row: &'a AuditRow) -> Self {
        Self {
            at: rfc3339(row.at),
            actor: &row.actor,
            action: &row.action,
            target: row.target.as_ref(),
            role: row.role.map(Role::as_str),
            before: &row.before,
            after: &row.after,
            cause: &row.cause,
            epoch: row.epoch.map(|epoch| format!("{:016x}", epoch.0)),
            rev: row.rev,
            request_id: row.request.as_ref(),
            stamp: row.stamp.map(|stamp| stamp.0),
        }
    }
}
