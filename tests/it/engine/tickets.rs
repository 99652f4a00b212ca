//! Tickets to the media provider: who gets one, when, and that none allows more than its owner's role.

use std::collections::BTreeMap;
use std::sync::Arc;

use usher::domain::id::{ConnectionId, UserId};
use usher::domain::refusal::{Kind, Refusal};
use usher::domain::role::Role;
use usher::domain::room::{Command, Room};
use usher::domain::ticket::{Entitlement, Rights};
use usher::engine::directory::LedgerEntry;
use usher::engine::reply::{Handout, Holder, Outcome, Voucher};

use crate::support::directory::Verdict;
use crate::support::issuer::TestIssuer;
use crate::support::node::{Node, World};
use crate::support::people::{MAKE_COHOST, MAKE_HOST, REMOVE_HOST, acting, join, names, user};
use crate::support::random::Dice;
use crate::support::{settled, within};

fn world_with(issuer: &Arc<TestIssuer>) -> World {
    let mut world = World::of_ann();
    world.tickets = issuer.clone();
    world
}

/// For whom tickets came over a node so far, to whom, and as what.
fn handed_out(node: &Node) -> Vec<(Holder, Option<Role>)> {
    let each = node.sink.tickets().into_iter();
    let tickets = each.filter_map(|(_, handout)| match handout.voucher {
        Voucher::Ticket(ticket) => Some((handout.to, ticket.entitlement.role)),
        Voucher::Pending(_) => None,
    });
    tickets.collect()
}

/// The write that is held, and those after it, end like this.
fn lets_writes_go(world: &World, verdict: Verdict) {
    world.directory.ends_writes(verdict);
    world.directory.says(verdict);
}

fn everywhere(name: &str) -> Holder {
    Holder::User(user(name))
}

#[tokio::test(start_paused = true)]
async fn a_joiner_gets_one_with_the_answer() {
    let issuer = TestIssuer::ready();
    let world = world_with(&issuer);
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    let holder = |name| Holder::Connection(node.connection_of(name));
    let expected = [(holder("ann"), Some(Role::Host)), (holder("bob"), None)];
    assert_eq!(handed_out(&node), expected);
}

#[tokio::test(start_paused = true)]
async fn a_promotion_is_handed_out_when_sql_has_it_and_a_demotion_at_once() {
    let issuer = TestIssuer::ready();
    let world = world_with(&issuer);
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.directory.holds_writes();
    let promoted = node.asks_for_role("ann", "bob", MAKE_HOST);
    settled().await;
    assert_eq!(handed_out(&node).len(), 2, "SQL may still refuse it");
    lets_writes_go(&world, Verdict::Kept);
    node.answer(promoted).await.unwrap();
    let host = (everywhere("bob"), Some(Role::Host));
    assert_eq!(handed_out(&node).last(), Some(&host));
    world.directory.holds_writes();
    let demoted = node.asks_for_role("ann", "bob", REMOVE_HOST);
    settled().await;
    assert_eq!(handed_out(&node).last(), Some(&(everywhere("bob"), None)));
    assert_eq!(node.answer_yet(demoted), None);
    lets_writes_go(&world, Verdict::Kept);
}

#[tokio::test(start_paused = true)]
async fn a_promotion_that_sql_refuses_is_never_handed_out() {
    let issuer = TestIssuer::ready();
    let world = world_with(&issuer);
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    world.directory.holds_writes();
    let promoted = node.asks_for_role("ann", "bob", MAKE_COHOST);
    settled().await;
    // Neither may a fresh one be had meanwhile.
    let asked = node.tracker.spawn(asks(&node, "bob"));
    settled().await;
    lets_writes_go(&world, Verdict::Lost);
    let refused = node.answer(promoted).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unavailable);
    let issued = within(asked).await.unwrap().unwrap();
    assert_eq!(issued, None, "a plain participant's again");
    assert!(
        issuer
            .ordered()
            .iter()
            .all(|it| it.user != user("bob") || it.role.is_none())
    );
}

/// Asks for a fresh ticket, and says for which role it is.
fn asks(node: &Node, name: &str) -> impl Future<Output = Result<Option<Role>, Refusal>> + 'static {
    let (rooms, key, who) = (node.rooms.clone(), node.key.clone(), user(name));
    async move {
        let issued = rooms.ticket(&key, who).await?;
        Ok(issued.ticket.expect("there is a provider").entitlement.role)
    }
}

#[tokio::test(start_paused = true)]
async fn another_nodes_promotion_is_handed_out_when_sql_has_it() {
    let issuer = TestIssuer::ready();
    let world = world_with(&issuer);
    let (one, two) = (world.node(1), world.node(2));
    one.joins("ann").await.unwrap();
    two.joins("bob").await.unwrap();
    world.directory.holds_writes();
    let promoted = one.asks_for_role("ann", "bob", MAKE_COHOST);
    settled().await;
    world.seconds_pass(1);
    settled().await;
    assert_eq!(handed_out(&two).len(), 1, "SQL may still refuse it");
    lets_writes_go(&world, Verdict::Kept);
    one.answer(promoted).await.unwrap();
    world.seconds_pass(1);
    settled().await;
    let cohost = (everywhere("bob"), Some(Role::CoHost));
    assert_eq!(handed_out(&two).last(), Some(&cohost));
}

#[tokio::test(start_paused = true)]
async fn a_slow_provider_delays_an_answer_by_the_budget_and_the_join_by_nothing() {
    let issuer = TestIssuer::slow();
    let world = world_with(&issuer);
    let node = world.node(1);
    let joining = node.asks_to_join("ann");
    settled().await;
    assert_eq!(names(&node.room().await), ["ann"]);
    assert_eq!(node.answer_yet(joining), None);
    world.seconds_pass(2);
    let outcome = node.answer(joining).await.unwrap();
    assert!(matches!(outcome, Outcome::Joined { .. }));
    let (_, last) = node.sink.tickets().pop().unwrap();
    assert!(matches!(last.voucher, Voucher::Pending(_)), "{last:?}");
    issuer.answer(true);
    settled().await;
    let (_, last) = node.sink.tickets().pop().unwrap();
    assert!(matches!(last.voucher, Voucher::Ticket(_)), "{last:?}");
    assert_eq!(last.to, Holder::Connection(node.connection_of("ann")));
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_comes_after_a_demotion_is_thrown_away() {
    let issuer = TestIssuer::slow();
    let world = world_with(&issuer);
    let node = world.node(1);
    let joining = [node.asks_to_join("ann"), node.asks_to_join("bob")];
    settled().await;
    world.seconds_pass(2);
    for ticket in joining {
        node.answer(ticket).await.unwrap();
    }
    node.changes_role("ann", "bob", MAKE_HOST).await.unwrap();
    node.changes_role("ann", "bob", REMOVE_HOST).await.unwrap();
    issuer.answer(true);
    settled().await;
    let bobs = handed_out(&node);
    let bobs = bobs.iter().filter(|(_, role)| *role != Some(Role::Host));
    assert!(bobs.count() > 0);
    assert_eq!(wider_than_the_role(&[&node]), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn who_leaves_before_the_ticket_comes_is_answered_and_gets_none() {
    let issuer = TestIssuer::slow();
    let world = world_with(&issuer);
    let node = world.node(1);
    let joining = node.asks_to_join("ann");
    settled().await;
    node.leaves("ann").await;
    assert_eq!(node.answer(joining).await, Err(Refusal::NotJoined));
    issuer.answer(true);
    settled().await;
    assert_eq!(handed_out(&node), []);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_ticket_is_refused_to_whoever_should_not_be_there() {
    let issuer = TestIssuer::ready();
    let world = world_with(&issuer);
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob"]).await;
    assert_eq!(asks(&node, "bob").await, Ok(None));
    assert_eq!(asks(&node, "cy").await, Err(Refusal::NotJoined));
    let target = user("bob");
    let ban = Command::Remove { target, ban: true };
    node.answer(node.says("ann", ban)).await.unwrap();
    assert_eq!(asks(&node, "bob").await, Err(Refusal::Banned));
    node.waits_for_an_end().await;
    settled().await;
    assert_eq!(asks(&node, "ann").await, Err(Refusal::MeetingEnded));
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_has_to_follow_is_in_sql_before_the_answer() {
    let issuer = TestIssuer::ready();
    let mut world = world_with(&issuer);
    world.policy.provider = usher::domain::ticket::Provider::LiveKit;
    let node = world.node(1);
    node.everybody_joins(&["ann", "bob", "cy"]).await;
    node.changes_role("ann", "bob", MAKE_COHOST).await.unwrap();
    let target = user("cy");
    let kick = Command::Remove { target, ban: false };
    node.answer(node.says("ann", kick)).await.unwrap();
    node.answer(node.waits_for_an_end().await).await.unwrap();
    let entries = world.directory.entries();
    let syncs = entries.iter().filter_map(|entry| match entry {
        LedgerEntry::Sync { user, .. } => Some(user.as_ref().map(ToString::to_string)),
        LedgerEntry::Grant { .. }
        | LedgerEntry::Claim { .. }
        | LedgerEntry::End { .. }
        | LedgerEntry::Audit(_) => None,
    });
    let syncs: Vec<_> = syncs.collect();
    let expected = [Some("bob".to_owned()), Some("cy".to_owned()), None, None];
    assert_eq!(syncs, expected);
}

/// Every ticket of these nodes that allows more than its owner's role, at its revision or when it came.
fn wider_than_the_role(nodes: &[&Node]) -> Vec<String> {
    let mut states: BTreeMap<(u64, u64), Room> = BTreeMap::new();
    for node in nodes {
        for told in node.sink.all() {
            if let crate::support::sink::Told::Published { room, .. } = told {
                states.entry((room.epoch.0, room.rev)).or_insert(room);
            }
        }
    }
    let mut wider = Vec::new();
    for node in nodes {
        for (room, handout) in node.sink.tickets() {
            let Voucher::Ticket(ticket) = handout.voucher else {
                continue;
            };
            let to = &ticket.entitlement;
            let then = states.get(&(room.epoch.0, to.rev));
            let fits = |room: &Room| is_entitled(room, to);
            if !then.is_some_and(fits) || !fits(&room) {
                wider.push(format!("{} at {}: {:?}", to.user, to.rev, to.rights));
            }
        }
    }
    wider
}

fn is_entitled(room: &Room, to: &Entitlement) -> bool {
    let rank = room.rank_of(&to.user);
    room.participant(&to.user).is_some()
        && !room.is_banned(&to.user)
        && !room.is_ended()
        && to.rights.is_within(Rights::of(rank))
}

/// Random people on two nodes, while SQL and the provider come and go.
async fn a_history(seed: u64, issuer: Arc<TestIssuer>) -> (usize, Vec<String>) {
    let world = world_with(&issuer);
    let (one, two) = (world.node(1), world.node(2));
    one.joins_somehow("ann").await;
    for step in 0..120 {
        for node in [&one, &two] {
            let mut dice = Dice::new(seed * 100_000 + step * 2 + node.id.0);
            let (actor, command) = dice.command(node.id);
            node.send(
                ConnectionId(node.id.0 * 10_000 + dice.below(600)),
                actor,
                command,
            );
            match dice.below(40) {
                0 => issuer.answer(true),
                1 => issuer.answer(false),
                2 => world.directory.holds_writes(),
                3 => lets_writes_go(&world, Verdict::Lost),
                4..=8 => lets_writes_go(&world, Verdict::Kept),
                9..=12 => world.seconds_pass(1),
                _ => {}
            }
        }
        if step % 3 == 0 {
            tokio::task::yield_now().await;
        }
    }
    lets_writes_go(&world, Verdict::Kept);
    issuer.answer(true);
    world.seconds_pass(5);
    settled().await;
    let count = handed_out(&one).len() + handed_out(&two).len();
    (count, wider_than_the_role(&[&one, &two]))
}

impl Node {
    /// Joins without waiting for a ticket.
    async fn joins_somehow(&self, name: &str) {
        let connection = ConnectionId(self.id.0 * 10_000);
        self.send(connection, acting(name), join(name, connection, self.id));
        settled().await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_ticket_ever_allows_more_than_the_role_at_its_revision() {
    let mut count = 0;
    for seed in 0..150 {
        for issuer in [TestIssuer::ready(), TestIssuer::slow()] {
            let (handed_out, wider) = a_history(seed, issuer).await;
            assert_eq!(wider, Vec::<String>::new(), "seed {seed}");
            count += handed_out;
        }
    }
    assert!(count > 5_000, "only {count} tickets");
}

/// Nobody who has no connection to a node is given a ticket there.
#[tokio::test(start_paused = true)]
async fn each_node_issues_for_its_own_people() {
    let issuer = TestIssuer::ready();
    let world = world_with(&issuer);
    let (one, two) = (world.node(1), world.node(2));
    one.joins("ann").await.unwrap();
    two.joins("bob").await.unwrap();
    one.changes_role("ann", "bob", MAKE_HOST).await.unwrap();
    world.seconds_pass(1);
    settled().await;
    let holders = |node: &Node| -> Vec<UserId> {
        let each = node.sink.tickets().into_iter();
        each.filter_map(|(_, Handout { voucher, .. })| match voucher {
            Voucher::Ticket(ticket) => Some(ticket.entitlement.user.clone()),
            Voucher::Pending(_) => None,
        })
        .collect()
    };
    assert_eq!(holders(&one), [user("ann")]);
    assert_eq!(holders(&two), [user("bob"), user("bob")]);
}
