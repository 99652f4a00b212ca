//! `decide`: whether a command is allowed, and what then happens.

use super::command::{Actor, Command, Deed, GrantChange};
use super::draft::Draft;
use super::event::{By, EndCause, Event, LeaveReason};
use super::state::{Room, Status};
use super::{access, communication, join, lobby, moderation, presence, removal, roles, succession};
use crate::domain::id::{ConnectionId, UserId};
use crate::domain::participant::MediaChanges;
use crate::domain::permission::{self, Action};
use crate::domain::policy::RoomPolicy;
use crate::domain::refusal::Refusal;
use crate::domain::role::Rank;
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
        Command::Mute { target, kind, lock } => {
            moderation::mute(draft, actor, target, (*kind, *lock))?;
        }
        Command::AskToUnmute { target, kind } => {
            moderation::ask_to_unmute(draft, actor, target, *kind)?;
        }
        Command::ToHolder { holder, user, deed } => {
            // Whoever is not in the room does not learn who is.
            rank(draft.room(), actor)?;
            let command = of_holder(draft.room(), *holder, user.as_ref(), deed)?;
            return into_draft(draft, actor, &command, now);
        }
        Command::LowerHand { target } => moderation::lower_hand(draft, actor, target.as_ref())?,
        Command::Remove { target, ban } => removal::remove(draft, actor, target, *ban, now)?,
        Command::Unban { target } => removal::unban(draft, actor, target, now)?,
        Command::Admit { target } => lobby::admit(draft, actor, target, now)?,
        Command::Deny { target } => lobby::deny(draft, actor, target, now)?,
        Command::AdmitAll => lobby::admit_all(draft, actor, now)?,
        Command::UpdateAccess { change, .. } => access::update(draft, actor, change)?,
        Command::LiftLockout => access::lift_lockout(draft, actor)?,
        Command::NoteFailure { user, network } => {
            access::note_failure(draft, user, network.as_ref(), now);
        }
        Command::Signal { .. }
        | Command::SendMessage { .. }
        | Command::MarkMessage { .. }
        | Command::Announce { .. } => communication::pass(draft, actor, command, now)?,
        Command::End { cause } => end(draft, actor, *cause, now)?,
        Command::Expire => {
            presence::expire(draft, now);
            warn(draft, now);
        }
        Command::AdoptMeeting {
            creator,
            policy,
            version,
            by,
        } => {
            adopt(draft, creator, policy, *version, by);
            // A banned user who was its creator is one no longer.
            removal::settle(draft, now);
        }
        Command::ReportSync {
            user,
            provider,
            state,
        } => draft.record(Event::ProviderSynced {
            user: user.clone(),
            provider: *provider,
            state: *state,
        }),
        Command::RestoreGrants { changes } => restore(draft, changes, now),
    }
    // A host may come out of the lobby.
    lobby::settle(draft, now);
    succession::settle(draft, now);
    forget_absent(draft);
    Ok(())
}

/// The rank by which the actor is judged; `None` for those who were judged at their door.
///
/// # Errors
/// [`Refusal::NotJoined`] when a participant is asked for, [`Refusal::Banned`].
pub(super) fn rank(room: &Room, actor: &Actor) -> Result<Option<Rank>, Refusal> {
    match actor {
        Actor::Service(_) | Actor::BackEnd { .. } | Actor::System => Ok(None),
        Actor::User(user) if room.participant(user).is_none() => Err(Refusal::NotJoined),
        Actor::Remote(user) if room.is_banned(user) => Err(Refusal::Banned),
        Actor::User(user) | Actor::Remote(user) => Ok(Some(room.rank_of(user))),
    }
}

/// Lets those pass who may do this.
pub(super) fn permit(room: &Room, actor: &Actor, action: Action) -> Result<(), Refusal> {
    match rank(room, actor)? {
        None => Ok(()),
        Some(rank) if permission::allows(rank, action) => Ok(()),
        Some(_) if permission::allows(Rank::CoHost, action) => Err(Refusal::NotModerator),
        Some(_) => Err(Refusal::NotHost),
    }
}

/// The actor with the name that others see.
#[must_use]
pub fn by(room: &Room, actor: &Actor) -> By {
    let present = actor.user().and_then(|user| room.participant(user));
    By {
        actor: actor.clone(),
        name: present.map(|participant| participant.profile.name.clone()),
        request: None,
    }
}

/// What is done to who holds a connection, as a command about them. A connection is never somebody else's.
fn of_holder(
    room: &Room,
    holder: ConnectionId,
    user: Option<&UserId>,
    deed: &Deed,
) -> Result<Command, Refusal> {
    // The connection first: nobody chooses its name, and a user's name may be chosen to look like it.
    let Some(person) = room.holder_of(holder) else {
        let user = user.filter(|user| room.person(user).is_some());
        let user = user.ok_or(Refusal::ParticipantNotFound)?;
        return Ok(deed.clone().to(user.clone()));
    };
    let user = person.user.clone();
    let mut command = deed.clone().to(user);
    if let Command::Signal { only, .. } = &mut command {
        *only = Some(holder);
    }
    Ok(command)
}

fn update_state(draft: &mut Draft, actor: &Actor, changes: &MediaChanges) -> Result<(), Refusal> {
    permit(draft.room(), actor, Action::UpdateOwnState)?;
    let Actor::User(user) = actor else {
        return Err(Refusal::NotJoined);
    };
    let participant = draft.room().participant(user).ok_or(Refusal::NotJoined)?;
    let changes = participant.media.differing(changes);
    moderation::check_locks(draft.room(), participant, &changes)?;
    if changes != MediaChanges::default() {
        draft.record(Event::MediaChanged {
            user: user.clone(),
            changes,
        });
    }
    Ok(())
}

/// A rule that ends meetings is judged once more here: what it saw may have changed.
fn end(draft: &mut Draft, actor: &Actor, cause: EndCause, now: Timestamp) -> Result<(), Refusal> {
    if draft.room().status == Status::Ended {
        return match actor {
            Actor::User(_) | Actor::Remote(_) => Err(Refusal::MeetingEnded),
            Actor::Service(_) | Actor::BackEnd { .. } | Actor::System => Ok(()),
        };
    }
    let applies = match cause {
        EndCause::Command => true,
        EndCause::MaxDuration | EndCause::ScheduledEnd => draft.room().is_over(now).is_some(),
        EndCause::Empty => draft.room().is_deserted(),
    };
    if !applies {
        return Ok(());
    }
    permit(draft.room(), actor, Action::EndMeeting)?;
    let by = by(draft.room(), actor);
    draft.record(Event::MeetingEnded { by, cause });
    let reason = LeaveReason::MeetingEnded;
    let waiting: Vec<UserId> = draft
        .room()
        .lobby()
        .iter()
        .map(|p| p.user.clone())
        .collect();
    for user in waiting {
        draft.record(Event::LobbyLeft { user, reason });
    }
    let everybody: Vec<UserId> = draft
        .room()
        .participants()
        .map(|p| p.user.clone())
        .collect();
    for user in everybody {
        draft.record(Event::ParticipantLeft { user, reason });
    }
    Ok(())
}

/// Warns of the end that the schedule sets.
fn warn(draft: &mut Draft, now: Timestamp) {
    let room = draft.room();
    if let Some(due) = room.warning_due()
        && due <= now
        && let Some((ends_at, cause)) = room.ends_at()
    {
        draft.record(Event::EndingSoon { ends_at, cause });
    }
}

fn adopt(draft: &mut Draft, creator: &UserId, policy: &RoomPolicy, version: Timestamp, by: &By) {
    let room = draft.room();
    let differs = !room.is_creator(creator) || *room.policy != *policy;
    if version > room.record_version || (version == room.record_version && differs) {
        draft.record(Event::MeetingAdopted {
            creator: Some(creator.clone()),
            policy: Box::new(policy.clone()),
            version,
            by: by.clone(),
        });
    }
}

fn restore(draft: &mut Draft, changes: &[GrantChange], now: Timestamp) {
    let grants = &draft.room().grants;
    let is_news = |it: &&GrantChange| it.held.is_newer_than(grants.of(&it.user).held(it.mark));
    let changes: Vec<GrantChange> = changes.iter().filter(is_news).cloned().collect();
    if !changes.is_empty() {
        draft.record(Event::GrantsRestored { changes });
        removal::settle(draft, now);
    }
}

/// Keeps what the room remembers of people who are not here within its bound.
fn forget_absent(draft: &mut Draft) {
    let room = draft.room();
    let over = room.absent.len().saturating_sub(room.policy.memory.absent);
    if over == 0 {
        return;
    }
    let mut oldest: Vec<_> = room
        .absentees()
        .map(|(user, absent)| (absent.dismissal.as_ref().map(|it| it.at), user.clone()))
        .collect();
    oldest.sort_unstable();
    let users = oldest
        .into_iter()
        .take(over)
        .map(|(_, user)| user)
        .collect();
    draft.record(Event::AbsentForgotten { users });
}
