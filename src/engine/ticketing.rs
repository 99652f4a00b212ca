//! What a room remembers of tickets: for what each user was last given one, and who waits for one. Who needs
//! one is in `issuing`, who has to wait for SQL in `proving`, what becomes of slow ones in `handing`.
//!
//! Each node issues for its own connections: no ticket ever travels between nodes or into the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::DropGuard;

use super::followed::Concerned;
use super::reply::{Answer, Handout, Holder, Outcome, ReplyTo};
use crate::domain::grant::Stamp;
use crate::domain::id::{ConnectionId, UserId};
use crate::domain::room::Event;
use crate::domain::ticket::{Entitlement, Ticket};
use crate::domain::time::Timestamp;

/// Before a ticket is looked at again that came while the store was away.
pub(super) const STORE_PAUSE: Duration = Duration::from_secs(1);

/// An answer that waits for a ticket.
pub(super) struct Held {
    pub(super) reply: ReplyTo,
    pub(super) outcome: Outcome,
}

/// A ticket that takes a while.
pub(super) struct Awaited {
    pub(super) number: u64,
    pub(super) entitlement: Entitlement,
    pub(super) holders: Vec<Holder>,
    pub(super) held: Vec<Held>,
    /// Who has not been told yet that it takes longer.
    pub(super) untold: Vec<Holder>,
    pub(super) slow_at: Timestamp,
    /// Whether it waits until SQL has heard of a promotion.
    pub(super) parked: bool,
    /// Nobody issues any longer when this is dropped.
    pub(super) _wanted: DropGuard,
}

impl Awaited {
    pub(super) fn add(&mut self, holder: Holder) {
        if !self.holders.contains(&holder) {
            self.holders.push(holder.clone());
        }
        // Who asks again is told again.
        if !self.untold.contains(&holder) {
            self.untold.push(holder);
        }
    }
}

/// What became of a ticket that took a while.
pub(super) enum Coming {
    /// It is there.
    Ticket(UserId, u64, Arc<Ticket>),
    /// It takes longer than anybody should wait.
    Slow(UserId, u64),
    /// SQL has heard of this promotion.
    Proof(UserId, Stamp),
    /// SQL did not take this of what the provider has to follow.
    Unfollowed(Concerned),
    /// Nobody wants it any more.
    Unwanted,
}

/// Tickets of this node's connections to one room.
#[derive(Default)]
pub(super) struct Ticketing {
    /// For what each user was last given one.
    pub(super) issued: BTreeMap<UserId, Entitlement>,
    pub(super) awaited: BTreeMap<UserId, Awaited>,
    pub(super) coming: FuturesUnordered<BoxFuture<'static, Coming>>,
    pub(super) number: u64,
    /// Answers that need not wait any longer: there will be no ticket.
    pub(super) released: Vec<(UserId, Held)>,
    /// While commits are read that are known all together: who came with them, and whether rights changed.
    pub(super) catching_up: bool,
    pub(super) came: Vec<(UserId, ConnectionId)>,
    pub(super) changed: bool,
    /// Who was promoted, and SQL is not known to have heard of it: they get nothing wider until it has.
    pub(super) unproven: BTreeMap<UserId, Stamp>,
}

/// What is told with the next message to everybody.
#[derive(Default)]
pub(super) struct Told {
    pub(super) answers: Vec<Answer>,
    pub(super) tickets: Vec<Handout>,
}

impl Ticketing {
    pub(super) fn is_waiting(&self) -> bool {
        !self.coming.is_empty()
    }

    pub(super) async fn next(&mut self) -> Coming {
        self.coming.next().await.unwrap_or(Coming::Unwanted)
    }

    /// Somebody has left: whatever was under way for them is not wanted any more.
    pub(super) fn forget(&mut self, user: &UserId) {
        self.issued.remove(user);
        if let Some(awaited) = self.awaited.remove(user) {
            let held = awaited.held.into_iter();
            self.released.extend(held.map(|it| (user.clone(), it)));
        }
    }

    /// Tickets that wait until SQL has heard of a promotion.
    pub(super) fn take_parked(&mut self) -> Vec<(UserId, Awaited)> {
        let parked = self.awaited.extract_if(.., |_, it| it.parked);
        parked.collect()
    }

    /// Something to be told of later.
    pub(super) fn expect(&self, coming: BoxFuture<'static, Coming>) {
        self.coming.push(coming);
    }

    pub(super) fn forget_all(&mut self) {
        self.issued.clear();
        self.unproven.clear();
        for (user, awaited) in std::mem::take(&mut self.awaited) {
            let held = awaited.held.into_iter();
            self.released.extend(held.map(|it| (user.clone(), it)));
        }
    }
}

/// Whether somebody's rights at the provider, or the provider itself, may be others after it.
pub(super) const fn changes_standing(event: &Event) -> bool {
    match event {
        Event::RoleGranted { .. }
        | Event::RoleRevoked { .. }
        | Event::GrantsRestored { .. }
        | Event::BanChanged { .. }
        | Event::HostVacated { .. }
        | Event::HostChanged { .. }
        | Event::MeetingClaimed { .. }
        | Event::MeetingAdopted { .. }
        | Event::MeetingEnded { .. } => true,
        Event::RoleAffirmed { .. }
        | Event::ParticipantJoined { .. }
        | Event::ParticipantLeft { .. }
        | Event::ConnectionAttached { .. }
        | Event::ConnectionDetached { .. }
        | Event::ConnectionLost { .. }
        | Event::ProfileChanged { .. }
        | Event::MediaChanged { .. }
        | Event::LobbyEntered { .. }
        | Event::LobbyLeft { .. }
        | Event::Admitted { .. }
        | Event::Denied { .. }
        | Event::Removed { .. }
        | Event::Muted { .. }
        | Event::UnmuteAsked { .. }
        | Event::Signalled { .. }
        | Event::MediaRestricted { .. }
        | Event::MessageMarked { .. }
        | Event::Announced { .. }
        | Event::MessageSent { .. }
        | Event::PasscodeFailed { .. }
        | Event::LockoutLifted { .. }
        | Event::EndingSoon { .. }
        | Event::ProviderSynced { .. }
        | Event::AbsentForgotten { .. } => false,
    }
}
