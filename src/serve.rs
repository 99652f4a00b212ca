//! From an accepted TCP connection to the REST router, the Socket.IO engine or a WebSocket.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Layer, ServiceExt};
use tower_http::cors::CorsLayer;

use crate::engine::rates::network_of;
use crate::http::browsers::Origins;
use crate::http::problem;
use crate::net::{Occupancy, TrustedProxies};
use crate::socket::hub::Hub;
use crate::socket::polling;
use crate::socket::query::{EngineQuery, Transport};
use crate::socket::upgrade::{self, Engine};
use crate::socket::wire::{Wire, WireIo};

/// How long accepting pauses when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a connection may be and how long it may take.
#[derive(Debug, Clone)]
pub struct ServeLimits {
    /// Until a request's headers are complete.
    pub header_timeout: Duration,
    /// Until a request's body is complete.
    pub body_timeout: Duration,
    /// Bytes of a message over Socket.IO.
    pub message_bytes: usize,
    /// Bytes that may wait for one slow reader.
    pub send_queue_bytes: usize,
    /// Connections at once, over all event loops.
    pub connections: Arc<Semaphore>,
    /// The same for each address.
    pub of_address: Occupancy<IpAddr>,
}

/// Everything that a request can reach.
#[derive(Clone)]
pub struct Front {
    /// REST.
    pub router: Router,
    /// Socket.IO.
    pub engine: Engine,
    /// The connections of this node.
    pub hub: Arc<Hub>,
    /// Where Socket.IO listens, without a trailing slash.
    pub socket_path: Arc<str>,
    /// Bounds.
    pub limits: ServeLimits,
    /// Whose pages may use the server.
    pub origins: Origins,
    /// Whose word about a client's address is taken.
    pub proxies: TrustedProxies,
    /// What browsers are told about it.
    pub cors: CorsLayer,
    /// Where background work runs.
    pub tracker: TaskTracker,
    /// HTTP connections, for a shutdown to wait for. A WebSocket is no longer one.
    pub requests: TaskTracker,
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Binds `address`. With `shared`, several event loops may bind the same one and the kernel spreads
/// connections over them.
///
/// # Errors
/// The address is taken or not ours.
pub fn bind(address: SocketAddr, shared: bool) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    if shared {
        socket.set_reuseport(true)?;
    }
    socket.bind(address)?;
    socket.listen(4096)
}

/// Accepts until told to stop, then waits for open requests, no longer than `patience`.
pub async fn accept_and_finish(
    listener: TcpListener,
    front: Front,
    stop: CancellationToken,
    patience: Duration,
) {
    let requests = front.requests.clone();
    accept(listener, front, stop).await;
    requests.close();
    if tokio::time::timeout(patience, requests.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            open = requests.len(),
            "requests were cut off by the shutdown"
        );
    }
}

/// Accepts until told to stop.
async fn accept(listener: TcpListener, front: Front, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => begin(stream, peer.ip(), &front, &stop),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn begin(stream: TcpStream, peer: IpAddr, front: &Front, stop: &CancellationToken) {
    let Ok(place) = front.limits.connections.clone().try_acquire_owned() else {
        return tracing::warn!("a connection was turned away: the node is full");
    };
    let one_of_many = !front.proxies.trusts(peer) && !peer.to_canonical().is_loopback();
    let of_address = if one_of_many {
        match front.limits.of_address.enter(network_of(peer)) {
            Some(place) => Some(place),
            None => {
                return tracing::debug!("a connection was turned away: its address has too many");
            }
        }
    } else {
        None
    };
    if let Err(error) = stream.set_nodelay(true) {
        return tracing::debug!(%error, "a connection was gone before it began");
    }
    let limit = front.limits.send_queue_bytes;
    let io = Wire::open(stream, limit, front.tracker.clone(), (place, of_address));
    let visit = Visit {
        front: front.clone(),
        peer,
    };
    front.requests.spawn(serve(io, visit, stop.clone()));
}

async fn serve(io: WireIo, visit: Visit, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(visit.front.limits.header_timeout)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(io), visit)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// One client's connection, and what it can reach.
struct Visit {
    front: Front,
    peer: IpAddr,
}

impl Service<Request<Incoming>> for Visit {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, mut request: Request<Incoming>) -> Answer {
        let client = self.front.proxies.client(self.peer, request.headers());
        request.extensions_mut().insert(client);
        self.front.answer(request)
    }
}

impl Front {
    fn answer(&self, request: Request<Incoming>) -> Answer {
        if !self.origins.admit(request.headers()) {
            let refused = problem::foreign_page().into_response();
            return Box::pin(std::future::ready(Ok(refused)));
        }
        if !self.is_socket_path(request.uri().path()) {
            let answer = self.router.clone().oneshot(request.map(Body::new));
            return Box::pin(answer);
        }
        let query = request.uri().query().and_then(EngineQuery::read);
        if self.hub.turns_away(query.and_then(|query| query.sid)) {
            let refused = problem::draining().into_response();
            return Box::pin(std::future::ready(Ok(refused)));
        }
        if let Some(query) = query
            && upgrade::is_upgrade(&request, &query)
        {
            let response = upgrade::upgrade(&self.hub, &self.engine, request, query);
            return Box::pin(std::future::ready(Ok(response)));
        }
        let front = self.clone();
        let polling = tower::service_fn(move |request| poll(front.clone(), query, request));
        Box::pin(self.cors.layer(polling).oneshot(request))
    }

    fn is_socket_path(&self, path: &str) -> bool {
        path.strip_prefix(&*self.socket_path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// A request of a polling client: the library gets it once all of it is here.
async fn poll(
    front: Front,
    query: Option<EngineQuery>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let Some(query) = query.filter(|query| query.transport == Transport::Polling) else {
        let complaint = "EIO must be 3 or 4, transport polling or websocket, and sid a session";
        return Ok((StatusCode::BAD_REQUEST, complaint).into_response());
    };
    let gathered = polling::gathered(request, query, front.limits.message_bytes);
    match tokio::time::timeout(front.limits.body_timeout, gathered).await {
        Ok(Ok(request)) => {
            let answer = front.engine.oneshot(request).await?.map(Body::new);
            Ok(polling::introduced(&front.hub, query, answer).await)
        }
        Ok(Err(status)) => Ok(status.into_response()),
        Err(_elapsed) => Ok(StatusCode::REQUEST_TIMEOUT.into_response()),
    }
}
