//! What one transaction writes: the rows of many jobs, each with the number of its job.

use std::collections::BTreeMap;

use super::ids::AuditIds;
use super::job::Job;
use crate::db::convert;
use crate::domain::id::{RequestId, RoomKey, UserId};
use crate::domain::meeting::Meeting;
use crate::domain::role::{Mark, Role};
use crate::domain::time::Timestamp;
use crate::engine::directory::{AuditRow, LedgerEntry};
use crate::engine::providers::Reasons;

/// The rows of a transaction, in order of submission.
#[derive(Debug, Default)]
pub(super) struct Flush<'a> {
    /// Meetings that must not exist yet, each with the id of its row in the audit.
    pub(super) creations: Vec<(MeetingRow<'a>, AuditLine<'a>)>,
    /// Meetings for rooms that may have one.
    pub(super) claims: Vec<MeetingRow<'a>>,
    /// Meetings that were ended.
    pub(super) ends: Vec<End<'a>>,
    /// Roles given and taken.
    pub(super) grants: Vec<GrantChange<'a>>,
    /// What providers have to follow.
    pub(super) syncs: Vec<SyncRow<'a>>,
    /// Rows of the audit that do not belong to a creation.
    pub(super) audit: Vec<AuditLine<'a>>,
}

/// A row of `meetings`.
#[derive(Debug, Clone)]
pub(super) struct MeetingRow<'a> {
    pub(super) job: usize,
    pub(super) key: &'a RoomKey,
    pub(super) created_by: &'a str,
    pub(super) creator_name: Option<&'a str>,
    pub(super) description: &'a str,
    pub(super) starts_at: i64,
    pub(super) created_at: i64,
    pub(super) ended_at: Option<i64>,
    pub(super) settings: String,
    pub(super) access: Option<String>,
}

/// The end of a meeting.
#[derive(Debug, Clone, Copy)]
pub(super) struct End<'a> {
    pub(super) job: usize,
    pub(super) key: &'a RoomKey,
    pub(super) at: i64,
}

/// A role given or taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct GrantChange<'a> {
    pub(super) job: usize,
    pub(super) key: &'a RoomKey,
    pub(super) user: &'a UserId,
    pub(super) mark: Mark,
    /// Since when, if it is still held.
    pub(super) since: Option<i64>,
    pub(super) stamp: i64,
}

/// A row of `provider_syncs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SyncRow<'a> {
    pub(super) key: &'a RoomKey,
    pub(super) user: &'a str,
    pub(super) provider: &'static str,
    pub(super) reasons: Reasons,
    pub(super) at: i64,
    pub(super) job: usize,
}

/// A row of `audit`.
#[derive(Debug, Clone)]
pub(super) struct AuditLine<'a> {
    pub(super) job: usize,
    pub(super) key: &'a RoomKey,
    pub(super) id: String,
    pub(super) at: i64,
    pub(super) actor: &'a str,
    pub(super) action: &'a str,
    pub(super) target: Option<&'a str>,
    pub(super) role: Option<&'static str>,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    pub(super) cause: &'a str,
    pub(super) epoch: Option<i64>,
    pub(super) rev: Option<i64>,
    pub(super) request: Option<&'a str>,
    pub(super) stamp: Option<i64>,
}

impl<'a> Flush<'a> {
    /// The rows of these jobs, numbered by their places.
    pub(super) fn of(jobs: &'a [Job], ids: &mut AuditIds, now: Timestamp) -> Self {
        let mut flush = Self::default();
        for (number, job) in jobs.iter().enumerate() {
            match job {
                Job::Create { meeting, audit, .. } => {
                    let line = AuditLine::of(number, &meeting.key, ids.next(now), audit);
                    flush
                        .creations
                        .push((MeetingRow::of(number, meeting), line));
                }
                Job::Record { key, entries, .. } => {
                    for entry in entries {
                        flush.enter(number, key, entry, ids, now);
                    }
                }
                // never shared: the writer does these one by one
                Job::Update { .. }
                | Job::Delete { .. }
                | Job::Providers { .. }
                | Job::Security { .. } => {}
            }
        }
        flush
    }

    fn enter(
        &mut self,
        job: usize,
        key: &'a RoomKey,
        entry: &'a LedgerEntry,
        ids: &mut AuditIds,
        now: Timestamp,
    ) {
        match entry {
            LedgerEntry::Grant { user, mark, held } => {
                self.grants.push(GrantChange {
                    job,
                    key,
                    user,
                    mark: *mark,
                    since: held.since.map(convert::millis),
                    stamp: convert::stamp_bits(held.stamp),
                });
            }
            LedgerEntry::Claim { creator, at } => {
                self.claims
                    .push(MeetingRow::claimed(job, key, creator, *at));
            }
            LedgerEntry::End { at } => {
                self.ends.push(End {
                    job,
                    key,
                    at: convert::millis(*at),
                });
            }
            LedgerEntry::Sync {
                user,
                provider,
                reasons,
                at,
            } => self.syncs.push(SyncRow {
                key,
                user: user.as_ref().map(UserId::as_str).unwrap_or_default(),
                provider: provider.as_str(),
                reasons: *reasons,
                at: convert::millis(*at),
                job,
            }),
            LedgerEntry::Audit(row) => {
                self.audit.push(AuditLine::of(job, key, ids.next(now), row));
            }
        }
    }

    /// The rows of one job alone.
    pub(super) fn only(&self, job: usize) -> Self {
        let creations = self.creations.iter().filter(|(row, _)| row.job == job);
        Self {
            creations: creations.cloned().collect(),
            claims: self
                .claims
                .iter()
                .filter(|row| row.job == job)
                .cloned()
                .collect(),
            ends: self
                .ends
                .iter()
                .filter(|row| row.job == job)
                .copied()
                .collect(),
            grants: self
                .grants
                .iter()
                .filter(|row| row.job == job)
                .copied()
                .collect(),
            syncs: self
                .syncs
                .iter()
                .filter(|row| row.job == job)
                .copied()
                .collect(),
            audit: self
                .audit
                .iter()
                .filter(|row| row.job == job)
                .cloned()
                .collect(),
        }
    }

    /// What providers have to follow, each once and in one order for every process.
    pub(super) fn settled_syncs(&self) -> Vec<SyncRow<'a>> {
        let mut rows = self.syncs.clone();
        rows.sort_unstable();
        rows.dedup_by(|row, kept| {
            let same = (row.key, row.user, row.provider) == (kept.key, kept.user, kept.provider);
            if same {
                kept.reasons |= row.reasons;
                kept.at = kept.at.max(row.at);
            }
            same
        });
        rows
    }

    /// What is left of the roles: the last change of each.
    ///
    /// Sorted, so that two processes that write to the same rows take their locks in the same order.
    pub(super) fn settled_grants(&self) -> Vec<GrantChange<'a>> {
        let mut last = BTreeMap::new();
        for change in &self.grants {
            let held = last
                .entry((change.key, change.user, change.mark))
                .or_insert(*change);
            if change.place() >= held.place() {
                *held = *change;
            }
        }
        last.into_values().collect()
    }
}

impl GrantChange<'_> {
    /// Whether the role is held from now on.
    pub(super) const fn is_held(&self) -> bool {
        self.since.is_some()
    }

    const fn place(&self) -> (i64, bool) {
        (self.stamp, self.is_held())
    }
}

impl<'a> MeetingRow<'a> {
    fn of(job: usize, meeting: &'a Meeting) -> Self {
        Self {
            job,
            key: &meeting.key,
            created_by: meeting.created_by.as_str(),
            creator_name: meeting.creator_name.as_deref(),
            description: &meeting.description,
            starts_at: convert::millis(meeting.starts_at),
            created_at: convert::millis(meeting.created_at),
            ended_at: meeting.ended_at.map(convert::millis),
            settings: convert::settings_json(&meeting.settings),
            access: convert::access_json(&meeting.access),
        }
    }

    fn claimed(job: usize, key: &'a RoomKey, creator: &'a UserId, at: Timestamp) -> Self {
        let at = convert::millis(at);
        Self {
            job,
            key,
            created_by: creator.as_str(),
            creator_name: None,
            description: "Meeting",
            starts_at: at,
            created_at: at,
            ended_at: None,
            settings: "{}".to_owned(),
            access: None,
        }
    }
}

impl<'a> AuditLine<'a> {
    fn of(job: usize, key: &'a RoomKey, id: String, row: &'a AuditRow) -> Self {
        Self {
            job,
            key,
            id,
            at: convert::millis(row.at),
            actor: &row.actor,
            action: &row.action,
            target: row.target.as_ref().map(UserId::as_str),
            role: row.role.map(Role::as_str),
            before: row.before.as_ref().map(ToString::to_string),
            after: row.after.as_ref().map(ToString::to_string),
            cause: &row.cause,
            epoch: row.epoch.map(convert::epoch_bits),
            rev: row.rev.map(convert::revision),
            request: row.request.as_ref().map(RequestId::as_str),
            stamp: row.stamp.map(convert::stamp_bits),
        }
    }
}
