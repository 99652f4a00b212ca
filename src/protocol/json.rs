//! JSON written by hand where it is written once per message and read by everybody.

use crate::domain::id::{ConnectionId, Revision};

/// Appends `value` as a JSON string, quotes included.
pub fn string(out: &mut String, value: &str) {
    // A string always serialises; the fallback keeps the output valid JSON all the same.
    match serde_json::to_string(value) {
        Ok(quoted) => out.push_str(&quoted),
        Err(_) => out.push_str("\"\""),
    }
}

/// Appends `value`, or `null`.
pub fn optional_string(out: &mut String, value: Option<&str>) {
    match value {
        Some(value) => string(out, value),
        None => out.push_str("null"),
    }
}

/// Appends `,"key":value`; the key must need no escaping.
pub fn flag(out: &mut String, key: &str, value: bool) {
    number(out, key, value);
}

/// Appends `,"key":value` for anything that prints as a JSON number or boolean.
pub fn number(out: &mut String, key: &str, value: impl std::fmt::Display) {
    out.push_str(",\"");
    out.push_str(key);
    out.push_str("\":");
    out.push_str(&value.to_string());
}

/// `{body,"rev":n}`.
#[must_use]
pub fn object(body: &str, rev: Revision) -> String {
    let mut out = String::with_capacity(body.len().saturating_add(32));
    out.push('{');
    out.push_str(body);
    number(&mut out, "rev", rev);
    out.push('}');
    out
}

/// A connection as clients know it, quoted: `"00000000000000ff"`, or `null`.
#[must_use]
pub fn socket_id(connection: Option<ConnectionId>) -> String {
    connection.map_or_else(|| "null".to_owned(), |id| format!("\"{:016x}\"", id.0))
}
