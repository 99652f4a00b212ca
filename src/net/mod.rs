//! Where clients come from, and how many from the same place.

mod address;
mod occupancy;

pub use address::{ClientAddress, TrustedProxies};
pub use occupancy::{Occupancy, Place};
