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

/// An option as TOML.
fn shown(settings: &Dict, section: &str, option: &str) -> String {
    settings
        .get(section)
        .and_then(Value::as_dict)
        .and_then(|options| options.get(option))
        .map(inline)
        .unwrap_or_default()
}

/// A value as TOML writes it within a line; JSON writes text and numbers alike.
fn inline(value: &Value) -> String {
    if let Some(items) = value.as_array() {
        let items: Vec<String> = items.iter().map(inline).collect();
        return format!("[{}]", items.join(", "));
    }
    if let Some(members) = value.as_dict() {
        let set = members
            .iter()
            .filter(|(_, value)| !matches!(value, Value::Empty(..)));
        let members: Vec<String> = set
            .map(|(name, value)| format!("{name} = {}", inline(value)))
            .collect();
        return format!("{{ {} }}", members.join(", "));
    }
    serde_json::to_string(value).unwrap_or_default()
}
