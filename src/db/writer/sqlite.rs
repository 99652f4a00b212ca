//! One flush on SQLite: a single command to the thread that owns the connection.
//!
//! SQLite itself is quick; waking its thread and being woken is not. So the transaction, all of its
//! statements and all of their values travel as one script, prepared once and kept by its text.
//! Measured per role change, with four of them in a flush (100 rooms, 2 cores): 31 µs like this,
//! 61 µs with the values written into the text, 56 µs statement by statement.
//!
//! A text is kept only if it comes again. So each list of rows is filled up to a power of two with
//! rows of NULL, which the statements pass over.

use std::collections::HashSet;
use std::sync::Arc;

use sea_orm::sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sea_orm::sqlx::{self, Arguments, AssertSqlSafe, Encode, Row, Sqlite, Type};

use super::flush::{AuditLine, Flush, GrantChange, MeetingRow};
use crate::db::failure::Failure;

/// A statement takes 32,766 values at most (`SQLITE_MAX_VARIABLE_NUMBER`); the longest row has 13.
const MAX_ROWS: usize = 2_048;

const MEETING_COLUMNS: &str = "tenant, id, created_by, creator_name, description, starts_at, \
                               created_at, updated_at, ended_at, settings, access";
const AUDIT_COLUMNS: &str = "tenant, meeting_id, id, at, actor, action, target, role, before, \
                             after, cause, epoch, rev, request_id, stamp";

/// Writes a flush, all or nothing, and returns the jobs whose meeting id was taken.
///
/// After a failure the connection is inside a transaction that failed: it must be closed.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    flush: &Flush<'_>,
) -> Result<HashSet<usize>, Failure> {
    let script = Script::of(flush)?;
    let taken = sqlx::query_with(AssertSqlSafe(script.sql), script.arguments)
        .fetch_all(connection)
        .await?;
    let mut jobs = HashSet::new();
    for row in taken {
        let (tenant, id): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        jobs.extend(flush.creations.iter().filter_map(|(row, _)| {
            let same = row.key.tenant.as_str() == tenant && row.key.room.as_str() == id;
            same.then_some(row.job)
        }));
    }
    Ok(jobs)
}

#[derive(Default)]
struct Script {
    sql: String,
    arguments: SqliteArguments,
}

impl Script {
    fn of(flush: &Flush<'_>) -> Result<Self, Failure> {
        let mut script = Self::default();
        script.sql.push_str("BEGIN IMMEDIATE; ");
        script.creations(flush)?;
        script.meetings(flush)?;
        for end in &flush.ends {
            script.sql.push_str(
                "UPDATE meetings SET ended_at = ?, updated_at = max(updated_at + 1, ?) \
                 WHERE tenant = ? AND id = ? AND ended_at IS NULL; ",
            );
            script.bind(end.at)?;
            script.bind(end.at)?;
            script.text(end.key.tenant.as_str())?;
            script.text(end.key.room.as_str())?;
        }
        script.grants(flush)?;
        script.syncs(flush)?;
        script.audit(flush)?;
        script.sql.push_str("COMMIT");
        Ok(script)
    }

    /// Says which ids are taken, and notes the creation of the others.
    fn creations(&mut self, flush: &Flush<'_>) -> Result<(), Failure> {
        if flush.creations.is_empty() {
            return Ok(());
        }
        self.sql.push_str("SELECT m.tenant, m.id FROM (");
        let blank = self.rows(flush.creations.len(), 2);
        for (row, _) in &flush.creations {
            self.text(row.key.tenant.as_str())?;
            self.text(row.key.room.as_str())?;
        }
        self.fill(blank)?;
        self.sql.push_str(
            ") AS v JOIN meetings AS m ON m.tenant = v.column1 AND m.id = v.column2; \
             INSERT OR IGNORE INTO audit (",
        );
        self.sql.push_str(AUDIT_COLUMNS);
        self.sql.push_str(") SELECT * FROM (");
        let blank = self.rows(flush.creations.len(), 15);
        for (_, line) in &flush.creations {
            self.audit_line(line)?;
        }
        self.fill(blank)?;
        self.sql.push_str(
            ") AS v WHERE v.column1 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM meetings AS m \
             WHERE m.tenant = v.column1 AND m.id = v.column2); ",
        );
        Ok(())
    }

    /// Existing records stay as they are.
    fn meetings(&mut self, flush: &Flush<'_>) -> Result<(), Failure> {
        let count = flush.creations.len().saturating_add(flush.claims.len());
        if count == 0 {
            return Ok(());
        }
        self.sql.push_str("INSERT OR IGNORE INTO meetings (");
        self.sql.push_str(MEETING_COLUMNS);
        self.sql.push_str(") SELECT * FROM (");
        let blank = self.rows(count, 11);
        for row in flush
            .creations
            .iter()
            .map(|(row, _)| row)
            .chain(&flush.claims)
        {
            self.meeting_row(row)?;
        }
        self.fill(blank)?;
        self.sql.push_str(") WHERE column1 IS NOT NULL; ");
        Ok(())
    }

    fn syncs(&mut self, flush: &Flush<'_>) -> Result<(), Failure> {
        for row in flush.settled_syncs() {
            self.sql.push_str(
                "INSERT INTO provider_syncs (tenant, meeting_id, user_id, provider, reasons, \
                 touched, next_at, claimed_until, attempts, looks) VALUES (?,?,?,?,?,?,?,0,0,0) \
                 ON CONFLICT (tenant, meeting_id, user_id, provider) DO UPDATE SET \
                 reasons = provider_syncs.reasons | excluded.reasons, \
                 touched = max(provider_syncs.touched + 1, excluded.touched), looks = 0, \
                 next_at = excluded.next_at, attempts = 0; ",
            );
            self.text(row.key.tenant.as_str())?;
            self.text(row.key.room.as_str())?;
            self.text(row.user)?;
            self.text(row.provider)?;
            self.bind(i64::from(row.reasons.bits()))?;
            self.bind(row.at)?;
            self.bind(row.at)?;
        }
        Ok(())
    }

    fn grants(&mut self, flush: &Flush<'_>) -> Result<(), Failure> {
        if flush.grants.is_empty() {
            return Ok(());
        }
        for changes in flush.settled_grants().chunks(MAX_ROWS) {
            self.roles(changes)?;
        }
        Ok(())
    }

    fn roles(&mut self, changes: &[GrantChange<'_>]) -> Result<(), Failure> {
        // unlike an upsert, a replacement needs no journal to undo half of the statement
        self.sql.push_str(
            "INSERT OR REPLACE INTO grants \
             (tenant, meeting_id, user_id, role, since, held, stamp) SELECT * FROM (",
        );
        let blank = self.rows(changes.len(), 7);
        for change in changes {
            self.text(change.key.tenant.as_str())?;
            self.text(change.key.room.as_str())?;
            self.text(change.user.as_str())?;
            self.text(change.mark.as_str())?;
            self.bind(change.since.unwrap_or(0))?;
            self.bind(change.is_held())?;
            self.bind(change.stamp)?;
        }
        self.fill(blank)?;
        self.sql.push_str(
            ") AS v WHERE v.column1 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM grants AS g \
             WHERE g.tenant = v.column1 AND g.meeting_id = v.column2 AND g.user_id = v.column3 \
             AND g.role = v.column4 AND (g.stamp, g.held) > (v.column7, v.column6)); ",
        );
        Ok(())
    }

    fn audit(&mut self, flush: &Flush<'_>) -> Result<(), Failure> {
        for lines in flush.audit.chunks(MAX_ROWS) {
            self.audit_lines(lines)?;
        }
        Ok(())
    }

    fn audit_lines(&mut self, lines: &[AuditLine<'_>]) -> Result<(), Failure> {
        self.sql.push_str("INSERT OR IGNORE INTO audit (");
        self.sql.push_str(AUDIT_COLUMNS);
        self.sql.push_str(") SELECT * FROM (");
        let blank = self.rows(lines.len(), 15);
        for line in lines {
            self.audit_line(line)?;
        }
        self.fill(blank)?;
        self.sql.push_str(") WHERE column1 IS NOT NULL; ");
        Ok(())
    }

    /// A list of `count` rows, filled up; returns how many values the filling takes.
    fn rows(&mut self, count: usize, columns: usize) -> usize {
        let all = count.next_power_of_two();
        for row in 0..all {
            self.sql
                .push_str(if row == 0 { "VALUES (?" } else { ",(?" });
            for _ in 1..columns {
                self.sql.push_str(",?");
            }
            self.sql.push(')');
        }
        all.saturating_sub(count).saturating_mul(columns)
    }

    fn fill(&mut self, blank: usize) -> Result<(), Failure> {
        (0..blank).try_for_each(|_| self.bind(None::<i64>))
    }

    fn meeting_row(&mut self, row: &MeetingRow<'_>) -> Result<(), Failure> {
        self.text(row.key.tenant.as_str())?;
        self.text(row.key.room.as_str())?;
        self.text(row.created_by)?;
        self.optional(row.creator_name)?;
        self.text(row.description)?;
        self.bind(row.starts_at)?;
        self.bind(row.created_at)?;
        self.bind(row.created_at)?;
        self.bind(row.ended_at)?;
        self.text(&row.settings)?;
        self.optional(row.access.as_deref())
    }

    fn audit_line(&mut self, line: &AuditLine<'_>) -> Result<(), Failure> {
        self.text(line.key.tenant.as_str())?;
        self.text(line.key.room.as_str())?;
        self.text(&line.id)?;
        self.bind(line.at)?;
        self.text(line.actor)?;
        self.text(line.action)?;
        self.optional(line.target)?;
        self.optional(line.role)?;
        self.optional(line.before.as_deref())?;
        self.optional(line.after.as_deref())?;
        self.text(line.cause)?;
        self.bind(line.epoch)?;
        self.bind(line.rev)?;
        self.optional(line.request)?;
        self.bind(line.stamp)
    }

    fn text(&mut self, value: &str) -> Result<(), Failure> {
        self.bind(Arc::<str>::from(value))
    }

    fn optional(&mut self, value: Option<&str>) -> Result<(), Failure> {
        self.bind(value.map(Arc::<str>::from))
    }

    fn bind<T: Encode<'static, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> Result<(), Failure> {
        self.arguments
            .add(value)
            .map_err(|error| sqlx::Error::Encode(error).into())
    }
}
