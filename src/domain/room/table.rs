//! The exhaustive table: every rank acting on every rank (and on oneself) with every role command.
//! The expectation is written down independently of the code, as the contract words it.

use super::tests::{MAKE_COHOST, MAKE_HOST, REMOVE_COHOST, REMOVE_HOST, Table, user};
use super::{Actor, Command, EndCause, MuteTarget};
use crate::domain::chat::{Opaque, SignalKind};
use crate::domain::participant::{MediaChanges, MediaKind};
use crate::domain::passcode::{GivenPasscode, Passcode, PasscodeHash};
use crate::domain::permission::{self, Action};
use crate::domain::policy::{AccessChange, RoomPolicy};
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
    let leave = Command::Leave { connection: absent };
    table.run(&Actor::System, &leave).unwrap();
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

/// What may be switched about a room, all at once.
#[derive(Debug, Clone, Copy)]
struct Flags {
    lobby: bool,
    locked: bool,
    passcode: bool,
    full: bool,
    ended: bool,
}

fn all_flags() -> impl Iterator<Item = Flags> {
    (0..32_u8).map(|bits| Flags {
        lobby: bits & 1 != 0,
        locked: bits & 2 != 0,
        passcode: bits & 4 != 0,
        full: bits & 8 != 0,
        ended: bits & 16 != 0,
    })
}

fn hash() -> PasscodeHash {
    PasscodeHash::new("the hash")
}

/// Everybody, somebody who waits where there is a lobby, somebody banned, and the doors as they are said
/// to be.
fn with(flags: Flags) -> Table {
    let mut table = everybody();
    let ban = Command::Remove {
        target: user("banned"),
        ban: true,
    };
    table.run(&Actor::User(user("creator")), &ban).unwrap();
    if flags.lobby {
        std::sync::Arc::make_mut(&mut table.room.policy)
            .access
            .lobby = true;
        table.join("waiting", 77).unwrap();
    }
    let policy = std::sync::Arc::make_mut(&mut table.room.policy);
    policy.access.locked = flags.locked;
    policy.access.passcode = flags.passcode.then(hash);
    if flags.full {
        policy.max_participants = 7;
    }
    if flags.ended {
        let end = Command::End {
            cause: EndCause::Command,
        };
        table.run(&Actor::System, &end).unwrap();
    }
    table
}

/// What somebody is who does something or has it done to them.
fn rank_of(name: &str) -> Option<u8> {
    match name.trim_end_matches('2') {
        "guest" | "waiting" | "stranger" | "banned" => Some(0),
        "cohost" | "absent" => Some(1),
        "host" => Some(2),
        "creator" => Some(3),
        _ => None,
    }
}

const WHOM: [&str; 10] = [
    "creator", "host", "host2", "cohost", "cohost2", "guest", "guest2", "waiting", "absent",
    "banned",
];
const WHO: [&str; 7] = [
    "creator", "host", "cohost", "guest", "waiting", "stranger", "absent",
];

/// Every command about somebody, and every one that is not.
fn commands(target: &str) -> Vec<(&'static str, Command)> {
    let whom = || user(target);
    let kind = MediaKind::Audio;
    let access = |change| Command::UpdateAccess {
        change,
        passcode: None,
    };
    let lock = AccessChange {
        locked: Some(true),
        ..AccessChange::default()
    };
    let one = MuteTarget::One(whom());
    let cause = EndCause::Command;
    let mut all = vec![
        (
            "mute",
            Command::Mute {
                target: one,
                kind,
                lock: true,
            },
        ),
        (
            "mute-all",
            Command::Mute {
                target: MuteTarget::All,
                kind,
                lock: true,
            },
        ),
        (
            "ask",
            Command::AskToUnmute {
                target: MuteTarget::One(whom()),
                kind,
            },
        ),
        (
            "lower",
            Command::LowerHand {
                target: Some(whom()),
            },
        ),
        (
            "kick",
            Command::Remove {
                target: whom(),
                ban: false,
            },
        ),
        (
            "ban",
            Command::Remove {
                target: whom(),
                ban: true,
            },
        ),
        ("unban", Command::Unban { target: whom() }),
        ("admit", Command::Admit { target: whom() }),
        ("deny", Command::Deny { target: whom() }),
        ("admit-all", Command::AdmitAll),
        ("access", access(lock)),
        ("lift", Command::LiftLockout),
        ("end", Command::End { cause }),
        (
            "state",
            Command::UpdateState {
                changes: MediaChanges::NONE,
            },
        ),
    ];
    all.extend(talk(target));
    all
}

fn talk(target: &str) -> [(&'static str, Command); 2] {
    let (data, via) = (Opaque::from_json("1"), None);
    let signal = Command::Signal {
        to: user(target),
        only: None,
        via,
        kind: SignalKind::Signal,
        data: data.clone(),
    };
    let message = Command::SendMessage {
        message: data.clone(),
        key: Some(data),
        via,
    };
    [("signal", signal), ("message", message)]
}

/// What the contract says of a command, cell by cell: the code of the refusal, or none.
fn refusal(who: &str, whom: &str, command: &str, flags: Flags) -> Option<&'static str> {
    let is_in =
        |name: &str| !flags.ended && !matches!(name, "waiting" | "stranger" | "absent" | "banned");
    let waits = |name: &str| name == "waiting" && flags.lobby && !flags.ended;
    let (mine, theirs) = (rank_of(who).unwrap(), rank_of(whom).unwrap());
    if !is_in(who) {
        // An ended room has nobody in it; whoever ends it again learns that it has ended.
        return Some(if command == "end" && flags.ended {
            "meeting-ended"
        } else {
            "not-joined"
        });
    }
    let lower_rank = || match () {
        () if who == whom => Some("cannot-target-self"),
        () if theirs < mine => None,
        () if whom == "creator" => Some("protected-creator"),
        () if mine == 1 => Some("not-host"),
        () => Some("forbidden"),
    };
    match command {
        "state" | "message" => None,
        "signal" => (!is_in(whom)).then_some("participant-not-found"),
        "access" | "lift" | "end" => (mine < 2).then_some("not-host"),
        _ if mine < 1 => Some("not-moderator"),
        "mute-all" => None,
        "mute" | "ask" | "lower" => (!is_in(whom)).then_some("participant-not-found"),
        "kick" => lower_rank().or(match () {
            () if is_in(whom) || waits(whom) => None,
            () => Some("participant-not-found"),
        }),
        "ban" | "unban" => lower_rank(),
        "admit" if waits(whom) && flags.full => Some("room-full"),
        "admit" | "deny" => (!waits(whom)).then_some("participant-not-found"),
        "admit-all" => (flags.lobby && flags.full).then_some("room-full"),
        other => unreachable!("{other}"),
    }
}

#[test]
fn every_command_of_everybody_about_everybody_is_as_the_contract_says() {
    let mut cells = 0;
    for flags in all_flags() {
        let room = with(flags);
        for who in WHO {
            for whom in WHOM {
                for (name, command) in commands(whom) {
                    let mut table = room.clone();
                    let result = table.run(&Actor::User(user(who)), &command);
                    let expected = refusal(who, whom, name, flags);
                    let code = result.as_ref().err().map(Refusal::code);
                    assert_eq!(code, expected, "{who} {name} {whom} {flags:?}");
                    if expected.is_some() {
                        assert_eq!(table.room, room.room, "a refusal changes nothing");
                    } else {
                        has_happened(&table, whom, name, flags);
                    }
                    cells += 1;
                }
            }
        }
    }
    assert_eq!(cells, 32 * 7 * 10 * 16);
}

/// What must be true after a command that was not refused.
fn has_happened(table: &Table, whom: &str, command: &str, flags: Flags) {
    let (room, whom) = (&table.room, user(whom));
    let is_in = room.participant(&whom).is_some();
    match command {
        "mute" => assert!(room.participant(&whom).unwrap().muted.kinds.audio),
        "kick" | "ban" => assert!(!is_in && room.lobby().get(&whom).is_none()),
        "admit" => assert!(is_in),
        "deny" => assert!(!is_in && room.dismissal(&whom).is_some()),
        "admit-all" => assert!(room.lobby().is_empty()),
        "access" => assert!(room.policy.access.locked),
        "end" => assert!(room.is_ended() && room.is_deserted()),
        _ => assert_eq!(room.policy.access.locked, flags.locked),
    }
    if command == "ban" {
        assert!(room.grants.is_banned(&whom));
    }
    if command == "unban" {
        assert!(!room.grants.is_banned(&whom));
    }
}

/// Where a joiner ends: refused with a code, in the room, or waiting.
fn arrival(who: &str, knows: bool, flags: Flags) -> &'static str {
    let passes = matches!(who, "creator" | "host" | "cohost" | "absent");
    match () {
        () if flags.ended => "meeting-ended",
        () if who == "banned" => "banned",
        () if passes => "in",
        () if flags.locked => "room-locked",
        () if flags.passcode && !knows => "passcode-required",
        () if flags.lobby => "waiting",
        () if flags.full => "room-full",
        () => "in",
    }
}

#[test]
fn every_joiner_ends_where_the_contract_says() {
    let mut cells = 0;
    for flags in all_flags() {
        for who in ["creator", "host", "cohost", "absent", "stranger", "banned"] {
            for knows in [false, true] {
                let mut table = with(flags);
                // Whoever is in the room already comes from outside once more.
                if let Some(here) = table.room.participant(&user(who)).cloned() {
                    let connection = here.connections[0].id;
                    table
                        .run(&Actor::System, &Command::Leave { connection })
                        .unwrap();
                    let policy = std::sync::Arc::make_mut(&mut table.room.policy);
                    policy.max_participants -= usize::from(flags.full);
                }
                let mut join = Table::wish(who, 99);
                let passcode = Passcode::new("1234").unwrap();
                join.passcode = knows.then(|| GivenPasscode {
                    passcode,
                    compared: Some((hash(), true)),
                });
                let result = table.run(&Actor::User(user(who)), &Command::Join(Box::new(join)));
                let ended = match result {
                    Err(refusal) => refusal.code(),
                    Ok(_) if table.room.participant(&user(who)).is_some() => "in",
                    Ok(_) if table.room.lobby().get(&user(who)).is_some() => "waiting",
                    Ok(_) => "nowhere",
                };
                assert_eq!(ended, arrival(who, knows, flags), "{who} {knows} {flags:?}");
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 32 * 6 * 2);
}
