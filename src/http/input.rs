//! Reading requests: bodies, ids and texts, each with an error that says what and where.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use serde::de::DeserializeOwned;

use super::Api;
use super::problem::Problem;
use crate::domain::id::{RoomId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::text;

/// A JSON body. The content type is not looked at: older frontends send none.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequest<Arc<Api>> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, api: &Arc<Api>) -> Result<Self, Problem> {
        let RawBody(bytes) = RawBody::from_request(request, api).await?;
        read(&bytes).map(Self)
    }
}

/// A body as it came, to the byte.
#[derive(Debug)]
pub struct RawBody(pub Bytes);

impl FromRequest<Arc<Api>> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, api: &Arc<Api>) -> Result<Self, Problem> {
        let body = collect(request.into_body(), api.limits.body_bytes);
        let bytes = tokio::time::timeout(api.limits.body_timeout, body).await;
        bytes
            .unwrap_or_else(|_elapsed| Err(Problem::too_slow()))
            .map(Self)
    }
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, Problem> {
    // What is announced need not be waited for.
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > limit {
        return Err(Problem::too_large());
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::too_large()),
        Err(error) => Err(Problem::malformed(format!(
            "The body could not be read: {error}"
        ))),
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde would read a list as the fields in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(invalid("The body must be an object".to_owned()).into());
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Data => {
                invalid(format!("The body does not fit at {place}: {error}")).into()
            }
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => {
                Problem::malformed(format!("The body is not JSON at {place}: {error}"))
            }
        }
    })
}

/// The query of a request.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Api>> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _api: &Arc<Api>) -> Result<Self, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        let Query(params) = query.map_err(|error| invalid(error.body_text()))?;
        Ok(Self(params))
    }
}

/// The meeting's id in the path. What cannot be an id cannot be found either.
#[derive(Debug)]
pub struct MeetingId(pub RoomId);

impl FromRequestParts<Arc<Api>> for MeetingId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, api).await;
        let id = path.ok().and_then(|Path(id)| RoomId::new(&id).ok());
        Ok(Self(id.ok_or(Refusal::MeetingNotFound)?))
    }
}

/// [`Refusal::InvalidPayload`] with this reason.
#[must_use]
pub const fn invalid(reason: String) -> Refusal {
    Refusal::InvalidPayload { reason }
}

/// A meeting's id in a body.
///
/// # Errors
/// Which rule it breaks.
pub fn room_id(field: &str, value: &str) -> Result<RoomId, Refusal> {
    RoomId::new(value).map_err(|error| invalid(format!("{field} {error}")))
}

/// A user's id.
///
/// # Errors
/// Which rule it breaks.
pub fn user_id(field: &str, value: &str) -> Result<UserId, Refusal> {
    UserId::new(value).map_err(|error| invalid(format!("{field} {error}")))
}

/// A line of text.
///
/// # Errors
/// Which rule it breaks.
pub fn line(field: &str, value: &str, limit: usize) -> Result<Arc<str>, Refusal> {
    text::line(value, limit).map_err(|error| invalid(format!("{field} {error}")))
}
