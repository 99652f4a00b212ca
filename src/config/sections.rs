//! The settings as the rest of the server sees them.
//!
//! The defaults named here are those of `config/default.toml`, which a test compares with these
//! structs. Serialising masks every secret; `Debug` shows none.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::auth::AuthConfig;
use super::database_url::{self, DatabaseBackend};
use super::providers::{DailyConfig, JitsiConfig, LiveKitConfig, MeshConfig, ProvidersConfig};
use super::rates::RatesConfig;
use super::{origins, proxies, secret};

/// All settings, checked.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The HTTP server.
    pub http: HttpConfig,
    /// Socket.IO connections.
    pub socket: SocketConfig,
    /// Who the server believes.
    pub auth: AuthConfig,
    /// The database of meetings, grants and bans.
    pub database: DatabaseConfig,
    /// Where live rooms are kept.
    pub store: StoreConfig,
    /// When a participant who has gone counts as having left.
    pub presence: PresenceConfig,
    /// The rules and bounds of rooms.
    pub rooms: RoomsConfig,
    /// Who carries the media.
    pub providers: ProvidersConfig,
    /// STUN and TURN.
    pub mesh: MeshConfig,
    /// Jitsi Meet.
    pub jitsi: JitsiConfig,
    /// LiveKit.
    pub livekit: LiveKitConfig,
    /// Daily.
    pub daily: DailyConfig,
    /// Bounds on what clients send and ask for.
    pub limits: LimitsConfig,
    /// How often something may happen.
    pub rates: RatesConfig,
    /// What is kept of attempts that were refused.
    pub security: SecurityConfig,
    /// What is logged, and how.
    pub log: LogConfig,
}

/// `[http]`: the HTTP server.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// IP address and port to listen on; port 0 lets the system choose. Default `127.0.0.1:8080`.
    ///
    /// Anything but loopback needs [`AuthConfig::hs256_secret`].
    pub listen: SocketAddr,
    /// Event loops, that is threads that serve connections. Default 0: see [`Self::event_loops`].
    pub threads: usize,
    /// Open connections, HTTP and WebSocket together; further ones are refused. Default 100,000.
    ///
    /// Each needs a file descriptor: the limit of the process must be higher.
    pub max_connections: usize,
    /// Milliseconds in which a client must have sent its request headers. Default 10,000.
    pub header_timeout_ms: u64,
    /// Milliseconds in which a client must have sent a request's body. Default 10,000.
    pub body_timeout_ms: u64,
    /// Largest request body in bytes. Default 64 KiB.
    pub max_body_bytes: usize,
    /// Milliseconds that a shutdown waits for open requests and queued writes before it cuts them
    /// off. Default 10,000.
    pub shutdown_timeout_ms: u64,
    /// Milliseconds over which clients are sent away, each at a moment of its own, when the server is
    /// told to stop. Default 5,000.
    pub drain_ms: u64,
    /// Sites whose pages may use the server, besides its own: origins separated by commas, such as
    /// `https://app.example, http://localhost:3000`; `*` is every site. Default none (empty).
    ///
    /// Without [`AuthConfig::hs256_secret`] pages of this machine are served as well.
    pub allowed_origins: String,
    /// Proxies whose `X-Forwarded-For` is believed: addresses and networks. Default none.
    pub trusted_proxies: String,
    /// Open connections from one address; further ones are refused. Default 2,000.
    ///
    /// This machine and trusted proxies are exempt; the clients of the latter count by the address that
    /// they come from.
    pub max_connections_per_ip: usize,
    /// Lets a server without [`AuthConfig::hs256_secret`] listen on a public address. Default false.
    ///
    /// Danger: such a server believes any user id, so anybody who reaches it is any host.
    pub allow_unauthenticated_public: bool,
}

impl HttpConfig {
    /// How many event loops to run: [`Self::threads`], or one fewer than the cores, at least one.
    #[must_use]
    pub fn event_loops(&self) -> usize {
        match self.threads {
            0 => {
                let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
                cores.saturating_sub(1).max(1)
            }
            threads => threads,
        }
    }

    /// Whether only this machine can reach the server.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.listen.ip().to_canonical().is_loopback()
    }

    /// [`Self::allowed_origins`], as browsers write them.
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        // checked when the settings were read
        origins::parse(&self.allowed_origins).unwrap_or_default()
    }

    /// [`Self::trusted_proxies`].
    #[must_use]
    pub fn proxies(&self) -> Vec<IpNet> {
        // checked when the settings were read
        proxies::parse(&self.trusted_proxies).unwrap_or_default()
    }

    /// [`Self::body_timeout_ms`].
    #[must_use]
    pub const fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// [`Self::header_timeout_ms`].
    #[must_use]
    pub const fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    /// [`Self::drain_ms`].
    #[must_use]
    pub const fn drain(&self) -> Duration {
        Duration::from_millis(self.drain_ms)
    }

    /// [`Self::shutdown_timeout_ms`].
    #[must_use]
    pub const fn shutdown_timeout(&self) -> Duration {
        Duration::from_millis(self.shutdown_timeout_ms)
    }
}

/// `[socket]`: Socket.IO connections.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SocketConfig {
    /// Path of the endpoint. Default `/socket.io`.
    pub path: String,
    /// Milliseconds between the server's pings. Default 10,000.
    pub ping_interval_ms: u64,
    /// Milliseconds after which a client that left a ping unanswered is lost. Default 8,000.
    pub ping_timeout_ms: u64,
    /// Milliseconds after which a transport that has not joined the namespace is closed. Default
    /// 10,000.
    pub connect_timeout_ms: u64,
    /// Largest message, and largest frame, from a client in bytes. Default 64 KiB.
    ///
    /// The connection is closed on a larger one.
    pub max_message_bytes: usize,
    /// Packets that the Socket.IO library queues per connection before an emit fails. Default 128.
    pub max_packets_queued: usize,
    /// Bytes that may wait for one slow reader, beyond one snapshot, before it counts as lagging.
    /// Default 1 MiB.
    ///
    /// Times [`HttpConfig::max_connections`] this is the memory that slow readers can take.
    pub send_queue_bytes: usize,
    /// Milliseconds in which a lagging reader must have caught up, or it is disconnected. Default
    /// 5,000.
    pub slow_consumer_timeout_ms: u64,
    /// Commands of one connection that may be under way; further ones are refused. Default 512.
    pub commands_in_flight: usize,
    /// Connections of one user on one node; further ones are refused. Default 32.
    pub max_connections_per_user: usize,
    /// Rooms that one connection may be in at the same time. Default 16.
    pub max_rooms_per_connection: usize,
    /// Milliseconds within which changes share one whole list, for clients of the list dialect.
    /// Default 40.
    pub list_interval_ms: u64,
    /// Bytes per second of the whole lists of one room on this node; 0 = no bound. Larger rooms get
    /// them more seldom, but within a second all the same. Default 32 MiB.
    pub list_bytes_per_second: u64,
    /// Seconds in which a client that lost its connection is put back into its rooms by itself; 0 puts
    /// nobody back. Default 120.
    pub recovery_window_secs: u64,
    /// Lost connections of one node that are remembered for that; the oldest are forgotten first.
    /// Default 10,000.
    pub recovery_sessions: usize,
}

impl SocketConfig {
    /// [`Self::list_interval_ms`].
    #[must_use]
    pub const fn list_interval(&self) -> Duration {
        Duration::from_millis(self.list_interval_ms)
    }

    /// [`Self::ping_interval_ms`].
    #[must_use]
    pub const fn ping_interval(&self) -> Duration {
        Duration::from_millis(self.ping_interval_ms)
    }

    /// [`Self::ping_timeout_ms`].
    #[must_use]
    pub const fn ping_timeout(&self) -> Duration {
        Duration::from_millis(self.ping_timeout_ms)
    }

    /// [`Self::connect_timeout_ms`].
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// [`Self::slow_consumer_timeout_ms`].
    #[must_use]
    pub const fn slow_consumer_timeout(&self) -> Duration {
        Duration::from_millis(self.slow_consumer_timeout_ms)
    }

    /// [`Self::recovery_window_secs`]; `None` when nobody is put back.
    #[must_use]
    pub fn recovery_window(&self) -> Option<Duration> {
        let window = self.recovery_window_secs;
        (window > 0).then(|| Duration::from_secs(window))
    }
}

/// `[database]`: the database of meetings, grants and bans.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite://FILE?mode=rwc` or `postgres://USER:PASSWORD@HOST:PORT/NAME`. A secret, since it may
    /// hold a password. Default `sqlite://usher.db?mode=rwc`, in the working directory.
    #[serde(serialize_with = "secret::mask_url")]
    pub url: SecretString,
    /// Connections in the pool. Default 4.
    pub max_connections: u32,
    /// Milliseconds that a request waits for a free connection. Default 2,000.
    pub acquire_timeout_ms: u64,
    /// Milliseconds that a role change may wait for others to share its transaction. Default 25.
    ///
    /// Everybody sees the change at once; it is acknowledged this much later. 0 never waits.
    pub write_window_ms: u64,
    /// Writes in one transaction, at most. Default 256.
    pub write_batch: usize,
    /// Writes that may wait; beyond that commands are refused as unavailable. Default 8,192.
    pub write_queue: usize,
    /// Meetings kept in memory; 0 keeps none. Default 10,000.
    pub meeting_cache: u64,
    /// Milliseconds that a meeting is kept in memory. Default 60,000.
    ///
    /// What another process writes to the database may be seen this much later.
    pub meeting_cache_ttl_ms: u64,
    /// How hard SQLite tries to survive a power cut. Default [`SqliteSynchronous::Normal`].
    pub sqlite_synchronous: SqliteSynchronous,
}

impl DatabaseConfig {
    /// Which database [`Self::url`] speaks of.
    #[must_use]
    pub fn backend(&self) -> DatabaseBackend {
        // A configuration with any other scheme is refused at load.
        database_url::backend(self.url.expose_secret()).unwrap_or(DatabaseBackend::Sqlite)
    }

    /// [`Self::acquire_timeout_ms`].
    #[must_use]
    pub const fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout_ms)
    }

    /// [`Self::write_window_ms`].
    #[must_use]
    pub const fn write_window(&self) -> Duration {
        Duration::from_millis(self.write_window_ms)
    }

    /// [`Self::meeting_cache_ttl_ms`].
    #[must_use]
    pub const fn meeting_cache_ttl(&self) -> Duration {
        Duration::from_millis(self.meeting_cache_ttl_ms)
    }
}

/// `SQLite`'s `synchronous` pragma; the write-ahead log is always on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SqliteSynchronous {
    /// A power cut may cost the last transactions, never the file. A killed process costs nothing.
    Normal,
    /// A power cut costs nothing; every commit waits for the disk.
    Full,
}

/// `[store]`: where live rooms are kept.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// Redis for several nodes: `redis://`, `redis+sentinel://` or `redis+cluster://`, with `rediss` for
    /// TLS. Default none (empty): rooms live in the memory of a single node.
    #[serde(
        deserialize_with = "secret::empty_is_none",
        serialize_with = "secret::mask_optional_url"
    )]
    pub redis_url: Option<SecretString>,
    /// Milliseconds that a starting node waits for another one on the same database to end, where one of
    /// the two keeps rooms in its own memory. Default 15,000.
    pub takeover_timeout_ms: u64,
    /// What every key and channel in Redis begins with: several installations may share one. Default
    /// `usher`.
    pub key_prefix: String,
    /// Milliseconds for a connection to Redis to be made. Default 1,000.
    pub connect_timeout_ms: u64,
    /// Milliseconds for Redis to answer; after that the command is sent once more over another
    /// connection and then refused. Default 600.
    pub command_timeout_ms: u64,
    /// Commits of other nodes that may wait for one room; beyond that the room is read again.
    /// Default 1,024.
    pub feed_length: usize,
    /// Milliseconds after a node's last beat until the others take its people for lost. A node beats
    /// three and a half times as often. Default 3,500.
    pub lease_ms: u64,
    /// Milliseconds between two comparisons of open rooms with what Redis holds. Default 15,000.
    pub position_check_ms: u64,
}

impl StoreConfig {
    /// [`StoreConfig::takeover_timeout_ms`] as a duration.
    #[must_use]
    pub const fn takeover_timeout(&self) -> Duration {
        Duration::from_millis(self.takeover_timeout_ms)
    }

    /// [`StoreConfig::connect_timeout_ms`] as a duration.
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// [`StoreConfig::command_timeout_ms`] as a duration.
    #[must_use]
    pub const fn command_timeout(&self) -> Duration {
        Duration::from_millis(self.command_timeout_ms)
    }

    /// Between two beats.
    #[must_use]
    pub const fn beat(&self) -> Duration {
        Duration::from_millis(self.lease_ms.saturating_mul(2).div_ceil(7))
    }

    /// [`StoreConfig::lease_ms`] as a duration.
    #[must_use]
    pub const fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    /// [`StoreConfig::position_check_ms`] as a duration.
    #[must_use]
    pub const fn position_check(&self) -> Duration {
        Duration::from_millis(self.position_check_ms)
    }
}

/// `[presence]`: when a participant who has gone counts as having left.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceConfig {
    /// Milliseconds from a lost transport to the leave; until then the participant is shown as
    /// reconnecting. Default 20,000.
    pub leave_after_lost_ms: u64,
    /// Milliseconds from a closed socket (tab closed, reload) to the leave. Default 3,000.
    pub leave_after_close_ms: u64,
}

impl PresenceConfig {
    /// [`Self::leave_after_lost_ms`].
    #[must_use]
    pub const fn leave_after_lost(&self) -> Duration {
        Duration::from_millis(self.leave_after_lost_ms)
    }

    /// [`Self::leave_after_close_ms`].
    #[must_use]
    pub const fn leave_after_close(&self) -> Duration {
        Duration::from_millis(self.leave_after_close_ms)
    }
}

/// `[rooms]`: the rules and bounds of rooms.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RoomsConfig {
    /// Milliseconds that a room waits for its last host before the succession picks another.
    /// Default 60,000.
    pub role_grace_ms: u64,
    /// What happens in a room that nobody created. Default [`UncreatedRooms::Allow`].
    pub uncreated: UncreatedRooms,
    /// What happens when one user connects again. Default [`DevicePolicy::Multiple`].
    pub devices: DevicePolicy,
    /// Participants in one room; the creator and moderators pass. Default 1,000.
    pub max_participants: usize,
    /// Connections of one participant in one room. Default 16.
    pub max_connections_per_participant: usize,
    /// Commands that may wait in one room; beyond that they are refused as unavailable. Default
    /// 16,384.
    pub queue: usize,
    /// Commands that go into one commit at most. Default 1024.
    pub commands_per_commit: usize,
    /// Commits of a room kept to fill the gap of a client that missed some. Default 256.
    pub log_length: usize,
    /// Milliseconds after which an empty room is unloaded from memory. Default 30,000.
    pub idle_close_ms: u64,
    /// People who may wait in the lobby of one room; beyond that they are refused. Default 1,000.
    pub max_waiting: usize,
    /// Whether the first host to come lets in everybody who waits. A meeting may say otherwise.
    /// Default false.
    pub admit_on_host_join: bool,
    /// How long somebody who was denied may not knock again. Milliseconds. Default 5,000.
    pub denied_cooldown_ms: u64,
    /// Wrong passcodes of one user in one meeting, until they are locked out. Default 5.
    pub passcode_attempts_per_user: usize,
    /// The same from one address, an IPv6 /64 counted as one. Default 20.
    pub passcode_attempts_per_network: usize,
    /// The same in one meeting, whoever tries: then nobody but moderators enters. Default 100.
    pub passcode_attempts_per_meeting: usize,
    /// For how long a wrong passcode counts. Milliseconds. Default 600,000.
    pub passcode_window_ms: u64,
    /// Passcodes that are hashed at once; each takes 19 MiB and some 20 ms of a processor.
    /// Default 2.
    pub passcode_hashes: usize,
    /// How long a meeting may last, from the first join; 0 = as long as it likes. A meeting may
    /// say otherwise. Milliseconds. Default 0.
    pub max_duration_ms: u64,
    /// How long before the end that the schedule sets people are warned. Milliseconds. Default
    /// 300,000.
    pub ending_warning_ms: u64,
    /// How long after the last one left a meeting is ended; 0 = never. Never while somebody waits
    /// in the lobby. A meeting may say otherwise. Milliseconds. Default 0.
    pub empty_timeout_ms: u64,
    /// Messages of a room kept for those who come later. Default 100.
    pub chat_history: usize,
    /// Reactions to one message. Default 100.
    pub reactions_per_message: usize,
    /// People who are not in the room and of whom it knows that they were muted or sent away.
    /// Default 1,000.
    pub remembered: usize,
    /// What is kept of what a room's members were told, for those who come back and had missed
    /// some of it. Bytes per room and node. Default 262,144.
    pub resume_bytes: usize,
}

impl RoomsConfig {
    /// [`Self::role_grace_ms`].
    #[must_use]
    pub const fn role_grace(&self) -> Duration {
        Duration::from_millis(self.role_grace_ms)
    }

    /// [`Self::idle_close_ms`].
    #[must_use]
    pub const fn idle_close(&self) -> Duration {
        Duration::from_millis(self.idle_close_ms)
    }

    /// [`Self::denied_cooldown_ms`].
    #[must_use]
    pub const fn denied_cooldown(&self) -> Duration {
        Duration::from_millis(self.denied_cooldown_ms)
    }

    /// [`Self::passcode_window_ms`].
    #[must_use]
    pub const fn passcode_window(&self) -> Duration {
        Duration::from_millis(self.passcode_window_ms)
    }

    /// [`Self::max_duration_ms`]; `None` without a limit.
    #[must_use]
    pub fn max_duration(&self) -> Option<Duration> {
        (self.max_duration_ms > 0).then(|| Duration::from_millis(self.max_duration_ms))
    }

    /// [`Self::ending_warning_ms`].
    #[must_use]
    pub const fn ending_warning(&self) -> Duration {
        Duration::from_millis(self.ending_warning_ms)
    }

    /// [`Self::empty_timeout_ms`]; `None` when an empty meeting goes on.
    #[must_use]
    pub fn empty_timeout(&self) -> Option<Duration> {
        (self.empty_timeout_ms > 0).then(|| Duration::from_millis(self.empty_timeout_ms))
    }
}

/// What happens in a room that nobody created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UncreatedRooms {
    /// Anybody may join; the room has no host.
    Allow,
    /// Joining is refused.
    Deny,
    /// Anybody may join; the first becomes host. Danger: whoever comes first, invited or not.
    FirstJoinerHosts,
}

/// What happens when a user who is in a room joins it on another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DevicePolicy {
    /// Both stay; they are one participant.
    Multiple,
    /// The new connection replaces the old one.
    NewestWins,
    /// The new connection is refused.
    RejectNew,
}

/// `[limits]`: bounds on what clients send and ask for.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Longest name of a user or a meeting in characters. Default 128.
    pub name_chars: usize,
    /// Longest address of a user's picture in bytes. Default 2,048.
    pub image_url_bytes: usize,
    /// Longest description of a meeting in characters. Default 2,000.
    pub description_chars: usize,
    /// Largest message to everybody in a room in bytes of JSON. Default 8,192.
    pub message_bytes: usize,
    /// Largest signal of one participant to another in bytes of JSON. Default 32,768.
    pub signal_bytes: usize,
    /// Most entries that a list answers at once. Default 100.
    pub page_size_max: usize,
}

/// `[security]`: what is kept of attempts that were refused.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityConfig {
    /// Milliseconds in which security events are gathered; the same ones are one row. Default 1,000.
    pub window_ms: u64,
    /// Sorts of events that one window tells apart. Default 64.
    pub sorts: usize,
    /// Days that they are kept. Default 90.
    pub keep_days: u64,
}

impl SecurityConfig {
    /// [`Self::window_ms`].
    #[must_use]
    pub const fn window(&self) -> Duration {
        Duration::from_millis(self.window_ms)
    }

    /// [`Self::keep_days`].
    #[must_use]
    pub const fn keep(&self) -> Duration {
        Duration::from_secs(self.keep_days.saturating_mul(86_400))
    }
}

/// `[log]`: what is logged, and how.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// A level, or directives such as `info,usher::engine=debug` in the syntax of
    /// `tracing_subscriber::EnvFilter`. Default `info`.
    ///
    /// Danger: `trace` of the libraries shows what clients send.
    pub level: String,
    /// For people or for machines. Default [`LogFormat::Text`].
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// One readable line, with colours on a terminal.
    Text,
    /// One JSON object a line.
    Json,
}
