//! Passcodes are hashed slowly on purpose (Argon2id, RFC 9106): beside the rooms, and few at a time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use aws_lc_rs::{hmac, rand};
use tokio::sync::Semaphore;

use super::actor::Loaded;
use super::registry::Request;
use crate::domain::passcode::{Failure, Passcode, PasscodeHash};
use crate::domain::permission::{self, Action};
use crate::domain::refusal::Refusal;
use crate::domain::room::{Command, Join, Room};
use crate::domain::time::Timestamp;

/// Hashes of which the right passcode is remembered. More are forgotten all at once.
const REMEMBERED: usize = 1_024;

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
    /// [`compare`] on the room as it is.
    pub(super) async fn check_passcodes(&mut self, requests: &mut [Request]) {
        if self.room().policy.access.passcode.is_some() {
            let (room, now) = (self.room().clone(), self.parts.clock.now());
            compare(&self.parts.passcodes.clone(), &room, now, requests).await;
        }
    }
}

/// Compares the passcodes that joiners gave, before their joins are decided. Nothing is compared for
/// those who need none, and for those who are locked out.
async fn compare(passcodes: &Passcodes, room: &Room, now: Timestamp, requests: &mut [Request]) {
    let Some(hash) = &room.policy.access.passcode else {
        return;
    };
    let limits = room.policy.attempts;
    let mut failures = (*room.failures).clone();
    for join in requests.iter_mut().filter_map(join_of) {
        let passes = permission::allows(room.rank_of(&join.user), Action::PassPasscode);
        let network = join.network.as_ref();
        let locked_out = failures.lockout(&limits, &join.user, network, now);
        if passes || room.person(&join.user).is_some() || locked_out.is_some() {
            continue;
        }
        let Some(given) = join.passcode.as_mut().filter(|it| it.is(hash).is_none()) else {
            continue;
        };
        let Ok(right) = passcodes.is(&given.passcode, hash).await else {
            continue;
        };
        given.compared = Some((hash.clone(), right));
        if !right {
            let failure = Failure {
                user: join.user.clone(),
                network: join.network.clone(),
                at: now,
            };
            failures.note(&limits, failure);
        }
    }
}

fn join_of(request: &mut Request) -> Option<&mut Join> {
    match request {
        Request::Change {
            command: Command::Join(join),
            ..
        } => Some(join),
        Request::Change { .. } | Request::Read(_) | Request::Refresh(_) | Request::Reassert => None,
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
