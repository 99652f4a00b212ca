//! What a provider's answer means: success, or which fault, by stable codes only.

use http::StatusCode;
use reqwest::Response;
use serde_json::Value;

use super::call::Reply;
use crate::engine::providers::ProviderFault;

/// Bytes of an answer.
const ANSWER_BYTES: usize = 1024 * 1024;

/// Longest code of an error that is passed on.
const CODE_BYTES: usize = 64;

/// All of it, unless it is too long.
pub(super) async fn body(mut answer: Response) -> Result<Vec<u8>, ProviderFault> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| fault(&error))? {
        if body.len().saturating_add(chunk.len()) > ANSWER_BYTES {
            return Err(ProviderFault::Unavailable("answer-too-long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What it says.
pub(super) fn judge(status: StatusCode, body: &[u8]) -> Result<Reply, ProviderFault> {
    if status.is_success() {
        let bad = |_not_json| bad_answer();
        let body = match body {
            [] => Value::Null,
            _ => serde_json::from_slice(body).map_err(bad)?,
        };
        return Ok(Reply {
            status: status.as_u16(),
            body,
        });
    }
    let code = code(body).unwrap_or_else(|| format!("http-{}", status.as_u16()));
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS => ProviderFault::RateLimited,
        StatusCode::REQUEST_TIMEOUT => ProviderFault::Unavailable(code),
        _ if status.is_server_error() => ProviderFault::Unavailable(code),
        _ => ProviderFault::Refused {
            status: status.as_u16(),
            code,
        },
    })
}

/// That it answered with something else than what it is known to answer.
pub(super) fn bad_answer() -> ProviderFault {
    ProviderFault::Unavailable("bad-answer".to_owned())
}

/// The code in an error's body: Daily calls it `error`, Twirp `code`. What may be prose is no code.
fn code(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let code = body.get("error").or_else(|| body.get("code"))?.as_str()?;
    let is_code = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let fits = !code.is_empty() && code.len() <= CODE_BYTES && code.bytes().all(is_code);
    fits.then(|| code.to_owned())
}

/// Why there is none; the error's own text would hold the address.
pub(super) fn fault(error: &reqwest::Error) -> ProviderFault {
    if error.is_builder() {
        // The key does not fit into a header.
        return ProviderFault::Unconfigured;
    }
    let what = if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "no-connection"
    } else {
        "connection-lost"
    };
    ProviderFault::Unavailable(what.to_owned())
}
