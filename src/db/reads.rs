//! What is asked of the tables. Every question names the tenant.

use std::future::Future;
use std::time::Duration;

use entity::{audit, grants, meetings};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
};

use super::failure::Failure;
use super::{convert, cursor};
use crate::domain::grant::{Grants, Held};
use crate::domain::id::{RoomKey, TenantId};
use crate::domain::meeting::Meeting;
use crate::engine::directory::{AuditRow, DirectoryError, MeetingFilter, Page};

/// No question takes this long, unless the server has gone without a word.
const LIMIT: Duration = Duration::from_secs(10);

/// Waits for an answer, but not for ever.
pub(super) async fn answer<T>(
    question: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(LIMIT, question).await {
        Ok(answer) => Ok(answer?),
        Err(_elapsed) => Err(Failure::Outage("the database does not answer".to_owned())),
    }
}

/// One meeting that was not deleted.
pub(super) async fn meeting(
    db: &DatabaseConnection,
    key: &RoomKey,
) -> Result<Option<Meeting>, DirectoryError> {
    let row = answer(
        record(key)
            .filter(meetings::Column::DeletedAt.is_null())
            .one(db),
    )
    .await?;
    Ok(row.map(convert::meeting).transpose()?)
}

/// Whether a meeting was ended or deleted.
pub(super) async fn is_closed(
    db: &DatabaseConnection,
    key: &RoomKey,
) -> Result<bool, DirectoryError> {
    let row = answer(record(key).one(db)).await?;
    Ok(row.is_some_and(|row| row.ended_at.is_some() || row.deleted_at.is_some()))
}

/// Every role and ban that somebody has or once had in a room.
pub(super) async fn grants(
    db: &DatabaseConnection,
    key: &RoomKey,
) -> Result<Grants, DirectoryError> {
    let of_room = grants::Entity::find()
        .filter(grants::Column::Tenant.eq(key.tenant.as_str()))
        .filter(grants::Column::MeetingId.eq(key.room.as_str()));
    let rows = answer(of_room.all(db)).await?;
    let known = rows.into_iter().filter_map(|row| {
        let mark = convert::mark(&row.role)?;
        let user = convert::user(&row.user_id, "user_id");
        let held = Held {
            since: row.held.then(|| convert::moment(row.since)),
            stamp: convert::stamp(row.stamp),
        };
        Some(user.map(|user| (user, mark, held)))
    });
    Ok(known.collect::<Result<_, _>>()?)
}

/// A page of meetings, newest first.
pub(super) async fn list(
    db: &DatabaseConnection,
    tenant: &TenantId,
    filter: &MeetingFilter,
    after: Option<&str>,
    limit: u64,
) -> Result<Page<Meeting>, DirectoryError> {
    let mut select = meetings::Entity::find()
        .filter(meetings::Column::Tenant.eq(tenant.as_str()))
        .filter(meetings::Column::DeletedAt.is_null());
    if let Some(creator) = &filter.created_by {
        select = select.filter(meetings::Column::CreatedBy.eq(creator.as_str()));
    }
    select = match filter.ended {
        None => select,
        Some(true) => select.filter(meetings::Column::EndedAt.is_not_null()),
        Some(false) => select.filter(meetings::Column::EndedAt.is_null()),
    };
    if let Some(after) = after {
        let Some((created_at, id)) = meeting_position(after) else {
            return Ok(nothing());
        };
        let position = Expr::tuple([
            Expr::col(meetings::Column::CreatedAt),
            Expr::col(meetings::Column::Id),
        ]);
        select = select.filter(position.lt(Expr::tuple([Expr::val(created_at), Expr::val(id)])));
    }
    let rows = select
        .order_by_desc(meetings::Column::CreatedAt)
        .order_by_desc(meetings::Column::Id)
        .limit(limit.saturating_add(1))
        .all(db);
    let (rows, next) = page(answer(rows).await?, limit, |row| {
        format!("{}:{}", row.created_at, row.id)
    });
    let items = rows
        .into_iter()
        .map(convert::meeting)
        .collect::<Result<_, _>>()?;
    Ok(Page { items, next })
}

/// A page of the audit of a meeting, oldest first.
pub(super) async fn audit(
    db: &DatabaseConnection,
    key: &RoomKey,
    after: Option<&str>,
    limit: u64,
) -> Result<Page<AuditRow>, DirectoryError> {
    let mut select = audit::Entity::find()
        .filter(audit::Column::Tenant.eq(key.tenant.as_str()))
        .filter(audit::Column::MeetingId.eq(key.room.as_str()));
    if let Some(after) = after {
        let Some(id) = cursor::open(after) else {
            return Ok(nothing());
        };
        select = select.filter(audit::Column::Id.gt(id));
    }
    let rows = select
        .order_by_asc(audit::Column::Id)
        .limit(limit.saturating_add(1))
        .all(db);
    let (rows, next) = page(answer(rows).await?, limit, |row| row.id.clone());
    let items = rows
        .into_iter()
        .map(convert::audit_row)
        .collect::<Result<_, _>>()?;
    Ok(Page { items, next })
}

fn record(key: &RoomKey) -> Select<meetings::Entity> {
    meetings::Entity::find_by_id((key.tenant.to_string(), key.room.to_string()))
}

/// What a cursor of ours says; whoever sends another gets an empty page.
fn meeting_position(after: &str) -> Option<(i64, String)> {
    let position = cursor::open(after)?;
    let (created_at, id) = position.split_once(':')?;
    Some((created_at.parse().ok()?, id.to_owned()))
}

/// Cuts off the row that was read only to know whether there is a next page.
pub(super) fn page<T>(
    mut rows: Vec<T>,
    limit: u64,
    at: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if rows.len() <= limit {
        return (rows, None);
    }
    rows.truncate(limit);
    let next = rows.last().map(|row| cursor::seal(&at(row)));
    (rows, next)
}

/// A page without anything.
pub(super) const fn nothing<T>() -> Page<T> {
    Page {
        items: Vec::new(),
        next: None,
    }
}
