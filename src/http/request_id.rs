//! A name for every request: the client's own, or one of ours. The answer, the audit and security
//! events carry it.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderValue;

use super::browsers::REQUEST_ID;
use crate::domain::id::RequestId;

/// Names the request and its answer. A name that is none of ours to keep is replaced.
pub async fn named(mut request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|it| it.to_str().ok());
    let id = given
        .and_then(|given| RequestId::new(given).ok())
        .or_else(|| RequestId::new(&uuid::Uuid::now_v7().to_string()).ok());
    let value = id
        .as_ref()
        .and_then(|id| HeaderValue::from_str(id.as_str()).ok());
    if let Some(id) = id {
        request.extensions_mut().insert(id);
    }
    let mut response = next.run(request).await;
    if let Some(value) = value {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
