//! Security events in SQL.

use async_trait::async_trait;
use entity::{meetings, security_events as events};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseConnection, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};

use super::directory::SqlDirectory;
use super::reads::{answer, nothing, page};
use super::writer::Job;
use super::{convert, cursor};
use crate::domain::id::{RequestId, RoomId, RoomKey, TenantId, UserId};
use crate::domain::time::Timestamp;
use crate::engine::directory::{DirectoryError, Page};
use crate::engine::security::{SecurityRow, SecurityStore};

#[async_trait]
impl SecurityStore for SqlDirectory {
    async fn note(
        &self,
        rows: Vec<SecurityRow>,
        forget_before: Timestamp,
    ) -> Result<(), DirectoryError> {
        let submitted = self.queue.submit(|done| Job::Security {
            rows,
            forget_before,
            done,
        });
        submitted.await
    }

    async fn events(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page<SecurityRow>, DirectoryError> {
        let mut select = events::Entity::find().filter(events::Column::Tenant.eq(tenant.as_str()));
        if let Some(after) = after {
            let Some(id) = cursor::open(after) else {
                return Ok(nothing());
            };
            select = select.filter(events::Column::Id.lt(id));
        }
        let rows = select
            .order_by_desc(events::Column::Id)
            .limit(limit.saturating_add(1))
            .all(&self.read);
        let (rows, next) = page(answer(rows).await?, limit, |row| row.id.clone());
        let items = rows.into_iter().map(read).collect();
        Ok(Page { items, next })
    }

    async fn is_elsewhere(&self, key: &RoomKey) -> Result<bool, DirectoryError> {
        let others = meetings::Entity::find()
            .filter(meetings::Column::Id.eq(key.room.as_str()))
            .filter(meetings::Column::Tenant.ne(key.tenant.as_str()))
            .limit(1)
            .count(&self.read);
        Ok(answer(others).await? > 0)
    }
}

/// Writes events with these ids, and forgets old ones.
pub(super) async fn write(
    db: &DatabaseConnection,
    rows: &[(String, &SecurityRow)],
    forget_before: Timestamp,
) -> Result<(), DbErr> {
    let models = rows
        .iter()
        .map(|(id, row)| events::ActiveModel::from(model(id, row)).reset_all());
    // the answer to an earlier attempt may have been lost after it was committed
    let once = OnConflict::new().do_nothing().to_owned();
    events::Entity::insert_many(models)
        .on_conflict(once)
        .exec_without_returning(db)
        .await?;
    events::Entity::delete_many()
        .filter(events::Column::At.lt(convert::millis(forget_before)))
        .exec(db)
        .await
        .map(drop)
}

fn model(id: &str, row: &SecurityRow) -> events::Model {
    let text = |it: Option<&str>| it.map(ToOwned::to_owned);
    events::Model {
        tenant: row
            .tenant
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        id: id.to_owned(),
        at: convert::millis(row.at),
        kind: row.kind.clone(),
        reason: row.reason.clone(),
        user_id: text(row.user.as_ref().map(UserId::as_str)),
        network: row.network.clone(),
        meeting_id: text(row.room.as_ref().map(RoomId::as_str)),
        request_id: text(row.request.as_ref().map(RequestId::as_str)),
        count: i64::try_from(row.count).unwrap_or(i64::MAX),
    }
}

fn read(row: events::Model) -> SecurityRow {
    SecurityRow {
        at: convert::moment(row.at),
        kind: row.kind,
        reason: row.reason,
        tenant: TenantId::new(&row.tenant).ok(),
        user: row.user_id.and_then(|id| UserId::new(&id).ok()),
        network: row.network,
        room: row.meeting_id.and_then(|id| RoomId::new(&id).ok()),
        request: row.request_id.and_then(|id| RequestId::new(&id).ok()),
        count: u64::try_from(row.count).unwrap_or(0),
    }
}
