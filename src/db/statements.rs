//! Writes as SQL text. A flush is one string, so that it costs one trip to the database's thread.
//! Values are quoted by sea-query for the dialect in hand.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use entity::{audit, grants, meetings, write_probe};
use sea_orm::DbBackend;
use sea_orm::sea_query::{
    DeleteStatement, Expr, ExprTrait, InsertStatement, OnConflict, PostgresQueryBuilder, Query,
    QueryStatementWriter, SqliteQueryBuilder, UpdateStatement,
};
use uuid::{Builder, Uuid};

use super::rows::{epoch_bits, millis};
use crate::domain::id::{RoomKey, UserId};
use crate::domain::meeting::Meeting;
use crate::domain::role::Role;
use crate::domain::time::Timestamp;
use crate::engine::directory::{AuditRow, LedgerEntry, MeetingChange};

/// One write.
#[derive(Debug, Clone)]
pub(super) enum Op {
    /// A new meeting; fails when its id is taken.
    Insert(Meeting),
    /// A meeting for a room that has none.
    Claim(Meeting),
    Update(RoomKey, MeetingChange, Timestamp),
    End(RoomKey, Timestamp),
    Delete(RoomKey, Timestamp),
    Grant(RoomKey, UserId, Role, Option<Timestamp>),
    Audit(RoomKey, AuditRow),
}

impl Op {
    pub(super) fn of(key: &RoomKey, entry: LedgerEntry) -> Self {
        match entry {
            LedgerEntry::Grant { user, role, since } => Self::Grant(key.clone(), user, role, since),
            LedgerEntry::Claim { creator, at } => Self::Claim(Meeting {
                key: key.clone(),
                created_by: creator,
                creator_name: None,
                description: "Meeting".into(),
                starts_at: at,
                created_at: at,
                ended_at: None,
                settings: crate::domain::policy::MeetingSettings::default(),
            }),
            LedgerEntry::End { at } => Self::End(key.clone(), at),
            LedgerEntry::Audit(row) => Self::Audit(key.clone(), row),
        }
    }
}

/// Renders statements for one dialect.
pub(super) fn text(backend: DbBackend, statement: &impl QueryStatementWriter) -> String {
    if backend == DbBackend::Postgres {
        statement.to_string(PostgresQueryBuilder)
    } else {
        statement.to_string(SqliteQueryBuilder)
    }
}

/// One transaction with all of these writes, in an order that keeps what depends on each other.
pub(super) fn transaction<'a>(
    backend: DbBackend,
    ops: impl Iterator<Item = &'a Op> + Clone,
) -> String {
    let begin = if backend == DbBackend::Sqlite {
        "BEGIN IMMEDIATE"
    } else {
        "BEGIN"
    };
    let mut sql = vec![begin.to_owned()];
    let mut add = |statement: &dyn Fn() -> String| sql.push(statement());
    let mut inserts: Vec<&Meeting> = Vec::new();
    for op in ops.clone() {
        // Insertions that follow each other share a statement; everything else keeps its order.
        if insert_of(op).is_none() && is_about_meeting(op) && !inserts.is_empty() {
            add(&|| text(backend, &insert_meetings(&inserts)));
            inserts.clear();
        }
        inserts.extend(insert_of(op));
        match op {
            Op::Claim(meeting) => add(&|| text(backend, &claim(meeting))),
            Op::Update(key, change, at) => add(&|| text(backend, &update(key, change, *at))),
            Op::End(key, at) => add(&|| text(backend, &end(key, *at))),
            Op::Delete(key, at) => add(&|| text(backend, &delete(key, *at))),
            Op::Insert(_) | Op::Grant(..) | Op::Audit(..) => {}
        }
    }
    if !inserts.is_empty() {
        add(&|| text(backend, &insert_meetings(&inserts)));
    }
    let (held, revoked) = split_grants(ops.clone());
    if !held.is_empty() {
        add(&|| text(backend, &upsert_grants(&held)));
    }
    if !revoked.is_empty() {
        add(&|| text(backend, &delete_grants(&revoked)));
    }
    let audit: Vec<(&RoomKey, &AuditRow)> = ops.filter_map(audit_of).collect();
    if !audit.is_empty() {
        add(&|| text(backend, &insert_audit(&audit)));
    }
    sql.push("COMMIT".to_owned());
    sql.join(";")
}

const fn insert_of(op: &Op) -> Option<&Meeting> {
    if let Op::Insert(meeting) = op {
        Some(meeting)
    } else {
        None
    }
}

const fn is_about_meeting(op: &Op) -> bool {
    !matches!(op, Op::Grant(..) | Op::Audit(..))
}

const fn audit_of(op: &Op) -> Option<(&RoomKey, &AuditRow)> {
    if let Op::Audit(key, row) = op {
        Some((key, row))
    } else {
        None
    }
}

type GrantKey<'a> = (&'a RoomKey, &'a UserId, Role);

/// Of several changes of one grant the last counts.
fn split_grants<'a>(
    ops: impl Iterator<Item = &'a Op>,
) -> (Vec<(GrantKey<'a>, Timestamp)>, Vec<GrantKey<'a>>) {
    let mut last: BTreeMap<GrantKey<'a>, Option<Timestamp>> = BTreeMap::new();
    for op in ops {
        if let Op::Grant(key, user, role, since) = op {
            last.insert((key, user, *role), *since);
        }
    }
    let mut held = Vec::new();
    let mut revoked = Vec::new();
    for (grant, since) in last {
        match since {
            Some(since) => held.push((grant, since)),
            None => revoked.push(grant),
        }
    }
    (held, revoked)
}

fn insert_meetings(rows: &[&Meeting]) -> InsertStatement {
    use meetings::Column;
    let mut insert = Query::insert();
    insert.into_table(meetings::Entity).columns([
        Column::Tenant,
        Column::Id,
        Column::CreatedBy,
        Column::CreatorName,
        Column::Description,
        Column::StartsAt,
        Column::CreatedAt,
        Column::UpdatedAt,
        Column::EndedAt,
        Column::Settings,
    ]);
    for row in rows {
        let settings = serde_json::to_string(&row.settings).unwrap_or_else(|_| "{}".to_owned());
        insert.values_panic([
            row.key.tenant.as_str().into(),
            row.key.room.as_str().into(),
            row.created_by.as_str().into(),
            row.creator_name.as_deref().map(str::to_owned).into(),
            (&*row.description).into(),
            millis(row.starts_at).into(),
            millis(row.created_at).into(),
            millis(row.created_at).into(),
            row.ended_at.map(millis).into(),
            settings.into(),
        ]);
    }
    insert
}

fn claim(meeting: &Meeting) -> InsertStatement {
    let key = [meetings::Column::Tenant, meetings::Column::Id];
    let mut insert = insert_meetings(&[meeting]);
    insert.on_conflict(OnConflict::columns(key).do_nothing().to_owned());
    insert
}

fn change_of(key: &RoomKey, at: Timestamp) -> UpdateStatement {
    let mut update = Query::update();
    update
        .table(meetings::Entity)
        .value(meetings::Column::UpdatedAt, millis(at))
        .and_where(Expr::col(meetings::Column::Tenant).eq(key.tenant.as_str()))
        .and_where(Expr::col(meetings::Column::Id).eq(key.room.as_str()));
    update
}

fn update(key: &RoomKey, change: &MeetingChange, at: Timestamp) -> UpdateStatement {
    use meetings::Column;
    let mut update = change_of(key, at);
    update.and_where(Expr::col(Column::DeletedAt).is_null());
    if let Some(description) = &change.description {
        update.value(Column::Description, &**description);
    }
    if let Some(starts_at) = change.starts_at {
        update.value(Column::StartsAt, millis(starts_at));
    }
    if let Some(settings) = &change.settings {
        let settings = serde_json::to_string(settings).unwrap_or_else(|_| "{}".to_owned());
        update.value(Column::Settings, settings);
    }
    if let Some(creator) = &change.created_by {
        update.value(Column::CreatedBy, creator.as_str());
    }
    update
}

/// The first end counts.
fn end(key: &RoomKey, at: Timestamp) -> UpdateStatement {
    let mut update = change_of(key, at);
    update
        .value(meetings::Column::EndedAt, millis(at))
        .and_where(Expr::col(meetings::Column::EndedAt).is_null());
    update
}

fn delete(key: &RoomKey, at: Timestamp) -> UpdateStatement {
    let mut update = change_of(key, at);
    update.value(meetings::Column::DeletedAt, millis(at));
    update
}

fn upsert_grants(rows: &[(GrantKey<'_>, Timestamp)]) -> InsertStatement {
    use grants::Column;
    let mut insert = Query::insert();
    insert.into_table(grants::Entity).columns([
        Column::Tenant,
        Column::MeetingId,
        Column::UserId,
        Column::Role,
        Column::Since,
    ]);
    for ((key, user, role), since) in rows {
        insert.values_panic([
            key.tenant.as_str().into(),
            key.room.as_str().into(),
            user.as_str().into(),
            role.as_str().into(),
            millis(*since).into(),
        ]);
    }
    let key = [
        Column::Tenant,
        Column::MeetingId,
        Column::UserId,
        Column::Role,
    ];
    insert.on_conflict(
        OnConflict::columns(key)
            .update_column(Column::Since)
            .to_owned(),
    );
    insert
}

fn delete_grants(rows: &[GrantKey<'_>]) -> DeleteStatement {
    use grants::Column;
    let key = [
        Column::Tenant,
        Column::MeetingId,
        Column::UserId,
        Column::Role,
    ];
    let rows = rows.iter().map(|(key, user, role)| {
        (
            key.tenant.as_str(),
            key.room.as_str(),
            user.as_str(),
            role.as_str(),
        )
    });
    let mut delete = Query::delete();
    delete
        .from_table(grants::Entity)
        .and_where(Expr::tuple(key.map(Expr::col)).in_tuples(rows));
    delete
}

fn insert_audit(rows: &[(&RoomKey, &AuditRow)]) -> InsertStatement {
    use audit::Column;
    let mut insert = Query::insert();
    insert.into_table(audit::Entity).columns([
        Column::Tenant,
        Column::MeetingId,
        Column::Id,
        Column::At,
        Column::Actor,
        Column::Action,
        Column::Target,
        Column::Role,
        Column::Before,
        Column::After,
        Column::Cause,
        Column::Epoch,
        Column::Rev,
    ]);
    for (key, row) in rows {
        insert.values_panic([
            key.tenant.as_str().into(),
            key.room.as_str().into(),
            audit_id(row.at).into(),
            millis(row.at).into(),
            row.actor.as_str().into(),
            row.action.as_str().into(),
            row.target
                .as_ref()
                .map(|user| user.as_str().to_owned())
                .into(),
            row.role.map(|role| role.as_str().to_owned()).into(),
            row.before.as_ref().map(ToString::to_string).into(),
            row.after.as_ref().map(ToString::to_string).into(),
            row.cause.as_str().into(),
            row.epoch.map(epoch_bits).into(),
            row.rev.and_then(|rev| i64::try_from(rev).ok()).into(),
        ]);
    }
    insert
}

/// A UUID of version 7: rows of one meeting sort by time, and those of one millisecond by the order in
/// which they were written. The rest is the process's own, drawn once: a system call per row shows.
fn audit_id(at: Timestamp) -> String {
    static PROCESS: LazyLock<[u8; 16]> = LazyLock::new(|| Uuid::new_v4().into_bytes());
    static COUNT: AtomicU32 = AtomicU32::new(0);
    static LATEST: AtomicU64 = AtomicU64::new(0);
    // Never earlier than the row before, or the order of reading would not be that of writing.
    let millis = Ord::max(LATEST.fetch_max(at.0, Ordering::Relaxed), at.0);
    let mut bytes = [0; 10];
    let (count, own) = bytes.split_at_mut(4);
    count.copy_from_slice(&(COUNT.fetch_add(1, Ordering::Relaxed) & 0x0fff_ffff).to_be_bytes());
    own.copy_from_slice(PROCESS.first_chunk::<6>().unwrap_or(&[0; 6]));
    Builder::from_unix_timestamp_millis(millis, &bytes)
        .into_uuid()
        .to_string()
}

/// A write that changes nothing that anybody reads.
pub(super) fn probe(at: Timestamp) -> InsertStatement {
    use write_probe::Column;
    Query::insert()
        .into_table(write_probe::Entity)
        .columns([Column::Id, Column::At])
        .values_panic([1.into(), millis(at).into()])
        .on_conflict(
            OnConflict::column(Column::Id)
                .update_column(Column::At)
                .to_owned(),
        )
        .to_owned()
}
