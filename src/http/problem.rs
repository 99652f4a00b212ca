//! Errors as `application/problem+json` (RFC 9457) with a stable `code`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::auth::TokenFault;
use crate::domain::refusal::{Kind, Refusal};

/// A refusal on its way out.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    retry_after: Option<Duration>,
    /// Whether a token was there and is not believed.
    bad_token: bool,
    /// Who decided before, and whether they admitted.
    decided: Option<(Arc<str>, bool)>,
}

#[derive(Serialize)]
struct ProblemBody<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(rename = "retryAfterMs", skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u128>,
    #[serde(rename = "decidedBy", skip_serializing_if = "Option::is_none")]
    decided_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<&'static str>,
}

impl Problem {
    /// A body that is not JSON, with the place where it stops being it.
    #[must_use]
    pub const fn malformed(detail: String) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self {
            status,
            code: "malformed-json",
            detail,
            retry_after: None,
            bad_token: false,
            decided: None,
        }
    }

    /// A token that is not believed, or is missing.
    #[must_use]
    pub fn token(fault: TokenFault) -> Self {
        Self {
            bad_token: fault != TokenFault::Missing,
            ..Self::from(Refusal::from(fault))
        }
    }

    /// A body that did not come in time.
    #[must_use]
    pub fn too_slow() -> Self {
        let detail = "The request body did not come in time; send it again".to_owned();
        Self {
            status: StatusCode::REQUEST_TIMEOUT,
            code: "request-timeout",
            detail,
            retry_after: None,
            bad_token: false,
            decided: None,
        }
    }

    /// A body over the limit.
    #[must_use]
    pub fn too_large() -> Self {
        let detail = "The request body is too large".to_owned();
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Self {
            status,
            code: "payload-too-large",
            detail,
            retry_after: None,
            bad_token: false,
            decided: None,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let decided = if let Refusal::AlreadyDecided { by, admitted } = &refusal {
            Some((by.clone(), *admitted))
        } else {
            None
        };
        let status = match refusal.kind() {
            Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Gone => StatusCode::GONE,
            Kind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self {
            status,
            code: refusal.code(),
            detail: refusal.to_string(),
            retry_after: refusal.retry_after(),
            bad_token: false,
            decided,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            retry_after_ms: self
                .retry_after
                .map(|after| after.as_micros().div_ceil(1_000).max(1)),
            decided_by: self.decided.as_ref().map(|(by, _)| &**by),
            decision: self
                .decided
                .as_ref()
                .map(|(_, admitted)| decision(*admitted)),
        };
        let mut response = Response::new(Body::from(serde_json::to_vec(&body).unwrap_or_default()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Some(after) = self.retry_after {
            let seconds = after.as_micros().div_ceil(1_000_000).max(1);
            let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 6750, section 3
            let challenge = if self.bad_token {
                "Bearer error=\"invalid_token\""
            } else {
                "Bearer"
            };
            let challenge = HeaderValue::from_static(challenge);
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

const fn decision(admitted: bool) -> &'static str {
    if admitted { "admitted" } else { "denied" }
}

/// A page of a site that is not to use the server.
#[must_use]
pub fn foreign_page() -> Problem {
    let detail =
        "Pages of this site may not use the server; add its origin to http.allowed_origins"
            .to_owned();
    Problem {
        status: StatusCode::FORBIDDEN,
        code: "foreign-origin",
        detail,
        retry_after: None,
        bad_token: false,
        decided: None,
    }
}

/// A node that is about to stop takes no clients.
#[must_use]
pub fn draining() -> Problem {
    Problem {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "unavailable",
        detail: "This node is about to stop; connect again to reach another".to_owned(),
        retry_after: Some(Duration::from_secs(1)),
        bad_token: false,
        decided: None,
    }
}

/// No such path.
pub async fn no_route() -> Problem {
    no_such_route()
}

/// A notice that was signed too long ago, or ahead of time.
#[must_use]
pub fn stale_notice() -> Problem {
    let detail = "The notice was not signed just now; look at the clocks".to_owned();
    Problem {
        status: StatusCode::BAD_REQUEST,
        code: "stale-notice",
        detail,
        retry_after: None,
        bad_token: false,
        decided: None,
    }
}

/// The same, where it is found out later.
#[must_use]
pub fn no_such_route() -> Problem {
    let detail = "There is nothing at this path".to_owned();
    Problem {
        status: StatusCode::NOT_FOUND,
        code: "route-not-found",
        detail,
        retry_after: None,
        bad_token: false,
        decided: None,
    }
}

/// The path exists, the method does not.
pub async fn no_method() -> Problem {
    let detail = "This path does not take this method".to_owned();
    let status = StatusCode::METHOD_NOT_ALLOWED;
    Problem {
        status,
        code: "method-not-allowed",
        detail,
        retry_after: None,
        bad_token: false,
        decided: None,
    }
}
