//! The settings of a server: typed, documented, and checked whole before anything starts.
//!
//! Three layers, each winning over the one before it: `config/default.toml` (embedded in the
//! binary; it holds every option), one TOML file, and environment variables
//! `USHER__SECTION__KEY`. Loading reports **every** fault at once, never only the first.
//!
//! Nothing here opens a socket, a database or a log: the rest of the server is handed a
//! [`Config`] that has already been found sound, and reads no environment of its own.

mod auth;
mod database_url;
mod effective;
mod fault;
mod load;
mod origins;
mod providers;
mod proxies;
mod ranges;
mod rates;
mod secret;
mod sections;
#[cfg(test)]
mod tests;
mod validate;

pub use auth::{AuthConfig, IssuerConfig, IssuerPreset, SECRET_BYTES_MIN, UserIdMismatch};
pub use database_url::DatabaseBackend;
pub use fault::{ConfigFault, ConfigFaults};
pub use providers::{
    DailyConfig, DailyTokens, JitsiConfig, JitsiMode, LiveKitConfig, MeshConfig, ProviderName,
    ProvidersConfig, RoomAdmin, TenantProviders,
};
pub use rates::{RateSetting, RatesConfig};
pub use sections::{
    Config, DatabaseConfig, DevicePolicy, HttpConfig, LimitsConfig, LogConfig, LogFormat,
    PresenceConfig, RoomsConfig, SecurityConfig, SocketConfig, SqliteSynchronous, StoreConfig,
    UncreatedRooms,
};
