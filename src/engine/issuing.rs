//! Who in a room needs a ticket, and the ordering of one.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::actor::Loaded;
use super::committing::{Freshness, STORE_DOWN};
use super::registry::{Message, Request};
use super::reply::{Holder, Outcome, ReplyTo, Voucher};
use super::ticketing::{Awaited, Coming, Held, Told, changes_standing};
use super::tickets::Issuing;
use crate::domain::id::{ConnectionId, UserId};
use crate::domain::room::{Commit, Event};
use crate::domain::ticket::Ticket;
use crate::domain::time::Timestamp;

impl Loaded {
    /// Whether there is anything to hand out in this room.
    pub(super) fn hands_out(&self) -> bool {
        let provider = self.room().policy.provider;
        self.parts.tickets.hands_out(&self.key.tenant, provider)
    }

    /// The tickets that a commit calls for: of who came with it over a connection of this node, and of
    /// whose rights it changed.
    pub(super) fn tickets_after(&mut self, commit: &Commit, told: &mut Told) {
        if !self.hands_out() {
            self.ticketing.forget_all();
            return;
        }
        for event in &commit.events {
            if let Event::ParticipantLeft { user, .. } | Event::Removed { user, .. } = event {
                self.ticketing.forget(user);
            }
        }
        let changed = commit.events.iter().any(changes_standing);
        if changed {
            self.note_unproven(commit);
        }
        let came = self.came_here(commit);
        if self.ticketing.catching_up {
            // What comes next may take it away again.
            self.ticketing.changed |= changed;
            self.ticketing.came.extend(came);
            return;
        }
        if changed {
            self.tickets_after_changes(told);
        }
        self.tickets_for(came, told);
    }

    pub(super) fn tickets_for(&mut self, came: Vec<(UserId, ConnectionId)>, told: &mut Told) {
        for (user, connection) in came {
            let holders = vec![Holder::Connection(connection)];
            self.need(&user, holders, Vec::new(), told);
        }
    }

    /// Commits follow that are known all together: nothing is handed out before the last of them.
    pub(super) const fn begin_to_catch_up(&mut self) {
        self.ticketing.catching_up = true;
    }

    /// The last of them is known.
    pub(super) fn have_caught_up(&mut self) {
        self.ticketing.catching_up = false;
        let mut told = Told::default();
        let changed = std::mem::take(&mut self.ticketing.changed);
        let came = std::mem::take(&mut self.ticketing.came);
        if changed {
            self.tickets_after_changes(&mut told);
        }
        self.tickets_for(came, &mut told);
        self.tell(told);
    }

    /// Who came with a commit, over which connections of this node.
    pub(super) fn came_here(&self, commit: &Commit) -> Vec<(UserId, ConnectionId)> {
        let node = self.parts.ids.node();
        let mut came = Vec::new();
        for event in &commit.events {
            let (user, attached) = if let Event::ParticipantJoined { participant } = event {
                (&participant.user, None)
            } else if let Event::Admitted { user, .. } = event {
                (user, None)
            } else if let Event::ConnectionAttached { user, connection } = event {
                (user, Some(connection.id))
            } else {
                continue;
            };
            let Some(person) = self.room().participant(user) else {
                continue;
            };
            let here = person.connections.iter().filter(|it| it.node == node);
            let new = here.filter(|it| attached.is_none_or(|id| id == it.id));
            came.extend(new.map(|it| (user.clone(), it.id)));
        }
        came.sort_unstable();
        came.dedup();
        came
    }

    /// New tickets for those whose rights are not those that they were last given one for. Fewer rights
    /// at once; more of them only when SQL has heard of it.
    pub(super) fn tickets_after_changes(&mut self, told: &mut Told) {
        let now = self.parts.clock.now();
        let known = self.ticketing.issued.keys();
        let users: Vec<UserId> = known
            .chain(self.ticketing.awaited.keys())
            .cloned()
            .collect();
        for user in users {
            let Ok(current) = self.room().entitlement(&user, now) else {
                self.ticketing.forget(&user);
                continue;
            };
            let issued = self.ticketing.issued.get(&user);
            let awaited = self.ticketing.awaited.get(&user).map(|it| &it.entitlement);
            if awaited.or(issued).is_none_or(|it| it.covers(&current)) {
                continue;
            }
            if self.is_unproven(&current) {
                continue;
            }
            let holders = vec![Holder::User(user.clone())];
            self.need(&user, holders, Vec::new(), told);
        }
    }

    /// The room was shown anew, or a connection has fallen behind: what was handed out may be lost.
    pub(super) fn tickets_again(&mut self, only: Option<ConnectionId>) {
        let mut told = Told::default();
        if only.is_none() {
            // What the store holds was acknowledged, or will be undone like anything else.
            self.ticketing.unproven.clear();
            self.forget_the_gone();
            for (user, parked) in self.ticketing.take_parked() {
                self.need(&user, parked.holders, parked.held, &mut told);
            }
        }
        if self.hands_out() {
            let node = self.parts.ids.node();
            let people = self.room().participants();
            let here: Vec<_> = people
                .flat_map(|it| it.connections.iter().map(|held| (it.user.clone(), *held)))
                .filter(|(_, held)| held.node == node && only.is_none_or(|id| id == held.id))
                .collect();
            for (user, held) in here {
                self.need(
                    &user,
                    vec![Holder::Connection(held.id)],
                    Vec::new(),
                    &mut told,
                );
            }
        } else {
            self.ticketing.forget_all();
        }
        self.tell(told);
    }

    /// Of those who are not in the room nothing is remembered.
    pub(super) fn forget_the_gone(&mut self) {
        let known = self.ticketing.issued.keys();
        let known = known.chain(self.ticketing.awaited.keys());
        let is_gone = |user: &&UserId| self.room().participant(user).is_none();
        let gone: Vec<UserId> = known.filter(is_gone).cloned().collect();
        for user in gone {
            self.ticketing.forget(&user);
        }
    }

    /// Answers a join, with a ticket where there is one to hand out.
    pub(super) fn answer_join(&mut self, reply: ReplyTo, outcome: Outcome, told: &mut Told) {
        let Outcome::Joined { user, .. } = &outcome else {
            return self.answer_now(reply, Ok(outcome), told);
        };
        let user = user.clone();
        let connection = match &reply {
            ReplyTo::Connection(to) => to.connection,
            ReplyTo::Nobody | ReplyTo::Caller(_) | ReplyTo::Ticket(_) => {
                return self.answer_now(reply, Ok(outcome), told);
            }
        };
        let holder = Holder::Connection(connection);
        let handed = told.tickets.iter().any(|it| it.to == holder);
        let is_in = self.room().participant(&user).is_some();
        if handed || !is_in || !self.hands_out() {
            return self.answer_now(reply, Ok(outcome), told);
        }
        self.need(&user, vec![holder], vec![Held { reply, outcome }], told);
    }

    /// Answers who asks for a fresh ticket.
    pub(super) async fn answer_ticket(&mut self, message: Message) {
        let Request::Ticket(user) = message.request else {
            return;
        };
        let reply = message.reply;
        let mut told = Told::default();
        // It must not be judged on a state from before somebody was demoted or banned.
        if matches!(self.refreshed().await, Freshness::Unknown) {
            self.answer_now(reply, Err(STORE_DOWN), &mut told);
            return self.tell(told);
        }
        match self.room().entitlement(&user, self.parts.clock.now()) {
            Err(refusal) => self.answer_now(reply, Err(refusal), &mut told),
            Ok(_) if !self.hands_out() => {
                self.answer_now(reply, Ok(Outcome::Ticket), &mut told);
            }
            Ok(_) => {
                let holders = match &reply {
                    ReplyTo::Connection(to) => vec![Holder::Connection(to.connection)],
                    ReplyTo::Nobody | ReplyTo::Caller(_) | ReplyTo::Ticket(_) => Vec::new(),
                };
                let outcome = Outcome::Ticket;
                self.need(&user, holders, vec![Held { reply, outcome }], &mut told);
            }
        }
        self.tell(told);
    }

    /// Somebody needs a ticket, for these connections and these answers.
    pub(super) fn need(
        &mut self,
        user: &UserId,
        mut holders: Vec<Holder>,
        mut held: Vec<Held>,
        told: &mut Told,
    ) {
        let now = self.parts.clock.now();
        let Ok(entitlement) = self.room().entitlement(user, now) else {
            let held = held.into_iter().map(|it| (user.clone(), it));
            self.ticketing.released.extend(held);
            return self.ticketing.forget(user);
        };
        let mut slow_at = now.plus(self.parts.limits.ticket_budget);
        if let Some(mut awaited) = self.ticketing.awaited.remove(user) {
            if awaited.entitlement.covers(&entitlement) {
                for holder in holders {
                    awaited.add(holder);
                }
                awaited.held.append(&mut held);
                // Those who came first may have been told already that it takes longer.
                if awaited.slow_at <= now {
                    awaited.slow_at = slow_at;
                    self.expect_slowness(user, awaited.number, slow_at);
                }
                self.ticketing.awaited.insert(user.clone(), awaited);
                return;
            }
            awaited.holders.retain(|holder| !holders.contains(holder));
            holders.append(&mut awaited.holders);
            held.append(&mut awaited.held);
            slow_at = awaited.slow_at;
        }
        let parked = self.is_unproven(&entitlement);
        let issuing = if parked {
            Issuing::Later(Box::pin(std::future::pending()))
        } else {
            self.parts.tickets.issue(entitlement.clone())
        };
        match issuing {
            Issuing::Nothing => {
                for Held { reply, outcome } in held {
                    self.answer_now(reply, Ok(outcome), told);
                }
            }
            Issuing::Ready(ticket) => {
                self.ticketing.issued.insert(user.clone(), entitlement);
                self.hand_over(&Voucher::Ticket(ticket), holders, held, told);
            }
            Issuing::Later(ticket) => {
                self.ticketing.number = self.ticketing.number.wrapping_add(1);
                let number = self.ticketing.number;
                let unwanted = CancellationToken::new();
                let awaited = Awaited {
                    number,
                    entitlement,
                    untold: holders.clone(),
                    holders,
                    held,
                    slow_at,
                    parked,
                    _wanted: unwanted.clone().drop_guard(),
                };
                self.ticketing.awaited.insert(user.clone(), awaited);
                self.expect_ticket(user, number, ticket, unwanted);
                self.expect_slowness(user, number, slow_at);
            }
        }
    }

    pub(super) fn expect_ticket(
        &self,
        user: &UserId,
        number: u64,
        ticket: BoxFuture<'static, Arc<Ticket>>,
        unwanted: CancellationToken,
    ) {
        let user = user.clone();
        self.ticketing.coming.push(Box::pin(async move {
            match unwanted.run_until_cancelled_owned(ticket).await {
                Some(ticket) => Coming::Ticket(user, number, ticket),
                None => Coming::Unwanted,
            }
        }));
    }

    pub(super) fn expect_slowness(&self, user: &UserId, number: u64, at: Timestamp) {
        let (user, clock) = (user.clone(), self.parts.clock.clone());
        self.ticketing.coming.push(Box::pin(async move {
            clock.sleep_until(at).await;
            Coming::Slow(user, number)
        }));
    }
}
