//! The composition root: settings become ports, ports become the engine, the engine gets its doors.
//! The only place that sees everything.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use socketioxide::handler::ConnectHandler;
use socketioxide::{ParserConfig, SocketIo};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::issuers::{Surroundings, issuers};
pub use self::options::db_options;
use self::options::{
    engine_limits, expiry_times, http_limits, keeping_limits, origins, rate_limits, room_policy,
    security_limits, serve_limits, socket_limits, sweep_times,
};
use crate::auth::Authenticator;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::db::{Company, Sole, SqlDirectory};
use crate::domain::id::{NodeId, RoomId};
use crate::engine::directory::Directory;
use crate::engine::keeping::Sessions;
use crate::engine::meetings::Meetings;
use crate::engine::nodes::NodeRegistry;
use crate::engine::notices::Notices;
use crate::engine::passcodes::Passcodes;
use crate::engine::providers::ProviderStore;
use crate::engine::rates::{Rates, SharedBuckets};
use crate::engine::readiness::Readiness;
use crate::engine::registry::{EngineParts, Rooms};
use crate::engine::security::{Security, SecurityStore};
use crate::engine::sessions::SessionStore;
use crate::engine::store::RoomStore;
use crate::engine::sweeping::Sweeper;
use crate::engine::syncing::{Syncing, Truth};
use crate::http::browsers::guard;
use crate::http::{Api, router};
use crate::ids::IdSource;
use crate::net::TrustedProxies;
use crate::providers::registry::Providers;
use crate::serve::Front;
use crate::socket::door::{Door, connected};
use crate::socket::expiry::Expiries;
use crate::socket::fanout::Fanouts;
use crate::socket::hub::Hub;
use crate::socket::upgrade::Engine;
use crate::store::{MemoryRoomStore, MemorySessions, RedisOptions, RedisRoomStore};

pub mod issuers;
mod options;
mod providers;

/// A server, put together but not listening yet.
#[derive(Debug)]
pub struct App {
    /// What a connection reaches.
    pub front: Front,
    /// The rooms of this node.
    pub rooms: Arc<Rooms>,
    /// Durable truth.
    pub directory: Arc<SqlDirectory>,
    /// Every task of the server.
    pub tracker: TaskTracker,
    /// Keeps the Socket.IO namespaces.
    pub io: SocketIo,
    /// Whether the node wants work.
    pub readiness: Arc<Readiness>,
    /// Ends what keeps the store and this node's lease, after everything else.
    pub finished: CancellationToken,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Keeps other nodes off the database, where rooms are in this one's memory.
    pub sole: Option<Sole>,
}

/// What a server is made of besides its settings; tests bring their own.
pub struct Outside {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<IdSource>,
    /// Live rooms; several servers in one process may share them.
    pub store: Option<Arc<dyn RoomStore>>,
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outside")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

/// Puts a server together: opens and migrates the database, then connects the parts.
///
/// # Errors
/// The database cannot be opened or migrated.
pub async fn build(config: &Config, outside: Outside) -> anyhow::Result<App> {
    // Two of our dependencies bring one each, so rustls cannot tell by itself which to take. It has been
    // chosen already where a process runs several servers.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let Outside { clock, ids, store } = outside;
    let tracker = TaskTracker::new();
    let directory = SqlDirectory::connect(db_options(config), clock.clone(), tracker.clone())
        .await
        .context("opening the database")?;
    let finished = CancellationToken::new();
    let kept = keep(config, store, (&ids, &clock), (&tracker, &finished)).await?;
    let around = Surroundings {
        clock: clock.clone(),
        tracker: tracker.clone(),
    };
    let hub = open_hub(config, &around, &ids, directory.clone(), &finished)?;
    if let Some(buckets) = kept.buckets {
        let shared = share_rates(hub.rates.clone(), buckets, finished.clone());
        tracker.spawn(shared);
    }
    keep_sessions(config, kept.sessions, (&hub, &ids), (&around, &finished));
    let policy = providers::installation(config, room_policy(config));
    let providers = open_providers(config, &directory, &around, &finished).await?;
    let to_sync = Arc::new(Notify::new());
    let passcodes = Passcodes::new(config.rooms.passcode_hashes)?;
    let rooms = Rooms::new(EngineParts {
        store: kept.store,
        directory: directory.clone(),
        sink: Arc::new(Fanouts::new(hub.clone())),
        clock: clock.clone(),
        ids: ids.clone(),
        passcodes: passcodes.clone(),
        tickets: providers.clone(),
        to_sync: to_sync.clone(),
        policy: policy.clone(),
        limits: engine_limits(config),
        tracker: tracker.clone(),
    });
    hub.attach(rooms.clone());
    if let Some(nodes) = &kept.nodes {
        sweep(config, (nodes, &rooms), (&around, ids.node()), &finished);
    }
    let truth = Truth {
        rooms: rooms.clone(),
        directory: directory.clone(),
        installation: policy.clone(),
        ids: ids.clone(),
    };
    let notices = follow(
        config,
        (&around, &finished),
        &directory,
        (providers, to_sync),
        truth,
    );
    let (engine, io) = socket_io(config, &hub);
    hub.attach_engine(engine.clone(), config.socket.path.as_str().into());
    let durable: Arc<dyn Directory> = directory.clone();
    let readiness = Arc::new(Readiness::new(durable.clone(), kept.nodes));
    let api = Api {
        meetings: Meetings::new(durable, rooms.clone(), clock.clone(), policy, passcodes),
        readiness: readiness.clone(),
        authenticator: hub.authenticator.clone(),
        rates: hub.rates.clone(),
        security: hub.security.clone(),
        notices,
        limits: http_limits(config),
        new_id: || RoomId::new(&uuid::Uuid::now_v7().to_string()).ok(),
    };
    let front = front(config, router(Arc::new(api)), engine, hub);
    Ok(App {
        front,
        rooms,
        directory,
        tracker,
        io,
        readiness,
        finished,
        clock,
        sole: kept.sole,
    })
}

/// The media providers. What rooms and users are called there is kept in the background.
async fn open_providers(
    config: &Config,
    directory: &Arc<SqlDirectory>,
    around: &Surroundings,
    finished: &CancellationToken,
) -> anyhow::Result<Arc<Providers>> {
    let fresh = format!("{}{}", uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let key = directory.naming_key(&fresh).await;
    let key = key.context("reading the installation's key")?;
    let providers = providers::providers(config, &key, &around.clock)?;
    let (aliases, store, clock) = (providers.aliases(), directory.clone(), around.clock.clone());
    let finished = finished.clone();
    around
        .tracker
        .spawn(async move { aliases.run(store, clock, finished).await });
    Ok(Arc::new(providers))
}

/// Has providers follow what happens in rooms, and takes in what they tell.
fn follow(
    config: &Config,
    (around, finished): (&Surroundings, &CancellationToken),
    directory: &Arc<SqlDirectory>,
    (providers, to_sync): (Arc<Providers>, Arc<Notify>),
    truth: Truth,
) -> Notices {
    let syncing = Arc::new(Syncing {
        store: directory.clone(),
        truth: truth.clone(),
        control: providers.clone(),
        clock: around.clock.clone(),
        woken: to_sync.clone(),
        times: providers::sync_times(config),
    });
    around.tracker.spawn(syncing.run(finished.clone()));
    Notices {
        reader: providers,
        store: directory.clone(),
        truth,
        clock: around.clock.clone(),
        to_sync,
    }
}

/// Whether the keys that a configuration names can be used.
///
/// # Errors
/// A file cannot be read, or a key is none.
pub fn check_keys(config: &Config) -> anyhow::Result<()> {
    let around = Surroundings {
        clock: Arc::new(SystemClock),
        tracker: TaskTracker::new(),
    };
    issuers(config, &around, None).map(drop)?;
    providers::providers(config, "", &around.clock).map(drop)
}

impl App {
    /// Believes the issuers of `config` from now on; everything else stays as it was.
    ///
    /// # Errors
    /// A key cannot be used; then nothing changes.
    pub fn reload(&self, config: &Config) -> anyhow::Result<()> {
        let around = Surroundings {
            clock: self.clock.clone(),
            tracker: self.tracker.clone(),
        };
        let authenticator = &self.front.hub.authenticator;
        anyhow::ensure!(
            config.auth.verifies() == authenticator.verifies(),
            "[auth] has a key now and had none, or the other way round: that needs a restart"
        );
        let believed = issuers(config, &around, Some(authenticator))?;
        authenticator.replace(believed);
        Ok(())
    }
}

/// What a connection reaches.
fn front(config: &Config, router: Router, engine: Engine, hub: Arc<Hub>) -> Front {
    let origins = origins(config);
    Front {
        router: guard(router, &origins),
        engine,
        tracker: hub.tracker.clone(),
        hub,
        socket_path: config.socket.path.as_str().into(),
        limits: serve_limits(config),
        proxies: TrustedProxies(config.http.proxies().into()),
        cors: origins.cors(),
        origins,
        requests: TaskTracker::new(),
    }
}

/// The connections of this node, none yet.
fn open_hub(
    config: &Config,
    around: &Surroundings,
    ids: &Arc<IdSource>,
    events: Arc<dyn SecurityStore>,
    finished: &CancellationToken,
) -> anyhow::Result<Arc<Hub>> {
    let clock = &around.clock;
    let believed = issuers(config, around, None)?;
    let authenticator = Authenticator::new(believed, clock.clone());
    let kept = config.rates.counted;
    let rates = Arc::new(Rates::new(rate_limits(config), kept, clock.clone()));
    let security = Security::new(events, clock.clone(), security_limits(config));
    let security = Arc::new(security);
    let noted = note_security(security.clone(), finished.clone());
    around.tracker.spawn(noted);
    let hub = Hub::new(
        Arc::new(authenticator),
        Expiries::new(expiry_times(config), clock.clone()),
        (rates, security),
        ids.clone(),
        socket_limits(config),
        around.tracker.clone(),
    );
    let ended = end_expired(hub.clone(), finished.clone());
    around.tracker.spawn(ended);
    Ok(hub)
}

async fn share_rates(
    rates: Arc<Rates>,
    buckets: Arc<dyn SharedBuckets>,
    finished: CancellationToken,
) {
    rates.share(buckets, finished).await;
}

async fn note_security(security: Arc<Security>, finished: CancellationToken) {
    security.run(finished).await;
}

async fn end_expired(hub: Arc<Hub>, finished: CancellationToken) {
    hub.expiries.run(hub.clone(), finished).await;
}

/// Where live rooms are kept.
struct Kept {
    store: Arc<dyn RoomStore>,
    sessions: Arc<dyn SessionStore>,
    buckets: Option<Arc<dyn SharedBuckets>>,
    nodes: Option<Arc<dyn NodeRegistry>>,
    sole: Option<Sole>,
}

async fn keep(
    config: &Config,
    given: Option<Arc<dyn RoomStore>>,
    (ids, clock): (&IdSource, &Arc<dyn Clock>),
    (tracker, finished): (&TaskTracker, &CancellationToken),
) -> anyhow::Result<Kept> {
    let Some(store) = given else {
        return keep_rooms(config, (ids, clock), tracker, finished).await;
    };
    Ok(Kept {
        store,
        sessions: Arc::new(MemorySessions::new(clock.clone())),
        buckets: None,
        nodes: None,
        sole: None,
    })
}

/// Has clients that lose their connection put back into their rooms.
fn keep_sessions(
    config: &Config,
    store: Arc<dyn SessionStore>,
    (hub, ids): (&Arc<Hub>, &Arc<IdSource>),
    (around, finished): (&Surroundings, &CancellationToken),
) {
    let Some(limits) = keeping_limits(config) else {
        return;
    };
    let sessions = Sessions::new(store, around.clock.clone(), ids.clone(), limits);
    hub.attach_sessions(sessions.clone());
    around.tracker.spawn(sessions.run(finished.clone()));
}

/// Takes out the people of nodes that are gone.
fn sweep(
    config: &Config,
    (nodes, rooms): (&Arc<dyn NodeRegistry>, &Arc<Rooms>),
    (around, node): (&Surroundings, NodeId),
    finished: &CancellationToken,
) {
    let sweeper = Arc::new(Sweeper {
        nodes: nodes.clone(),
        rooms: rooms.clone(),
        clock: around.clock.clone(),
        node,
        times: sweep_times(config),
    });
    around.tracker.spawn(sweeper.run(finished.clone()));
}

async fn keep_rooms(
    config: &Config,
    (ids, clock): (&IdSource, &Arc<dyn Clock>),
    tracker: &TaskTracker,
    finished: &CancellationToken,
) -> anyhow::Result<Kept> {
    let company = match &config.store.redis_url {
        Some(_) => Company::Redis,
        None => Company::None,
    };
    let patience = config.store.takeover_timeout();
    let sole = Sole::claim(&db_options(config), company, patience)
        .await
        .context("claiming the database")?;
    let Some(url) = &config.store.redis_url else {
        let store = Arc::new(MemoryRoomStore::new(config.rooms.log_length));
        return Ok(Kept {
            store,
            sessions: Arc::new(MemorySessions::new(clock.clone())),
            buckets: None,
            nodes: None,
            sole: Some(sole),
        });
    };
    let options = RedisOptions {
        url: url.clone(),
        connect_timeout: config.store.connect_timeout(),
        command_timeout: config.store.command_timeout(),
        log_length: config.rooms.log_length,
        feed_length: config.store.feed_length,
        prefix: config.store.key_prefix.clone(),
    };
    let store = RedisRoomStore::start(ids.node(), &options, tracker, finished.clone())
        .context("store.redis_url")?;
    Ok(Kept {
        store: store.clone(),
        sessions: store.clone(),
        buckets: Some(store.clone()),
        nodes: Some(store),
        sole: Some(sole),
    })
}

fn socket_io(config: &Config, hub: &Arc<Hub>) -> (Engine, SocketIo) {
    let socket = &config.socket;
    let max = socket.max_message_bytes;
    let parser = ParserConfig::common()
        .max_incoming_binaries(2)
        .max_incoming_binary_buf_size(max)
        .packet_completion_timeout(Duration::from_secs(1));
    let (engine, io) = SocketIo::builder()
        .req_path(socket.path.clone())
        .ping_interval(socket.ping_interval())
        .ping_timeout(socket.ping_timeout())
        .connect_timeout(socket.connect_timeout())
        .max_payload(u64::try_from(max).unwrap_or(u64::MAX))
        .ws_max_message_size(max)
        .ws_max_frame_size(max)
        .ws_read_buffer_size(1024)
        .max_buffer_size(socket.max_packets_queued)
        .with_parser(parser)
        .build_svc();
    io.ns("/", connected(hub).with(Door::new(hub.clone())));
    (engine, io)
}
