//! Over random histories: who waits, and who was sent away, is told nothing of the room; and whoever puts
//! together what the delta dialect says has what the list dialect shows.

use proptest::prelude::*;
use serde_json::Value;

use super::{Rendered, View, render};
use crate::domain::chat::{Announcement, MessageMark, Opaque, SignalKind};
use crate::domain::grant::Grants;
use crate::domain::id::{CommitId, ConnectionId, Epoch, NodeId, RoomId, RoomKey, TenantId, UserId};
use crate::domain::participant::{MediaChanges, MediaKind, Profile};
use crate::domain::policy::{AccessChange, RoomPolicy};
use crate::domain::refusal::RoleChange;
use crate::domain::role::Role;
use crate::domain::room::state::Authority;
use crate::domain::room::{Actor, Command, Draft, EndCause, Join, LossCause, MuteTarget, Room};
use crate::domain::time::Timestamp;
use crate::protocol::dialect::Dialect;
use crate::protocol::message::{Audience, Message};
use crate::protocol::names::server;

const USERS: [&str; 5] = ["ann", "bob", "cy", "dee", "eve"];

/// What somebody who waits, or did until now, may be told.
const AT_THE_DOOR: [&str; 5] = [
    server::LOBBY_WAITING,
    server::LOBBY_ADMITTED,
    server::LOBBY_DENIED,
    server::MEETING_ENDED,
    server::KICKED_FROM_ROOM,
];

fn user(index: usize) -> UserId {
    UserId::new(USERS[index]).unwrap()
}

fn room() -> Room {
    let key = RoomKey {
        tenant: TenantId::default_tenant(),
        room: RoomId::new("r").unwrap(),
    };
    let authority = Authority {
        creator: Some(user(0)),
        record_version: Timestamp::default(),
        grants: Grants::default(),
        ended: false,
    };
    let policy = RoomPolicy {
        max_participants: 3,
        denied_cooldown: std::time::Duration::ZERO,
        ..RoomPolicy::default()
    };
    Room::new(key, Epoch(1), policy, authority)
}

fn command(what: u8, actor: usize, target: usize, connection: u64) -> (Actor, Command) {
    let (who, target) = (user(actor), user(target));
    let of = |index: usize| 100 * u64::try_from(index).unwrap();
    let connection = ConnectionId(of(actor) + connection);
    let lobby = |on| Command::UpdateAccess {
        change: AccessChange {
            lobby: Some(on),
            ..AccessChange::default()
        },
        passcode: None,
    };
    let cohost = RoleChange {
        role: Role::CoHost,
        grant: true,
    };
    let asked = match what {
        0..=6 => Command::Join(Box::new(Join {
            user: who.clone(),
            connection,
            node: NodeId(1),
            profile: Profile {
                name: format!("{who} the {what}").as_str().into(),
                image_url: None,
            },
            media: MediaChanges::NONE,
            network: None,
            passcode: None,
            returning: None,
        })),
        7 => Command::Leave { connection },
        8 => Command::LoseConnection {
            connection,
            cause: LossCause::Lost,
        },
        9 | 10 => lobby(true),
        11 => lobby(false),
        12..=14 => Command::Admit { target },
        15 => Command::Deny { target },
        16 => Command::AdmitAll,
        17 => Command::Remove { target, ban: false },
        18 => Command::Remove { target, ban: true },
        19 => Command::Unban { target },
        20 => Command::ChangeRole {
            target,
            change: cohost,
        },
        23 => Command::Expire,
        24 if connection.0.is_multiple_of(3) => Command::End {
            cause: EndCause::Command,
        },
        _ => word(what, target, connection),
    };
    let ours = matches!(
        asked,
        Command::Leave { .. } | Command::LoseConnection { .. } | Command::Expire
    );
    let actor = if ours {
        Actor::System
    } else {
        Actor::User(who)
    };
    (actor, asked)
}

/// What moderators do about microphones, and what people send each other.
fn word(what: u8, target: UserId, connection: ConnectionId) -> Command {
    let kind = MediaKind::Audio;
    match what {
        21 => Command::Mute {
            target: MuteTarget::All,
            kind,
            lock: connection.0.is_multiple_of(2),
        },
        22 => Command::Signal {
            to: target,
            only: None,
            via: None,
            kind: SignalKind::Signal,
            data: Opaque::from_json("1"),
        },
        27 | 28 => Command::Mute {
            target: MuteTarget::One(target),
            kind,
            lock: what == 27,
        },
        29 => Command::AskToUnmute {
            target: MuteTarget::One(target),
            kind,
        },
        30 => Command::AskToUnmute {
            target: MuteTarget::All,
            kind,
        },
        31 | 32 => Command::UpdateState {
            changes: MediaChanges {
                audio_muted: Some(what == 31),
                ..MediaChanges::NONE
            },
        },
        33 => Command::MarkMessage {
            key: Opaque::from_json("\"1\""),
            mark: MessageMark::Pinned(connection.0.is_multiple_of(2)),
            via: Some(connection),
        },
        34 => Command::Announce {
            announcement: Announcement::TypingStarted,
            via: Some(connection),
        },
        _ => Command::SendMessage {
            message: Opaque::from_json("\"hello\""),
            key: None,
            via: Some(connection),
        },
    }
}

/// Nothing goes to anybody who is not in the room as the commit leaves it, but for last words.
fn check(rendered: &Rendered, before: &Room, after: &Room) {
    for line in &rendered.lines {
        match &line.audience {
            Audience::Room
            | Audience::Everyone
            | Audience::Others(_)
            | Audience::Socket(_)
            | Audience::Connection(_) => {}
            // Who went with the commit is a member no longer when it is told.
            Audience::User(user) if rendered.departed.contains(user) => {}
            Audience::User(user) => {
                assert!(after.lobby().get(user).is_none(), "{line:?} to who waits");
                assert!(!after.is_banned(user), "{line:?} to who is banned");
            }
            Audience::Leaving(user) => assert!(rendered.departed.contains(user), "{line:?}"),
            Audience::Waiting(user) => {
                for dialect in [Dialect::Delta, Dialect::List] {
                    for message in line.messages(dialect) {
                        check_at_the_door(user, message);
                    }
                }
            }
        }
    }
    for new in &rendered.attached {
        let held = after.participant(&new.user);
        assert!(held.is_some_and(|it| it.holds(new.connection.id)));
    }
    for new in &rendered.waiting {
        let held = after.lobby().get(&new.user);
        assert!(held.is_some_and(|it| it.holds(new.connection.id)));
    }
    for person in before.participants() {
        let stays = after.participant(&person.user).is_some();
        let told = rendered.departed.contains(&person.user);
        assert!(stays || told, "{} is gone and nobody heard", person.user);
    }
}

fn check_at_the_door(user: &UserId, message: &Message) {
    let name = message.name;
    assert!(AT_THE_DOOR.contains(&name), "{name} to who waits");
    for other in USERS.iter().filter(|other| **other != user.as_str()) {
        let named = format!("\"{other}\"");
        assert!(
            !message.payload.contains(&named),
            "{message:?} names {other}"
        );
    }
}

type List = Vec<serde_json::Map<String, Value>>;

fn list_of(room: &Room) -> List {
    serde_json::from_str(&View::of(room).list(room)).unwrap()
}

/// What a client of the delta dialect makes of what it is told.
fn fold(list: &mut List, rendered: &Rendered) {
    for line in &rendered.lines {
        let for_all = matches!(line.audience, Audience::Room | Audience::Everyone);
        for message in line.messages(Dialect::Delta).iter().filter(|_| for_all) {
            let told: Value = serde_json::from_str(&message.payload).unwrap();
            let id = told.get("participantId").cloned();
            match message.name {
                server::PARTICIPANT_JOINED => {
                    let mut newcomer = told.as_object().unwrap().clone();
                    newcomer.remove("rev");
                    list.push(newcomer);
                }
                server::PARTICIPANT_LEFT => list.retain(|it| it.get("id") != id.as_ref()),
                server::PARTICIPANT_UPDATED => {
                    let theirs = list.iter_mut().find(|it| it.get("id") == id.as_ref());
                    let updates = told.get("updates").unwrap().as_object().unwrap();
                    theirs.unwrap().extend(updates.clone());
                }
                _ => {}
            }
        }
    }
}

/// The same list with every flag that is off left out where a list leaves it out.
fn plain(list: &List) -> List {
    let mut list = list.clone();
    for entry in &mut list {
        for flag in [
            "isScreenSharing",
            "isHandRaised",
            "isReconnecting",
            "audioLocked",
            "videoLocked",
            "screenShareLocked",
        ] {
            if entry.get(flag) == Some(&Value::Bool(false)) {
                entry.remove(flag);
            }
        }
    }
    list
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_of_the_room_reaches_who_is_not_in_it(
        steps in prop::collection::vec(
            prop::collection::vec((0..36_u8, 0..5_usize, 0..5_usize, 0..2_u64), 1..4),
            1..40,
        ),
    ) {
        let mut before = room();
        let mut view = View::of(&before);
        let mut now = Timestamp(1_000);
        for (number, batch) in (1..).zip(steps) {
            now = now.plus(std::time::Duration::from_secs(7));
            let mut draft = Draft::of(&before);
            for (what, actor, target, connection) in batch {
                let (actor, command) = command(what, actor, target, connection);
                drop(draft.execute(&actor, &command, now));
            }
            let id = CommitId { node: NodeId(1), number };
            let Some((commit, after)) = draft.into_commit(id, now) else { continue };
            let mut folded = list_of(&before);
            let rendered = render(&mut view, &commit, &after, true);
            check(&rendered, &before, &after);
            fold(&mut folded, &rendered);
            if !after.is_ended() {
                prop_assert_eq!(&plain(&folded), &list_of(&after), "{:?}", commit.events);
                prop_assert_eq!(&list_of(&after), &serde_json::from_str::<List>(&view.list(&after)).unwrap());
                let moved = list_of(&before) != list_of(&after);
                prop_assert!(rendered.list_changed || !moved, "{:?}", commit.events);
            }
            before = after;
        }
    }
}
