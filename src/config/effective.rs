//! The settings in force, for people to read.

use std::fmt::Write;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};

use super::load::DEFAULTS;
use super::sections::Config;

impl Config {
    /// The settings in force as TOML, in the order of `config/default.toml`, secrets masked; what
    /// differs from its default says so.
    #[must_use]
    pub fn effective(&self) -> String {
        let settings = Value::serialize(self)
            .ok()
            .and_then(Value::into_dict)
            .unwrap_or_default();
        let defaults = Toml::from_str::<Dict>(DEFAULTS).unwrap_or_default();
        let mut text = String::new();
        let mut section = "";
        for line in DEFAULTS.lines() {
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|line| line.strip_suffix(']'))
            {
                section = name;
                text.push_str(if text.is_empty() { "" } else { "\n" });
                text.push_str(line);
                text.push('\n');
            } else if let Some((option, _)) = line.split_once(" = ").filter(|_| !is_comment(line)) {
                let value = shown(&settings, section, option);
                let default = shown(&defaults, section, option);
                // Writing to a `String` cannot fail.
                let written = if value == default {
                    writeln!(text, "{option} = {value}")
                } else {
                    writeln!(text, "{option} = {value}  # default: {default}")
                };
                debug_assert!(written.is_ok());
            }
        }
        text
    }
}

fn is_comment(line: &str) -> bool {
    line.starts_with('#')
}

/// An option as TOML; JSON writes text and numbers alike.
fn shown(settings: &Dict, section: &str, option: &str) -> String {
    settings
        .get(section)
        .and_then(Value::as_dict)
        .and_then(|options| options.get(option))
        .and_then(|value| serde_json::to_string(value).ok())
        .unwrap_or_default()
}
