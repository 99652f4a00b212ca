//! Granting and revoking roles.

use super::command::Actor;
use super::decide::{by, rank};
use super::draft::Draft;
use super::event::Event;
use super::state::Room;
use crate::domain::grant::Held;
use crate::domain::id::UserId;
use crate::domain::permission::{self, Action};
use crate::domain::refusal::{Refusal, RoleChange};
use crate::domain::role::Role;
use crate::domain::time::Timestamp;

pub(super) fn change(
    draft: &mut Draft,
    actor: &Actor,
    target: &UserId,
    change: RoleChange,
    now: Timestamp,
) -> Result<(), Refusal> {
    check(draft.room(), actor, target, change)?;
    if change.role == Role::Host && draft.room().is_creator(target) {
        return Ok(());
    }
    let by = by(draft.room(), actor);
    let stamp = draft.room().grants.newest().next(now);
    let since = draft.room().grants.of(target).since(change.role);
    let (user, role) = (target.clone(), change.role);
    draft.record(if since.is_some() == change.grant {
        let held = Held { since, stamp };
        Event::RoleAffirmed {
            user,
            role,
            held,
            by,
        }
    } else if change.grant {
        Event::RoleGranted {
            user,
            role,
            since: now,
            stamp,
            by,
        }
    } else {
        Event::RoleRevoked {
            user,
            role,
            stamp,
            by,
        }
    });
    Ok(())
}

fn check(room: &Room, actor: &Actor, target: &UserId, change: RoleChange) -> Result<(), Refusal> {
    match rank(room, actor) {
        Ok(None) => {}
        Ok(Some(rank)) if permission::allows(rank, Action::ChangeRoles) => {}
        Ok(Some(_)) => return Err(Refusal::NotHostForRole(change)),
        Err(Refusal::NotJoined) => return Err(Refusal::NotJoinedForRole(change)),
        Err(refusal) => return Err(refusal),
    }
    let revokes_host = change
        == RoleChange {
            role: Role::Host,
            grant: false,
        };
    if revokes_host && room.is_creator(target) {
        return Err(Refusal::ProtectedCreator);
    }
    let is_person = matches!(actor, Actor::User(_) | Actor::Remote(_));
    if !revokes_host && is_person && actor.user() == Some(target) {
        return Err(Refusal::CannotTargetSelf);
    }
    // Over REST roles are given to people who have yet to come.
    if matches!(actor, Actor::User(_)) && room.person(target).is_none() {
        return Err(Refusal::ParticipantNotFound);
    }
    let loses_host = revokes_host && room.participant(target).is_some();
    if loses_host && room.roles_of(target).host && is_last_host(room, target) {
        return Err(Refusal::LastHost);
    }
    Ok(())
}

/// Whether the room would have no host in it without this one.
fn is_last_host(room: &Room, target: &UserId) -> bool {
    !room
        .participants()
        .any(|other| other.user != *target && room.roles_of(&other.user).host)
}
