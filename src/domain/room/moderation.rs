//! Muting others, asking them to unmute, lowering their hands.

use super::command::{Actor, MuteTarget};
use super::decide::{by, permit};
use super::draft::Draft;
use super::event::Event;
use super::state::Room;
use crate::domain::id::UserId;
use crate::domain::participant::{MediaChanges, MediaKind, Participant};
use crate::domain::permission::Action;
use crate::domain::refusal::Refusal;
use crate::domain::role::Rank;

/// Mutes, and remembers it until they switch on again themselves, or as long as nobody allows it. Nobody
/// is ever unmuted by others.
pub(super) fn mute(
    draft: &mut Draft,
    actor: &Actor,
    target: &MuteTarget,
    (kind, locked): (MediaKind, bool),
) -> Result<(), Refusal> {
    permit(draft.room(), actor, Action::Mute)?;
    let users = concerned(draft.room(), target)?;
    let by = by(draft.room(), actor);
    let all = *target == MuteTarget::All;
    if all && locked {
        restrict(draft, kind, true);
    }
    for user in users {
        let present = draft.room().participant(&user);
        // Nothing is locked for moderators.
        let locked = locked && draft.room().rank_of(&user) == Rank::Participant;
        let off = present.map(|it| it.media.differing(&kind.off()));
        draft.record(Event::Muted {
            changed: off.is_some_and(|changes| changes != MediaChanges::NONE),
            user,
            kind,
            locked,
            all,
            by: by.clone(),
        });
    }
    Ok(())
}

/// Asks, and lifts what was locked: for everybody, also for who has yet to come.
pub(super) fn ask_to_unmute(
    draft: &mut Draft,
    actor: &Actor,
    target: &MuteTarget,
    kind: MediaKind,
) -> Result<(), Refusal> {
    permit(draft.room(), actor, Action::Mute)?;
    let mut users = concerned(draft.room(), target)?;
    let by = by(draft.room(), actor);
    let all = *target == MuteTarget::All;
    if all {
        restrict(draft, kind, false);
        // Somebody may have been promoted since.
        let room = draft.room();
        let promoted = room
            .participants()
            .filter(|it| it.muted.locked.has(kind) && room.rank_of(&it.user) != Rank::Participant);
        users.extend(promoted.map(|it| it.user.clone()));
    }
    for user in users {
        let by = by.clone();
        draft.record(Event::UnmuteAsked {
            user,
            kind,
            all,
            by,
        });
    }
    Ok(())
}

fn restrict(draft: &mut Draft, kind: MediaKind, restricted: bool) {
    if draft.room().restricted.has(kind) != restricted {
        draft.record(Event::MediaRestricted { kind, restricted });
    }
}

fn concerned(room: &Room, target: &MuteTarget) -> Result<Vec<UserId>, Refusal> {
    Ok(match target {
        MuteTarget::One(user) => {
            let present = room.participant(user).ok_or(Refusal::ParticipantNotFound)?;
            vec![present.user.clone()]
        }
        MuteTarget::All => room
            .participants()
            .map(|participant| participant.user.clone())
            .filter(|user| room.rank_of(user) == Rank::Participant)
            .collect(),
    })
}

/// Whether somebody may switch on what they want to. Where nobody could allow it, nothing is locked.
pub(super) fn check_locks(
    room: &Room,
    person: &Participant,
    changes: &MediaChanges,
) -> Result<(), Refusal> {
    let locked = room.locked_for(person);
    let refused = MediaKind::ALL
        .into_iter()
        .find(|kind| changes.switches_on(*kind) && locked.has(*kind));
    match refused {
        Some(kind) if room.has_moderator() => Err(Refusal::MediaLocked(kind)),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn lower_hand(
    draft: &mut Draft,
    actor: &Actor,
    target: Option<&UserId>,
) -> Result<(), Refusal> {
    permit(draft.room(), actor, Action::Mute)?;
    let room = draft.room();
    if target.is_some_and(|user| room.participant(user).is_none()) {
        return Err(Refusal::ParticipantNotFound);
    }
    let raised: Vec<UserId> = room
        .participants()
        .filter(|it| it.media.hand_raised && target.is_none_or(|user| it.user == *user))
        .map(|participant| participant.user.clone())
        .collect();
    let changes = MediaChanges {
        hand_raised: Some(false),
        ..MediaChanges::NONE
    };
    for user in raised {
        draft.record(Event::MediaChanged { user, changes });
    }
    Ok(())
}
