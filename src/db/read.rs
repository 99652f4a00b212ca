//! Reading meetings, grants and the audit.

use entity::{audit, grants, meetings};
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use super::errors::directory_error;
use super::rows;
use crate::domain::grant::Grants;
use crate::domain::id::{RoomKey, TenantId, UserId};
use crate::domain::meeting::Meeting;
use crate::engine::directory::{AuditRow, DirectoryError, MeetingFilter, Page};

fn failed(error: DbErr) -> DirectoryError {
    directory_error(&error)
}

fn by_key(key: &RoomKey) -> Select<meetings::Entity> {
    meetings::Entity::find_by_id((key.tenant.as_str().to_owned(), key.room.as_str().to_owned()))
}

pub(super) async fn meeting(
    database: &DatabaseConnection,
    key: &RoomKey,
) -> Result<Option<Meeting>, DirectoryError> {
    let live = by_key(key).filter(meetings::Column::DeletedAt.is_null());
    live.one(database)
        .await
        .map_err(failed)?
        .map(rows::meeting)
        .transpose()
}

/// Ended or deleted.
pub(super) async fn is_closed(
    database: &DatabaseConnection,
    key: &RoomKey,
) -> Result<bool, DirectoryError> {
    let row = by_key(key).one(database).await.map_err(failed)?;
    Ok(row.is_some_and(|row| row.ended_at.is_some() || row.deleted_at.is_some()))
}

pub(super) async fn grants(
    database: &DatabaseConnection,
    key: &RoomKey,
) -> Result<Grants, DirectoryError> {
    let held = grants::Entity::find()
        .filter(grants::Column::Tenant.eq(key.tenant.as_str()))
        .filter(grants::Column::MeetingId.eq(key.room.as_str()))
        .all(database)
        .await
        .map_err(failed)?;
    held.into_iter()
        .filter_map(|row| rows::role(&row.role).map(|role| (row, role)))
        .map(|(row, role)| {
            let user = UserId::new(&row.user_id).map_err(rows::foreign)?;
            Ok((user, role, rows::timestamp(row.since)))
        })
        .collect()
}

pub(super) async fn list(
    database: &DatabaseConnection,
    tenant: &TenantId,
    filter: &MeetingFilter,
    after: Option<&str>,
    limit: u64,
) -> Result<Page<Meeting>, DirectoryError> {
    use meetings::Column;
    let mut query = meetings::Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::DeletedAt.is_null())
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(limit.saturating_add(1));
    if let Some(creator) = &filter.created_by {
        query = query.filter(Column::CreatedBy.eq(creator.as_str()));
    }
    query = match filter.ended {
        None => query,
        Some(true) => query.filter(Column::EndedAt.is_not_null()),
        Some(false) => query.filter(Column::EndedAt.is_null()),
    };
    if let Some(cursor) = after {
        let Some((at, id)) = position(cursor) else {
            return Ok(Page {
                items: vec![],
                next: None,
            });
        };
        let older = Condition::any().add(Column::CreatedAt.lt(at)).add(
            Condition::all()
                .add(Column::CreatedAt.eq(at))
                .add(Column::Id.lt(id)),
        );
        query = query.filter(older);
    }
    let found = query.all(database).await.map_err(failed)?;
    page(
        found,
        limit,
        |row| format!("{}.{}", row.created_at, row.id),
        rows::meeting,
    )
}

/// The cursor of a list of meetings: the last one's creation and id.
fn position(cursor: &str) -> Option<(i64, &str)> {
    let (at, id) = cursor.split_once('.')?;
    Some((at.parse().ok()?, id))
}

pub(super) async fn audit(
    database: &DatabaseConnection,
    key: &RoomKey,
    after: Option<&str>,
    limit: u64,
) -> Result<Page<AuditRow>, DirectoryError> {
    use audit::Column;
    let mut query = audit::Entity::find()
        .filter(Column::Tenant.eq(key.tenant.as_str()))
        .filter(Column::MeetingId.eq(key.room.as_str()))
        .order_by_asc(Column::Id)
        .limit(limit.saturating_add(1));
    if let Some(cursor) = after {
        query = query.filter(Column::Id.gt(cursor));
    }
    let found = query.all(database).await.map_err(failed)?;
    page(found, limit, |row| row.id.clone(), rows::audit)
}

/// One item more than the page holds was asked for: it tells whether there is a next page.
fn page<R, T>(
    mut found: Vec<R>,
    limit: u64,
    cursor: impl Fn(&R) -> String,
    convert: impl Fn(R) -> Result<T, DirectoryError>,
) -> Result<Page<T>, DirectoryError> {
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more).map(cursor);
    let items = found.into_iter().map(convert).collect::<Result<_, _>>()?;
    Ok(Page { items, next })
}
