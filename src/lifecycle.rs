//! Starting, serving on every event loop, and stopping.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::{self, App, Outside};
use crate::clock::SystemClock;
use crate::config::{Config, ConfigFaults};
use crate::ids::IdSource;
use crate::serve::{self, Front};

/// Serves until SIGTERM or SIGINT; at SIGHUP takes over the keys of what `reload` reads.
///
/// Rooms and connections live on single-threaded event loops: work
/// that stays on its thread wakes nobody.
///
/// # Errors
/// The database cannot be opened or the address cannot be bound.
pub fn run(
    config: &Config,
    reload: impl Fn() -> Result<Config, ConfigFaults>,
) -> anyhow::Result<()> {
    let runtime = event_loop()?;
    runtime.block_on(async {
        let outside = Outside {
            clock: Arc::new(SystemClock),
            ids: Arc::new(IdSource::random()),
            store: None,
        };
        let app = app::build(config, outside).await?;
        let stop = CancellationToken::new();
        let threads = config.http.event_loops();
        let listener = listen(config.http.listen, threads > 1)?;
        let address = listener.local_addr().context("listening")?;
        let done = CancellationToken::new();
        let others: Vec<_> = (1..threads)
            .map(|_| {
                another_loop(
                    config,
                    address,
                    app.front.clone(),
                    (stop.clone(), done.clone()),
                )
            })
            .collect::<anyhow::Result<_>>()?;
        let verified = config.auth.verifies();
        tracing::info!(%address, event_loops = threads, tokens_verified = verified, "serving");
        if !verified {
            tracing::warn!("[auth] has no key: every client is believed to be who it says");
        }
        let io = app.io.clone();
        let (patience, front) = (config.http.shutdown_timeout(), app.front.clone());
        let accepting = serve::accept_and_finish(listener, front, stop.clone(), patience);
        let signalled = async {
            let result = wait_for_signal(|| reloaded(&app, &reload)).await;
            tracing::info!("stopping");
            app.readiness.drain();
            // Until the last client is sent away, whoever asks learns that this node wants no work.
            app.front.hub.drain(config.http.drain()).await;
            stop.cancel();
            // First the sockets: a poll that waits for news is a request under way.
            io.close().await;
            result
        };
        let ((), signalled) = tokio::join!(accepting, signalled);
        signalled?;
        let finished = app.finished.clone();
        drain(config, app).await;
        finished.cancel();
        done.cancel();
        for other in others {
            if other.join().is_err() {
                tracing::error!("an event loop ended in a panic");
            }
        }
        Ok(())
    })
}

fn event_loop() -> anyhow::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting an event loop")
}

/// Listens; `shared`, so that every event loop can. Sharing would let a second server on the same
/// address start as well, and the two split its people: the address must be free first.
fn listen(address: SocketAddr, shared: bool) -> anyhow::Result<TcpListener> {
    let cannot = || format!("listening on {address}");
    let alone = serve::bind(address, false).with_context(cannot)?;
    if !shared {
        return Ok(alone);
    }
    let address = alone.local_addr().with_context(cannot)?;
    drop(alone);
    serve::bind(address, true).with_context(cannot)
}

/// An event loop on a thread of its own. It accepts until the first token says stop, and its rooms
/// and connections live until the second says that everything is written.
fn another_loop(
    config: &Config,
    address: SocketAddr,
    front: Front,
    (stop, done): (CancellationToken, CancellationToken),
) -> anyhow::Result<thread::JoinHandle<()>> {
    let patience = config.http.shutdown_timeout();
    let runtime = event_loop()?;
    let listener = {
        let _context = runtime.enter();
        serve::bind(address, true).with_context(|| format!("listening on {address}"))?
    };
    let serve = async move {
        serve::accept_and_finish(listener, front, stop, patience).await;
        done.cancelled().await;
    };
    thread::Builder::new()
        .name("event-loop".to_owned())
        .spawn(move || runtime.block_on(serve))
        .context("starting a thread")
}

/// A configuration that cannot be used changes nothing.
fn reloaded(app: &App, reload: impl Fn() -> Result<Config, ConfigFaults>) {
    let read = reload().map_err(anyhow::Error::from);
    match read.and_then(|config| app.reload(&config)) {
        Ok(()) => tracing::info!("the keys of [auth] were read again"),
        Err(error) => tracing::error!(
            error = format!("{error:#}"),
            "the keys of [auth] stay as they were"
        ),
    }
}

/// Waits to be told to stop; calls `hang_up` at each SIGHUP.
async fn wait_for_signal(hang_up: impl Fn()) -> anyhow::Result<()> {
    let mut reload = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = reload.recv() => hang_up(),
        }
    }
}

/// Lets rooms tell SQL what they have decided and closes it, within the time-out.
async fn drain(config: &Config, app: App) {
    app.tracker.close();
    let finish = app.directory.close();
    if tokio::time::timeout(config.http.shutdown_timeout(), finish)
        .await
        .is_err()
    {
        tracing::warn!("the shutdown time-out passed with work under way");
    }
}
