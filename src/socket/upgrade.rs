//! The WebSocket handshake (RFC 6455, section 4.2), done here so that a connection keeps the stream
//! that rooms can write to, and keeps nothing of the HTTP request but what is needed later.

use std::sync::Arc;

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use socketioxide::service::SocketIoService;
use tower::Service;

use super::hub::Hub;
use super::query::{EngineQuery, Transport};
use super::wire::{Until, WireIo};
use crate::net::ClientAddress;

/// What the library does with requests that are not for it; it never gets one.
pub type Engine = SocketIoService<engineioxide::service::NotFoundService>;

/// Whether this is a well-formed WebSocket handshake for Socket.IO. Everything else is left to the
/// library, which knows the right complaint.
#[must_use]
pub fn is_upgrade(request: &Request<Incoming>, query: &EngineQuery) -> bool {
    let headers = request.headers();
    request.method() == Method::GET
        && has_token(headers, &header::UPGRADE, "websocket")
        && has_token(headers, &header::CONNECTION, "upgrade")
        && headers
            .get(header::SEC_WEBSOCKET_VERSION)
            .is_some_and(|version| version == "13")
        && headers.contains_key(header::SEC_WEBSOCKET_KEY)
        && query.transport == Transport::WebSocket
}

fn has_token(headers: &HeaderMap, name: &header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

/// Answers the handshake and hands the stream to the library once HTTP is done with it.
#[must_use]
pub fn upgrade<B: Default>(
    hub: &Arc<Hub>,
    engine: &Engine,
    request: Request<Incoming>,
    query: EngineQuery,
) -> Response<B> {
    let key = request
        .headers()
        .get(header::SEC_WEBSOCKET_KEY)
        .map(http::HeaderValue::as_bytes);
    let accept = tungstenite::handshake::derive_accept_key(key.unwrap_or_default());
    let kept = essential(&request);
    let (hub, engine) = (hub.clone(), engine.clone());
    hub.tracker
        .clone()
        .spawn(hand_over(hub, engine, request, kept, query));
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, http::HeaderValue::from_static("websocket"));
    headers.insert(
        header::CONNECTION,
        http::HeaderValue::from_static("Upgrade"),
    );
    if let Ok(accept) = http::HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// The library keeps the request for as long as the connection lives: path, query, token and address
/// are all that is ever looked at again.
pub(super) fn essential<B>(request: &Request<B>) -> Request<()> {
    let mut kept = Request::new(());
    *kept.uri_mut() = request.uri().clone();
    *kept.method_mut() = request.method().clone();
    if let Some(address) = request.extensions().get::<ClientAddress>() {
        kept.extensions_mut().insert(*address);
    }
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
        if let Some(value) = request.headers().get(&name) {
            kept.headers_mut().insert(name, value.clone());
        }
    }
    kept
}

async fn hand_over(
    hub: Arc<Hub>,
    mut engine: Engine,
    request: Request<Incoming>,
    mut kept: Request<()>,
    query: EngineQuery,
) {
    let Some(mut io) = stream_of(request).await else {
        return;
    };
    let wire = io.wire().clone();
    wire.upgraded(if query.sid.is_some() {
        Until::Switched
    } else {
        Until::Connected
    });
    if let Some(sid) = query.sid {
        hub.offer_upgrade(sid, &wire);
        // When the upgrade fails, the library forgets to end the session that was to be upgraded. When
        // it has succeeded, the session is not one that polls by then.
        let hub = hub.clone();
        io.at_end(move || hub.end_session(sid, query.version));
    }
    kept.extensions_mut().insert(wire);
    if let Err(error) = engine.call((io, kept)).await {
        tracing::debug!(?error, "a WebSocket request was refused by the engine");
    }
}

/// The stream under a finished handshake, with what was read ahead put back.
async fn stream_of(request: Request<Incoming>) -> Option<WireIo> {
    let upgraded = match hyper::upgrade::on(request).await {
        Ok(upgraded) => upgraded,
        Err(error) => {
            tracing::debug!(%error, "a WebSocket handshake was not finished");
            return None;
        }
    };
    let Ok(parts) = upgraded.downcast::<TokioIo<WireIo>>() else {
        tracing::error!("a WebSocket came over a stream that is not ours");
        return None;
    };
    let mut io = parts.io.into_inner();
    io.unread(parts.read_buf);
    Some(io)
}
