//! One claim per test: what each command does, and why it is refused.

use std::time::Duration;

use super::state::Authority;
use super::*;
use crate::domain::grant::{Grants, Held, Stamp};
use crate::domain::id::{CommitId, ConnectionId, Epoch, NodeId, RoomId, RoomKey, TenantId, UserId};
use crate::domain::participant::{MediaChanges, Profile};
use crate::domain::policy::{DevicePolicy, RoomPolicy, UncreatedRooms};
use crate::domain::refusal::{Refusal, RoleChange};
use crate::domain::role::{Mark, Role};
use crate::domain::time::Timestamp;

pub(super) const MAKE_HOST: RoleChange = RoleChange {
    role: Role::Host,
    grant: true,
};
pub(super) const REMOVE_HOST: RoleChange = RoleChange {
    role: Role::Host,
    grant: false,
};
pub(super) const MAKE_COHOST: RoleChange = RoleChange {
    role: Role::CoHost,
    grant: true,
};
pub(super) const REMOVE_COHOST: RoleChange = RoleChange {
    role: Role::CoHost,
    grant: false,
};

pub(super) fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

/// A room that is talked to like a server would: commands commit at once.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) room: Room,
    pub(super) now: Timestamp,
    commits: u64,
}

impl Table {
    pub(super) fn new(creator: Option<&str>, policy: RoomPolicy) -> Self {
        let key = RoomKey {
            tenant: TenantId::default_tenant(),
            room: RoomId::new("r").unwrap(),
        };
        let creator = creator.map(user);
        let authority = Authority {
            record_version: Timestamp::default(),
            creator,
            grants: Grants::default(),
            ended: false,
        };
        let room = Room::new(key, Epoch(1), policy, authority);
        Self {
            room,
            now: Timestamp(1_000_000),
            commits: 0,
        }
    }

    /// A meeting of Ann's with herself, Bob and Cy in it, on connections 1, 2 and 3.
    pub(super) fn of_three() -> Self {
        let mut table = Self::new(Some("ann"), RoomPolicy::default());
        for (number, name) in [(1, "ann"), (2, "bob"), (3, "cy")] {
            table.join(name, number).unwrap();
        }
        table
    }

    pub(super) fn run(&mut self, actor: &Actor, command: &Command) -> Result<Vec<Event>, Refusal> {
        let mut draft = Draft::of(&self.room);
        draft.execute(actor, command, self.now)?;
        let events = draft.events().to_vec();
        self.commits += 1;
        let id = CommitId {
            node: NodeId(1),
            number: self.commits,
        };
        if let Some((commit, after)) = draft.into_commit(id, self.now) {
            assert_eq!(commit.rev, self.room.rev + 1);
            assert_eq!(commit.parent, self.room.head);
            self.room = after;
        }
        Ok(events)
    }

    /// What somebody says who wants to come in.
    pub(super) fn wish(name: &str, connection: u64) -> Join {
        Join {
            user: user(name),
            connection: ConnectionId(connection),
            node: NodeId(1),
            profile: Profile {
                name: name.into(),
                image_url: None,
            },
            media: MediaChanges::default(),
            network: None,
            passcode: None,
            returning: None,
        }
    }

    pub(super) fn join(&mut self, name: &str, connection: u64) -> Result<Vec<Event>, Refusal> {
        let join = Self::wish(name, connection);
        self.run(&Actor::User(user(name)), &Command::Join(Box::new(join)))
    }

    pub(super) fn change(
        &mut self,
        actor: &str,
        target: &str,
        change: RoleChange,
    ) -> Result<Vec<Event>, Refusal> {
        let command = Command::ChangeRole {
            target: user(target),
            change,
        };
        self.run(&Actor::User(user(actor)), &command)
    }

    fn leave(&mut self, connection: u64) -> Vec<Event> {
        let command = Command::Leave {
            connection: ConnectionId(connection),
        };
        self.run(&Actor::System, &command).unwrap()
    }

    fn lose(&mut self, connection: u64, cause: LossCause) -> Vec<Event> {
        let command = Command::LoseConnection {
            connection: ConnectionId(connection),
            cause,
        };
        self.run(&Actor::System, &command).unwrap()
    }

    fn wait(&mut self, seconds: u64) -> Vec<Event> {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.run(&Actor::System, &Command::Expire).unwrap()
    }

    fn names(&self) -> Vec<&str> {
        self.room.participants().map(|p| p.user.as_str()).collect()
    }

    fn is_host(&self, name: &str) -> bool {
        self.room.roles_of(&user(name)).host
    }

    fn is_cohost(&self, name: &str) -> bool {
        self.room.roles_of(&user(name)).co_host
    }
}

fn left(event: &Event) -> Option<(&str, LeaveReason)> {
    if let Event::ParticipantLeft { user, reason } = event {
        Some((user.as_str(), *reason))
    } else {
        None
    }
}

#[test]
fn the_creator_is_host_and_others_are_not() {
    let table = Table::of_three();
    assert_eq!(table.names(), ["ann", "bob", "cy"]);
    assert_eq!((table.is_host("ann"), table.is_host("bob")), (true, false));
    assert_eq!(table.room.host_seat, HostSeat::Taken);
}

#[test]
fn media_starts_muted_and_paused() {
    let table = Table::of_three();
    let media = table.room.participant(&user("bob")).unwrap().media;
    assert!(media.audio_muted && media.video_paused && !media.screen_sharing);
}

#[test]
fn joining_twice_changes_nothing() {
    let mut table = Table::of_three();
    assert_eq!(table.join("bob", 2), Ok(vec![]));
    assert_eq!(table.room.len(), 3);
}

#[test]
fn rejoining_keeps_seat_and_role() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_COHOST).unwrap();
    table.lose(2, LossCause::Lost);
    table.join("bob", 12).unwrap();
    assert_eq!(table.names(), ["ann", "bob", "cy"]);
    assert!(table.is_cohost("bob"));
    assert!(
        !table
            .room
            .participant(&user("bob"))
            .unwrap()
            .is_reconnecting()
    );
}

#[test]
fn a_role_survives_leaving_and_coming_back() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_HOST).unwrap();
    table.leave(2);
    table.join("bob", 12).unwrap();
    assert!(table.is_host("bob"));
}

#[test]
fn a_demotion_is_not_undone_by_a_reload() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_COHOST).unwrap();
    table.change("ann", "bob", REMOVE_COHOST).unwrap();
    table.lose(2, LossCause::Closed);
    table.join("bob", 12).unwrap();
    assert!(!table.is_cohost("bob"));
}

#[test]
fn a_promoted_host_may_promote() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_HOST).unwrap();
    assert_eq!(table.change("bob", "cy", MAKE_COHOST).unwrap().len(), 1);
}

#[test]
fn host_and_cohost_are_independent_flags() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_HOST).unwrap();
    table.change("ann", "bob", MAKE_COHOST).unwrap();
    table.change("ann", "bob", REMOVE_HOST).unwrap();
    assert_eq!(
        (table.is_host("bob"), table.is_cohost("bob")),
        (false, true)
    );
}

#[test]
fn granting_again_changes_nothing() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_COHOST).unwrap();
    for (target, change) in [("bob", MAKE_COHOST), ("cy", REMOVE_COHOST)] {
        let before = table.room.grants.of(&user(target)).held(Role::CoHost);
        let events = table.change("ann", target, change).unwrap();
        assert!(
            matches!(events[..], [Event::RoleAffirmed { .. }]),
            "{events:?}"
        );
        let after = table.room.grants.of(&user(target)).held(Role::CoHost);
        assert_eq!(before.since, after.since);
        assert!(
            after.stamp > before.stamp,
            "whoever undoes the first lets go"
        );
    }
    table.change("ann", "bob", MAKE_HOST).unwrap();
    let creators = table.change("bob", "ann", MAKE_HOST);
    assert_eq!(creators, Ok(vec![]), "no grant makes a creator host");
}

/// What SQL says may be older than what the room knows, and newer.
#[test]
fn a_role_is_restored_unless_the_room_knows_a_later_change() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_COHOST).unwrap();
    let known = table.room.grants.of(&user("bob")).held(Role::CoHost);
    let restored = |stamp| Command::RestoreGrants {
        changes: vec![GrantChange {
            user: user("bob"),
            mark: Mark::CoHost,
            held: Held { since: None, stamp },
        }],
    };
    assert_eq!(
        table.run(&Actor::System, &restored(Stamp(known.stamp.0 - 1))),
        Ok(vec![])
    );
    assert!(table.is_cohost("bob"));
    table
        .run(&Actor::System, &restored(known.stamp.undoing()))
        .unwrap();
    assert!(!table.is_cohost("bob"));
    table.change("ann", "bob", MAKE_COHOST).unwrap();
    let again = table.room.grants.of(&user("bob")).held(Role::CoHost);
    assert!(again.stamp > known.stamp.undoing());
}

/// Bob's role is taken twice in one millisecond, and SQL refuses the first: the second was acknowledged.
#[test]
fn a_change_that_was_repeated_at_once_is_not_undone() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_COHOST).unwrap();
    table.change("ann", "bob", REMOVE_COHOST).unwrap();
    let failed = table.room.grants.of(&user("bob")).held(Role::CoHost);
    table.change("ann", "bob", REMOVE_COHOST).unwrap();
    let held = Held {
        since: Some(table.now),
        stamp: failed.stamp.undoing(),
    };
    let (user, mark) = (user("bob"), Mark::CoHost);
    let changes = vec![GrantChange { user, mark, held }];
    let undone = table.run(&Actor::System, &Command::RestoreGrants { changes });
    assert_eq!(undone, Ok(vec![]));
    assert!(!table.is_cohost("bob"));
}

#[test]
fn refusals_name_their_reason() {
    let mut table = Table::of_three();
    for change in [MAKE_HOST, REMOVE_HOST, MAKE_COHOST, REMOVE_COHOST] {
        assert_eq!(
            table.change("bob", "cy", change),
            Err(Refusal::NotHostForRole(change))
        );
        assert_eq!(
            table.change("zoe", "cy", change),
            Err(Refusal::NotJoinedForRole(change))
        );
        assert_eq!(
            table.change("ann", "zoe", change),
            Err(Refusal::ParticipantNotFound)
        );
    }
    for change in [MAKE_HOST, MAKE_COHOST, REMOVE_COHOST] {
        assert_eq!(
            table.change("ann", "ann", change),
            Err(Refusal::CannotTargetSelf)
        );
    }
    assert_eq!(
        table.change("ann", "ann", REMOVE_HOST),
        Err(Refusal::ProtectedCreator)
    );
    table.change("ann", "bob", MAKE_HOST).unwrap();
    assert_eq!(
        table.change("bob", "ann", REMOVE_HOST),
        Err(Refusal::ProtectedCreator)
    );
}

#[test]
fn the_last_host_cannot_step_down() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_HOST).unwrap();
    table.leave(1);
    assert_eq!(
        table.change("bob", "bob", REMOVE_HOST),
        Err(Refusal::LastHost)
    );
    table.change("bob", "cy", MAKE_HOST).unwrap();
    assert_eq!(table.change("bob", "bob", REMOVE_HOST).unwrap().len(), 1);
    assert!(!table.is_host("bob"));
}

#[test]
fn a_service_cannot_remove_the_last_host_either() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_HOST).unwrap();
    table.leave(1);
    let command = Command::ChangeRole {
        target: user("bob"),
        change: REMOVE_HOST,
    };
    assert_eq!(
        table.run(&Actor::Service(None), &command),
        Err(Refusal::LastHost)
    );
}

#[test]
fn leaving_is_at_once() {
    let mut table = Table::of_three();
    let events = table.leave(2);
    assert_eq!(
        events.iter().filter_map(left).collect::<Vec<_>>(),
        [("bob", LeaveReason::Left)]
    );
}

#[test]
fn a_closed_socket_leaves_silently_after_its_grace() {
    let mut table = Table::of_three();
    table.lose(2, LossCause::Closed);
    assert!(
        !table
            .room
            .participant(&user("bob"))
            .unwrap()
            .is_reconnecting()
    );
    assert!(table.wait(2).is_empty());
    assert_eq!(
        left(&table.wait(1)[0]),
        Some(("bob", LeaveReason::Disconnected))
    );
}

#[test]
fn a_lost_transport_reconnects_visibly_and_leaves_later() {
    let mut table = Table::of_three();
    table.lose(2, LossCause::Lost);
    assert!(
        table
            .room
            .participant(&user("bob"))
            .unwrap()
            .is_reconnecting()
    );
    assert!(table.wait(19).is_empty());
    assert_eq!(
        left(&table.wait(1)[0]),
        Some(("bob", LeaveReason::Disconnected))
    );
    assert_eq!(table.wait(60).len(), 0);
}

#[test]
fn a_late_disconnect_cannot_remove_the_new_connection() {
    let mut table = Table::of_three();
    table.join("bob", 12).unwrap();
    table.lose(2, LossCause::Lost);
    assert!(table.lose(2, LossCause::Lost).is_empty());
    assert!(table.leave(2).is_empty());
    assert_eq!(table.names(), ["ann", "bob", "cy"]);
    assert!(table.wait(100).is_empty());
}

#[test]
fn two_tabs_are_one_participant_until_the_last_closes() {
    let mut table = Table::of_three();
    table.join("bob", 12).unwrap();
    assert_eq!(table.room.len(), 3);
    assert!(table.leave(2).iter().all(|event| left(event).is_none()));
    assert_eq!(table.leave(12).iter().filter_map(left).count(), 1);
}

#[test]
fn the_newest_connection_can_win() {
    let policy = RoomPolicy {
        devices: DevicePolicy::NewestWins,
        ..RoomPolicy::default()
    };
    let mut table = Table::new(Some("ann"), policy);
    table.join("ann", 1).unwrap();
    let events = table.join("ann", 2).unwrap();
    assert!(events.iter().any(|event| matches!(
        event,
        Event::ConnectionDetached {
            connection: ConnectionId(1),
            replaced: true,
            ..
        }
    )));
    assert!(table.leave(1).is_empty());
    assert_eq!(table.names(), ["ann"]);
}

#[test]
fn the_newest_connection_can_be_rejected() {
    let policy = RoomPolicy {
        devices: DevicePolicy::RejectNew,
        ..RoomPolicy::default()
    };
    let mut table = Table::new(Some("ann"), policy);
    table.join("ann", 1).unwrap();
    table.now = table.now.plus(Duration::from_secs(7));
    let live_for = Duration::from_secs(7);
    assert_eq!(
        table.join("ann", 2),
        Err(Refusal::AlreadyConnected { live_for })
    );
    table.lose(1, LossCause::Lost);
    assert!(table.join("ann", 2).is_ok());
}

#[test]
fn connections_of_one_participant_are_bounded() {
    let mut table = Table::new(Some("ann"), RoomPolicy::default());
    for connection in 1..=16 {
        table.join("ann", connection).unwrap();
    }
    assert!(matches!(
        table.join("ann", 17),
        Err(Refusal::RateLimited { .. })
    ));
}

#[test]
fn a_full_room_lets_only_moderators_in() {
    let policy = RoomPolicy {
        max_participants: 1,
        ..RoomPolicy::default()
    };
    let mut table = Table::new(Some("ann"), policy);
    table.join("bob", 2).unwrap();
    assert_eq!(table.join("cy", 3), Err(Refusal::RoomFull));
    assert!(table.join("ann", 1).is_ok());
    assert!(table.join("bob", 12).is_ok());
}

#[test]
fn uncreated_rooms_follow_the_setting() {
    let with = |uncreated| {
        Table::new(
            None,
            RoomPolicy {
                uncreated,
                ..RoomPolicy::default()
            },
        )
    };
    let mut open = with(UncreatedRooms::Allow);
    open.join("bob", 1).unwrap();
    assert!(!open.is_host("bob"));
    assert_eq!(
        with(UncreatedRooms::Deny).join("bob", 1),
        Err(Refusal::RoomNotFound)
    );
    let mut claimed = with(UncreatedRooms::FirstJoinerHosts);
    claimed.join("bob", 1).unwrap();
    claimed.join("cy", 2).unwrap();
    assert_eq!(
        (claimed.is_host("bob"), claimed.is_host("cy")),
        (true, false)
    );
}

#[test]
fn an_end_is_final() {
    let mut table = Table::of_three();
    assert_eq!(
        table.run(
            &Actor::User(user("bob")),
            &Command::End {
                cause: EndCause::Command
            }
        ),
        Err(Refusal::NotHost)
    );
    let events = table
        .run(
            &Actor::User(user("ann")),
            &Command::End {
                cause: EndCause::Command,
            },
        )
        .unwrap();
    assert_eq!(events.iter().filter_map(left).count(), 3);
    assert!(table.room.is_empty());
    assert_eq!(table.join("ann", 9), Err(Refusal::MeetingEnded));
    assert_eq!(
        table.run(
            &Actor::System,
            &Command::End {
                cause: EndCause::Command
            }
        ),
        Ok(vec![])
    );
}

#[test]
fn a_cohost_cannot_end_or_change_roles() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_COHOST).unwrap();
    assert_eq!(
        table.run(
            &Actor::User(user("bob")),
            &Command::End {
                cause: EndCause::Command
            }
        ),
        Err(Refusal::NotHost)
    );
    let refused = table.change("bob", "cy", MAKE_COHOST);
    assert_eq!(refused, Err(Refusal::NotHostForRole(MAKE_COHOST)));
}

#[test]
fn only_differences_of_media_are_told() {
    let mut table = Table::of_three();
    let changes = MediaChanges {
        audio_muted: Some(false),
        video_paused: Some(true),
        ..<_>::default()
    };
    let command = Command::UpdateState { changes };
    let events = table.run(&Actor::User(user("bob")), &command).unwrap();
    let told = MediaChanges {
        audio_muted: Some(false),
        ..<_>::default()
    };
    assert_eq!(
        events,
        [Event::MediaChanged {
            user: user("bob"),
            changes: told
        }]
    );
    assert_eq!(table.run(&Actor::User(user("bob")), &command), Ok(vec![]));
    assert_eq!(
        table.run(&Actor::User(user("zoe")), &command),
        Err(Refusal::NotJoined)
    );
}

#[test]
fn the_earliest_cohost_succeeds_after_the_role_grace() {
    let mut table = Table::of_three();
    table.change("ann", "cy", MAKE_COHOST).unwrap();
    table.now = table.now.plus(Duration::from_secs(1));
    table.change("ann", "bob", MAKE_COHOST).unwrap();
    let deadline = table.now.plus(Duration::from_secs(60));
    assert!(table.leave(1).contains(&Event::HostVacated { deadline }));
    assert!(table.wait(59).is_empty());
    let changed = Event::HostChanged {
        user: Some(user("cy")),
        cause: HostChangeCause::Succession,
    };
    assert_eq!(table.wait(1), [changed]);
    assert_eq!((table.is_host("cy"), table.is_host("bob")), (true, false));
    assert!(table.change("cy", "bob", MAKE_HOST).is_ok());
}

#[test]
fn a_guest_never_succeeds() {
    let mut table = Table::of_three();
    table.leave(1);
    let changed = Event::HostChanged {
        user: None,
        cause: HostChangeCause::Hostless,
    };
    assert_eq!(table.wait(60), [changed]);
    assert_eq!((table.is_host("bob"), table.is_host("cy")), (false, false));
}

#[test]
fn a_returning_host_regains_the_place() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_COHOST).unwrap();
    table.leave(1);
    table.wait(60);
    assert!(table.is_host("bob"));
    let events = table.join("ann", 11).unwrap();
    let changed = Event::HostChanged {
        user: Some(user("ann")),
        cause: HostChangeCause::HostReturned,
    };
    assert!(events.contains(&changed));
    assert_eq!(
        (table.is_host("bob"), table.is_cohost("bob")),
        (false, true)
    );
}

#[test]
fn a_host_back_in_time_ends_the_vacancy() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_COHOST).unwrap();
    table.leave(1);
    table.wait(30);
    table.join("ann", 11).unwrap();
    assert_eq!(table.room.host_seat, HostSeat::Taken);
    assert!(table.wait(60).is_empty());
}

#[test]
fn an_acting_host_who_leaves_is_succeeded_in_turn() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_COHOST).unwrap();
    table.change("ann", "cy", MAKE_COHOST).unwrap();
    table.leave(1);
    table.wait(60);
    assert!(table.is_host("bob"));
    table.leave(2);
    table.wait(60);
    assert!(table.is_host("cy"));
}

#[test]
fn a_cohost_who_comes_to_a_hostless_room_takes_over() {
    let mut table = Table::of_three();
    table.change("ann", "bob", MAKE_COHOST).unwrap();
    table.leave(2);
    table.leave(1);
    table.wait(60);
    assert_eq!(table.room.host_seat, HostSeat::Hostless);
    table.join("bob", 12).unwrap();
    assert!(table.is_host("bob"));
}

#[test]
fn a_reconnecting_host_still_holds_the_place() {
    let mut table = Table::of_three();
    table.lose(1, LossCause::Lost);
    assert_eq!(table.room.host_seat, HostSeat::Taken);
    table.wait(20);
    assert!(matches!(table.room.host_seat, HostSeat::Vacant { .. }));
}

#[test]
fn a_late_meeting_record_brings_its_creator() {
    let mut table = Table::new(None, RoomPolicy::default());
    table.join("ann", 1).unwrap();
    let policy = Box::new(RoomPolicy::default());
    let command = Command::AdoptMeeting {
        creator: user("ann"),
        policy,
        version: Timestamp::default(),
        by: By::system(),
    };
    table.run(&Actor::System, &command).unwrap();
    assert!(table.is_host("ann"));
    assert_eq!(table.room.host_seat, HostSeat::Taken);
    assert_eq!(table.run(&Actor::System, &command), Ok(vec![]));
}

/// Two changes of the record reach the room in another order than SQL.
#[test]
fn an_older_state_of_the_record_is_not_adopted() {
    let mut table = Table::of_three();
    let owned_by = |name, version| Command::AdoptMeeting {
        creator: user(name),
        policy: Box::new(RoomPolicy::default()),
        version: Timestamp(version),
        by: By::system(),
    };
    table.run(&Actor::System, &owned_by("bob", 7)).unwrap();
    assert_eq!(
        table.run(&Actor::System, &owned_by("cy", 6)),
        Ok(vec![]),
        "overtaken"
    );
    assert_eq!(table.room.creator, Some(user("bob")));
    assert_eq!(table.run(&Actor::System, &owned_by("bob", 7)), Ok(vec![]));
    table.run(&Actor::System, &owned_by("cy", 8)).unwrap();
    assert_eq!(table.room.creator, Some(user("cy")));
}

#[test]
fn a_replica_notices_what_it_misses() {
    let mut table = Table::new(Some("ann"), RoomPolicy::default());
    let mut replica = Replica::new(table.room.clone());
    let commit_of = |table: &mut Table, name: &str, connection| {
        let mut draft = Draft::of(&table.room);
        let join = Join {
            user: user(name),
            connection: ConnectionId(connection),
            node: NodeId(1),
            profile: Profile {
                name: name.into(),
                image_url: None,
            },
            media: MediaChanges::default(),
            network: None,
            passcode: None,
            returning: None,
        };
        let actor = Actor::User(user(name));
        draft
            .execute(&actor, &Command::Join(Box::new(join)), table.now)
            .unwrap();
        let id = CommitId {
            node: NodeId(1),
            number: connection,
        };
        let (commit, after) = draft.into_commit(id, table.now).unwrap();
        table.room = after;
        commit
    };
    let first = commit_of(&mut table, "ann", 1);
    let second = commit_of(&mut table, "bob", 2);
    assert_eq!(
        replica.apply(&second),
        Err(Gap::Missing { held: 0, found: 2 })
    );
    assert_eq!(replica.apply(&first), Ok(true));
    assert_eq!(replica.apply(&first), Ok(false));
    let forked = Commit {
        parent: None,
        ..second.clone()
    };
    assert!(matches!(replica.apply(&forked), Err(Gap::Fork { .. })));
    let other_epoch = Commit {
        epoch: Epoch(2),
        ..second.clone()
    };
    assert!(matches!(
        replica.apply(&other_epoch),
        Err(Gap::Epoch { .. })
    ));
    assert_eq!(replica.apply(&second), Ok(true));
    assert_eq!(replica.room(), &table.room);
}
