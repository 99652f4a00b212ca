//! Tickets that took a while, and the handing over of those that are there.

use std::sync::Arc;

use super::actor::Loaded;
use super::committing::{Freshness, answer};
use super::reply::{Handout, Holder, Issued, Outcome, ReplyTo, Voucher};
use super::ticketing::{Awaited, Coming, Held, STORE_PAUSE, Told};
use crate::domain::id::UserId;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::Ticket;

const PROVIDER_DOWN: Refusal = Refusal::Unavailable {
    reason: "The media provider does not answer",
};

impl Loaded {
    /// Something has become of a ticket that took a while.
    pub(super) async fn ticket_came(&mut self, coming: Coming) {
        match coming {
            Coming::Unwanted => {}
            Coming::Proof(user, stamp) => {
                let mut told = Told::default();
                self.proven(&user, stamp, &mut told);
                self.tell(told);
            }
            Coming::Unfollowed(concerned) => {
                let at = self.parts.clock.now();
                let entries = self.to_follow(concerned.clone(), at);
                if !entries.is_empty() {
                    self.write(None, (entries, concerned), Vec::new());
                }
            }
            Coming::Slow(user, number) => self.ticket_is_slow(&user, number),
            Coming::Ticket(user, number, ticket) => {
                self.ticket_is_there(user, number, ticket).await;
            }
        }
    }

    pub(super) fn ticket_is_slow(&mut self, user: &UserId, number: u64) {
        let awaited = self.ticketing.awaited.get_mut(user);
        let Some(awaited) = awaited.filter(|it| it.number == number) else {
            return;
        };
        let provider = awaited.entitlement.provider;
        let holders = std::mem::take(&mut awaited.untold);
        let held = std::mem::take(&mut awaited.held);
        let mut told = Told::default();
        self.hand_over(&Voucher::Pending(provider), holders, held, &mut told);
        self.tell(told);
    }

    /// Between the order and now other nodes may have taken rights away.
    pub(super) async fn ticket_is_there(&mut self, user: UserId, number: u64, ticket: Arc<Ticket>) {
        let is_wanted = |it: &Awaited| it.number == number;
        if !self.ticketing.awaited.get(&user).is_some_and(is_wanted) {
            return;
        }
        if matches!(self.refreshed().await, Freshness::Unknown) {
            let clock = self.parts.clock.clone();
            let at = clock.now().plus(STORE_PAUSE);
            self.ticketing.coming.push(Box::pin(async move {
                clock.sleep_until(at).await;
                Coming::Ticket(user, number, ticket)
            }));
            return;
        }
        if !self.ticketing.awaited.get(&user).is_some_and(is_wanted) {
            return;
        }
        let Some(awaited) = self.ticketing.awaited.remove(&user) else {
            return;
        };
        let Awaited {
            holders,
            held,
            entitlement,
            ..
        } = awaited;
        let mut told = Told::default();
        let current = self.room().entitlement(&user, self.parts.clock.now());
        if current.is_ok_and(|current| entitlement.covers(&current)) {
            self.ticketing.issued.insert(user, entitlement);
            self.hand_over(&Voucher::Ticket(ticket), holders, held, &mut told);
        } else {
            self.need(&user, holders, held, &mut told);
        }
        self.tell(told);
    }

    pub(super) fn hand_over(
        &self,
        voucher: &Voucher,
        holders: Vec<Holder>,
        held: Vec<Held>,
        told: &mut Told,
    ) {
        for to in holders {
            let voucher = voucher.clone();
            let handout = Handout { to, voucher };
            if !told.tickets.contains(&handout) {
                told.tickets.push(handout);
            }
        }
        for Held { reply, outcome } in held {
            if let ReplyTo::Ticket(caller) = reply {
                let issued = match voucher {
                    Voucher::Ticket(ticket) => Ok(Issued {
                        rev: self.room().rev,
                        ticket: Some(ticket.clone()),
                    }),
                    Voucher::Pending(_) => Err(PROVIDER_DOWN),
                };
                drop(caller.send(issued));
            } else {
                self.answer_now(reply, Ok(outcome), told);
            }
        }
    }

    pub(super) fn answer_now(
        &self,
        reply: ReplyTo,
        outcome: Result<Outcome, Refusal>,
        told: &mut Told,
    ) {
        let (room, rev) = (self.room(), self.room().rev);
        answer(reply, room, rev, outcome, &mut told.answers);
    }

    /// Answers those who will get no ticket after all: they are not in the room any more.
    pub(super) fn release(&mut self, told: &mut Told) {
        if self.ticketing.released.is_empty() {
            return;
        }
        let now = self.parts.clock.now();
        for (user, Held { reply, outcome }) in std::mem::take(&mut self.ticketing.released) {
            let refused = self.room().entitlement(&user, now).err();
            let why_not = refused.unwrap_or(Refusal::NotJoined);
            let outcome = match outcome {
                Outcome::Joined { .. } if self.room().participant(&user).is_none() => Err(why_not),
                Outcome::Ticket => Err(why_not),
                outcome @ (Outcome::Joined { .. }
                | Outcome::Done
                | Outcome::State
                | Outcome::Chat) => Ok(outcome),
            };
            self.answer_now(reply, outcome, told);
        }
    }

    /// Tells of tickets and answers outside of a commit.
    pub(super) fn tell(&mut self, mut told: Told) {
        self.release(&mut told);
        if told.answers.is_empty() && told.tickets.is_empty() {
            return;
        }
        let Told { answers, tickets } = told;
        self.sink
            .publish(self.replica.room(), None, answers, &tickets);
    }
}
