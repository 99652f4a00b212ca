//! One flush on PostgreSQL: statements whose text never changes, over arrays of any length.
//!
//! A flush of creations only, or of roles and audit only, is one statement and one round trip.

use std::collections::{BTreeMap, HashSet};

use sea_orm::sqlx::postgres::{PgArguments, PgConnection};
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::{self, Connection, Postgres, Row};

use super::flush::{AuditLine, Flush, GrantChange, MeetingRow, SyncRow};
use crate::db::failure::Failure;

/// Returns what was created; the audit hears of nothing else.
const CREATE: &str = "
WITH made AS (
  INSERT INTO meetings (tenant, id, created_by, creator_name, description, starts_at, created_at,
                        updated_at, ended_at, settings, access)
  SELECT tenant, id, created_by, creator_name, description, starts_at, created_at, created_at,
         ended_at, settings, access
  FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[],
              $7::bigint[], $8::bigint[], $9::text[], $25::text[])
    AS v (tenant, id, created_by, creator_name, description, starts_at, created_at, ended_at,
          settings, access)
  ON CONFLICT DO NOTHING
  RETURNING tenant, id
), noted AS (
  INSERT INTO audit (tenant, meeting_id, id, at, actor, action, target, role, before, after, cause,
                     epoch, rev, request_id, stamp)
  SELECT v.* FROM UNNEST($10::text[], $11::text[], $12::text[], $13::bigint[], $14::text[],
                         $15::text[], $16::text[], $17::text[], $18::text[], $19::text[],
                         $20::text[], $21::bigint[], $22::bigint[], $23::text[], $24::bigint[])
    AS v (tenant, meeting_id, id, at, actor, action, target, role, before, after, cause, epoch, rev,
          request_id, stamp)
  JOIN made ON made.tenant = v.tenant AND made.id = v.meeting_id
)
SELECT tenant, id FROM made";

/// Existing records stay as they are.
const CLAIM: &str = "
INSERT INTO meetings (tenant, id, created_by, creator_name, description, starts_at, created_at,
                      updated_at, ended_at, settings)
SELECT tenant, id, created_by, creator_name, description, starts_at, created_at, created_at,
       ended_at, settings
FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::text[])
  AS v (tenant, id, created_by, creator_name, description, starts_at, created_at, ended_at,
        settings)
ON CONFLICT DO NOTHING";

const END: &str = "
UPDATE meetings AS m SET ended_at = v.at, updated_at = greatest(m.updated_at + 1, v.at)
FROM UNNEST($1::text[], $2::text[], $3::bigint[]) AS v (tenant, id, at)
WHERE m.tenant = v.tenant AND m.id = v.id AND m.ended_at IS NULL";

const RECORD: &str = "
WITH roles AS (
  INSERT INTO grants (tenant, meeting_id, user_id, role, since, held, stamp)
  SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::boolean[],
                       $7::bigint[])
  ON CONFLICT (tenant, meeting_id, user_id, role) DO UPDATE
    SET since = excluded.since, held = excluded.held, stamp = excluded.stamp
    -- what another node wrote may be of a later change
    WHERE (excluded.stamp, excluded.held) >= (grants.stamp, grants.held)
)
INSERT INTO audit (tenant, meeting_id, id, at, actor, action, target, role, before, after, cause,
                   epoch, rev, request_id, stamp)
SELECT * FROM UNNEST($8::text[], $9::text[], $10::text[], $11::bigint[], $12::text[], $13::text[],
                     $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::bigint[],
                     $20::bigint[], $21::text[], $22::bigint[])
-- the answer to an earlier attempt may have been lost after it was committed
ON CONFLICT DO NOTHING";

const SYNC: &str = "
INSERT INTO provider_syncs (tenant, meeting_id, user_id, provider, reasons, touched, next_at,
                            claimed_until, attempts, looks)
SELECT tenant, meeting_id, user_id, provider, reasons, at, at, 0, 0, 0
FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
  AS v (tenant, meeting_id, user_id, provider, reasons, at)
ON CONFLICT (tenant, meeting_id, user_id, provider) DO UPDATE
  SET reasons = provider_syncs.reasons | excluded.reasons,
      touched = greatest(provider_syncs.touched + 1, excluded.touched), looks = 0, next_at = excluded.next_at, attempts = 0";

type Bound = Query<'static, Postgres, PgArguments>;

/// Writes a flush, all or nothing, and returns the jobs whose meeting id was taken.
pub(super) async fn write(
    connection: &mut PgConnection,
    flush: &Flush<'_>,
) -> Result<HashSet<usize>, Failure> {
    let creates = !flush.creations.is_empty();
    let records = !(flush.grants.is_empty() && flush.audit.is_empty());
    let alone = flush.claims.is_empty() && flush.ends.is_empty() && flush.syncs.is_empty();
    let single = alone && creates != records;
    if single {
        return statements(connection, flush).await;
    }
    let mut transaction = connection.begin().await?;
    let taken = statements(&mut transaction, flush).await?;
    transaction.commit().await?;
    Ok(taken)
}

async fn statements(
    connection: &mut PgConnection,
    flush: &Flush<'_>,
) -> Result<HashSet<usize>, Failure> {
    let taken = if flush.creations.is_empty() {
        HashSet::new()
    } else {
        create(connection, flush).await?
    };
    if !flush.claims.is_empty() {
        let mut rows: Vec<_> = flush.claims.iter().collect();
        rows.sort_by_key(|row| row.key);
        bind_meetings(sqlx::query(CLAIM), &rows)
            .execute(&mut *connection)
            .await?;
    }
    if !flush.ends.is_empty() {
        let mut first = BTreeMap::new();
        for end in &flush.ends {
            first.entry(end.key).or_insert(end.at);
        }
        sqlx::query(END)
            .bind(
                first
                    .keys()
                    .map(|key| key.tenant.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(
                first
                    .keys()
                    .map(|key| key.room.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(first.values().copied().collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    if !(flush.grants.is_empty() && flush.audit.is_empty()) {
        let query = bind_grants(sqlx::query(RECORD), &flush.settled_grants());
        let lines: Vec<_> = flush.audit.iter().collect();
        bind_audit(query, &lines).execute(&mut *connection).await?;
    }
    if !flush.syncs.is_empty() {
        sync(connection, flush).await?;
    }
    Ok(taken)
}

async fn sync(connection: &mut PgConnection, flush: &Flush<'_>) -> Result<(), Failure> {
    let rows = flush.settled_syncs();
    let texts = |of: fn(&SyncRow<'_>) -> String| rows.iter().map(of).collect::<Vec<_>>();
    sqlx::query(SYNC)
        .bind(texts(|row| row.key.tenant.to_string()))
        .bind(texts(|row| row.key.room.to_string()))
        .bind(texts(|row| row.user.to_owned()))
        .bind(texts(|row| row.provider.to_owned()))
        .bind(
            rows.iter()
                .map(|row| i64::from(row.reasons.bits()))
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|row| row.at).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn create(
    connection: &mut PgConnection,
    flush: &Flush<'_>,
) -> Result<HashSet<usize>, Failure> {
    // in one order for every process, so that two of them cannot wait for each other
    let mut sorted: Vec<_> = flush.creations.iter().collect();
    sorted.sort_by_key(|(row, _)| row.key);
    let rows: Vec<_> = sorted.iter().map(|(row, _)| row).collect();
    let lines: Vec<_> = sorted.iter().map(|(_, line)| line).collect();
    let query = bind_audit(bind_meetings(sqlx::query(CREATE), &rows), &lines);
    let access: Vec<_> = rows.iter().map(|row| row.access.as_deref()).collect();
    let query = query.bind(access);
    let made = query.fetch_all(connection).await?;
    let made = made
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<HashSet<(&str, &str)>, sqlx::Error>>()?;
    let taken = rows
        .iter()
        .filter(|row| !made.contains(&(row.key.tenant.as_str(), row.key.room.as_str())));
    Ok(taken.map(|row| row.job).collect())
}

fn bind_meetings(query: Bound, rows: &[&MeetingRow<'_>]) -> Bound {
    query
        .bind(
            rows.iter()
                .map(|row| row.key.tenant.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            rows.iter()
                .map(|row| row.key.room.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|row| row.created_by).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.creator_name).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.description).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.starts_at).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.ended_at).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|row| row.settings.as_str())
                .collect::<Vec<_>>(),
        )
}

fn bind_grants(query: Bound, changes: &[GrantChange<'_>]) -> Bound {
    query
        .bind(
            changes
                .iter()
                .map(|change| change.key.tenant.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            changes
                .iter()
                .map(|change| change.key.room.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            changes
                .iter()
                .map(|change| change.user.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            changes
                .iter()
                .map(|change| change.mark.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            changes
                .iter()
                .map(|change| change.since.unwrap_or(0))
                .collect::<Vec<_>>(),
        )
        .bind(changes.iter().map(GrantChange::is_held).collect::<Vec<_>>())
        .bind(
            changes
                .iter()
                .map(|change| change.stamp)
                .collect::<Vec<_>>(),
        )
}

fn bind_audit(query: Bound, lines: &[&AuditLine<'_>]) -> Bound {
    query
        .bind(
            lines
                .iter()
                .map(|line| line.key.tenant.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            lines
                .iter()
                .map(|line| line.key.room.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            lines
                .iter()
                .map(|line| line.id.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(lines.iter().map(|line| line.at).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.actor).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.action).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.target).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.role).collect::<Vec<_>>())
        .bind(
            lines
                .iter()
                .map(|line| line.before.as_deref())
                .collect::<Vec<_>>(),
        )
        .bind(
            lines
                .iter()
                .map(|line| line.after.as_deref())
                .collect::<Vec<_>>(),
        )
        .bind(lines.iter().map(|line| line.cause).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.epoch).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.rev).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.request).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.stamp).collect::<Vec<_>>())
}
