//! Taking people out: a kick, from which one may come back, and a ban, which lasts.

use super::command::Actor;
use super::decide::{by, permit, rank};
use super::draft::Draft;
use super::event::{By, Event};
use super::lobby;
use super::state::Room;
use crate::domain::grant::Held;
use crate::domain::id::UserId;
use crate::domain::permission::Action;
use crate::domain::refusal::Refusal;
use crate::domain::role::{Mark, Rank};
use crate::domain::time::Timestamp;

pub(super) fn remove(
    draft: &mut Draft,
    actor: &Actor,
    target: &UserId,
    ban: bool,
    now: Timestamp,
) -> Result<(), Refusal> {
    check(draft.room(), actor, target, ban)?;
    let room = draft.room();
    let (present, waits) = (
        room.participant(target).is_some(),
        room.lobby().get(target).is_some(),
    );
    if !ban && !present {
        return if waits {
            lobby::deny(draft, actor, target, now)
        } else {
            Err(Refusal::ParticipantNotFound)
        };
    }
    let by = by(room, actor);
    if ban {
        change_ban(draft, target, Some(now), by.clone(), now);
    }
    let user = target.clone();
    if present {
        draft.record(Event::Removed {
            user,
            banned: ban,
            at: now,
            by,
        });
    } else if waits {
        draft.record(Event::Denied { user, at: now, by });
    }
    Ok(())
}

pub(super) fn unban(
    draft: &mut Draft,
    actor: &Actor,
    target: &UserId,
    now: Timestamp,
) -> Result<(), Refusal> {
    check(draft.room(), actor, target, false)?;
    if draft.room().grants.of(target).held(Mark::Banned) == Held::default() {
        return Ok(());
    }
    let by = by(draft.room(), actor);
    change_ban(draft, target, None, by, now);
    Ok(())
}

fn change_ban(
    draft: &mut Draft,
    target: &UserId,
    since: Option<Timestamp>,
    by: By,
    now: Timestamp,
) {
    let grants = &draft.room().grants;
    let before = grants.of(target).since(Mark::Banned);
    let repeated = before.is_some() == since.is_some();
    let held = Held {
        since: if repeated { before } else { since },
        stamp: grants.newest().next(now),
    };
    draft.record(Event::BanChanged {
        user: target.clone(),
        held,
        repeated,
        by,
    });
}

/// Whether the actor may take the target out: only people of lower rank, and the creator not for good.
fn check(room: &Room, actor: &Actor, target: &UserId, ban: bool) -> Result<(), Refusal> {
    permit(room, actor, Action::Remove)?;
    let Some(mine) = rank(room, actor)? else {
        return if ban && room.is_creator(target) {
            Err(Refusal::ProtectedCreator)
        } else {
            Ok(())
        };
    };
    if actor.user() == Some(target) {
        return Err(Refusal::CannotTargetSelf);
    }
    let theirs = room.rank_of(target);
    if theirs < mine {
        return Ok(());
    }
    Err(match (mine, theirs) {
        (_, Rank::Creator) => Refusal::ProtectedCreator,
        (Rank::Participant | Rank::CoHost, _) => Refusal::NotHost,
        (Rank::Host | Rank::Creator, _) => Refusal::HostsAlike,
    })
}

/// Whoever is banned is not in the room: a ban may come from SQL, or with a room that the store had
/// lost.
pub(super) fn settle(draft: &mut Draft, now: Timestamp) {
    let room = draft.room();
    let is_banned = |user: &UserId| room.is_banned(user);
    let banned = |people: &super::Seating| -> Vec<UserId> {
        let people = people.iter().map(|it| it.user.clone());
        people.filter(is_banned).collect()
    };
    let (present, waiting) = (banned(&room.people), banned(&room.lobby));
    for user in present {
        let (banned, at, by) = (true, now, By::system());
        draft.record(Event::Removed {
            user,
            banned,
            at,
            by,
        });
    }
    for user in waiting {
        let (at, by) = (now, By::system());
        draft.record(Event::Denied { user, at, by });
    }
}
