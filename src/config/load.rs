//! Gathers the layers and reports everything that is wrong with them.
//!
//! Figment stops at the first error of an extraction. So each value that is set is first tried
//! alone on top of the defaults, where any error is that value's; the values that pass are then
//! merged and extracted together, which cannot fail any more, and looked at as a whole.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::error::{Error, Kind};
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Num, Value};

use super::fault::{ConfigFault, ConfigFaults};
use super::ranges::range_of;
use super::sections::Config;
use super::validate::{Layers, validate};

/// Every option with its default: the lowest layer.
pub(super) const DEFAULTS: &str = include_str!("../../config/default.toml");

/// The name of [`DEFAULTS`] where one is due.
const DEFAULTS_NAME: &str = "config/default.toml";

/// The variable that names a configuration file when no argument does.
const FILE_VARIABLE: &str = "USHER_CONFIG";

/// What the name of a variable that sets an option starts with.
const ENV_PREFIX: &str = "USHER__";

impl Config {
    /// Loads the settings of this process: the defaults, then `file` (or the file that the
    /// environment variable `USHER_CONFIG` names), then `USHER__SECTION__KEY` variables.
    ///
    /// # Errors
    ///
    /// All faults at once, when there is any; also when the file cannot be read.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigFaults> {
        let mut faults = ConfigFaults::default();
        let path = file.map(Path::to_path_buf).or_else(|| {
            env::var_os(FILE_VARIABLE)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
        });
        let file = path.and_then(|path| {
            let name = path.display().to_string();
            match fs::read_to_string(&path) {
                Ok(text) => Some((name, text)),
                Err(error) => {
                    let hint = format!("named by --config or {FILE_VARIABLE}");
                    faults.push(ConfigFault::new(
                        name,
                        format!("cannot be read: {error}"),
                        hint,
                    ));
                    None
                }
            }
        });
        let variables = unicode_variables(env::vars_os(), &mut faults);
        let file = file
            .as_ref()
            .map(|(name, text)| (name.as_str(), text.as_str()));
        assemble(file, variables, faults)
    }

    /// Loads the settings from a file's `(name, text)` and the given environment, of which only the
    /// variables named `USHER__…` are read. [`Config::load`] without the process.
    ///
    /// # Errors
    ///
    /// All faults at once, when there is any.
    pub fn from_sources(
        file: Option<(&str, &str)>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigFaults> {
        assemble(file, env, ConfigFaults::default())
    }
}

/// The variables that concern us; one that is not Unicode is a fault.
pub(super) fn unicode_variables(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    faults: &mut ConfigFaults,
) -> Vec<(String, String)> {
    let mut kept = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(ENV_PREFIX)) else {
            continue;
        };
        match value.into_string() {
            Ok(value) => kept.push((name.to_owned(), value)),
            Err(_) => faults.push(ConfigFault::new(name, "is not valid UTF-8", "")),
        }
    }
    kept
}

fn assemble(
    file: Option<(&str, &str)>,
    env: impl IntoIterator<Item = (String, String)>,
    mut faults: ConfigFaults,
) -> Result<Config, ConfigFaults> {
    let Some(defaults) = parse(DEFAULTS_NAME, DEFAULTS, &mut faults) else {
        return Err(faults);
    };
    let tables = file.and_then(|(name, text)| Some((name, parse(name, text, &mut faults)?)));
    // Until here a fault means that a whole layer is missing.
    let layers = if faults.is_empty() {
        Layers::Complete
    } else {
        Layers::Missing
    };
    let mut settings = Vec::new();
    if let Some((name, tables)) = tables {
        settings.extend(file_settings(name, tables, &defaults, &mut faults));
    }
    settings.extend(env_settings(env, &defaults, &mut faults));

    let base = Figment::from(Toml::string(DEFAULTS));
    let mut figment = base.clone();
    for setting in settings {
        match setting.check(&defaults, &base) {
            Ok(()) => figment = setting.merge_into(figment),
            Err(fault) => faults.push(fault.set_in(&setting.source)),
        }
    }
    match figment.extract::<Config>() {
        Ok(config) => {
            validate(&config, layers, &mut faults);
            if faults.is_empty() {
                Ok(config)
            } else {
                Err(faults)
            }
        }
        Err(error) => {
            faults.push(ConfigFault::new(
                error.path.join("."),
                reason_of(&error),
                "",
            ));
            Err(faults)
        }
    }
}

/// One option that a file or the environment sets.
struct Setting {
    section: String,
    option: String,
    value: Value,
    /// The file or variable it comes from, for people.
    source: String,
}

impl Setting {
    fn key(&self) -> String {
        format!("{}.{}", self.section, self.option)
    }

    fn merge_into(&self, figment: Figment) -> Figment {
        figment.merge(Serialized::default(&self.key(), &self.value))
    }

    /// Whether this value is sound on its own.
    fn check(&self, defaults: &Dict, base: &Figment) -> Result<(), ConfigFault> {
        let key = self.key();
        let Some(default) = default_of(defaults, &self.section, &self.option) else {
            return Err(unknown(&self.section, &self.option, defaults));
        };
        let (expected, found) = (kind_of(default), kind_of(&self.value));
        if expected != found {
            // The value is not quoted: it may be a secret, or one put under a wrong name.
            let reason = format!("expected {expected}, found {found}");
            return Err(ConfigFault::new(&key, reason, hint_of(&key)));
        }
        if let (Some(range), Some(number)) = (range_of(&key), self.value.to_i128())
            && !range.contains(&number)
        {
            let reason = format!("{number} is out of range");
            let hint = format!("from {} to {}", range.start(), range.end());
            return Err(ConfigFault::new(&key, reason, hint));
        }
        match self.merge_into(base.clone()).extract::<Config>() {
            Ok(_) => Ok(()),
            Err(error) if expected == ValueKind::List => Err(fault_in_list(&key, &error)),
            Err(error) => Err(ConfigFault::new(&key, reason_of(&error), hint_of(&key))),
        }
    }
}

/// The options that a file sets. Unknown sections and sections that are no tables are faults.
fn file_settings(
    name: &str,
    tables: Dict,
    defaults: &Dict,
    faults: &mut ConfigFaults,
) -> Vec<Setting> {
    let mut settings = Vec::new();
    for (section, value) in tables {
        if !defaults.contains_key(&section) {
            faults.push(unknown_section(&section, defaults).set_in(name));
            continue;
        }
        let Some(options) = value.as_dict() else {
            let reason = format!("expected a table [{section}], found {}", kind_of(&value));
            faults.push(ConfigFault::new(section, reason, "").set_in(name));
            continue;
        };
        settings.extend(options.iter().map(|(option, value)| Setting {
            section: section.clone(),
            option: option.clone(),
            value: value.clone(),
            source: name.to_owned(),
        }));
    }
    settings
}

/// The options that the environment sets, each read as what its default is: so a secret of digits
/// stays text. Sorted by name, so that faults come in a stable order.
fn env_settings(
    env: impl IntoIterator<Item = (String, String)>,
    defaults: &Dict,
    faults: &mut ConfigFaults,
) -> Vec<Setting> {
    let mut variables: Vec<(String, String)> = env
        .into_iter()
        .filter(|(name, _)| name.starts_with(ENV_PREFIX))
        .collect();
    variables.sort();
    let mut settings = Vec::new();
    for (name, text) in variables {
        let key = name.trim_start_matches(ENV_PREFIX).to_lowercase();
        let mut parts = key.split("__");
        let (Some(section), Some(option), None) = (parts.next(), parts.next(), parts.next()) else {
            let hint = "write USHER__SECTION__KEY, as in USHER__HTTP__LISTEN";
            faults.push(ConfigFault::new(name, "names no option", hint));
            continue;
        };
        if !defaults.contains_key(section) {
            faults.push(unknown_section(section, defaults).set_in(&name));
            continue;
        }
        let value = match default_of(defaults, section, option).map(kind_of) {
            Some(ValueKind::Integer) => text.trim().parse::<i64>().ok().map(Value::from),
            Some(ValueKind::Boolean) => text.trim().parse::<bool>().ok().map(Value::from),
            Some(ValueKind::List) => serde_json::from_str::<Value>(&text).ok(),
            Some(ValueKind::Text | ValueKind::Other) | None => None,
        };
        settings.push(Setting {
            section: section.to_owned(),
            option: option.to_owned(),
            value: value.unwrap_or_else(|| Value::from(text)),
            source: name,
        });
    }
    settings
}

/// The tables of a TOML text. A syntax error is told by line and without quoting the text, which
/// may hold a secret.
fn parse(name: &str, text: &str, faults: &mut ConfigFaults) -> Option<Dict> {
    match Toml::from_str::<Dict>(text) {
        Ok(tables) => Some(tables),
        Err(error) => {
            let start = error.span().map_or(0, |span| span.start);
            let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
            let reason = format!("line {line} is not valid TOML: {}", error.message());
            faults.push(ConfigFault::new(name, reason, ""));
            None
        }
    }
}

fn default_of<'a>(defaults: &'a Dict, section: &str, option: &str) -> Option<&'a Value> {
    defaults.get(section)?.as_dict()?.get(option)
}

fn unknown_section(section: &str, defaults: &Dict) -> ConfigFault {
    let known: Vec<&str> = defaults.keys().map(String::as_str).collect();
    ConfigFault::new(
        section,
        "unknown section",
        format!("known: {}", known.join(", ")),
    )
}

fn unknown(section: &str, option: &str, defaults: &Dict) -> ConfigFault {
    let options = defaults.get(section).and_then(Value::as_dict);
    let known: Vec<&str> = options
        .into_iter()
        .flat_map(Dict::keys)
        .map(String::as_str)
        .collect();
    let hint = format!("known in [{section}]: {}", known.join(", "));
    ConfigFault::new(format!("{section}.{option}"), "unknown option", hint)
}

/// What is right for the options whose type does not say it.
fn hint_of(key: &str) -> &'static str {
    match key {
        "http.listen" => "an IP address and a port, as in 127.0.0.1:8080 or [::]:8080",
        "auth.issuers" => "[[auth.issuers]] tables, or in a variable a JSON list of objects",
        _ => "",
    }
}

/// What is wrong inside of a list, and where; never with the value, which may be a secret.
fn fault_in_list(key: &str, error: &Error) -> ConfigFault {
    let place = error.path.join(".");
    let place = if place.starts_with(key) {
        place
    } else {
        key.to_owned()
    };
    let kind = &error.kind;
    let reason = if let Kind::UnknownField(field, known) = kind {
        let known = known.join(", ");
        format!("has an unknown option `{field}`; known: {known}")
    } else if let Kind::MissingField(field) = kind {
        format!("lacks `{field}`")
    } else if let Kind::UnknownVariant(_, known) = kind {
        format!("is not one of: {}", known.join(", "))
    } else if let Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) = kind {
        format!("is not {expected}")
    } else {
        "cannot be read".to_owned()
    };
    ConfigFault::new(place, reason, hint_of(key))
}

fn reason_of(error: &Error) -> String {
    if let Kind::UnknownVariant(found, expected) = &error.kind {
        return format!("`{found}` is not one of: {}", expected.join(", "));
    }
    error.kind.to_string()
}

/// What a value is, as far as options differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// Text in quotes.
    Text,
    /// A number without a fraction.
    Integer,
    /// True or false.
    Boolean,
    /// Tables in a list.
    List,
    /// Anything that no option is: a fraction, a table.
    Other,
}

impl std::fmt::Display for ValueKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
            Self::List => "a list",
            Self::Other => "a fraction or a table",
        })
    }
}

pub(super) const fn kind_of(value: &Value) -> ValueKind {
    match value {
        Value::String(..) | Value::Char(..) => ValueKind::Text,
        Value::Bool(..) => ValueKind::Boolean,
        Value::Num(_, Num::F32(_) | Num::F64(_)) => ValueKind::Other,
        Value::Num(..) => ValueKind::Integer,
        Value::Array(..) => ValueKind::List,
        Value::Empty(..) | Value::Dict(..) => ValueKind::Other,
    }
}
