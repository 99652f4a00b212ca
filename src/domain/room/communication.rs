//! What participants send each other through the room, in the room's order.

use super::command::{Actor, Command};
use super::decide::permit;
use super::draft::Draft;
use super::event::Event;
use crate::domain::chat::{Announcement, ChatMessage, MessageMark, Opaque};
use crate::domain::id::{ConnectionId, UserId};
use crate::domain::participant::Participant;
use crate::domain::permission::Action;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// Reactions of one person to one message.
const REACTIONS_OF_ONE: usize = 16;

/// Passes on what one of the commands for this carries; the others are none of its business.
pub(super) fn pass(
    draft: &mut Draft,
    actor: &Actor,
    command: &Command,
    now: Timestamp,
) -> Result<(), Refusal> {
    let sender = Participant::clone(sender(draft, actor)?);
    if let Command::Signal { .. } = command {
        signal(draft, &sender.user, command)
    } else if let Command::SendMessage { message, key, via } = command {
        let (number, key) = (draft.room().next_message, key.clone());
        let message = ChatMessage {
            number,
            from: sender.user,
            name: sender.profile.name,
            message: message.clone(),
            at: now,
            key,
            via: *via,
            pinned: None,
            reactions: std::collections::BTreeMap::new(),
        };
        draft.record(Event::MessageSent { message });
        Ok(())
    } else if let Command::MarkMessage { key, mark, via } = command {
        mark_message(draft, sender.user, (key, mark), *via)
    } else if let Command::Announce { announcement, via } = command {
        announce(draft, &sender, announcement, *via);
        Ok(())
    } else {
        Ok(())
    }
}

fn signal(draft: &mut Draft, from: &UserId, command: &Command) -> Result<(), Refusal> {
    let Command::Signal {
        to,
        only,
        via,
        kind,
        data,
    } = command
    else {
        return Ok(());
    };
    if draft.room().participant(to).is_none() {
        return Err(Refusal::ParticipantNotFound);
    }
    draft.record(Event::Signalled {
        from: from.clone(),
        to: to.clone(),
        only: *only,
        via: *via,
        kind: *kind,
        data: data.clone(),
    });
    Ok(())
}

/// A reaction that is there is taken back; of several messages called the same, the newest is meant.
fn mark_message(
    draft: &mut Draft,
    user: UserId,
    (key, mark): (&Opaque, &MessageMark),
    via: Option<ConnectionId>,
) -> Result<(), Refusal> {
    let room = draft.room();
    let message = room.messages().rev().find(|it| it.is_called(key));
    let message = message.ok_or(Refusal::MessageNotFound)?;
    let mark = match mark {
        MessageMark::Pinned(pinned) if message.pinned == Some(*pinned) => return Ok(()),
        MessageMark::Pinned(pinned) => MessageMark::Pinned(*pinned),
        MessageMark::Reacted { emoji, .. } => MessageMark::Reacted {
            added: !message.has_reaction(&user, emoji),
            emoji: emoji.clone(),
        },
    };
    let adds = matches!(mark, MessageMark::Reacted { added: true, .. });
    let full = message.reaction_count() >= room.policy.memory.reactions
        || message.reactions_of(&user) >= REACTIONS_OF_ONE;
    if adds && full {
        return Err(Refusal::busy("This message has too many reactions"));
    }
    let number = message.number;
    draft.record(Event::MessageMarked {
        number,
        key: key.clone(),
        user,
        mark,
        via,
    });
    Ok(())
}

fn announce(
    draft: &mut Draft,
    sender: &Participant,
    announcement: &Announcement,
    via: Option<ConnectionId>,
) {
    draft.record(Event::Announced {
        user: sender.user.clone(),
        name: sender.profile.name.clone(),
        announcement: announcement.clone(),
        via,
    });
}

fn sender<'a>(draft: &'a Draft, actor: &Actor) -> Result<&'a Participant, Refusal> {
    permit(draft.room(), actor, Action::Communicate)?;
    let present = actor.user().and_then(|user| draft.room().participant(user));
    present.map(|it| &**it).ok_or(Refusal::NotJoined)
}
