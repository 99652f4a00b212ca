//! What is wrong with a configuration, in words for whoever runs the server.

use std::fmt;

/// One thing wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// The option at fault, such as `http.listen`; for a file that cannot be used, its name.
    pub key: String,
    /// What is wrong with it, without quoting a secret.
    pub reason: String,
    /// What would be right, and where the value came from. May be empty.
    pub hint: String,
}

impl ConfigFault {
    /// A fault of `key`.
    pub(super) fn new(
        key: impl Into<String>,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            reason: reason.into(),
            hint: hint.into(),
        }
    }

    /// The same fault, its hint naming where the value was set.
    pub(super) fn set_in(mut self, source: &str) -> Self {
        if self.hint.is_empty() {
            self.hint = format!("set in {source}");
        } else {
            self.hint = format!("{}; set in {source}", self.hint);
        }
        self
    }
}

impl fmt::Display for ConfigFault {
    /// One line, whatever the parts hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = format!("{}: {}", self.key, self.reason);
        if !self.hint.is_empty() {
            line = format!("{line} ({})", self.hint);
        }
        f.write_str(&line.replace(['\n', '\r'], " "))
    }
}

/// Everything wrong with a configuration. Never empty when it is handed out as an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigFaults {
    faults: Vec<ConfigFault>,
}

impl ConfigFaults {
    /// The faults, in the order in which they were found: file, environment, then what only the
    /// settings together make wrong.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigFault> {
        self.faults.iter()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.faults.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// Adds one.
    pub(super) fn push(&mut self, fault: ConfigFault) {
        self.faults.push(fault);
    }

    /// Whether one of `keys` is already known to be at fault, so that what follows from its value
    /// is not worth reporting.
    pub(super) fn concern(&self, keys: &[&str]) -> bool {
        self.faults
            .iter()
            .any(|fault| keys.contains(&fault.key.as_str()))
    }
}

impl<'a> IntoIterator for &'a ConfigFaults {
    type Item = &'a ConfigFault;
    type IntoIter = std::slice::Iter<'a, ConfigFault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for ConfigFaults {
    /// One line per fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigFaults {}
