//! The exhaustive table: every rank acting on every rank (and on oneself) with every role command.
//! The expectation is written down independently of the code, as the contract words it.

use super::tests::{MAKE_COHOST, MAKE_HOST, REMOVE_COHOST, REMOVE_HOST, Table, user};
use crate::domain::permission::{self, Action};
use crate::domain::policy::RoomPolicy;
use crate::domain::refusal::{Refusal, RoleChange};
use crate::domain::role::{Rank, Role};
use crate::domain::room::Event;

const ACTORS: [&str; 4] = ["creator", "host", "cohost", "guest"];
const TARGETS: [&str; 8] = [
    "creator", "host", "cohost", "guest", "host2", "cohost2", "guest2", "absent",
];

/// Creator, two hosts, two co-hosts and two guests, all present; one co-host is absent.
fn everybody() -> Table {
    let mut table = Table::new(Some("creator"), RoomPolicy::default());
    for (connection, name) in (1..).zip(TARGETS) {
        table.join(name, connection).unwrap();
    }
    for host in ["host", "host2"] {
        table.change("creator", host, MAKE_HOST).unwrap();
    }
    for cohost in ["cohost", "cohost2", "absent"] {
        table.change("creator", cohost, MAKE_COHOST).unwrap();
    }
    let absent = table.room.participant(&user("absent")).unwrap().connections[0].id;
    let leave = super::Command::Leave { connection: absent };
    table.run(&super::Actor::System, &leave).unwrap();
    table
}

/// What the contract says, cell by cell.
fn expected(actor: &str, target: &str, change: RoleChange) -> Result<bool, Refusal> {
    let may = matches!(actor, "creator" | "host");
    let removes_host = change == REMOVE_HOST;
    if !may {
        return Err(Refusal::NotHostForRole(change));
    }
    if removes_host && target == "creator" {
        return Err(Refusal::ProtectedCreator);
    }
    if actor == target && !removes_host {
        return Err(Refusal::CannotTargetSelf);
    }
    if target == "absent" {
        return Err(Refusal::ParticipantNotFound);
    }
    let holds = match change.role {
        Role::Host => target.starts_with("host") || target == "creator",
        Role::CoHost => target.starts_with("cohost"),
    };
    Ok(holds != change.grant)
}

/// Whether people are shown a difference.
fn is_seen(events: &[Event]) -> bool {
    let affirms = |event: &Event| matches!(event, Event::RoleAffirmed { .. });
    !events.iter().all(affirms)
}

#[test]
fn every_cell_is_as_the_contract_says() {
    let mut cells = 0;
    for actor in ACTORS {
        for target in TARGETS {
            for change in [MAKE_HOST, REMOVE_HOST, MAKE_COHOST, REMOVE_COHOST] {
                let mut table = everybody();
                let before = table.room.clone();
                let result = table.change(actor, target, change);
                let cell = format!("{actor} {change:?} {target}");
                match expected(actor, target, change) {
                    Err(refusal) => assert_eq!(result, Err(refusal), "{cell}"),
                    Ok(changes) => assert_eq!(result.map(|e| is_seen(&e)), Ok(changes), "{cell}"),
                }
                let roles = table.room.roles_of(&user(target));
                let held = match change.role {
                    Role::Host => roles.host,
                    Role::CoHost => roles.co_host,
                };
                if expected(actor, target, change).is_ok() {
                    assert_eq!(held, change.grant, "{cell}");
                } else {
                    assert_eq!(table.room, before, "{cell}: a refusal changes nothing");
                }
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 4 * 8 * 4);
}

#[test]
fn the_policy_table_is_monotone_in_rank() {
    for action in Action::ALL {
        let mut allowed = false;
        for rank in Rank::ALL {
            let now = permission::allows(rank, action);
            assert!(
                now || !allowed,
                "{action:?}: a higher rank may not do what a lower one may"
            );
            allowed = now;
        }
        assert!(allowed, "{action:?}: the creator may do everything");
    }
}
