//! Passcodes: what a joiner says, what is kept of it, and who has guessed too often.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::UserId;
use super::time::Timestamp;

/// Fewest characters of a passcode.
pub const MIN_CHARS: usize = 4;

/// Most characters of a passcode.
pub const MAX_CHARS: usize = 64;

/// A passcode in the clear. Never shown, never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Passcode(Arc<str>);

impl Passcode {
    /// Takes the text over; `None` when it is shorter than [`MIN_CHARS`] or longer than [`MAX_CHARS`].
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let chars = text.chars().take(MAX_CHARS.saturating_add(1)).count();
        (MIN_CHARS..=MAX_CHARS)
            .contains(&chars)
            .then(|| Self(text.into()))
    }

    /// What no passcode can be: whoever says something that none can be has said this.
    #[must_use]
    pub fn impossible() -> Self {
        Self("".into())
    }

    /// The text, for hashing.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passcode(***)")
    }
}

/// What is kept of a passcode: a salted, slow hash in the PHC string format.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasscodeHash(Arc<str>);

impl PasscodeHash {
    /// Takes over a hash that somebody computed.
    #[must_use]
    pub fn new(phc: &str) -> Self {
        Self(phc.into())
    }

    /// The PHC string, for comparing and storing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasscodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasscodeHash(***)")
    }
}

/// A passcode that a joiner gave. Hashing is slow, so it is compared before the join is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenPasscode {
    /// What was given.
    pub passcode: Passcode,
    /// What it was compared with, and whether it is the one.
    pub compared: Option<(PasscodeHash, bool)>,
}

impl GivenPasscode {
    /// One that was compared with nothing yet.
    #[must_use]
    pub const fn new(passcode: Passcode) -> Self {
        Self {
            passcode,
            compared: None,
        }
    }

    /// Whether it is the one with this hash; `None` while they have not been compared.
    #[must_use]
    pub fn is(&self, hash: &PasscodeHash) -> Option<bool> {
        match &self.compared {
            Some((compared, right)) if compared == hash => Some(*right),
            Some(_) | None => None,
        }
    }
}

/// From where somebody comes: an address, or the part of it that one household has, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Network(Arc<str>);

impl Network {
    /// The network that is written like this.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }
}

/// How many wrong passcodes are borne with within a time, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptLimits {
    /// Of one user.
    pub per_user: usize,
    /// From one network.
    pub per_network: usize,
    /// In the whole meeting; nothing more is remembered.
    pub per_meeting: usize,
    /// Within which time.
    pub window: Duration,
}

impl Default for AttemptLimits {
    fn default() -> Self {
        Self {
            per_user: 5,
            per_network: 20,
            per_meeting: 100,
            window: Duration::from_secs(600),
        }
    }
}

/// Who is locked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockoutScope {
    /// One user.
    User,
    /// Everybody from one network.
    Network,
    /// Everybody who is no moderator.
    Meeting,
}

impl LockoutScope {
    /// Stable word for clients.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Network => "network",
            Self::Meeting => "meeting",
        }
    }
}

/// One wrong passcode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Whose.
    pub user: UserId,
    /// From which network, where that is known.
    pub network: Option<Network>,
    /// When.
    pub at: Timestamp,
}

/// The wrong passcodes that still count, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Failures(Vec<Failure>);

impl Failures {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the last of them counts no longer; `None` when there are none.
    #[must_use]
    pub fn until(&self, limits: &AttemptLimits) -> Option<Timestamp> {
        self.0.last().map(|failure| failure.at.plus(limits.window))
    }

    /// Who is locked out as this user from this network, and until when.
    #[must_use]
    pub fn lockout(
        &self,
        limits: &AttemptLimits,
        user: &UserId,
        network: Option<&Network>,
        now: Timestamp,
    ) -> Option<(LockoutScope, Timestamp)> {
        let counts = |it: &&Failure| it.at.plus(limits.window) > now;
        let until = |limit: usize, of: &dyn Fn(&Failure) -> bool| {
            let mut newest_first = self.0.iter().rev().filter(counts).filter(|it| of(it));
            let deciding = newest_first.nth(limit.saturating_sub(1))?;
            Some(deciding.at.plus(limits.window))
        };
        let scopes = [
            (
                LockoutScope::User,
                until(limits.per_user, &|it| it.user == *user),
            ),
            (
                LockoutScope::Network,
                network.and_then(|_known| {
                    until(limits.per_network, &|it| it.network.as_ref() == network)
                }),
            ),
            (
                LockoutScope::Meeting,
                until(limits.per_meeting, &|_any| true),
            ),
        ];
        let locked = scopes
            .into_iter()
            .filter_map(|(scope, until)| Some((scope, until?)));
        locked.max_by_key(|(_, until)| *until)
    }

    /// Notes one more and forgets what does not count any longer.
    pub fn note(&mut self, limits: &AttemptLimits, failure: Failure) {
        let now = failure.at;
        self.0.retain(|it| it.at.plus(limits.window) > now);
        self.0.push(failure);
        let over = self.0.len().saturating_sub(limits.per_meeting);
        self.0.drain(..over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    fn failed(failures: &mut Failures, name: &str, network: u8, at: u64) {
        let failure = Failure {
            user: user(name),
            network: Some(Network::new(&format!("10.0.0.{network}"))),
            at: Timestamp(at),
        };
        failures.note(&AttemptLimits::default(), failure);
    }

    #[test]
    fn five_of_a_user_lock_that_user_until_the_first_of_them_is_forgotten() {
        let limits = AttemptLimits::default();
        let mut failures = Failures::default();
        for at in 1..=5 {
            assert_eq!(
                failures.lockout(&limits, &user("eve"), None, Timestamp(at)),
                None
            );
            failed(&mut failures, "eve", 1, at);
        }
        let locked = failures.lockout(&limits, &user("eve"), None, Timestamp(6));
        assert_eq!(locked, Some((LockoutScope::User, Timestamp(600_001))));
        assert_eq!(
            failures.lockout(&limits, &user("ann"), None, Timestamp(6)),
            None
        );
        let later = Timestamp(600_001);
        assert_eq!(failures.lockout(&limits, &user("eve"), None, later), None);
    }

    #[test]
    fn other_names_from_the_same_network_are_locked_out_too() {
        let limits = AttemptLimits::default();
        let mut failures = Failures::default();
        for number in 0..20 {
            failed(&mut failures, &format!("u{number}"), 7, 1);
        }
        let (seven, eight) = (Network::new("10.0.0.7"), Network::new("10.0.0.8"));
        let locked = failures.lockout(&limits, &user("new"), Some(&seven), Timestamp(2));
        assert_eq!(locked.map(|it| it.0), Some(LockoutScope::Network));
        assert_eq!(
            failures.lockout(&limits, &user("new"), Some(&eight), Timestamp(2)),
            None
        );
        assert_eq!(
            failures.lockout(&limits, &user("new"), None, Timestamp(2)),
            None
        );
    }

    #[test]
    fn no_more_is_remembered_than_locks_the_meeting() {
        let limits = AttemptLimits::default();
        let mut failures = Failures::default();
        for number in 0..250_u64 {
            failed(
                &mut failures,
                &format!("u{number}"),
                u8::try_from(number % 200).unwrap(),
                number,
            );
        }
        assert_eq!(failures.0.len(), limits.per_meeting);
        let locked = failures.lockout(&limits, &user("new"), None, Timestamp(250));
        assert_eq!(locked.map(|it| it.0), Some(LockoutScope::Meeting));
    }

    #[test]
    fn a_passcode_is_never_shown_and_has_a_length() {
        let passcode = Passcode::new("open sesame").unwrap();
        let hash = PasscodeHash::new("$argon2id$x");
        let shown = format!(
            "{passcode:?} {hash:?} {:?}",
            GivenPasscode::new(passcode.clone())
        );
        assert!(!shown.contains("sesame") && !shown.contains("argon2"));
        assert_eq!(Passcode::new("abc"), None);
        assert_eq!(Passcode::new(&"é".repeat(65)), None);
        assert!(Passcode::new(&"é".repeat(64)).is_some());
    }
}
