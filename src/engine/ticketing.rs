//! The room's part in tickets: who needs one, who waits for one, and what has to be issued anew because
//! somebody's rights have changed.
//!
//! Each node issues for its own connections: no ticket ever travels between nodes or into the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::actor::Loaded;
use super::committing::{Freshness, STORE_DOWN, answer};
use super::followed::Concerned;
use super::registry::{Message, Request};
use super::reply::{Answer, Handout, Holder, Issued, Outcome, ReplyTo, Voucher};
use super::tickets::Issuing;
use crate::domain::grant::Stamp;
use crate::domain::id::{ConnectionId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::role::{Mark, Rank};
use crate::domain::room::{Commit, Event};
use crate::domain::ticket::{Entitlement, Rights, Ticket};
use crate::domain::time::Timestamp;

const PROVIDER_DOWN: Refusal = Refusal::Unavailable {
    reason: "The media provider does not answer",
};

/// Before a ticket is looked at again that came while the store was away.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Before SQL is asked again whether it has heard of a promotion.
const PROOF_PAUSE: Duration = Duration::from_millis(20);

/// An answer that waits for a ticket.
pub(super) struct Held {
    reply: ReplyTo,
    outcome: Outcome,
}

/// A ticket that takes a while.
struct Awaited {
    number: u64,
    entitlement: Entitlement,
    holders: Vec<Holder>,
    held: Vec<Held>,
    /// Who has not been told yet that it takes longer.
    untold: Vec<Holder>,
    slow_at: Timestamp,
    /// Whether it waits until SQL has heard of a promotion.
    parked: bool,
    /// Nobody issues any longer when this is dropped.
    _wanted: DropGuard,
}

impl Awaited {
    fn add(&mut self, holder: Holder) {
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
    issued: BTreeMap<UserId, Entitlement>,
    awaited: BTreeMap<UserId, Awaited>,
    coming: FuturesUnordered<BoxFuture<'static, Coming>>,
    number: u64,
    /// Answers that need not wait any longer: there will be no ticket.
    released: Vec<(UserId, Held)>,
    /// While commits are read that are known all together: who came with them, and whether rights changed.
    catching_up: bool,
    came: Vec<(UserId, ConnectionId)>,
    changed: bool,
    /// Who was promoted, and SQL is not known to have heard of it: they get nothing wider until it has.
    unproven: BTreeMap<UserId, Stamp>,
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
    fn forget(&mut self, user: &UserId) {
        self.issued.remove(user);
        if let Some(awaited) = self.awaited.remove(user) {
            let held = awaited.held.into_iter();
            self.released.extend(held.map(|it| (user.clone(), it)));
        }
    }

    /// Tickets that wait until SQL has heard of a promotion.
    fn take_parked(&mut self) -> Vec<(UserId, Awaited)> {
        let parked = self.awaited.extract_if(.., |_, it| it.parked);
        parked.collect()
    }

    /// Something to be told of later.
    pub(super) fn expect(&self, coming: BoxFuture<'static, Coming>) {
        self.coming.push(coming);
    }

    fn forget_all(&mut self) {
        self.issued.clear();
        self.unproven.clear();
        for (user, awaited) in std::mem::take(&mut self.awaited) {
            let held = awaited.held.into_iter();
            self.released.extend(held.map(|it| (user.clone(), it)));
        }
    }
}

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

    fn tickets_for(&mut self, came: Vec<(UserId, ConnectionId)>, told: &mut Told) {
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
    fn came_here(&self, commit: &Commit) -> Vec<(UserId, ConnectionId)> {
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
    fn tickets_after_changes(&mut self, told: &mut Told) {
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

    /// Whoever a commit promotes gets what follows from it once SQL has heard of it. Of its own commits this
    /// node learns that when they are recorded; of others it asks SQL.
    fn note_unproven(&mut self, commit: &Commit) {
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
    fn is_unproven(&self, current: &Entitlement) -> bool {
        let issued = self.ticketing.issued.get(&current.user);
        let least = issued.map_or(Rights::of(Rank::Participant), |it| it.rights);
        self.ticketing.unproven.contains_key(&current.user) && !current.rights.is_within(least)
    }

    /// Looks in SQL until it has heard of a promotion by another node, or of a later change.
    fn ask_for_proof(&self, user: &UserId, mark: Mark, stamp: Stamp) {
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

    fn proven(&mut self, user: &UserId, stamp: Stamp, told: &mut Told) {
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
    fn forget_the_gone(&mut self) {
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
    fn need(
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

    fn expect_ticket(
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

    fn expect_slowness(&self, user: &UserId, number: u64, at: Timestamp) {
        let (user, clock) = (user.clone(), self.parts.clock.clone());
        self.ticketing.coming.push(Box::pin(async move {
            clock.sleep_until(at).await;
            Coming::Slow(user, number)
        }));
    }

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

    fn ticket_is_slow(&mut self, user: &UserId, number: u64) {
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
    async fn ticket_is_there(&mut self, user: UserId, number: u64, ticket: Arc<Ticket>) {
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

    fn hand_over(&self, voucher: &Voucher, holders: Vec<Holder>, held: Vec<Held>, told: &mut Told) {
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

    fn answer_now(&self, reply: ReplyTo, outcome: Result<Outcome, Refusal>, told: &mut Told) {
        let (room, rev) = (self.room(), self.room().rev);
        answer(reply, room, rev, outcome, &mut told.answers);
    }

    /// Answers those who will get no ticket after all: they are not in the room any more.
    pub(super) fn release(&mut self, told: &mut Told) {
        for (user, Held { reply, outcome }) in std::mem::take(&mut self.ticketing.released) {
            let why_not = || {
                if self.room().is_ended() {
                    Refusal::MeetingEnded
                } else if self.room().is_banned(&user) {
                    Refusal::Banned
                } else {
                    Refusal::NotJoined
                }
            };
            let outcome = match outcome {
                Outcome::Joined { .. } if self.room().participant(&user).is_none() => {
                    Err(why_not())
                }
                Outcome::Ticket => Err(why_not()),
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
        | Event::MessageSent { .. }
        | Event::PasscodeFailed { .. }
        | Event::LockoutLifted { .. }
        | Event::EndingSoon { .. }
        | Event::ProviderSynced { .. }
        | Event::AbsentForgotten { .. } => false,
    }
}
