//! A room as a log: commands are decided into events, events are applied to the state.
//!
//! [`decide`](decide::decide) and [`Room::apply`](state::Room::apply) are the whole truth about what
//! may happen in a room. A [`Draft`] collects what several commands decide into one
//! [`Commit`]; a [`Replica`] folds commits and finds gaps.

pub mod command;
pub mod decide;
pub mod draft;
pub mod event;
pub mod join;
pub mod presence;
pub mod records;
pub mod replica;
pub mod roles;
pub mod state;
pub mod succession;

mod apply;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;

pub use command::{Actor, Command, GrantChange, Join, LossCause, Nodes};
pub use decide::decide;
pub use draft::Draft;
pub use event::{By, Commit, Event, HostChangeCause, LeaveReason};
pub use records::{Records, Summary, Touched};
pub use replica::{Gap, Replica};
pub use state::{HostSeat, Room, Status};
