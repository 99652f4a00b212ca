//! Over random histories: who waits, and who was sent away, is told nothing of the room.

use proptest::prelude::*;

use super::{Rendered, View, render};
use crate::domain::chat::Opaque;
use crate::domain::grant::Grants;
use crate::domain::id::{CommitId, ConnectionId, Epoch, NodeId, RoomId, RoomKey, TenantId, UserId};
use crate::domain::participant::{MediaChanges, MediaKind, Profile};
use crate::domain::policy::{AccessChange, RoomPolicy};
use crate::domain::refusal::RoleChange;
use crate::domain::role::Role;
use crate::domain::room::state::Authority;
use crate::domain::room::{Actor, Command, Draft, EndCause, Join, LossCause, MuteTarget, Room};
use crate::domain::time::Timestamp;
use crate::protocol::message::Audience;
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
    let kind = MediaKind::Audio;
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
        21 => Command::Mute {
            target: MuteTarget::All,
            kind,
        },
        22 => Command::Signal {
            to: target,
            data: Opaque::from_json("1"),
        },
        23 => Command::Expire,
        24 if connection.0.is_multiple_of(3) => Command::End {
            cause: EndCause::Command,
        },
        _ => Command::SendMessage {
            message: Opaque::from_json("\"hello\""),
        },
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

/// Nothing goes to anybody who is not in the room as the commit leaves it, but for last words.
fn check(rendered: &Rendered, before: &Room, after: &Room) {
    for line in &rendered.lines {
        match &line.audience {
            Audience::Room | Audience::Everyone | Audience::Connection(_) => {}
            // Who went with the commit is a member no longer when it is told.
            Audience::User(user) if rendered.departed.contains(user) => {}
            Audience::User(user) => {
                assert!(after.lobby().get(user).is_none(), "{line:?} to who waits");
                assert!(!after.is_banned(user), "{line:?} to who is banned");
            }
            Audience::Leaving(user) => assert!(rendered.departed.contains(user), "{line:?}"),
            Audience::Waiting(user) => {
                let name = line.message.name;
                assert!(AT_THE_DOOR.contains(&name), "{name} to who waits");
                let elsewhere = USERS.iter().filter(|other| **other != user.as_str());
                for other in elsewhere {
                    let named = format!("\"{other}\"");
                    assert!(
                        !line.message.payload.contains(&named),
                        "{line:?} names {other}"
                    );
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_of_the_room_reaches_who_is_not_in_it(
        steps in prop::collection::vec(
            prop::collection::vec((0..27_u8, 0..5_usize, 0..5_usize, 0..2_u64), 1..4),
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
            let rendered = render(&mut view, &commit, &after);
            check(&rendered, &before, &after);
            before = after;
        }
    }
}
