//! Coming back by recovery of a connection: as before within the grace, by the doors after it, and not at all
//! for who was sent away.

use std::sync::Arc;

use super::tests::{Table, user};
use super::*;
use crate::domain::id::ConnectionId;
use crate::domain::policy::Access;
use crate::domain::refusal::Refusal;

fn recovers(table: &mut Table, name: &str, connection: u64) -> Result<Vec<Event>, Refusal> {
    let join = Join {
        returning: Some(Return::Recovered),
        ..Table::wish(name, connection)
    };
    table.run(&Actor::User(user(name)), &Command::Join(Box::new(join)))
}

fn access(table: &mut Table) -> &mut Access {
    &mut Arc::make_mut(&mut table.room.policy).access
}

fn leaves(table: &mut Table, connection: u64) {
    let connection = ConnectionId(connection);
    let command = Command::Leave { connection };
    table.run(&Actor::System, &command).unwrap();
}

fn loses(table: &mut Table, connection: u64) {
    let command = Command::LoseConnection {
        connection: ConnectionId(connection),
        cause: LossCause::Lost,
    };
    table.run(&Actor::System, &command).unwrap();
}

#[test]
fn who_recovers_within_the_grace_is_where_they_were() {
    let mut table = Table::of_three();
    loses(&mut table, 2);
    let events = recovers(&mut table, "bob", 12).unwrap();
    assert!(
        matches!(&*events, [Event::ConnectionAttached { .. }]),
        "{events:?}"
    );
    let events = recovers(&mut table, "bob", 22).unwrap();
    assert!(
        matches!(&*events, [Event::ConnectionAttached { .. }]),
        "the old connection still counts: {events:?}"
    );
}

#[test]
fn who_recovers_after_the_grace_comes_in_by_the_doors() {
    let mut table = Table::of_three();
    leaves(&mut table, 2);
    recovers(&mut table, "bob", 12).unwrap();
    assert!(table.room.participant(&user("bob")).is_some());
    leaves(&mut table, 12);
    access(&mut table).locked = true;
    assert_eq!(recovers(&mut table, "bob", 13), Err(Refusal::RoomLocked));
    access(&mut table).locked = false;
    access(&mut table).lobby = true;
    recovers(&mut table, "bob", 14).unwrap();
    assert!(table.room.lobby().get(&user("bob")).is_some());
}

#[test]
fn who_was_sent_away_does_not_recover() {
    for ban in [false, true] {
        let mut table = Table::of_three();
        loses(&mut table, 2);
        let target = user("bob");
        let remove = Command::Remove { target, ban };
        table.run(&Actor::User(user("ann")), &remove).unwrap();
        let refusal = if ban {
            Refusal::Banned
        } else {
            Refusal::NotJoined
        };
        assert_eq!(recovers(&mut table, "bob", 12), Err(refusal));
    }
    let mut table = Table::of_three();
    access(&mut table).lobby = true;
    table.join("dan", 4).unwrap();
    let deny = Command::Deny {
        target: user("dan"),
    };
    table.run(&Actor::User(user("ann")), &deny).unwrap();
    assert_eq!(recovers(&mut table, "dan", 14), Err(Refusal::NotJoined));
}

#[test]
fn who_came_back_after_a_kick_may_recover_again() {
    let mut table = Table::of_three();
    let target = user("bob");
    let remove = Command::Remove { target, ban: false };
    table.run(&Actor::User(user("ann")), &remove).unwrap();
    table.join("bob", 12).unwrap();
    loses(&mut table, 12);
    recovers(&mut table, "bob", 13).unwrap();
    assert!(table.room.participant(&user("bob")).is_some());
}

#[test]
fn nobody_recovers_in_a_meeting_that_has_ended() {
    let mut table = Table::of_three();
    let cause = EndCause::Command;
    table
        .run(&Actor::User(user("ann")), &Command::End { cause })
        .unwrap();
    assert_eq!(recovers(&mut table, "bob", 12), Err(Refusal::MeetingEnded));
}
