//! Commits that nobody here was told of when they happened, told again to who comes back.

use std::sync::Arc;

use super::view::View;
use super::{Rendered, Rendering};
use crate::domain::id::Revision;
use crate::domain::room::{Commit, Event, Room};

/// Renders commits again that led to `room`, from the first one on after which they tell by themselves
/// all that members were told.
#[must_use]
pub fn recall(commits: &[Arc<Commit>], room: &Room) -> Vec<(Revision, Rendered)> {
    let cut = commits
        .iter()
        .rposition(|commit| !commit.events.iter().all(|event| tells_all(event, room)));
    let commits = commits.get(cut.map_or(0, |at| at.saturating_add(1))..);
    let commits = commits.unwrap_or_default();
    let events: Vec<Event> = commits.iter().flat_map(|it| it.events.clone()).collect();
    let mut view = View::before(room, &events);
    let mut later = &events[..];
    let mut recalled = Vec::with_capacity(commits.len());
    for commit in commits {
        // Who comes back and says what they have seen is spoken to in the delta dialect.
        let mut rendering = Rendering::new(&mut view, room, commit.rev, false);
        for event in &commit.events {
            later = later.get(1..).unwrap_or_default();
            rendering.event(event, later);
        }
        recalled.push((commit.rev, rendering.out));
    }
    recalled
}

/// Whether what members are told of it depends on nothing but the event, and roles that other such
/// events change.
fn tells_all(event: &Event, room: &Room) -> bool {
    match event {
        Event::ParticipantJoined { .. }
        | Event::ConnectionAttached { .. }
        | Event::ConnectionDetached { .. }
        | Event::ConnectionLost { .. }
        | Event::ProfileChanged { .. }
        | Event::MediaChanged { .. }
        | Event::ParticipantLeft { .. }
        | Event::Removed { .. }
        | Event::BanChanged { .. }
        | Event::Signalled { .. }
        | Event::MessageSent { .. }
        | Event::MessageMarked { .. }
        | Event::Announced { .. }
        | Event::EndingSoon { .. }
        | Event::AbsentForgotten { .. }
        | Event::ProviderSynced { .. }
        | Event::LockoutLifted { .. }
        | Event::RoleAffirmed { .. } => true,
        // What is locked for plain participants follows from their roles.
        Event::RoleGranted { user, .. } | Event::RoleRevoked { user, .. } => {
            let person = room.participant(user);
            let locked = person.is_some_and(|it| !it.muted.locked.is_empty());
            room.restricted.is_empty() && !locked
        }
        Event::PasscodeFailed { lockout, .. } => lockout.is_none(),
        Event::Muted { locked, .. } => !*locked,
        Event::MeetingClaimed { .. }
        | Event::MeetingAdopted { .. }
        | Event::GrantsRestored { .. }
        | Event::LobbyEntered { .. }
        | Event::LobbyLeft { .. }
        | Event::Admitted { .. }
        | Event::Denied { .. }
        | Event::UnmuteAsked { .. }
        | Event::MediaRestricted { .. }
        | Event::HostVacated { .. }
        | Event::HostChanged { .. }
        | Event::MeetingEnded { .. } => false,
    }
}
