//! Passcodes are hashed slowly on purpose (Argon2id, RFC 9106): beside the rooms, and few at a time.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use aws_lc_rs::{hmac, rand};
use tokio::sync::Semaphore;

use super::actor::Loaded;
use super::committing::DraftOutcome;
use super::registry::{Message, Request};
use super::reply::ReplyTo;
use crate::domain::id::ConnectionId;
use crate::domain::passcode::{Failure, Passcode, PasscodeHash};
use crate::domain::refusal::Refusal;
use crate::domain::room::{Command, Join, NOT_COMPARED, Room};
use crate::domain::time::Timestamp;

/// Hashes of which the right passcode is remembered. More are forgotten all at once.
const REMEMBERED: usize = 1_024;

/// Comparisons for which a room's other people wait.
const AT_ONCE: usize = 4;

/// Hashes passcodes and compares with hashes.
pub struct Passcodes {
    /// Each hash takes 19 MiB and some twenty milliseconds of a processor.
    places: Semaphore,
    /// Signs what is remembered, so that no passcode stays in memory.
    key: hmac::Key,
    /// The right passcode of a hash, signed: whoever else has it costs next to nothing.
    right: Mutex<HashMap<PasscodeHash, hmac::Tag>>,
}

impl fmt::Debug for Passcodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passcodes").finish_non_exhaustive()
    }
}

const NOT_HASHED: Refusal = Refusal::Unavailable {
    reason: "The passcode could not be hashed",
};

impl Passcodes {
    /// So many hashes at once.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new(at_once: usize) -> Result<Arc<Self>, Refusal> {
        let random = rand::SystemRandom::new();
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &random).map_err(|_none| NOT_HASHED)?;
        Ok(Arc::new(Self {
            places: Semaphore::new(at_once.max(1)),
            key,
            right: Mutex::default(),
        }))
    }

    /// What may be kept of a passcode.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when the system gives no random numbers, or is shutting down.
    pub async fn hash(&self, passcode: Passcode) -> Result<PasscodeHash, Refusal> {
        self.slowly(move || {
            let hash = Argon2::default().hash_password(passcode.expose().as_bytes());
            hash.map(|hash| PasscodeHash::new(&hash.to_string()))
                .map_err(|_error| NOT_HASHED)
        })
        .await?
    }

    /// Whether this is the passcode with that hash; in the same time whatever they have in common.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when the server is shutting down.
    pub async fn is(&self, passcode: &Passcode, hash: &PasscodeHash) -> Result<bool, Refusal> {
        if let Some(tag) = self.remembered().get(hash).copied()
            && hmac::verify(&self.key, passcode.expose().as_bytes(), tag.as_ref()).is_ok()
        {
            return Ok(true);
        }
        let (given, kept) = (passcode.clone(), hash.clone());
        let compared = self.slowly(move || {
            let Ok(parsed) = PasswordHash::new(kept.as_str()) else {
                tracing::error!("a passcode's hash cannot be read: nobody enters with it");
                return false;
            };
            let given = given.expose().as_bytes();
            Argon2::default().verify_password(given, &parsed).is_ok()
        });
        let right = compared.await?;
        if right {
            let tag = hmac::sign(&self.key, passcode.expose().as_bytes());
            let mut remembered = self.remembered();
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
            remembered.insert(hash.clone(), tag);
        }
        Ok(right)
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<PasscodeHash, hmac::Tag>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn slowly<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = self.places.acquire().await;
        let done = tokio::task::spawn_blocking(work).await;
        drop(place);
        done.map_err(|_cancelled| NOT_HASHED)
    }
}

impl Loaded {
    /// Puts off all but the first few joins whose passcodes have to be compared, so that others are not held
    /// up for long; with all that came over the same connections after them. Whether there were any.
    pub(super) fn defer(
        &mut self,
        requests: &mut Vec<Request>,
        replies: &mut Vec<ReplyTo>,
        outcomes: &[DraftOutcome],
    ) -> bool {
        if outcomes.iter().filter(|outcome| waits(outcome)).count() <= AT_ONCE {
            return false;
        }
        let (mut comparing, mut late) = (0_usize, HashSet::new());
        let messages = std::mem::take(requests)
            .into_iter()
            .zip(std::mem::take(replies));
        for ((request, reply), outcome) in messages.zip(outcomes) {
            comparing = comparing.saturating_add(usize::from(waits(outcome)));
            let connection = connection_of(&request, &reply);
            let is_late = waits(outcome) && comparing > AT_ONCE;
            if is_late || connection.is_some_and(|id| late.contains(&id)) {
                late.extend(connection);
                self.deferred.push(Message { request, reply });
            } else {
                requests.push(request);
                replies.push(reply);
            }
        }
        true
    }

    /// Compares the passcodes of joins of which nothing else is left to judge. Whether there were any: all
    /// has then to be decided again.
    pub(super) async fn compare_passcodes(
        &mut self,
        requests: &mut [Request],
        outcomes: &[DraftOutcome],
    ) -> bool {
        if !outcomes.iter().any(waits) {
            return false;
        }
        let (room, now) = (self.room().clone(), self.parts.clock.now());
        let joins = requests.iter_mut().zip(outcomes);
        let joins = joins.filter_map(|(request, outcome)| {
            let join = join_of(request)?;
            waits(outcome).then_some(join)
        });
        compare(&self.parts.passcodes.clone(), &room, now, joins.collect()).await
    }
}

/// Whether nothing but its passcode is left to judge of a join.
fn waits((outcome, _): &DraftOutcome) -> bool {
    *outcome == Err(NOT_COMPARED)
}

/// No more is compared than what a lock-out leaves of it; the rest is decided again when these count.
async fn compare(
    passcodes: &Passcodes,
    room: &Room,
    now: Timestamp,
    joins: Vec<&mut Join>,
) -> bool {
    let limits = room.policy.attempts;
    let mut failures = (*room.failures).clone();
    let mut compared = false;
    for join in joins {
        let network = join.network.as_ref();
        let locked_out = failures.lockout(&limits, &join.user, network, now);
        let (Some(hash), None) = (&room.policy.access.passcode, locked_out) else {
            continue;
        };
        let Some(given) = join.passcode.as_mut().filter(|it| it.is(hash).is_none()) else {
            continue;
        };
        let Ok(right) = passcodes.is(&given.passcode, hash).await else {
            continue;
        };
        given.compared = Some((hash.clone(), right));
        compared = true;
        if !right {
            let failure = Failure {
                user: join.user.clone(),
                network: join.network.clone(),
                at: now,
            };
            failures.note(&limits, failure);
        }
    }
    compared
}

/// Over which connection it came, or whose end it tells.
const fn connection_of(request: &Request, reply: &ReplyTo) -> Option<ConnectionId> {
    if let ReplyTo::Connection(from) = reply {
        return Some(from.connection);
    }
    if let Request::Change {
        command: Command::Leave { connection } | Command::LoseConnection { connection, .. },
        ..
    } = request
    {
        return Some(*connection);
    }
    None
}

fn join_of(request: &mut Request) -> Option<&mut Join> {
    match request {
        Request::Change {
            command: Command::Join(join),
            ..
        } => Some(join),
        Request::Change { .. }
        | Request::Read(_)
        | Request::Refresh(_)
        | Request::Ticket(_)
        | Request::Reassert => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_passcode_is_known_by_its_hash_and_by_nothing_else() {
        let passcodes = Passcodes::new(2).unwrap();
        let open = Passcode::new("open sesame").unwrap();
        let hash = passcodes.hash(open.clone()).await.unwrap();
        assert!(hash.as_str().starts_with("$argon2id$"));
        assert!(!hash.as_str().contains("sesame"));
        for _ in 0..2 {
            assert_eq!(passcodes.is(&open, &hash).await, Ok(true));
            let other = Passcode::new("open sesamE").unwrap();
            assert_eq!(passcodes.is(&other, &hash).await, Ok(false));
        }
        let again = passcodes.hash(open.clone()).await.unwrap();
        assert_ne!(again, hash, "each hash has a salt of its own");
        assert_eq!(passcodes.is(&open, &again).await, Ok(true));
        let garbage = PasscodeHash::new("no hash");
        assert_eq!(passcodes.is(&open, &garbage).await, Ok(false));
    }
}
