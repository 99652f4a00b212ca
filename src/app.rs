//! The composition root: settings become ports, ports become the engine, the engine gets its doors.
//! The only place that sees everything.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use socketioxide::handler::ConnectHandler;
use socketioxide::{ParserConfig, SocketIo};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Authenticator;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::db::{Company, DbOptions, Sole, SqlDirectory};
use crate::domain::id::RoomId;
use crate::domain::policy::{DevicePolicy, RoomPolicy, UncreatedRooms};
use crate::engine::directory::Directory;
use crate::engine::limits::EngineLimits;
use crate::engine::meetings::Meetings;
use crate::engine::nodes::NodeRegistry;
use crate::engine::readiness::Readiness;
use crate::engine::registry::{EngineParts, Rooms};
use crate::engine::store::RoomStore;
use crate::engine::sweeping::{SweepTimes, Sweeper};
use crate::http::browsers::{Origins, guard};
use crate::http::{Api, HttpLimits, router};
use crate::ids::IdSource;
use crate::protocol::request::PayloadLimits;
use crate::serve::{Front, ServeLimits};
use crate::socket::fanout::Fanouts;
use crate::socket::hub::{Hub, SocketLimits};
use crate::socket::inbound::{Door, connected};
use crate::socket::upgrade::Engine;
use crate::store::{MemoryRoomStore, RedisOptions, RedisRoomStore};

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
    let Outside { clock, ids, store } = outside;
    let tracker = TaskTracker::new();
    let directory = SqlDirectory::connect(db_options(config), clock.clone(), tracker.clone())
        .await
        .context("opening the database")?;
    let finished = CancellationToken::new();
    let kept = match store {
        Some(store) => Kept {
            store,
            nodes: None,
            sole: None,
        },
        None => keep_rooms(config, &ids, &tracker, &finished).await?,
    };
    let authenticator = Arc::new(Authenticator::new(
        config.auth.hs256_secret.as_ref(),
        config.auth.leeway(),
        config.limits.name_chars,
    ));
    let limits = socket_limits(config);
    let hub = Hub::new(authenticator.clone(), ids.clone(), limits, tracker.clone());
    let policy = room_policy(config);
    let rooms = Rooms::new(EngineParts {
        store: kept.store,
        directory: directory.clone(),
        sink: Arc::new(Fanouts::new(hub.clone())),
        clock: clock.clone(),
        ids: ids.clone(),
        policy: policy.clone(),
        limits: engine_limits(config),
        tracker: tracker.clone(),
    });
    hub.attach(rooms.clone());
    if let Some(nodes) = &kept.nodes {
        let sweeper = Arc::new(Sweeper {
            nodes: nodes.clone(),
            rooms: rooms.clone(),
            clock: clock.clone(),
            node: ids.node(),
            times: sweep_times(config),
        });
        tracker.spawn(sweeper.run(finished.clone()));
    }
    let (engine, io) = socket_io(config, &hub);
    let durable: Arc<dyn Directory> = directory.clone();
    let readiness = Arc::new(Readiness::new(durable.clone(), kept.nodes));
    let api = Api {
        meetings: Meetings::new(durable, rooms.clone(), clock, policy),
        readiness: readiness.clone(),
        authenticator,
        limits: http_limits(config),
        new_id: || RoomId::new(&uuid::Uuid::now_v7().to_string()).ok(),
    };
    let origins = origins(config);
    let front = Front {
        router: guard(router(Arc::new(api)), &origins),
        engine,
        hub,
        socket_path: config.socket.path.trim_end_matches('/').into(),
        limits: serve_limits(config),
        tracker: tracker.clone(),
        cors: origins.cors(),
        origins,
        requests: TaskTracker::new(),
    };
    Ok(App {
        front,
        rooms,
        directory,
        tracker,
        io,
        readiness,
        finished,
        sole: kept.sole,
    })
}

/// Where live rooms are kept.
struct Kept {
    store: Arc<dyn RoomStore>,
    nodes: Option<Arc<dyn NodeRegistry>>,
    sole: Option<Sole>,
}

async fn keep_rooms(
    config: &Config,
    ids: &IdSource,
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
        nodes: Some(store),
        sole: Some(sole),
    })
}

const fn sweep_times(config: &Config) -> SweepTimes {
    SweepTimes {
        beat: config.store.beat(),
        lease: config.store.lease(),
        position_check: config.store.position_check(),
    }
}

fn serve_limits(config: &Config) -> ServeLimits {
    ServeLimits {
        header_timeout: config.http.header_timeout(),
        send_queue_bytes: config.socket.send_queue_bytes,
        connections: Arc::new(Semaphore::new(config.http.max_connections)),
    }
}

/// Without a key a page of another site could act as anybody: a loopback address keeps other machines
/// out, not other pages.
fn origins(config: &Config) -> Origins {
    let believes = config.auth.hs256_secret.is_none();
    let local_only = believes && !config.http.allow_unauthenticated_public;
    Origins::new(config.http.origins(), local_only)
}

fn socket_io(config: &Config, hub: &Arc<Hub>) -> (Engine, SocketIo) {
    let socket = &config.socket;
    let max = socket.max_message_bytes;
    let parser = ParserConfig::common()
        .max_incoming_binaries(2)
        .max_incoming_binary_buf_size(max)
        .packet_completion_timeout(Duration::from_secs(1));
    let (engine, io) = SocketIo::builder()
        .req_path(socket.path.trim_end_matches('/').to_owned())
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
    io.ns("/", connected.with(Door::new(hub.clone())));
    (engine, io)
}

/// How the database is reached.
#[must_use]
pub fn db_options(config: &Config) -> DbOptions {
    let database = &config.database;
    DbOptions {
        url: database.url.clone(),
        max_connections: database.max_connections,
        acquire_timeout: database.acquire_timeout(),
        write_window: database.write_window(),
        write_batch: database.write_batch,
        write_queue: database.write_queue,
        // What another node changes has to be seen at once, the end of a meeting above all.
        meeting_cache: if config.store.redis_url.is_some() {
            0
        } else {
            database.meeting_cache
        },
        meeting_cache_ttl: database.meeting_cache_ttl(),
        sqlite_full_sync: database.sqlite_synchronous == config::SqliteSynchronous::Full,
    }
}

fn room_policy(config: &Config) -> RoomPolicy {
    RoomPolicy {
        uncreated: match config.rooms.uncreated {
            config::UncreatedRooms::Allow => UncreatedRooms::Allow,
            config::UncreatedRooms::Deny => UncreatedRooms::Deny,
            config::UncreatedRooms::FirstJoinerHosts => UncreatedRooms::FirstJoinerHosts,
        },
        devices: match config.rooms.devices {
            config::DevicePolicy::Multiple => DevicePolicy::Multiple,
            config::DevicePolicy::NewestWins => DevicePolicy::NewestWins,
            config::DevicePolicy::RejectNew => DevicePolicy::RejectNew,
        },
        leave_after_lost: config.presence.leave_after_lost(),
        leave_after_close: config.presence.leave_after_close(),
        role_grace: config.rooms.role_grace(),
        max_participants: config.rooms.max_participants,
        max_connections_per_participant: config.rooms.max_connections_per_participant,
    }
}

fn engine_limits(config: &Config) -> EngineLimits {
    EngineLimits {
        room_queue: config.rooms.queue,
        batch: config.rooms.commands_per_commit,
        idle_close: config.rooms.idle_close(),
    }
}

fn socket_limits(config: &Config) -> SocketLimits {
    SocketLimits {
        commands_in_flight: config.socket.commands_in_flight,
        rooms_per_connection: config.socket.max_rooms_per_connection,
        send_queue_bytes: config.socket.send_queue_bytes,
        slow_consumer_timeout: config.socket.slow_consumer_timeout(),
        payload: PayloadLimits {
            name_chars: config.limits.name_chars,
            image_url_bytes: config.limits.image_url_bytes,
        },
    }
}

const fn http_limits(config: &Config) -> HttpLimits {
    HttpLimits {
        body_bytes: config.http.max_body_bytes,
        name_chars: config.limits.name_chars,
        description_chars: config.limits.description_chars,
        page_size: config.limits.page_size_max,
    }
}
