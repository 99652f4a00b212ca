//! Adapters of the `RoomStore` port.

pub mod memory;

pub use memory::MemoryRoomStore;
