//! People in order of arrival: those in the room, and those who wait for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::id::{ConnectionId, UserId};
use crate::domain::participant::{Participant, Seat};

/// People by seat and by user id. Cloning it is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seating {
    by_seat: Arc<BTreeMap<Seat, Arc<Participant>>>,
    seats: Arc<HashMap<UserId, Seat>>,
}

impl Seating {
    /// Everybody in order of arrival.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Participant>> {
        self.by_seat.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether nobody is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Whether somebody sits there.
    #[must_use]
    pub fn holds(&self, seat: Seat) -> bool {
        self.by_seat.contains_key(&seat)
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, user: &UserId) -> Option<&Arc<Participant>> {
        self.seats.get(user).and_then(|seat| self.by_seat.get(seat))
    }

    /// Who holds this live connection.
    #[must_use]
    pub fn holder_of(&self, connection: ConnectionId) -> Option<&Arc<Participant>> {
        self.iter()
            .find(|participant| participant.holds(connection))
    }

    pub(super) fn insert(&mut self, participant: Participant) {
        let (user, seat) = (participant.user.clone(), participant.seat);
        Arc::make_mut(&mut self.seats).insert(user, seat);
        Arc::make_mut(&mut self.by_seat).insert(seat, Arc::new(participant));
    }

    pub(super) fn remove(&mut self, user: &UserId) -> Option<Arc<Participant>> {
        self.seats.get(user)?;
        let seat = Arc::make_mut(&mut self.seats).remove(user)?;
        Arc::make_mut(&mut self.by_seat).remove(&seat)
    }

    /// Whether that user was there to be changed.
    pub(super) fn change(&mut self, user: &UserId, change: impl FnOnce(&mut Participant)) -> bool {
        let Some(seat) = self.seats.get(user) else {
            return false;
        };
        match Arc::make_mut(&mut self.by_seat).get_mut(seat) {
            Some(held) => {
                change(Arc::make_mut(held));
                true
            }
            None => false,
        }
    }
}

impl FromIterator<Participant> for Seating {
    fn from_iter<I: IntoIterator<Item = Participant>>(people: I) -> Self {
        let mut seating = Self::default();
        for participant in people {
            seating.insert(participant);
        }
        seating
    }
}
