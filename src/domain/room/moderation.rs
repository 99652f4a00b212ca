//! Muting others, asking them to unmute, lowering their hands.

use super::command::{Actor, MuteTarget};
use super::decide::{by, permit};
use super::draft::Draft;
use super::event::Event;
use crate::domain::id::UserId;
use crate::domain::participant::{MediaChanges, MediaKind};
use crate::domain::permission::Action;
use crate::domain::refusal::Refusal;
use crate::domain::role::Rank;

/// Mutes, and remembers it until they switch on again themselves. Nobody is ever unmuted by others.
pub(super) fn mute(
    draft: &mut Draft,
    actor: &Actor,
    target: &MuteTarget,
    kind: MediaKind,
) -> Result<(), Refusal> {
    permit(draft.room(), actor, Action::Mute)?;
    let room = draft.room();
    let users: Vec<UserId> = match target {
        MuteTarget::One(user) => {
            let present = room.participant(user).ok_or(Refusal::ParticipantNotFound)?;
            vec![present.user.clone()]
        }
        MuteTarget::All => room
            .participants()
            .map(|participant| participant.user.clone())
            .filter(|user| room.rank_of(user) == Rank::Participant)
            .collect(),
    };
    let by = by(room, actor);
    for user in users {
        let by = by.clone();
        let present = draft.room().participant(&user);
        let off = present.map(|it| it.media.differing(&kind.off()));
        draft.record(Event::Muted {
            changed: off.is_some_and(|changes| changes != MediaChanges::NONE),
            user,
            kind,
            by,
        });
    }
    Ok(())
}

pub(super) fn ask_to_unmute(
    draft: &mut Draft,
    actor: &Actor,
    target: &UserId,
    kind: MediaKind,
) -> Result<(), Refusal> {
    permit(draft.room(), actor, Action::Mute)?;
    let present = draft.room().participant(target);
    let user = present.ok_or(Refusal::ParticipantNotFound)?.user.clone();
    let by = by(draft.room(), actor);
    draft.record(Event::UnmuteAsked { user, kind, by });
    Ok(())
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
