//! The lobby: a queue of people who wait until a moderator lets them in.
//!
//! They are in the room's state, so their order survives reconnects and nodes; they get no event of the
//! room, since whoever tells the room looks at its participants only.

use super::command::Actor;
use super::decide::{by, permit};
use super::draft::Draft;
use super::event::{By, Event};
use super::state::{DismissalKind, Room};
use crate::domain::id::UserId;
use crate::domain::participant::Decider;
use crate::domain::permission::{self, Action};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

pub(super) fn admit(
    draft: &mut Draft,
    actor: &Actor,
    target: &UserId,
    now: Timestamp,
) -> Result<(), Refusal> {
    permit(draft.room(), actor, Action::Admit)?;
    let room = draft.room();
    if room.lobby().get(target).is_none() {
        return decided(room, actor, target, true);
    }
    if !fits(room, target) {
        return Err(Refusal::RoomFull);
    }
    let by = by(room, actor);
    let_in(draft, target.clone(), by, now);
    Ok(())
}

pub(super) fn deny(
    draft: &mut Draft,
    actor: &Actor,
    target: &UserId,
    now: Timestamp,
) -> Result<(), Refusal> {
    permit(draft.room(), actor, Action::Admit)?;
    let room = draft.room();
    if room.lobby().get(target).is_none() {
        return decided(room, actor, target, false);
    }
    let (user, by) = (target.clone(), by(room, actor));
    draft.record(Event::Denied { user, at: now, by });
    Ok(())
}

/// Lets in as many as there are seats for, in order.
pub(super) fn admit_all(draft: &mut Draft, actor: &Actor, now: Timestamp) -> Result<(), Refusal> {
    permit(draft.room(), actor, Action::Admit)?;
    let room = draft.room();
    if !room.lobby().is_empty() && !room.lobby().iter().any(|it| fits(room, &it.user)) {
        return Err(Refusal::RoomFull);
    }
    let by = by(room, actor);
    let_in_where(draft, &by, now, fits);
    Ok(())
}

/// Lets in, in order, whoever there is a seat for, because a host came.
pub(super) fn open(draft: &mut Draft, now: Timestamp) {
    let_in_where(draft, &By::system(), now, fits);
}

/// Whoever need not wait any longer enters: who became a moderator, and everybody once the lobby is
/// off, as far as there are seats. Runs after every command.
pub(super) fn settle(draft: &mut Draft, now: Timestamp) {
    if draft.room().lobby().is_empty() || draft.room().is_ended() {
        return;
    }
    let_in_where(draft, &By::system(), now, |room, user| {
        let access = &room.policy.access;
        let is_open = !access.lobby && !access.locked && room.has_seat();
        is_open || permission::allows(room.rank_of(user), Action::PassLobby)
    });
}

fn let_in_where(draft: &mut Draft, by: &By, now: Timestamp, may: impl Fn(&Room, &UserId) -> bool) {
    let waiting = draft.room().lobby().iter();
    let waiting: Vec<UserId> = waiting.map(|it| it.user.clone()).collect();
    for user in waiting {
        if may(draft.room(), &user) {
            let_in(draft, user, by.clone(), now);
        }
    }
}

fn let_in(draft: &mut Draft, user: UserId, by: By, now: Timestamp) {
    let (seat, at) = (draft.room().next_seat, now);
    draft.record(Event::Admitted { user, seat, at, by });
}

fn fits(room: &Room, user: &UserId) -> bool {
    room.has_seat() || permission::allows(room.rank_of(user), Action::PassCapacity)
}

/// The first decision stands. Whoever made it may repeat it; anybody else learns who it was.
fn decided(room: &Room, actor: &Actor, target: &UserId, admit: bool) -> Result<(), Refusal> {
    let denied = room.dismissal(target);
    let denied = denied.filter(|it| it.kind == DismissalKind::Denied);
    let admitted = room.participant(target).map(|it| it.admitted_by.as_ref());
    let (by, admitted): (&Decider, bool) = match (admitted, denied) {
        (Some(Some(by)), _) => (by, true),
        (None, Some(denied)) => (&denied.by, false),
        (Some(None) | None, _) => return Err(Refusal::ParticipantNotFound),
    };
    let is_own = by.user.as_ref() == actor.user();
    if is_own && admitted == admit {
        return Ok(());
    }
    Err(Refusal::AlreadyDecided {
        by: by.name.clone(),
        admitted,
    })
}
