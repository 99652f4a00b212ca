//! Adapters of the `RoomStore` and `SessionStore` ports.

pub mod memory;
pub mod memory_sessions;
pub mod redis;

pub use memory::MemoryRoomStore;
pub use memory_sessions::MemorySessions;
pub use redis::{RedisOptions, RedisRoomStore};
