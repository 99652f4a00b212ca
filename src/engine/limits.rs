//! Bounds of the engine, all of them settings.

use std::time::Duration;

/// How much one room may hold back and how long it stays loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineLimits {
    /// Commands that may wait in one room.
    pub room_queue: usize,
    /// Commands that go into one commit.
    pub batch: usize,
    /// How long an empty room stays loaded.
    pub idle_close: Duration,
    /// How long an answer waits for a ticket.
    pub ticket_budget: Duration,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            room_queue: 16_384,
            batch: 1024,
            idle_close: Duration::from_secs(30),
            ticket_budget: Duration::from_millis(1_500),
        }
    }
}
