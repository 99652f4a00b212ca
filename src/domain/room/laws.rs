//! Laws that hold after every command of every random sequence.

use std::time::Duration;

use proptest::prelude::*;

use super::state::Authority;
use super::*;
use crate::domain::chat::{MessageMark, Opaque, SignalKind};
use crate::domain::grant::Grants;
use crate::domain::id::{CommitId, ConnectionId, Epoch, NodeId, RoomId, RoomKey, TenantId, UserId};
use crate::domain::participant::{MediaChanges, MediaKind, Profile};
use crate::domain::permission::{self, Action};
use crate::domain::policy::{AccessChange, DevicePolicy, Memory, RoomPolicy, UncreatedRooms};
use crate::domain::refusal::RoleChange;
use crate::domain::role::{Rank, Role};
use crate::domain::time::Timestamp;

const USERS: [&str; 6] = ["ann", "bob", "cy", "dee", "eve", "fay"];

fn user(index: usize) -> UserId {
    UserId::new(USERS[index]).unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    Do(Actor, Command),
    Wait(u64),
}

fn join(index: usize, connection: u64) -> Step {
    let join = Join {
        user: user(index),
        // Each user has its own connections, as sockets do.
        connection: ConnectionId(connection + 100 * u64::try_from(index).unwrap()),
        node: NodeId(1),
        profile: Profile {
            name: USERS[index].into(),
            image_url: None,
        },
        // As clients do that begin with the microphone on.
        media: MediaChanges {
            audio_muted: Some(false),
            ..MediaChanges::NONE
        },
        network: None,
        passcode: None,
        returning: None,
    };
    Step::Do(Actor::User(user(index)), Command::Join(Box::new(join)))
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..USERS.len();
    let connection = (0..USERS.len(), 0..3_u64)
        .prop_map(|(u, c)| ConnectionId(c + 100 * u64::try_from(u).unwrap()));
    let change = (any::<bool>(), any::<bool>()).prop_map(|(host, grant)| RoleChange {
        role: if host { Role::Host } else { Role::CoHost },
        grant,
    });
    prop_oneof![
        6 => (who.clone(), 0..3_u64).prop_map(|(index, c)| join(index, c)),
        1 => (1..3_u64).prop_map(|node| {
            let nodes: Nodes = [NodeId(node)].into_iter().collect::<std::collections::BTreeSet<_>>().into();
            Step::Do(Actor::System, Command::LoseNodes { nodes })
        }),
        1 => (1..3_u64).prop_map(|node| {
            let known: Nodes = [NodeId(node)].into_iter().collect::<std::collections::BTreeSet<_>>().into();
            Step::Do(Actor::System, Command::LoseStrangers { known })
        }),
        2 => connection.clone()
            .prop_map(|connection| Step::Do(Actor::System, Command::Leave { connection })),
        3 => (connection, any::<bool>()).prop_map(|(connection, lost)| {
            let cause = if lost { LossCause::Lost } else { LossCause::Closed };
            Step::Do(Actor::System, Command::LoseConnection { connection, cause })
        }),
        8 => (who.clone(), who.clone(), change).prop_map(|(actor, target, change)| {
            Step::Do(Actor::User(user(actor)), Command::ChangeRole { target: user(target), change })
        }),
        1 => (who.clone(), any::<bool>()).prop_map(|(index, muted)| {
            let changes = MediaChanges { audio_muted: Some(muted), ..MediaChanges::default() };
            Step::Do(Actor::User(user(index)), Command::UpdateState { changes })
        }),
        3 => (0..70_u64).prop_map(Step::Wait),
        1 => (who.clone(), 0..5_u64).prop_map(|(index, version)| {
            let (policy, version) = (Box::new(RoomPolicy::default()), Timestamp(version));
            Step::Do(Actor::System, Command::AdoptMeeting { creator: user(index), policy, version, by: By::system() })
        }),
        1 => (who.clone(), 0..40_u8).prop_map(|(index, dice)| match dice {
            0 => Step::Do(Actor::User(user(index)), Command::End { cause: EndCause::Command }),
            _ => Step::Wait(1),
        }),
        8 => (who.clone(), who, 0..17_u8, any::<bool>())
            .prop_map(|(actor, target, what, on)| Step::Do(actor_of(actor, what), order(target, what, on))),
    ]
}

/// People in the room, and now and then somebody over REST.
fn actor_of(index: usize, what: u8) -> Actor {
    if what == 13 {
        Actor::Remote(user(index))
    } else {
        Actor::User(user(index))
    }
}

fn order(target: usize, what: u8, on: bool) -> Command {
    let kind = if on {
        MediaKind::Audio
    } else {
        MediaKind::Screen
    };
    let target = user(target);
    let switch = |change: AccessChange| Command::UpdateAccess {
        change,
        passcode: None,
    };
    match what {
        0 => Command::Mute {
            target: MuteTarget::One(target),
            kind,
            lock: on,
        },
        1 => Command::Mute {
            target: MuteTarget::All,
            kind,
            lock: on,
        },
        2 => Command::AskToUnmute {
            target: if on {
                MuteTarget::All
            } else {
                MuteTarget::One(target)
            },
            kind,
        },
        3 => Command::LowerHand {
            target: on.then_some(target),
        },
        4 | 13 => Command::Remove { target, ban: on },
        5 => Command::Unban { target },
        6 => Command::Admit { target },
        7 => Command::Deny { target },
        8 => Command::AdmitAll,
        9 => switch(AccessChange {
            lobby: Some(on),
            ..AccessChange::default()
        }),
        10 => switch(AccessChange {
            locked: Some(on),
            max_participants: Some(on.then_some(3)),
            ..AccessChange::default()
        }),
        11 => Command::Signal {
            to: target,
            only: None,
            via: None,
            kind: SignalKind::Signal,
            data: Opaque::from_json("{}"),
        },
        14 => Command::MarkMessage {
            key: Opaque::from_json("7"),
            mark: MessageMark::Reacted {
                emoji: "x".into(),
                added: on,
            },
            via: None,
        },
        15 => Command::UpdateState {
            changes: MediaChanges {
                audio_muted: Some(false),
                screen_sharing: Some(on),
                ..MediaChanges::NONE
            },
        },
        _ => Command::SendMessage {
            message: Opaque::from_json("\"hello\""),
            key: Some(Opaque::from_json("7")),
            via: None,
        },
    }
}

fn policy() -> impl Strategy<Value = RoomPolicy> {
    let devices = prop_oneof![
        Just(DevicePolicy::Multiple),
        Just(DevicePolicy::NewestWins),
        Just(DevicePolicy::RejectNew)
    ];
    let uncreated = prop_oneof![
        Just(UncreatedRooms::Allow),
        Just(UncreatedRooms::FirstJoinerHosts)
    ];
    (devices, uncreated, 2..7_usize, 0..2_u64).prop_map(|(devices, uncreated, seats, grace)| {
        RoomPolicy {
            max_waiting: 3,
            admit_on_host_join: grace == 1,
            memory: Memory {
                messages: 3,
                absent: 2,
                reactions: 2,
            },
            devices,
            uncreated,
            max_participants: seats,
            leave_after_close: Duration::from_secs(3 * grace),
            ..RoomPolicy::default()
        }
    })
}

fn empty_room(creator: Option<usize>, policy: RoomPolicy) -> Room {
    let key = RoomKey {
        tenant: TenantId::default_tenant(),
        room: RoomId::new("r").unwrap(),
    };
    let authority = Authority {
        record_version: Timestamp::default(),
        creator: creator.map(user),
        grants: Grants::default(),
        ended: false,
    };
    Room::new(key, Epoch(1), policy, authority)
}

fn hosts(room: &Room) -> usize {
    room.participants()
        .filter(|p| room.roles_of(&p.user).host)
        .count()
}

/// What must be true of any state.
fn check_state(room: &Room) {
    for participant in room.participants() {
        let live = !participant.connections.is_empty();
        assert_ne!(
            live,
            participant.lost.is_some(),
            "connected or in its grace, never both"
        );
        let mut ids: Vec<_> = participant.connections.iter().map(|c| c.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(
            ids.len(),
            participant.connections.len(),
            "no connection twice"
        );
        assert!(ids.len() <= room.policy.max_connections_per_participant);
    }
    check_apart(room);
    assert!(room.messages().len() <= room.policy.memory.messages);
    assert!(room.absentees().count() <= room.policy.memory.absent);
    let plain = room
        .participants()
        .filter(|p| room.rank_of(&p.user) == Rank::Participant)
        .count();
    let seats: Vec<_> = room.participants().map(|p| p.seat).collect();
    assert!(seats.is_sorted(), "a list keeps its order");
    assert!(
        seats.iter().all(|seat| *seat < room.next_seat),
        "no seat is used twice"
    );
    if room.status == Status::Ended {
        assert!(room.is_empty(), "an ended room is empty");
    }
    if let HostSeat::Acting { user } = &room.host_seat {
        assert!(
            room.participant(user).is_some(),
            "an acting host is present"
        );
        assert!(room.grants.roles(user).co_host, "only a co-host stands in");
        assert_eq!(
            room.hosts_present().count(),
            0,
            "nobody acts while a host is there"
        );
    }
    if room.hosts_present().next().is_some() && room.status == Status::Open {
        assert_eq!(room.host_seat, HostSeat::Taken);
    }
    assert!(plain <= room.len());
}

/// Nobody is in two places, and whoever is banned is in none.
fn check_apart(room: &Room) {
    for waiting in room.lobby().iter() {
        let user = &waiting.user;
        assert!(room.participant(user).is_none(), "waits and is in the room");
        assert!(!room.rank_of(user).is_moderator(), "a moderator waits");
        let denied = room.dismissal(user).map(|it| it.kind);
        assert_ne!(denied, Some(DismissalKind::Denied), "waits and is denied");
        let open = room.policy.access.lobby || room.policy.access.locked || !room.has_seat();
        assert!(open, "waits for nothing");
    }
    assert!(room.lobby().len() <= room.policy.max_waiting);
    if room.status == Status::Ended {
        assert!(room.lobby().is_empty(), "waits for a meeting that is over");
    }
    let connections: Vec<_> = room
        .everybody()
        .flat_map(|person| person.connections.iter().map(|held| held.id))
        .collect();
    let distinct: std::collections::BTreeSet<_> = connections.iter().collect();
    assert_eq!(
        distinct.len(),
        connections.len(),
        "a connection in two places"
    );
    for person in room.everybody() {
        let banned = room.is_banned(&person.user);
        assert!(!banned, "a banned user is here");
    }
}

/// Whoever was muted by a moderator is off until they switch on themselves.
fn check_mutes(before: &Room, after: &Room, command: &Command) {
    for person in after.participants() {
        for kind in MediaKind::ALL {
            let off = person.media.differing(&kind.off()) == MediaChanges::NONE;
            assert!(off || !person.muted.has(kind), "muted and on");
        }
        let was = before.person(&person.user).map(|it| it.muted);
        let was = was.or_else(|| before.absent(&person.user).map(|it| it.muted));
        let own = matches!(command, Command::UpdateState { .. });
        for kind in MediaKind::ALL {
            let forgotten = was.is_some_and(|was| was.has(kind)) && !person.muted.has(kind);
            assert!(!forgotten || own, "a mute was forgotten");
        }
    }
}

/// Nobody switches on what is locked for them while somebody is there who could allow it.
fn check_locks(before: &Room, after: &Room, actor: &Actor, command: &Command) {
    let Command::UpdateState { changes } = command else {
        return;
    };
    let person = actor.user().and_then(|user| before.participant(user));
    let Some(person) = person.filter(|_| before.has_moderator()) else {
        return;
    };
    let locked = before.locked_for(person);
    let differing = person.media.differing(changes);
    for kind in MediaKind::ALL {
        let on = differing.switches_on(kind) && locked.has(kind);
        assert!(!on || before == after, "switched on what was locked");
    }
    for message in after.messages() {
        assert!(message.reaction_count() <= after.policy.memory.reactions);
    }
}

/// What must be true of any step from one state to the next.
fn check_step(before: &Room, after: &Room, actor: &Actor, command: &Command, events: &[Event]) {
    check_locks(before, after, actor, command);
    let changes_roles = events.iter().any(Event::is_change_of_role);
    if let (Actor::User(user), true) = (actor, changes_roles) {
        assert!(
            permission::allows(before.rank_of(user), Action::ChangeRoles),
            "unauthorised"
        );
        assert!(before.participant(user).is_some());
    }
    if matches!(command, Command::ChangeRole { .. }) && hosts(before) > 0 {
        assert!(hosts(after) > 0, "a command took the last host away");
    }
    for person in after.participants() {
        let came = before.participant(&person.user).is_none();
        let fits = after.len() <= after.policy.max_participants;
        let passes = after.rank_of(&person.user).is_moderator();
        assert!(!came || fits || passes, "over capacity");
    }
    check_mutes(before, after, command);
    assert!(
        before.status == Status::Open || after.status == Status::Ended,
        "an end is final"
    );
}

/// Whatever differs was announced as touched: a store writes nothing else.
fn check_touched(before: &Room, after: &Room, events: &[Event]) {
    let touched = Touched::by(events);
    assert!(
        touched.summary || before.summary() == after.summary(),
        "{events:?}"
    );
    assert!(
        touched.policy || before.policy == after.policy,
        "{events:?}"
    );
    assert!(
        touched.failures || before.failures == after.failures,
        "{events:?}"
    );
    let newest = after.messages().last().map(|message| message.number);
    let same = before.messages().last().map(|it| it.number) == newest;
    assert!(same || touched.messages.last().copied() == newest);
    for name in USERS {
        let user = UserId::new(name).unwrap();
        let same = before.participant(&user) == after.participant(&user);
        assert!(same || touched.people.contains(&&user), "{events:?}");
        let same = before.lobby().get(&user) == after.lobby().get(&user);
        let told = touched.lobby.contains(&&user) || touched.people.contains(&&user);
        assert!(same || told, "{events:?}");
        let same = before.absent(&user) == after.absent(&user);
        assert!(same || touched.absent.contains(&&user), "{events:?}");
        let same = before.grants.of(&user) == after.grants.of(&user);
        assert!(same || touched.grants.contains(&&user), "{events:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn laws_hold_over_random_sequences(
        creator in proptest::option::of(0..USERS.len()),
        policy in policy(),
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut room = empty_room(creator, policy);
        let mut replica = Replica::new(room.clone());
        let mut now = Timestamp(1_000);
        let mut log = Vec::new();
        for (number, step) in (1..).zip(steps) {
            let (actor, command) = match step {
                Step::Do(actor, command) => (actor, command),
                Step::Wait(seconds) => {
                    now = now.plus(Duration::from_secs(seconds));
                    (Actor::System, Command::Expire)
                }
            };
            let mut draft = Draft::of(&room);
            let outcome = draft.execute(&actor, &command, now);
            if outcome.is_err() {
                prop_assert_eq!(draft.room(), &room, "a refusal changes nothing");
                prop_assert!(draft.events().is_empty());
                continue;
            }
            prop_assert_eq!(decide(&room, &actor, &command, now), Ok(draft.events().to_vec()));
            let id = CommitId { node: NodeId(1), number };
            let Some((commit, after)) = draft.into_commit(id, now) else { continue };
            check_touched(&room, &after, &commit.events);
            check_step(&room, &after, &actor, &command, &commit.events);
            check_state(&after);
            prop_assert_eq!(commit.rev, room.rev + 1);
            prop_assert_eq!(replica.apply(&commit), Ok(true));
            prop_assert_eq!(replica.room(), &after, "the fold of the log is the state");
            if command == Command::Expire {
                prop_assert!(after.next_deadline().is_none_or(|deadline| deadline > now));
            }
            let json = serde_json::to_string(&commit).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Commit>(&json).unwrap(), &commit);
            log.push(commit);
            room = after;
        }
        for (rev, commit) in (1..).zip(&log) {
            prop_assert_eq!(commit.rev, rev, "revisions have no hole and no repeat");
        }
    }

    /// Several commands decided together are the same as one after the other.
    #[test]
    fn batching_changes_no_outcome(
        creator in proptest::option::of(0..USERS.len()),
        policy in policy(),
        steps in proptest::collection::vec(step(), 1..30),
    ) {
        let now = Timestamp(1_000);
        let mut together = Draft::of(&empty_room(creator, policy.clone()));
        let mut alone = empty_room(creator, policy);
        for step in steps {
            let Step::Do(actor, command) = step else { continue };
            let batched = together.execute(&actor, &command, now);
            let mut single = Draft::of(&alone);
            prop_assert_eq!(single.execute(&actor, &command, now), batched);
            for event in single.events() {
                alone.apply(event);
            }
        }
        prop_assert_eq!(together.room(), &alone);
    }
}
