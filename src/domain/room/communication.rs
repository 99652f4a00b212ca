//! What participants send each other through the room, in the room's order.

use super::command::Actor;
use super::decide::permit;
use super::draft::Draft;
use super::event::Event;
use crate::domain::chat::{ChatMessage, Opaque};
use crate::domain::id::UserId;
use crate::domain::participant::Participant;
use crate::domain::permission::Action;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

pub(super) fn signal(
    draft: &mut Draft,
    actor: &Actor,
    to: &UserId,
    data: &Opaque,
) -> Result<(), Refusal> {
    let from = sender(draft, actor)?.user.clone();
    if draft.room().participant(to).is_none() {
        return Err(Refusal::ParticipantNotFound);
    }
    let (to, data) = (to.clone(), data.clone());
    draft.record(Event::Signalled { from, to, data });
    Ok(())
}

pub(super) fn send(
    draft: &mut Draft,
    actor: &Actor,
    message: &Opaque,
    now: Timestamp,
) -> Result<(), Refusal> {
    let sender = sender(draft, actor)?;
    let message = ChatMessage {
        number: draft.room().next_message,
        from: sender.user.clone(),
        name: sender.profile.name.clone(),
        message: message.clone(),
        at: now,
    };
    draft.record(Event::MessageSent { message });
    Ok(())
}

fn sender<'a>(draft: &'a Draft, actor: &Actor) -> Result<&'a Participant, Refusal> {
    permit(draft.room(), actor, Action::Communicate)?;
    let present = actor.user().and_then(|user| draft.room().participant(user));
    present.map(|it| &**it).ok_or(Refusal::NotJoined)
}
