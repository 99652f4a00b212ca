//! Promotions that SQL may still refuse: nothing wider is handed out before it has heard of them.

use std::time::Duration;

use super::actor::Loaded;
use super::ticketing::{Coming, STORE_PAUSE, Told};
use crate::domain::grant::Stamp;
use crate::domain::id::UserId;
use crate::domain::role::{Mark, Rank};
use crate::domain::room::{Commit, Event};
use crate::domain::ticket::{Entitlement, Rights};

/// Before SQL is asked again whether it has heard of a promotion.
const PROOF_PAUSE: Duration = Duration::from_millis(20);

impl Loaded {
    /// Whoever a commit promotes gets what follows from it once SQL has heard of it. Of its own commits this
    /// node learns that when they are recorded; of others it asks SQL.
    pub(super) fn note_unproven(&mut self, commit: &Commit) {
        let ours = commit.id.node == self.parts.ids.node();
        for event in &commit.events {
            if let Event::RoleGranted {
                user, role, stamp, ..
            } = event
            {
                let known = self.ticketing.issued.contains_key(user);
                let known = known || self.ticketing.awaited.contains_key(user);
                if ours || known {
                    self.ticketing.unproven.insert(user.clone(), *stamp);
                }
                if !ours && known {
                    self.ask_for_proof(user, (*role).into(), *stamp);
                }
            } else if let Event::GrantsRestored { changes } = event {
                for change in changes {
                    self.ticketing.unproven.remove(&change.user);
                }
            }
        }
    }

    /// Whether these are more rights than were handed out before, and SQL may not take the promotion.
    pub(super) fn is_unproven(&self, current: &Entitlement) -> bool {
        let issued = self.ticketing.issued.get(&current.user);
        let least = issued.map_or(Rights::of(Rank::Participant), |it| it.rights);
        self.ticketing.unproven.contains_key(&current.user) && !current.rights.is_within(least)
    }

    /// Looks in SQL until it has heard of a promotion by another node, or of a later change.
    pub(super) fn ask_for_proof(&self, user: &UserId, mark: Mark, stamp: Stamp) {
        let (directory, key) = (self.parts.directory.clone(), self.key.clone());
        let (clock, user) = (self.parts.clock.clone(), user.clone());
        self.ticketing.coming.push(Box::pin(async move {
            let mut pause = PROOF_PAUSE;
            loop {
                if let Ok(grants) = directory.grants(&key).await
                    && grants.of(&user).held(mark).stamp >= stamp
                {
                    return Coming::Proof(user, stamp);
                }
                clock.sleep_until(clock.now().plus(pause)).await;
                pause = pause.saturating_mul(2).min(STORE_PAUSE);
            }
        }));
    }

    /// SQL has heard of a commit of this node: whom it promoted may have what follows from it.
    pub(super) fn tickets_once_durable(&mut self, commit: &Commit, told: &mut Told) {
        for event in &commit.events {
            if let Event::RoleGranted { user, stamp, .. } = event {
                self.proven(user, *stamp, told);
            }
        }
    }

    pub(super) fn proven(&mut self, user: &UserId, stamp: Stamp, told: &mut Told) {
        let known = self.ticketing.unproven.get(user);
        if known.is_none_or(|known| *known > stamp) {
            return;
        }
        self.ticketing.unproven.remove(user);
        if let Some(parked) = self.ticketing.awaited.remove(user) {
            return self.need(user, parked.holders, parked.held, told);
        }
        self.tickets_after_changes(told);
    }
}
