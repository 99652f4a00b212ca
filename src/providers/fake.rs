//! A provider for tests: answers as it is told, and remembers what it was asked.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::outbound::{Outbound, OutboundOptions, Paces};
use crate::clock::ManualClock;
use crate::domain::time::Timestamp;

/// When tests take place, in Unix seconds.
pub(super) const NOW: u64 = 1_800_000_000;

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Method, path and query.
    pub line: String,
    pub authorization: String,
    pub content_type: Option<String>,
    pub body: Value,
}

/// What is done about a request.
pub(super) enum Answer {
    Give(Response<Full<Bytes>>),
    /// No answer ever comes.
    Keep,
}

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, &body.to_string())
    }

    pub(super) fn text(status: u16, body: &str) -> Self {
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        Self::Give(Response::builder().status(status).body(body).unwrap())
    }

    pub(super) fn moved(to: &str) -> Self {
        let answer = Response::builder().status(302).header("location", to);
        Self::Give(answer.body(Full::default()).unwrap())
    }
}

type Rule = dyn Fn(&Seen) -> Answer + Send + Sync;

pub(super) struct Fake {
    pub url: String,
    pub clock: Arc<ManualClock>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Fake {
    /// Answers by this rule for as long as the test runs.
    pub(super) async fn start(rule: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let rule: Arc<Rule> = Arc::new(rule);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = seen.clone();
        let tracker = TaskTracker::new();
        let connections = tracker.clone();
        drop(tracker.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (rule, all) = (rule.clone(), all.clone());
                let service = service_fn(move |request| answer(request, rule.clone(), all.clone()));
                let http = hyper::server::conn::http1::Builder::new();
                let connection = http.serve_connection(TokioIo::new(stream), service);
                drop(connections.spawn(connection));
            }
        }));
        let clock = Arc::new(ManualClock::new(Timestamp(NOW * 1_000)));
        Self { url, clock, seen }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Method and path of every request.
    pub(super) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    /// The one request that there was.
    pub(super) fn only(&self) -> Seen {
        let [only] = <[Seen; 1]>::try_from(self.seen()).unwrap();
        only
    }

    /// A way to it that tries once and has no rate.
    pub(super) fn outbound(&self) -> Outbound {
        self.outbound_with(OPTIONS, Paces::default())
    }

    pub(super) fn outbound_with(&self, options: OutboundOptions, paces: Paces) -> Outbound {
        Outbound::new(&self.url, options, paces, self.clock.clone()).unwrap()
    }

    /// Waits for a call; the clock goes on by seconds meanwhile.
    pub(super) async fn while_time_passes<T>(&self, call: impl Future<Output = T>) -> T {
        let time = async {
            loop {
                self.clock.advance(Duration::from_secs(1));
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            result = call => result,
            () = time => unreachable!("time goes on for ever"),
        }
    }
}

pub(super) const OPTIONS: OutboundOptions = OutboundOptions {
    timeout: Duration::from_secs(20),
    retry_min: Duration::from_millis(500),
    retry_max: Duration::from_secs(30),
    breaker_failures: 100,
    breaker_pause: Duration::from_secs(5),
    at_once: 8,
    patience: 1,
};

async fn answer(
    request: Request<Incoming>,
    rule: Arc<Rule>,
    all: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let seen = Seen {
        line: format!("{} {}", head.method, head.uri),
        authorization: header(&head.headers, "authorization").unwrap_or_default(),
        content_type: header(&head.headers, "content-type"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    all.lock().unwrap().push(seen.clone());
    match rule(&seen) {
        Answer::Give(answer) => Ok(answer),
        Answer::Keep => std::future::pending().await,
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
