//! Sessions that nobody is connected over any more, or never was: refused, sent away, or stuck in an
//! upgrade that failed. The library ends those of protocol 4 that never connect; all others it would
//! keep for as long as they are pinged, or for ever.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use socketioxide::ProtocolVersion;
use socketioxide::socket::Sid;
use tower::ServiceExt;

use super::hub::Hub;
use super::upgrade::Engine;
use super::wire::Wire;

/// The library's own door, for what it offers no function for.
#[derive(Clone)]
pub(super) struct BackDoor {
    engine: Engine,
    path: Arc<str>,
}

impl std::fmt::Debug for BackDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackDoor")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Which Engine.IO a session speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Clients 2.x.
    Third,
    /// Clients 3.x and 4.x.
    Fourth,
}

impl Version {
    pub(super) const fn of(protocol: ProtocolVersion) -> Self {
        match protocol {
            ProtocolVersion::V4 => Self::Third,
            ProtocolVersion::V5 => Self::Fourth,
        }
    }

    /// The version that a query names.
    pub(super) fn named(query: &str) -> Self {
        if query.split('&').any(|pair| pair == "EIO=3") {
            Self::Third
        } else {
            Self::Fourth
        }
    }
}

impl BackDoor {
    /// Ends a session that polls as the library ends it when it hears nonsense. One that does not poll is
    /// left alone.
    async fn end(self, sid: Sid, version: Version) {
        let (number, nonsense) = match version {
            Version::Third => (3, "1:x"),
            Version::Fourth => (4, "x"),
        };
        let status = self.post(sid, number, nonsense).await;
        tracing::debug!(?status, "a session was ended");
    }

    async fn post(self, sid: Sid, version: u8, body: &'static str) -> Option<StatusCode> {
        let uri = format!("{}/?EIO={version}&transport=polling&sid={sid}", self.path);
        let body = Full::new(Bytes::from_static(body.as_bytes()));
        let request = Request::post(uri).body(body).ok()?;
        match self.engine.oneshot(request).await {
            Ok(answer) => Some(answer.status()),
            Err(never) => match never {},
        }
    }
}

impl Hub {
    /// Gives the hub the library's service, which listens at `path`. A second call changes nothing.
    pub fn attach_engine(&self, engine: Engine, path: Arc<str>) {
        self.back_door.get_or_init(|| BackDoor { engine, path });
    }

    /// Ends a session that polls.
    pub(super) fn end_session(&self, sid: Sid, version: Version) {
        if let Some(door) = self.back_door.get() {
            self.tracker.spawn(door.clone().end(sid, version));
        }
    }

    /// Ends a session, unless somebody connects over it in time.
    pub(super) fn abandon(self: &Arc<Self>, sid: Sid, version: Version, wire: Option<Weak<Wire>>) {
        let hub = self.clone();
        self.tracker.spawn(async move {
            tokio::time::sleep(hub.limits.connect_timeout).await;
            if hub.is_connected(sid) {
                return;
            }
            if let Some(wire) = wire.and_then(|wire| wire.upgrade()) {
                wire.abort();
            }
            hub.end_session(sid, version);
        });
    }
}
