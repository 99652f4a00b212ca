//! Which events SQL must know, and what is written of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::directory::{AuditRow, LedgerEntry};
use super::providers::Reasons;
use crate::domain::grant::{Grants, Held};
use crate::domain::id::UserId;
use crate::domain::meeting::Meeting;
use crate::domain::participant::MediaKind;
use crate::domain::policy::Installation;
use crate::domain::role::{Mark, Role};
use crate::domain::room::{Actor, By, Command, Commit, Event, GrantChange, Room};
use crate::domain::time::Timestamp;

/// What SQL is told of a commit, in order.
pub(super) fn entries(commit: &Commit) -> Vec<LedgerEntry> {
    let mut entries = Vec::new();
    for (at, event) in commit.events.iter().enumerate() {
        entries.extend(changed_marks(std::slice::from_ref(event)).map(grant_entry));
        let before = at.checked_sub(1).and_then(|at| commit.events.get(at));
        let row = if let Event::Muted { user, kind, by, .. } = event {
            let is_one_more = before.is_some_and(|before| is_same_mute(before, *kind, by));
            muted_row(commit, user, *kind, by).filter(|_| !is_one_more)
        } else {
            row_of_role(commit, event)
                .or_else(|| row_of_person(commit, event))
                .or_else(|| row_of_meeting(commit, event))
        };
        entries.extend(row.map(LedgerEntry::Audit));
    }
    entries
}

/// Whom a commit names who is concerned at the media provider, and why: each person, or `None` for the whole
/// room. Whoever's role follows from somebody else's is not among them.
pub(super) fn concerned(commit: &Commit) -> BTreeMap<Option<UserId>, Reasons> {
    let mut concerned: BTreeMap<Option<UserId>, Reasons> = BTreeMap::new();
    let mut note = |user: Option<&UserId>, why: Reasons| {
        *concerned.entry(user.cloned()).or_default() |= why;
    };
    for event in &commit.events {
        if let Event::RoleGranted { user, .. } | Event::BanChanged { user, .. } = event {
            note(Some(user), Reasons::STANDING);
        } else if let Event::Removed { user, .. } = event {
            note(Some(user), Reasons::REMOVED);
        } else if let Event::RoleRevoked {
            user,
            role: Role::Host,
            ..
        } = event
        {
            note(Some(user), Reasons::DEMOTED);
        } else if let Event::RoleRevoked { user, .. } = event {
            note(Some(user), Reasons::STANDING);
        } else if let Event::GrantsRestored { changes } = event {
            for change in changes {
                let lost_host = change.mark == Mark::Host && change.held.since.is_none();
                let why = if lost_host {
                    Reasons::DEMOTED
                } else {
                    Reasons::STANDING
                };
                note(Some(&change.user), why);
            }
        } else if let Event::MeetingEnded { .. } = event {
            note(None, Reasons::STANDING);
        }
    }
    concerned
}

/// What SQL is told of a mark.
pub(super) fn grant_entry((user, mark, held): (&UserId, Mark, Held)) -> LedgerEntry {
    let user = user.clone();
    LedgerEntry::Grant { user, mark, held }
}

fn row_of_role(commit: &Commit, event: &Event) -> Option<AuditRow> {
    if let Event::RoleGranted {
        user,
        role,
        by,
        stamp,
        ..
    } = event
    {
        let mut row = role_row(commit, user, *role, true, by);
        row.stamp = Some(*stamp);
        Some(row)
    } else if let Event::RoleRevoked {
        user,
        role,
        by,
        stamp,
        ..
    } = event
    {
        let mut row = role_row(commit, user, *role, false, by);
        row.stamp = Some(*stamp);
        Some(row)
    } else if let Event::RoleAffirmed {
        user,
        role,
        held,
        by,
    } = event
    {
        let granted = held.since.is_some();
        let mut row = role_row(commit, user, *role, granted, by);
        row.before = Some(Value::Bool(granted));
        "repeated".clone_into(&mut row.cause);
        row.stamp = Some(held.stamp);
        Some(row)
    } else if let Event::GrantsRestored { changes } = event {
        let mut row = row(commit, &By::system(), "grants-restored", "not-durable");
        row.after = serde_json::to_value(changes).ok();
        Some(row)
    } else {
        None
    }
}

/// Of what is done to somebody.
fn row_of_person(commit: &Commit, event: &Event) -> Option<AuditRow> {
    let told = |user: &UserId, by: &By, action: &str| AuditRow {
        target: Some(user.clone()),
        ..row(commit, by, action, cause_of(by))
    };
    if let Event::BanChanged {
        user,
        held,
        repeated,
        by,
    } = event
    {
        let banned = held.since.is_some();
        let mut row = told(user, by, if banned { "banned" } else { "unbanned" });
        row.before = Some(Value::Bool(banned == *repeated));
        row.after = Some(Value::Bool(banned));
        if *repeated {
            "repeated".clone_into(&mut row.cause);
        }
        row.stamp = Some(held.stamp);
        Some(row)
    } else if let Event::Removed {
        user, banned, by, ..
    } = event
    {
        let mut row = told(user, by, "removed");
        row.after = Some(json!({ "banned": banned }));
        Some(row)
    } else if let Event::Admitted { user, by, .. } = event {
        Some(told(user, by, "admitted"))
    } else if let Event::Denied { user, by, .. } = event {
        Some(told(user, by, "denied"))
    } else {
        None
    }
}

fn row_of_meeting(commit: &Commit, event: &Event) -> Option<AuditRow> {
    if let Event::HostChanged { user, cause } = event {
        let mut row = row(commit, &By::system(), "host-changed", cause.as_str());
        row.target.clone_from(user);
        row.after = Some(json!({ "host": user }));
        Some(row)
    } else if let Event::MeetingEnded { by, cause } = event {
        Some(row(commit, by, "meeting-ended", cause.as_str()))
    } else if let Event::MeetingClaimed { creator } = event {
        let mut row = row(commit, &By::system(), "meeting-created", "first-joiner");
        row.target = Some(creator.clone());
        Some(row)
    } else if let Event::LockoutLifted { by } = event {
        Some(row(commit, by, "lockout-lifted", "command"))
    } else if let Event::PasscodeFailed {
        failure,
        lockout: Some((scope, _)),
    } = event
    {
        let mut row = row(commit, &By::system(), "locked-out", scope.as_str());
        row.target = Some(failure.user.clone());
        Some(row)
    } else {
        None
    }
}

/// One row says whom a command muted: one person, or how many.
fn muted_row(commit: &Commit, user: &UserId, kind: MediaKind, by: &By) -> Option<AuditRow> {
    if by.actor == Actor::System {
        return None;
    }
    let same = |event: &&Event| is_same_mute(event, kind, by);
    let count = commit.events.iter().filter(same).count();
    let mut row = row(commit, by, "muted", "command");
    row.target = (count == 1).then(|| user.clone());
    row.after = Some(json!({ "kind": kind.as_str(), "participants": count }));
    Some(row)
}

fn is_same_mute(event: &Event, muted: MediaKind, author: &By) -> bool {
    matches!(event, Event::Muted { kind, by, .. } if *kind == muted && by == author)
}

fn cause_of(by: &By) -> &'static str {
    if by.actor == Actor::System {
        "rule"
    } else {
        "command"
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
    (user, mark, held): (&UserId, Mark, Held),
) -> LedgerEntry {
    let granted = held.since.is_some();
    let actor = actor_label(&Actor::System);
    let action = match (mark, granted) {
        (Mark::Banned, true) => "banned",
        (Mark::Banned, false) => "unbanned",
        (Mark::Host | Mark::CoHost, granted) => action(granted),
    };
    LedgerEntry::Audit(AuditRow {
        target: Some(user.clone()),
        role: mark.role(),
        after: Some(Value::Bool(granted)),
        epoch: Some(room.epoch),
        rev: Some(room.rev),
        stamp: Some(held.stamp),
        ..AuditRow::new(now, actor, action, "recovered")
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
        Actor::User(user) | Actor::Remote(user) | Actor::Service(Some(user)) => {
            format!("user:{user}")
        }
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

/// Folds changes of marks into a set of grants.
pub(super) fn fold(grants: &mut Grants, events: &[Event]) {
    for (user, mark, held) in changed_marks(events) {
        grants.merge(user, mark, held);
    }
}

/// The marks that these events made, which SQL has to have.
pub(super) fn changed_marks(events: &[Event]) -> impl Iterator<Item = (&UserId, Mark, Held)> {
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
            one = Some((user, (*role).into(), Held { since, stamp }));
        } else if let Event::RoleRevoked {
            user, role, stamp, ..
        } = event
        {
            let (since, stamp) = (None, *stamp);
            one = Some((user, (*role).into(), Held { since, stamp }));
        } else if let Event::RoleAffirmed {
            user, role, held, ..
        } = event
        {
            one = Some((user, (*role).into(), *held));
        } else if let Event::BanChanged { user, held, .. } = event {
            one = Some((user, Mark::Banned, *held));
        } else if let Event::GrantsRestored { changes } = event {
            restored = changes;
        }
        let restored = restored.iter().map(|it| (&it.user, it.mark, it.held));
        one.into_iter().chain(restored)
    })
}

/// The command by which a room takes over the meeting's record.
pub(super) fn adopting(installation: &Installation, meeting: &Meeting, by: By) -> Command {
    let policy = installation.policy_of(&meeting.key.tenant);
    Command::AdoptMeeting {
        creator: meeting.created_by.clone(),
        policy: Box::new(policy.for_meeting(&meeting.settings, &meeting.access)),
        version: meeting.version(),
        by,
    }
}

/// The command by which a room takes over marks that it does not know, or knew before.
pub(super) fn restoring<'a>(marks: impl Iterator<Item = (&'a UserId, Mark, Held)>) -> Command {
    let changes = marks.map(|(user, mark, held)| GrantChange {
        user: user.clone(),
        mark,
        held,
    });
    Command::RestoreGrants {
        changes: changes.collect(),
    }
}
