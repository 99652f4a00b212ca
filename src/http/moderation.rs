//! `/api/meetings/{id}/…`: what is done in a live room, for back ends, operators and moderators who are
//! not in it. Each is an ordinary command of the room.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Api;
use super::caller::Caller;
use super::input::{self, JsonBody, MeetingId, Params, invalid};
use super::meetings::{ByQuery, ListQuery, PeopleQuery};
use super::problem::Problem;
use crate::domain::id::{RoomId, RoomKey, UserId};
use crate::domain::participant::MediaKind;
use crate::domain::permission::MeetingAction;
use crate::domain::policy::AccessChange;
use crate::domain::refusal::{Refusal, RoleChange};
use crate::domain::role::Role;
use crate::domain::room::{Command, MuteTarget};
use crate::protocol::rest::{LobbyBody, PageBody, rfc3339};

type Shared = State<Arc<Api>>;
type Answer = Result<Response, Problem>;

/// A meeting and somebody in the path.
#[derive(Debug)]
pub struct MeetingAndUser {
    room: RoomId,
    user: UserId,
}

impl FromRequestParts<Arc<Api>> for MeetingAndUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, api).await;
        let Path((room, user)) = path.map_err(|_bad| Refusal::MeetingNotFound)?;
        Ok(Self {
            room: RoomId::new(&room).map_err(|_bad| Refusal::MeetingNotFound)?,
            user: input::user_id("userId", &user)?,
        })
    }
}

/// A meeting, somebody and a role in the path.
#[derive(Debug)]
pub struct MeetingAndRole {
    room: RoomId,
    user: UserId,
    role: Role,
}

impl FromRequestParts<Arc<Api>> for MeetingAndRole {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let path = Path::<(String, String, String)>::from_request_parts(parts, api).await;
        let Path((room, user, role)) = path.map_err(|_bad| Refusal::MeetingNotFound)?;
        let known = [Role::Host, Role::CoHost];
        let role = known.into_iter().find(|it| it.as_str() == role);
        Ok(Self {
            room: RoomId::new(&room).map_err(|_bad| Refusal::MeetingNotFound)?,
            user: input::user_id("userId", &user)?,
            role: role.ok_or_else(|| invalid("role must be host or co-host".to_owned()))?,
        })
    }
}

/// One participant, or all of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetBody {
    participant_id: Option<String>,
    #[serde(default)]
    all: bool,
}

impl TargetBody {
    fn target(&self) -> Result<Option<UserId>, Refusal> {
        match (&self.participant_id, self.all) {
            (Some(id), false) => input::user_id("participantId", id).map(Some),
            (None, true) => Ok(None),
            _ => Err(invalid(
                "Say whom: either participantId, or all: true".to_owned(),
            )),
        }
    }
}

/// `POST /api/meetings/{id}/deny`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParticipantIdBody {
    participant_id: String,
}

/// `POST /api/meetings/{id}/remove`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveBody {
    participant_id: String,
    #[serde(default)]
    ban: bool,
}

/// `POST /api/meetings/{id}/mute`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MuteBody {
    participant_id: Option<String>,
    #[serde(default)]
    all: bool,
    kind: MediaKind,
}

/// `POST /api/meetings/{id}/lock`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockBody {
    locked: bool,
}

/// A command of a room, by whoever may give it.
struct Order {
    key: RoomKey,
    action: MeetingAction,
    command: Command,
}

/// Lets the room judge the command, and answers with the revision that contains it.
async fn carry_out(api: &Api, caller: &Caller, by: &ByQuery, order: Order) -> Answer {
    let Order {
        key,
        action,
        command,
    } = order;
    caller.authorize(api, &key, action).await?;
    let by = caller.live_origin(api, by.user()?.as_ref())?;
    let done = api.meetings.command(&key, command, &by).await;
    let room = caller.found(api, &key, done)?;
    Ok(Json(json!({ "ok": true, "rev": room.rev })).into_response())
}

/// `POST /api/meetings/{id}/admit` `{participantId}` or `{all: true}`.
///
/// # Errors
/// 403, 404, 409 for a full room or when somebody else has decided.
pub async fn admit(
    State(api): Shared,
    caller: Caller,
    MeetingId(id): MeetingId,
    Params(by): Params<ByQuery>,
    JsonBody(body): JsonBody<TargetBody>,
) -> Answer {
    let command = match body.target()? {
        Some(target) => Command::Admit { target },
        None => Command::AdmitAll,
    };
    moderate(&api, &caller, &by, id, command).await
}

/// `POST /api/meetings/{id}/deny` `{participantId}`.
///
/// # Errors
/// As for [`admit`].
pub async fn deny(
    State(api): Shared,
    caller: Caller,
    MeetingId(id): MeetingId,
    Params(by): Params<ByQuery>,
    JsonBody(body): JsonBody<ParticipantIdBody>,
) -> Answer {
    let target = input::user_id("participantId", &body.participant_id)?;
    moderate(&api, &caller, &by, id, Command::Deny { target }).await
}

/// `POST /api/meetings/{id}/remove` `{participantId, ban?}`.
///
/// # Errors
/// 403, 404.
pub async fn remove(
    State(api): Shared,
    caller: Caller,
    MeetingId(id): MeetingId,
    Params(by): Params<ByQuery>,
    JsonBody(body): JsonBody<RemoveBody>,
) -> Answer {
    let target = input::user_id("participantId", &body.participant_id)?;
    let ban = body.ban;
    moderate(&api, &caller, &by, id, Command::Remove { target, ban }).await
}

/// `POST /api/meetings/{id}/mute` `{participantId or all: true, kind}`.
///
/// # Errors
/// 403, 404.
pub async fn mute(
    State(api): Shared,
    caller: Caller,
    MeetingId(id): MeetingId,
    Params(by): Params<ByQuery>,
    JsonBody(body): JsonBody<MuteBody>,
) -> Answer {
    let whom = TargetBody {
        participant_id: body.participant_id,
        all: body.all,
    };
    let target = whom.target()?.map_or(MuteTarget::All, MuteTarget::One);
    let kind = body.kind;
    let lock = false;
    let mute = Command::Mute { target, kind, lock };
    moderate(&api, &caller, &by, id, mute).await
}

async fn moderate(
    api: &Api,
    caller: &Caller,
    by: &ByQuery,
    id: RoomId,
    command: Command,
) -> Answer {
    let order = Order {
        key: caller.key(id),
        action: MeetingAction::Moderate,
        command,
    };
    carry_out(api, caller, by, order).await
}

/// `POST /api/meetings/{id}/lock` `{locked}`.
///
/// # Errors
/// 403, 404.
pub async fn lock(
    State(api): Shared,
    caller: Caller,
    MeetingId(id): MeetingId,
    Params(by): Params<ByQuery>,
    JsonBody(body): JsonBody<LockBody>,
) -> Answer {
    let change = AccessChange {
        locked: Some(body.locked),
        ..AccessChange::default()
    };
    let order = Order {
        key: caller.key(id),
        action: MeetingAction::Change,
        command: Command::UpdateAccess {
            change,
            passcode: None,
        },
    };
    carry_out(&api, &caller, &by, order).await
}

/// `PUT /api/meetings/{id}/bans/{userId}`: whoever is in the room is taken out.
///
/// # Errors
/// 403, 404.
pub async fn ban(
    State(api): Shared,
    caller: Caller,
    place: MeetingAndUser,
    Params(by): Params<ByQuery>,
) -> Answer {
    let (target, ban) = (place.user, true);
    let command = Command::Remove { target, ban };
    moderate(&api, &caller, &by, place.room, command).await
}

/// `DELETE /api/meetings/{id}/bans/{userId}`.
///
/// # Errors
/// 403, 404.
pub async fn unban(
    State(api): Shared,
    caller: Caller,
    place: MeetingAndUser,
    Params(by): Params<ByQuery>,
) -> Answer {
    let command = Command::Unban { target: place.user };
    moderate(&api, &caller, &by, place.room, command).await
}

/// `PUT /api/meetings/{id}/roles/{userId}/{role}`, whether or not the user is in the room.
///
/// # Errors
/// 403, 404, 422.
pub async fn grant_role(
    State(api): Shared,
    caller: Caller,
    place: MeetingAndRole,
    Params(by): Params<ByQuery>,
) -> Answer {
    change_role(&api, &caller, &by, place, true).await
}

/// `DELETE /api/meetings/{id}/roles/{userId}/{role}`.
///
/// # Errors
/// 403, 404, 409 for the last host, 422.
pub async fn revoke_role(
    State(api): Shared,
    caller: Caller,
    place: MeetingAndRole,
    Params(by): Params<ByQuery>,
) -> Answer {
    change_role(&api, &caller, &by, place, false).await
}

async fn change_role(
    api: &Api,
    caller: &Caller,
    by: &ByQuery,
    place: MeetingAndRole,
    grant: bool,
) -> Answer {
    let MeetingAndRole { room, user, role } = place;
    let order = Order {
        key: caller.key(room),
        action: MeetingAction::ChangeRoles,
        command: Command::ChangeRole {
            target: user,
            change: RoleChange { role, grant },
        },
    };
    carry_out(api, caller, by, order).await
}

/// `GET /api/meetings/{id}/lobby?limit=&after=`: who waits to be let in, in order.
///
/// # Errors
/// 403, 404.
pub async fn lobby(
    State(api): Shared,
    caller: Caller,
    MeetingId(id): MeetingId,
    Params(query): Params<PeopleQuery>,
) -> Answer {
    let key = caller.key(id.clone());
    caller
        .authorize(&api, &key, MeetingAction::SeeLobby)
        .await?;
    let room = caller.found(&api, &key, api.meetings.room(&key).await)?;
    let queue = room.iter().flat_map(|room| room.lobby().iter());
    let page = query.page(&api, queue);
    Ok(Json(LobbyBody::new(&id, room.as_ref(), page)).into_response())
}

/// Somebody who is banned.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BanBody {
    user_id: UserId,
    since: String,
}

/// `GET /api/meetings/{id}/bans?limit=&after=`, by user id.
///
/// # Errors
/// 403, 404.
pub async fn bans(
    State(api): Shared,
    caller: Caller,
    MeetingId(id): MeetingId,
    Params(query): Params<ListQuery>,
) -> Answer {
    let key = caller.key(id);
    caller.authorize(&api, &key, MeetingAction::SeeBans).await?;
    let limit = usize::try_from(query.limit(&api)).unwrap_or(usize::MAX);
    let found = api.meetings.bans(&key).await;
    let mut bans = caller.found(&api, &key, found)?;
    let after = query.after();
    bans.retain(|(user, _)| after.is_none_or(|after| user.as_str() > after));
    let more = bans.len() > limit;
    bans.truncate(limit);
    let last = bans.last().map(|(user, _)| user.to_string());
    let items = bans.into_iter().map(|(user_id, since)| BanBody {
        user_id,
        since: rfc3339(since),
    });
    let body = PageBody {
        items: items.collect::<Vec<_>>(),
        next: last.filter(|_| more),
    };
    Ok(Json(body).into_response())
}
