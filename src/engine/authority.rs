//! Which events SQL must know, and what is written of them.

use serde_json::{Value, json};

use super::directory::{AuditRow, LedgerEntry};
use crate::domain::grant::{Grants, Held};
use crate::domain::id::UserId;
use crate::domain::meeting::Meeting;
use crate::domain::policy::RoomPolicy;
use crate::domain::role::Role;
use crate::domain::room::{Actor, By, Command, Commit, Event, GrantChange, Room};
use crate::domain::time::Timestamp;

/// What SQL is told of a commit, in order.
pub(super) fn entries(commit: &Commit) -> Vec<LedgerEntry> {
    let mut entries = Vec::new();
    for event in &commit.events {
        entries.extend(changed_roles(std::slice::from_ref(event)).map(grant_entry));
        describe(commit, event, &mut entries);
    }
    entries
}

/// What SQL is told of a role.
pub(super) fn grant_entry((user, role, held): (&UserId, Role, Held)) -> LedgerEntry {
    let user = user.clone();
    LedgerEntry::Grant { user, role, held }
}

fn describe(commit: &Commit, event: &Event, entries: &mut Vec<LedgerEntry>) {
    match event {
        Event::RoleGranted {
            user,
            role,
            by,
            stamp,
            ..
        } => {
            let mut row = role_row(commit, user, *role, true, by);
            row.stamp = Some(*stamp);
            entries.push(LedgerEntry::Audit(row));
        }
        Event::RoleRevoked {
            user,
            role,
            by,
            stamp,
            ..
        } => {
            let mut row = role_row(commit, user, *role, false, by);
            row.stamp = Some(*stamp);
            entries.push(LedgerEntry::Audit(row));
        }
        Event::HostChanged { user, cause } => {
            let mut row = row(commit, &By::system(), "host-changed", cause.as_str());
            row.target.clone_from(user);
            row.after = Some(json!({ "host": user }));
            entries.push(LedgerEntry::Audit(row));
        }
        Event::MeetingEnded { by } => {
            entries.push(LedgerEntry::Audit(row(
                commit,
                by,
                "meeting-ended",
                "command",
            )));
        }
        Event::GrantsRestored { changes } => {
            let mut row = row(commit, &By::system(), "grants-restored", "not-durable");
            row.after = serde_json::to_value(changes).ok();
            entries.push(LedgerEntry::Audit(row));
        }
        Event::MeetingClaimed { creator } => {
            let mut row = row(commit, &By::system(), "meeting-created", "first-joiner");
            row.target = Some(creator.clone());
            entries.push(LedgerEntry::Audit(row));
        }
        Event::RoleAffirmed {
            user,
            role,
            held,
            by,
        } => {
            let granted = held.since.is_some();
            let mut row = role_row(commit, user, *role, granted, by);
            row.before = Some(Value::Bool(granted));
            "repeated".clone_into(&mut row.cause);
            row.stamp = Some(held.stamp);
            entries.push(LedgerEntry::Audit(row));
        }
        Event::MeetingAdopted { .. }
        | Event::ParticipantJoined { .. }
        | Event::ConnectionAttached { .. }
        | Event::ConnectionDetached { .. }
        | Event::ConnectionLost { .. }
        | Event::ProfileChanged { .. }
        | Event::MediaChanged { .. }
        | Event::ParticipantLeft { .. }
        | Event::HostVacated { .. } => {}
    }
}

fn role_row(commit: &Commit, user: &UserId, role: Role, granted: bool, by: &By) -> AuditRow {
    let mut row = row(commit, by, action(granted), "command");
    row.target = Some(user.clone());
    row.role = Some(role);
    row.before = Some(Value::Bool(!granted));
    row.after = Some(Value::Bool(granted));
    row
}

fn row(commit: &Commit, by: &By, action: &str, cause: &str) -> AuditRow {
    AuditRow {
        epoch: Some(commit.epoch),
        rev: Some(commit.rev),
        request: by.request.clone(),
        ..AuditRow::new(commit.at, actor_label(&by.actor), action, cause)
    }
}

/// The row of a role that the room held and SQL had never heard of.
pub(super) fn recovered_row(
    room: &Room,
    now: Timestamp,
    (user, role, held): (&UserId, Role, Held),
) -> LedgerEntry {
    let granted = held.since.is_some();
    let actor = actor_label(&Actor::System);
    LedgerEntry::Audit(AuditRow {
        target: Some(user.clone()),
        role: Some(role),
        after: Some(Value::Bool(granted)),
        epoch: Some(room.epoch),
        rev: Some(room.rev),
        stamp: Some(held.stamp),
        ..AuditRow::new(now, actor, action(granted), "recovered")
    })
}

const fn action(granted: bool) -> &'static str {
    if granted {
        "role-granted"
    } else {
        "role-revoked"
    }
}

/// An actor as the audit names it.
pub(super) fn actor_label(actor: &Actor) -> String {
    match actor {
        Actor::User(user) | Actor::Service(Some(user)) => format!("user:{user}"),
        Actor::Service(None) => "service".to_owned(),
        Actor::BackEnd { id, user: None } => format!("service:{id}"),
        // No id holds a slash.
        Actor::BackEnd {
            id,
            user: Some(user),
        } => format!("service:{id}/user:{user}"),
        Actor::System => "system".to_owned(),
    }
}

/// Folds role changes into a set of grants.
pub(super) fn fold(grants: &mut Grants, events: &[Event]) {
    for (user, role, held) in changed_roles(events) {
        grants.merge(user, role, held);
    }
}

/// The roles that these events made, which SQL has to have.
pub(super) fn changed_roles(events: &[Event]) -> impl Iterator<Item = (&UserId, Role, Held)> {
    events.iter().flat_map(|event| {
        let mut one = None;
        let mut restored = &[][..];
        if let Event::RoleGranted {
            user,
            role,
            since,
            stamp,
            ..
        } = event
        {
            let (since, stamp) = (Some(*since), *stamp);
            one = Some((user, *role, Held { since, stamp }));
        } else if let Event::RoleRevoked {
            user, role, stamp, ..
        } = event
        {
            let (since, stamp) = (None, *stamp);
            one = Some((user, *role, Held { since, stamp }));
        } else if let Event::RoleAffirmed {
            user, role, held, ..
        } = event
        {
            one = Some((user, *role, *held));
        } else if let Event::GrantsRestored { changes } = event {
            restored = changes;
        }
        let restored = restored.iter().map(|it| (&it.user, it.role, it.held));
        one.into_iter().chain(restored)
    })
}

/// The command by which a room takes over the meeting's record.
pub(super) fn adopting(installation: &RoomPolicy, meeting: &Meeting) -> Command {
    Command::AdoptMeeting {
        creator: meeting.created_by.clone(),
        policy: Box::new(installation.for_meeting(&meeting.settings)),
        version: meeting.version(),
    }
}

/// The command by which a room takes over roles that it does not know, or knew before.
pub(super) fn restoring<'a>(roles: impl Iterator<Item = (&'a UserId, Role, Held)>) -> Command {
    let changes = roles.map(|(user, role, held)| GrantChange {
        user: user.clone(),
        role,
        held,
    });
    Command::RestoreGrants {
        changes: changes.collect(),
    }
}
