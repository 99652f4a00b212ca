//! `decide`: whether a command is allowed, and what then happens.

use super::command::{Actor, Command, GrantChange};
use super::draft::Draft;
use super::event::{By, Event, LeaveReason};
use super::state::{Room, Status};
use super::{join, presence, roles, succession};
use crate::domain::id::UserId;
use crate::domain::participant::MediaChanges;
use crate::domain::permission::{self, Action};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// Decides one command: the events that it causes, none when it changes nothing.
///
/// # Errors
/// Why the command is refused.
pub fn decide(
    room: &Room,
    actor: &Actor,
    command: &Command,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let mut draft = Draft::of(room);
    draft.execute(actor, command, now)?;
    Ok(draft.events().to_vec())
}

/// Every branch checks all that it needs before it records its first event, so that a refusal leaves
/// the draft untouched.
pub(super) fn into_draft(
    draft: &mut Draft,
    actor: &Actor,
    command: &Command,
    now: Timestamp,
) -> Result<(), Refusal> {
    match command {
        Command::Join(join) => join::join(draft, join, now)?,
        Command::Leave { connection } => presence::leave(draft, *connection),
        Command::LoseConnection { connection, cause } => {
            presence::lose(draft, *connection, *cause, now);
        }
        Command::LoseNodes { nodes } => {
            presence::lose_where(draft, now, |node| nodes.contains(&node));
        }
        Command::LoseStrangers { known } => {
            presence::lose_where(draft, now, |node| !known.contains(&node));
        }
        Command::ChangeRole { target, change } => {
            roles::change(draft, actor, target, *change, now)?;
        }
        Command::UpdateState { changes } => update_state(draft, actor, changes)?,
        Command::End => end(draft, actor)?,
        Command::Expire => presence::expire(draft, now),
        Command::AdoptMeeting {
            creator,
            policy,
            version,
        } => {
            let (room, version) = (draft.room(), *version);
            let differs = !room.is_creator(creator) || *room.policy != **policy;
            if version > room.record_version || (version == room.record_version && differs) {
                let (creator, policy) = (creator.clone(), policy.clone());
                draft.record(Event::MeetingAdopted {
                    creator,
                    policy,
                    version,
                });
            }
        }
        Command::RestoreGrants { changes } => {
            let grants = &draft.room().grants;
            let is_news =
                |it: &&GrantChange| it.held.is_newer_than(grants.of(&it.user).held(it.role));
            let changes: Vec<GrantChange> = changes.iter().filter(is_news).cloned().collect();
            if !changes.is_empty() {
                draft.record(Event::GrantsRestored { changes });
            }
        }
    }
    succession::settle(draft, now);
    Ok(())
}

/// The actor, as a participant who may do this.
fn permitted<'a>(room: &Room, actor: &'a Actor, action: Action) -> Result<&'a Actor, Refusal> {
    match actor {
        Actor::Service(_) | Actor::BackEnd { .. } | Actor::System => Ok(actor),
        Actor::User(user) if room.participant(user).is_none() => Err(Refusal::NotJoined),
        Actor::User(user) if permission::allows(room.rank_of(user), action) => Ok(actor),
        Actor::User(_) => Err(Refusal::NotHost),
    }
}

/// The actor with the name that others see.
pub(super) fn by(room: &Room, actor: &Actor) -> By {
    let name = match actor {
        Actor::User(user) => room.participant(user).map(|p| p.profile.name.clone()),
        Actor::Service(_) | Actor::BackEnd { .. } | Actor::System => None,
    };
    By {
        actor: actor.clone(),
        name,
        request: None,
    }
}

fn update_state(draft: &mut Draft, actor: &Actor, changes: &MediaChanges) -> Result<(), Refusal> {
    permitted(draft.room(), actor, Action::UpdateOwnState)?;
    let Actor::User(user) = actor else {
        return Err(Refusal::NotJoined);
    };
    let participant = draft.room().participant(user).ok_or(Refusal::NotJoined)?;
    let changes = participant.media.differing(changes);
    if changes != MediaChanges::default() {
        draft.record(Event::MediaChanged {
            user: user.clone(),
            changes,
        });
    }
    Ok(())
}

fn end(draft: &mut Draft, actor: &Actor) -> Result<(), Refusal> {
    if draft.room().status == Status::Ended {
        return match actor {
            Actor::User(_) => Err(Refusal::MeetingEnded),
            Actor::Service(_) | Actor::BackEnd { .. } | Actor::System => Ok(()),
        };
    }
    permitted(draft.room(), actor, Action::EndMeeting)?;
    let by = by(draft.room(), actor);
    draft.record(Event::MeetingEnded { by });
    let everybody: Vec<UserId> = draft
        .room()
        .participants()
        .map(|p| p.user.clone())
        .collect();
    for user in everybody {
        draft.record(Event::ParticipantLeft {
            user,
            reason: LeaveReason::MeetingEnded,
        });
    }
    Ok(())
}
