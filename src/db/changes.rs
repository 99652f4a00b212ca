//! Changes of a meeting record: rare, so each is a transaction of its own.

use entity::{audit, meetings};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, DatabaseConnection,
    DatabaseTransaction, DbBackend, DbErr, EntityTrait, QueryFilter, QuerySelect,
    SqliteTransactionMode, TransactionOptions, TransactionTrait, TryIntoModel,
};

use super::convert;
use crate::domain::id::RoomKey;
use crate::domain::policy::{AccessChange, MeetingSettings};
use crate::domain::time::Timestamp;
use crate::engine::directory::{AuditRow, MeetingChange};

/// Rows of the audit with the ids they will have.
pub(super) type Numbered<'a> = [(String, &'a AuditRow)];

/// Changes what `change` names and returns the whole record; `None` when there is none.
pub(super) async fn update(
    db: &DatabaseConnection,
    key: &RoomKey,
    change: &MeetingChange,
    audit: &Numbered<'_>,
    now: Timestamp,
) -> Result<Option<meetings::Model>, DbErr> {
    let transaction = begin(db).await?;
    let Some(found) = existing(key).one(&transaction).await? else {
        return Ok(None);
    };
    // two changes in one millisecond, or by clocks that differ, still have an order
    let later = convert::millis(now).max(found.updated_at.saturating_add(1));
    let mut row = meetings::ActiveModel::from(found);
    row.updated_at = ActiveValue::Set(later);
    if let Some(description) = &change.description {
        row.description = ActiveValue::Set(description.to_string());
    }
    if let Some(starts_at) = change.starts_at {
        row.starts_at = ActiveValue::Set(convert::millis(starts_at));
    }
    if let Some(settings) = &change.settings {
        row.settings = ActiveValue::Set(convert::settings_json(settings));
    }
    if change.access != AccessChange::default() {
        let found = convert::meeting(row.clone().try_into_model()?);
        let found = found.map_err(|error| DbErr::Custom(error.to_string()))?;
        let access = found.access.with(&change.access);
        row.access = ActiveValue::Set(convert::access_json(&access));
        if let Some(seats) = change.access.max_participants {
            let settings = MeetingSettings {
                max_participants: seats,
                ..found.settings
            };
            row.settings = ActiveValue::Set(convert::settings_json(&settings));
        }
    }
    if let Some(creator) = &change.created_by {
        row.created_by = ActiveValue::Set(creator.to_string());
    }
    let row = row.update(&transaction).await?;
    write_audit(&transaction, key, audit).await?;
    transaction.commit().await?;
    Ok(Some(row))
}

/// Marks a record as deleted; `false` when there is none.
pub(super) async fn delete(
    db: &DatabaseConnection,
    key: &RoomKey,
    audit: &Numbered<'_>,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let transaction = begin(db).await?;
    let Some(found) = existing(key).one(&transaction).await? else {
        // or this is the second attempt, and it was the answer to the first that was lost
        return match audit.first() {
            Some((id, _)) => is_written(&transaction, key, id).await,
            None => Ok(false),
        };
    };
    let mut row = meetings::ActiveModel::from(found);
    row.deleted_at = ActiveValue::Set(Some(convert::millis(now)));
    row.updated_at = ActiveValue::Set(convert::millis(now));
    row.update(&transaction).await?;
    write_audit(&transaction, key, audit).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Whether a row of the audit is there: says how a commit ended whose answer was lost.
pub(super) async fn is_written(
    db: &impl ConnectionTrait,
    key: &RoomKey,
    id: &str,
) -> Result<bool, DbErr> {
    let row = (key.tenant.to_string(), key.room.to_string(), id.to_owned());
    Ok(audit::Entity::find_by_id(row).one(db).await?.is_some())
}

/// Overwrites the probe's row: whether the database takes writes is known by writing only.
pub(super) async fn probe(db: &DatabaseConnection, now: Timestamp) -> Result<(), DbErr> {
    let row = entity::write_probe::ActiveModel {
        id: ActiveValue::Set(1),
        at: ActiveValue::Set(convert::millis(now)),
    };
    let overwrite = OnConflict::column(entity::write_probe::Column::Id)
        .update_column(entity::write_probe::Column::At)
        .to_owned();
    entity::write_probe::Entity::insert(row)
        .on_conflict(overwrite)
        .exec_without_returning(db)
        .await
        .map(drop)
}

fn existing(key: &RoomKey) -> sea_orm::Select<meetings::Entity> {
    meetings::Entity::find_by_id((key.tenant.to_string(), key.room.to_string()))
        .filter(meetings::Column::DeletedAt.is_null())
        .lock_exclusive()
}

pub(super) async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    db.begin_with_options(TransactionOptions {
        // a transaction that reads first and writes later may find SQLite's lock taken between
        sqlite_transaction_mode: (db.get_database_backend() == DbBackend::Sqlite)
            .then_some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    })
    .await
}

async fn write_audit(
    transaction: &DatabaseTransaction,
    key: &RoomKey,
    audit: &Numbered<'_>,
) -> Result<(), DbErr> {
    if audit.is_empty() {
        return Ok(());
    }
    let rows = audit.iter().map(|(id, row)| {
        audit::ActiveModel::from(convert::audit_model(key, id.clone(), row)).reset_all()
    });
    // the answer to an earlier attempt may have been lost after it was committed
    let once = OnConflict::new().do_nothing().to_owned();
    audit::Entity::insert_many(rows)
        .on_conflict(once)
        .exec_without_returning(transaction)
        .await
        .map(drop)
}
