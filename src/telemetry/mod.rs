//! What the process tells about itself: its log, on standard error.

mod logging;

pub use logging::{TelemetryError, filter_directives, init};
