//! A room as a log: commands are decided into events, events are applied to the state.
//!
//! [`decide`](decide::decide) and [`Room::apply`](state::Room::apply) are the whole truth about what
//! may happen in a room. A [`Draft`] collects what several commands decide into one
//! [`Commit`]; a [`Replica`] folds commits and finds gaps.

mod access;
pub mod command;
mod communication;
pub mod decide;
pub mod draft;
pub mod event;
pub mod join;
pub mod lobby;
mod moderation;
pub mod presence;
pub mod records;
mod removal;
pub mod replica;
pub mod roles;
pub mod seating;
pub mod state;
pub mod succession;

mod apply;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod recovered;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;

pub use access::NOT_COMPARED;
pub use command::{Actor, Command, Deed, GrantChange, Join, LossCause, MuteTarget, Nodes, Return};
pub use decide::{by, decide};
pub use draft::Draft;
pub use event::{By, Commit, EndCause, Event, HostChangeCause, LeaveReason};
pub use records::{Records, Summary, Touched};
pub use replica::{Gap, Replica};
pub use seating::Seating;
pub use state::{Absent, Dismissal, DismissalKind, HostSeat, Room, Status};
