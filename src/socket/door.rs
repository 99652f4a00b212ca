//! Where a connection comes in: its token is looked for, and it is let in or told why not.

use std::future::{Ready, ready};
use std::sync::Arc;

use serde_json::Value as Json;
use socketioxide::ProtocolVersion;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::SocketRef;
use socketioxide::handler::ConnectMiddleware;
use socketioxide::socket::Socket;
use socketioxide_core::Value;

use super::abandoned::version_of;
use super::admission;
use super::hub::Hub;
use super::inbound::{Ours, listen};
use super::introducing;
use super::wire::Wire;
use crate::auth::bearer;
use crate::domain::refusal::Refusal;
use crate::engine::sessions::Pid;

type ConnectResult = Result<(), Box<dyn std::fmt::Display + Send>>;

/// Lets sockets in. A middleware, because the answer to CONNECT leaves before the connect handler
/// runs and a client may send its join right after it.
#[derive(Debug, Clone)]
pub struct Door {
    hub: Arc<Hub>,
}

impl Door {
    /// The door of this hub.
    #[must_use]
    pub const fn new(hub: Arc<Hub>) -> Self {
        Self { hub }
    }

    async fn admit(
        &self,
        socket: &Arc<Socket<LocalAdapter>>,
        auth: Option<&Value>,
    ) -> Result<(), Refusal> {
        let parts = socket.req_parts();
        let auth = auth.map(Auth::read).unwrap_or_default();
        let header = parts
            .headers
            .get(http::header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok());
        let token = auth
            .token
            .as_deref()
            .or_else(|| bearer(header, parts.uri.query()));
        let (principal, source) = admission::admit(&self.hub, socket, token).await?;
        let wire = parts.extensions.get::<Arc<Wire>>().cloned();
        let connection = self.hub.open(socket, principal, source, wire);
        listen(&self.hub, &connection, socket);
        match socket.protocol() {
            // Clients 2.x are told nothing of themselves.
            ProtocolVersion::V4 => {}
            ProtocolVersion::V5 => {
                let pid = self.hub.recover(&connection, auth.pid.as_deref()).await;
                let pid = match pid {
                    Ok(pid) => pid,
                    Err(refusal) => {
                        // Told nothing, its client tries again by itself, which it would not if it were refused.
                        self.hub.end_silent(&connection);
                        let version = version_of(socket.protocol());
                        self.hub.end_session_now(socket.id, version).await;
                        return Err(refusal);
                    }
                };
                let pid = pid.as_ref().map(Pid::expose);
                let packet = introducing::answer(&connection.id().public(), pid);
                self.hub.introduce(socket.id, &connection, &packet.into());
            }
        }
        Ok(())
    }
}

impl ConnectMiddleware<LocalAdapter, Ours> for Door {
    async fn call<'a>(
        &'a self,
        socket: Arc<Socket<LocalAdapter>>,
        auth: &'a Option<Value>,
    ) -> ConnectResult {
        let admitted = self.admit(&socket, auth.as_ref()).await;
        admitted.map_err(|refusal| {
            let wire = socket.req_parts().extensions.get::<Arc<Wire>>();
            let version = version_of(socket.protocol());
            if self.hub.is_abandoned(socket.id) {
                // Refused twice over one session: it is not heard a third time.
                if let Some(wire) = wire {
                    wire.abort();
                }
                self.hub.end_session(socket.id, version);
            }
            let wire = wire.map(Arc::downgrade);
            self.hub.abandon(socket.id, version, wire);
            tracing::debug!(code = refusal.code(), "a socket was not let in");
            // The answer to CONNECT is a text and nothing else.
            let again = refusal
                .retry_after_ms()
                .map(|after| format!("; retryAfterMs: {after}"));
            let again = again.unwrap_or_default();
            let sentence = format!("{}: {refusal}{again}", refusal.code());
            let boxed: Box<dyn std::fmt::Display + Send> = Box::new(sentence);
            boxed
        })
    }
}

/// What matters of the payload of a CONNECT packet. Both are secrets.
#[derive(Default)]
struct Auth {
    token: Option<String>,
    pid: Option<String>,
}

impl Auth {
    fn read(auth: &Value) -> Self {
        let parsed = auth.as_str().map(|text| serde_json::from_str(text));
        let Some(Ok(parsed)) = parsed else {
            return Self::default();
        };
        let parsed: Json = parsed;
        let text = |name| parsed.get(name).and_then(Json::as_str).map(str::to_owned);
        Self {
            token: text("token"),
            pid: text("pid"),
        }
    }
}

/// The connect handler. Everything has happened at the [`Door`], but what is for the client and waited for the
/// answer to CONNECT may go out now.
pub fn connected(
    hub: &Arc<Hub>,
) -> impl FnOnce(SocketRef<LocalAdapter>) -> Ready<()> + Clone + Send + Sync + 'static + use<> {
    let hub = hub.clone();
    move |socket| {
        hub.answered(socket.id);
        ready(())
    }
}
