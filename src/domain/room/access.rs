//! Who may come in: lock, lobby, passcode and seats, and who has guessed too often.

use super::command::{Actor, Join};
use super::decide::{by, permit};
use super::draft::Draft;
use super::event::Event;
use super::state::{DismissalKind, Room};
use crate::domain::id::UserId;
use crate::domain::passcode::{Failure, Network};
use crate::domain::permission::{self, Action};
use crate::domain::policy::AccessChange;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// Everything else allows the join, and its passcode has yet to be compared.
pub const NOT_COMPARED: Refusal = Refusal::Unavailable {
    reason: "The passcode could not be checked",
};

/// What somebody who may enter comes into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The room.
    Room,
    /// Its lobby.
    Lobby,
}

/// Whether somebody who is neither in the room nor in its lobby may come, and where to.
pub(super) fn check(room: &Room, join: &Join, now: Timestamp) -> Result<Way, Refusal> {
    let may = |action| permission::allows(room.rank_of(&join.user), action);
    let access = &room.policy.access;
    if let Some(begins) = room.policy.schedule.not_before
        && begins > now
        && !may(Action::PassSchedule)
    {
        let starts_in = begins.since(now);
        return Err(Refusal::NotStarted { starts_in });
    }
    if access.locked && !may(Action::PassLock) {
        return Err(Refusal::RoomLocked);
    }
    if !may(Action::PassPasscode) {
        check_passcode(room, join, now)?;
    }
    if access.lobby && !may(Action::PassLobby) {
        return check_lobby(room, join, now).map(|()| Way::Lobby);
    }
    if !room.has_seat() && !may(Action::PassCapacity) {
        return Err(Refusal::RoomFull);
    }
    Ok(Way::Room)
}

/// The lock-out comes first: whoever is locked out learns nothing more.
fn check_passcode(room: &Room, join: &Join, now: Timestamp) -> Result<(), Refusal> {
    let Some(hash) = &room.policy.access.passcode else {
        return Ok(());
    };
    let limits = &room.policy.attempts;
    if let Some((_, until)) = room
        .failures
        .lockout(limits, &join.user, join.network.as_ref(), now)
    {
        return Err(Refusal::RateLimited {
            reason: "Too many wrong passcodes; wait, or ask a host to lift the lock-out",
            retry_after: until.since(now),
        });
    }
    let given = join.passcode.as_ref().ok_or(Refusal::PasscodeRequired)?;
    match given.is(hash) {
        Some(true) => Ok(()),
        Some(false) => Err(Refusal::WrongPasscode),
        None => Err(NOT_COMPARED),
    }
}

fn check_lobby(room: &Room, join: &Join, now: Timestamp) -> Result<(), Refusal> {
    let denied = room.dismissal(&join.user);
    let denied = denied.filter(|it| it.kind == DismissalKind::Denied);
    let may_knock = denied.map(|it| it.at.plus(room.policy.denied_cooldown));
    if let Some(from) = may_knock
        && from > now
    {
        return Err(Refusal::RateLimited {
            reason: "You have just been denied; wait before you knock again",
            retry_after: from.since(now),
        });
    }
    if room.lobby().len() >= room.policy.max_waiting {
        return Err(Refusal::LobbyFull);
    }
    Ok(())
}

/// Switches what differs. Where the meeting has a record, SQL has the change before the room does.
pub(super) fn update(
    draft: &mut Draft,
    actor: &Actor,
    change: &AccessChange,
) -> Result<(), Refusal> {
    permit(draft.room(), actor, Action::ChangeAccess)?;
    if draft.room().is_ended() {
        return Err(Refusal::MeetingEnded);
    }
    let most = draft.room().policy.seat_limit;
    let wanted = change.max_participants.flatten();
    if wanted.is_some_and(|seats| usize::try_from(seats).is_ok_and(|seats| seats > most)) {
        let reason = format!("maxParticipants must not be more than {most}");
        return Err(Refusal::InvalidPayload { reason });
    }
    let policy = draft.room().policy.with(change);
    if policy != *draft.room().policy {
        let (version, by) = (draft.room().record_version, by(draft.room(), actor));
        draft.record(Event::MeetingAdopted {
            creator: None,
            policy: Box::new(policy),
            version,
            by,
        });
    }
    Ok(())
}

pub(super) fn lift_lockout(draft: &mut Draft, actor: &Actor) -> Result<(), Refusal> {
    permit(draft.room(), actor, Action::ChangeAccess)?;
    if !draft.room().failures.is_empty() {
        let by = by(draft.room(), actor);
        draft.record(Event::LockoutLifted { by });
    }
    Ok(())
}

/// A wrong passcode counts, and may be the one too many.
pub(super) fn note_failure(
    draft: &mut Draft,
    user: &UserId,
    network: Option<&Network>,
    now: Timestamp,
) {
    let failure = Failure {
        user: user.clone(),
        network: network.cloned(),
        at: now,
    };
    let limits = draft.room().policy.attempts;
    let mut after = (*draft.room().failures).clone();
    after.note(&limits, failure.clone());
    let lockout = after.lockout(&limits, user, network, now);
    draft.record(Event::PasscodeFailed { failure, lockout });
}
