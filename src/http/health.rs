//! Whether the process serves, and whether it should be given work.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::Api;

/// `GET /healthz`: answers as soon as it serves, whatever the state of what it depends on.
pub async fn live() -> &'static str {
    "ok"
}

/// `GET /readyz`: 200, or 503 with every reason.
pub async fn ready(State(api): State<Arc<Api>>) -> Response {
    let faults = api.readiness.faults();
    if faults.is_empty() {
        return Json(json!({ "ready": true })).into_response();
    }
    let reasons: Vec<_> = faults
        .iter()
        .map(|fault| json!({ "part": fault.part, "reason": fault.reason }))
        .collect();
    let body = json!({ "ready": false, "reasons": reasons });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}
