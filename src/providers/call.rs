//! One call to a provider's API, and what came back.

use std::fmt;

use http::Method;
use secrecy::SecretString;
use serde_json::Value;

use super::pace::Urgency;

/// Which rate a call counts towards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// The usual one.
    Usual,
    /// That of calls which the provider allows rarely.
    Slow,
}

/// One call.
pub struct Call {
    /// How.
    pub method: Method,
    /// Where, below the provider's address: each part as it is, unescaped.
    pub path: Vec<String>,
    /// With which query.
    pub query: Vec<(&'static str, String)>,
    /// As whom.
    pub bearer: SecretString,
    /// With what.
    pub body: Option<Value>,
    /// How often.
    pub lane: Lane,
    /// How soon.
    pub urgency: Urgency,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} /{}", self.method, self.path.join("/"))
    }
}

impl Call {
    /// A call without a body that somebody waits for, in the usual lane.
    #[must_use]
    pub fn new(method: Method, path: &[&str], bearer: SecretString) -> Self {
        Self {
            method,
            path: path.iter().map(|&part| part.to_owned()).collect(),
            query: Vec::new(),
            bearer,
            body: None,
            lane: Lane::Usual,
            urgency: Urgency::Awaited,
        }
    }

    /// The same with this body.
    #[must_use]
    pub fn with(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    /// The same, but nobody waits for it.
    #[must_use]
    pub fn in_background(self) -> Self {
        Self {
            urgency: Urgency::Background,
            ..self
        }
    }
}

/// What the provider answered; the status is one of success.
#[derive(Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The JSON; null where there is none.
    pub body: Value,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
