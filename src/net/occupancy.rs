//! How many of something one owner has at the same time.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Counts<K> = Mutex<HashMap<K, usize>>;

/// Counts places by owner, up to a limit for each.
#[derive(Debug, Clone)]
pub struct Occupancy<K> {
    counts: Arc<Counts<K>>,
    limit: usize,
}

/// One place; dropping it gives it back.
#[derive(Debug)]
pub struct Place<K: Eq + Hash> {
    owner: K,
    counts: Arc<Counts<K>>,
}

impl<K: Clone + Eq + Hash> Occupancy<K> {
    /// Nobody has a place yet; each owner may have `limit`.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            counts: Arc::default(),
            limit,
        }
    }

    /// One more place for `owner`; `None` when it has all of its own.
    #[must_use]
    pub fn enter(&self, owner: K) -> Option<Place<K>> {
        let mut counts = lock(&self.counts);
        let count = counts.entry(owner.clone()).or_default();
        if *count >= self.limit {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Place {
            owner,
            counts: self.counts.clone(),
        })
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&self.owner) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.owner);
            }
        }
    }
}

fn lock<K>(counts: &Counts<K>) -> MutexGuard<'_, HashMap<K, usize>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_and_nobody_is_remembered_without_one() {
        let occupancy = Occupancy::new(2);
        let first = occupancy.enter("a").unwrap();
        let second = occupancy.enter("a").unwrap();
        assert!(occupancy.enter("a").is_none());
        assert!(occupancy.enter("b").is_some());
        drop(first);
        let third = occupancy.enter("a").unwrap();
        assert!(occupancy.enter("a").is_none());
        drop((second, third));
        assert!(lock(&occupancy.counts).is_empty());
    }
}
