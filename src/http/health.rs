//! Whether the process serves.

/// `GET /healthz`: answers as soon as it serves, whatever the state of what it depends on.
pub async fn live() -> &'static str {
    "ok"
}
