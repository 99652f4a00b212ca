//! Sets up the log.

use std::env;
use std::io::{self, IsTerminal};

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogConfig, LogFormat};

/// Libraries that have much to say about things that are ordinary for us.
const NOISY: [&str; 8] = [
    "engineioxide",
    "h2",
    "hyper",
    "hyper_util",
    "rustls",
    "sea_orm",
    "socketioxide",
    "sqlx",
];

/// Why there is no log.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// `log.level` is not in the syntax of `EnvFilter`.
    #[error("log.level cannot be used: {0}")]
    Level(#[from] ParseError),
    /// This process has a log already.
    #[error("the log was set up twice: {0}")]
    Twice(#[from] TryInitError),
}

/// Starts the log of this process, once: text or JSON lines on standard error.
///
/// # Errors
///
/// When the level cannot be parsed, or the process has a log already.
pub fn init(config: &LogConfig) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder().parse(filter_directives(&config.level))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // What cannot be written to a closed standard error cannot be complained of there either.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    match config.format {
        LogFormat::Text => {
            let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let colours = !plain && io::stderr().is_terminal();
            builder.with_ansi(colours).finish().try_init()?;
        }
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init()?,
    }
    Ok(())
}

/// `level` with hyper, h2, sqlx and their like held at warnings, or lower where `level` as a whole
/// is lower. A directive of `level` for one of them, such as `sqlx=debug`, wins.
#[must_use]
pub fn filter_directives(level: &str) -> String {
    let overall = level
        .split(',')
        .rev()
        .find_map(|part| part.trim().parse::<LevelFilter>().ok());
    // More verbose compares as greater; without an overall level `EnvFilter` takes ERROR.
    let quiet = overall.unwrap_or(LevelFilter::ERROR).min(LevelFilter::WARN);
    let mut directives: Vec<String> = NOISY
        .iter()
        .map(|library| format!("{library}={quiet}"))
        .collect();
    directives.push(level.to_owned());
    directives.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(level: &str) -> String {
        EnvFilter::builder()
            .parse(filter_directives(level))
            .unwrap()
            .to_string()
    }

    #[test]
    fn libraries_are_held_at_warnings() {
        for library in NOISY {
            assert!(
                parsed("debug").contains(&format!("{library}=warn")),
                "{library}"
            );
        }
        assert!(parsed("debug").ends_with("debug"));
    }

    #[test]
    fn a_lower_level_holds_for_libraries_too() {
        assert!(parsed("error").contains("hyper=error"));
        assert!(parsed("off").contains("hyper=off"));
        assert!(parsed("usher=debug").contains("hyper=error"));
    }

    #[test]
    fn an_explicit_directive_for_a_library_wins() {
        let filter = parsed("info,sqlx=debug");
        assert!(filter.contains("sqlx=debug"), "{filter}");
        assert!(!filter.contains("sqlx=warn"), "{filter}");
    }

    #[test]
    fn a_malformed_level_is_refused() {
        let config = LogConfig {
            level: "usher=loudly".to_owned(),
            format: LogFormat::Text,
        };
        assert!(matches!(init(&config), Err(TelemetryError::Level(_))));
    }
}
