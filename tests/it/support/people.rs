//! Rooms, people and what they ask for, by name.

use usher::domain::grant::Grants;
use usher::domain::id::{ConnectionId, Epoch, NodeId, RoomId, RoomKey, TenantId, UserId};
use usher::domain::participant::{MediaChanges, Profile};
use usher::domain::policy::{Memory, RoomPolicy};
use usher::domain::refusal::RoleChange;
use usher::domain::role::Role;
use usher::domain::room::state::Authority;
use usher::domain::room::{Actor, Command, EndCause, Join, LossCause, Room};
use usher::domain::time::Timestamp;

pub(crate) const MAKE_HOST: RoleChange = RoleChange {
    role: Role::Host,
    grant: true,
};
pub(crate) const REMOVE_HOST: RoleChange = RoleChange {
    role: Role::Host,
    grant: false,
};
pub(crate) const REMOVE_COHOST: RoleChange = RoleChange {
    role: Role::CoHost,
    grant: false,
};
pub(crate) const MAKE_COHOST: RoleChange = RoleChange {
    role: Role::CoHost,
    grant: true,
};

/// Somebody ends the meeting.
pub(crate) const END: Command = Command::End {
    cause: EndCause::Command,
};

/// When every test begins.
pub(crate) const START: Timestamp = Timestamp(1_700_000_000_000);

pub(crate) fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

pub(crate) fn room_key(name: &str) -> RoomKey {
    RoomKey {
        tenant: TenantId::default_tenant(),
        room: RoomId::new(name).unwrap(),
    }
}

pub(crate) fn acting(name: &str) -> Actor {
    Actor::User(user(name))
}

/// An empty room of this creator's, or of nobody's.
pub(crate) fn empty_room(key: &RoomKey, epoch: u64, creator: Option<&str>) -> Room {
    let authority = Authority {
        record_version: Timestamp::default(),
        creator: creator.map(user),
        grants: Grants::default(),
        ended: false,
    };
    // So little that everything is forgotten again.
    let memory = Memory {
        messages: 3,
        absent: 2,
        ..Memory::default()
    };
    let policy = RoomPolicy {
        memory,
        ..RoomPolicy::default()
    };
    Room::new(key.clone(), Epoch(epoch), policy, authority)
}

pub(crate) fn join(name: &str, connection: ConnectionId, node: NodeId) -> Command {
    Command::Join(Box::new(Join {
        user: user(name),
        connection,
        node,
        profile: Profile {
            name: name.into(),
            image_url: None,
        },
        media: MediaChanges::default(),
        network: None,
        passcode: None,
        returning: None,
    }))
}

pub(crate) const fn leave(connection: ConnectionId) -> Command {
    Command::Leave { connection }
}

pub(crate) const fn lose(connection: ConnectionId) -> Command {
    Command::LoseConnection {
        connection,
        cause: LossCause::Lost,
    }
}

pub(crate) fn change_role(target: &str, change: RoleChange) -> Command {
    Command::ChangeRole {
        target: user(target),
        change,
    }
}

pub(crate) fn mute(audio_muted: bool) -> Command {
    let audio_muted = Some(audio_muted);
    Command::UpdateState {
        changes: MediaChanges {
            audio_muted,
            ..MediaChanges::default()
        },
    }
}

/// The names of those who are in the room, in order of arrival.
pub(crate) fn names(room: &Room) -> Vec<&str> {
    room.participants()
        .map(|participant| participant.user.as_str())
        .collect()
}

pub(crate) fn is_host(room: &Room, name: &str) -> bool {
    room.roles_of(&user(name)).host
}

pub(crate) fn is_cohost(room: &Room, name: &str) -> bool {
    room.roles_of(&user(name)).co_host
}
