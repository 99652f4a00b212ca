//! Adapters of the `RoomStore` port.

pub mod memory;
pub mod redis;

pub use memory::MemoryRoomStore;
pub use redis::{RedisOptions, RedisRoomStore};
