//! Sessions that nobody is connected over any more, or never was: refused, sent away, or stuck in an
//! upgrade that failed. The library ends those of protocol 4 that never connect; all others it would
//! keep for as long as they are pinged, or for ever.

use std::collections::HashSet;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use socketioxide::ProtocolVersion;
use socketioxide::socket::Sid;
use tower::ServiceExt;

use super::hub::Hub;
use super::query::Version;
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
pub(super) const fn version_of(protocol: ProtocolVersion) -> Version {
    match protocol {
        ProtocolVersion::V4 => Version::Third,
        ProtocolVersion::V5 => Version::Fourth,
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

    /// The same, and waits for it.
    pub(super) async fn end_session_now(&self, sid: Sid, version: Version) {
        if let Some(door) = self.back_door.get() {
            door.clone().end(sid, version).await;
        }
    }

    /// Sessions that are about to be ended: one task for each.
    fn abandoned(&self) -> MutexGuard<'_, HashSet<Sid>> {
        self.abandoned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a session that was refused once tries again.
    pub(super) fn is_abandoned(&self, sid: Sid) -> bool {
        self.abandoned().contains(&sid)
    }

    /// Ends a session, unless somebody connects over it in time.
    pub(super) fn abandon(self: &Arc<Self>, sid: Sid, version: Version, wire: Option<Weak<Wire>>) {
        if !self.abandoned().insert(sid) {
            return;
        }
        let hub = self.clone();
        self.tracker.spawn(async move {
            tokio::time::sleep(hub.limits.connect_timeout).await;
            hub.abandoned().remove(&sid);
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
