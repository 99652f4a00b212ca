//! The engine over the reference store: rooms, their actors and what they tell whom, without
//! sockets. Time stands still unless a test moves it.

mod batching;
mod durability;
mod ending;
mod failures;
mod moderation;
mod nodes;
mod restoring;
mod sql;
mod tickets;
mod time;
