//! What SQL keeps for media providers.

use async_trait::async_trait;
use entity::{
    installation, provider_aliases as aliases, provider_notices as notices, provider_syncs as syncs,
};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, DatabaseConnection, DatabaseTransaction, DbErr,
    EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::changes::begin;
use super::convert;
use super::directory::SqlDirectory;
use super::reads::answer;
use super::writer::Job;
use crate::domain::id::{InvalidId, RoomId, RoomKey, TenantId, UserId};
use crate::domain::ticket::Provider;
use crate::domain::time::Timestamp;
use crate::engine::directory::DirectoryError;
use crate::engine::providers::{Alias, Aliased, Miss, NoticeId, ProviderStore, Reasons, SyncTask};

/// The name of the key in `installation`.
const NAMING_KEY: &str = "naming-key";

/// A change of these tables.
#[derive(Debug)]
pub(super) enum ProviderChange {
    /// A node takes a task.
    Claim(SyncTask, Timestamp, Timestamp),
    /// It is done.
    Done(SyncTask),
    /// It failed, or there was nobody to be seen.
    Postpone(SyncTask, Miss, Timestamp),
    /// Names at providers.
    Remember(Vec<Alias>),
    /// A notice came, because of which there is something to follow.
    Notice(NoticeId, SyncTask, Timestamp),
    /// A key for an installation that has none.
    NamingKey(String),
}

#[async_trait]
impl ProviderStore for SqlDirectory {
    async fn due(&self, now: Timestamp, limit: u64) -> Result<Vec<SyncTask>, DirectoryError> {
        let now = convert::millis(now);
        let rows = syncs::Entity::find()
            .filter(syncs::Column::NextAt.lte(now))
            .filter(syncs::Column::ClaimedUntil.lte(now))
            .order_by_asc(syncs::Column::NextAt)
            .limit(limit)
            .all(&self.read);
        let rows = answer(rows).await?;
        Ok(rows.into_iter().filter_map(task).collect())
    }

    async fn claim(
        &self,
        task: &SyncTask,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, DirectoryError> {
        self.change_for_providers(ProviderChange::Claim(task.clone(), now, until))
            .await
    }

    async fn done(&self, task: &SyncTask) -> Result<(), DirectoryError> {
        let change = ProviderChange::Done(task.clone());
        self.change_for_providers(change).await.map(drop)
    }

    async fn postpone(
        &self,
        task: &SyncTask,
        miss: Miss,
        until: Timestamp,
    ) -> Result<(), DirectoryError> {
        let change = ProviderChange::Postpone(task.clone(), miss, until);
        self.change_for_providers(change).await.map(drop)
    }

    async fn remember(&self, aliases: Vec<Alias>) -> Result<(), DirectoryError> {
        let change = ProviderChange::Remember(aliases);
        self.change_for_providers(change).await.map(drop)
    }

    async fn named(&self, name: &str) -> Result<Option<Alias>, DirectoryError> {
        let row = aliases::Entity::find_by_id(name.to_owned()).one(&self.read);
        Ok(answer(row).await?.and_then(|row| alias(row).ok()))
    }

    async fn follow_notice(
        &self,
        notice: NoticeId,
        task: SyncTask,
        forget_before: Timestamp,
    ) -> Result<bool, DirectoryError> {
        let change = ProviderChange::Notice(notice, task, forget_before);
        self.change_for_providers(change).await
    }

    async fn naming_key(&self, fresh: &str) -> Result<String, DirectoryError> {
        let known = || installation::Entity::find_by_id(NAMING_KEY).one(&self.read);
        if let Some(row) = answer(known()).await? {
            return Ok(row.value);
        }
        let change = ProviderChange::NamingKey(fresh.to_owned());
        self.change_for_providers(change).await?;
        let row = answer(known()).await?;
        let missing = || DirectoryError::Unavailable("the naming key is not there".to_owned());
        row.map(|row| row.value).ok_or_else(missing)
    }
}

impl SqlDirectory {
    async fn change_for_providers(&self, change: ProviderChange) -> Result<bool, DirectoryError> {
        self.queue
            .submit(|done| Job::Providers { change, done })
            .await
    }
}

/// Writes a change; whether it made a difference.
pub(super) async fn write(db: &DatabaseConnection, change: &ProviderChange) -> Result<bool, DbErr> {
    match change {
        ProviderChange::Claim(task, now, until) => claim(db, task, *now, *until).await,
        ProviderChange::Done(task) => done(db, task).await,
        ProviderChange::Postpone(task, miss, until) => postpone(db, task, *miss, *until).await,
        ProviderChange::Remember(names) => remember(db, names).await,
        ProviderChange::Notice(notice, task, forget_before) => {
            follow_notice(db, notice, task, *forget_before).await
        }
        ProviderChange::NamingKey(value) => {
            let (name, value) = (NAMING_KEY.to_owned(), value.clone());
            let model = installation::ActiveModel::from(installation::Model { name, value });
            let written = installation::Entity::insert(model.reset_all())
                .on_conflict(OnConflict::new().do_nothing().to_owned())
                .exec_without_returning(db)
                .await?;
            Ok(written > 0)
        }
    }
}

async fn claim(
    db: &DatabaseConnection,
    task: &SyncTask,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, DbErr> {
    let claimed = syncs::Entity::update_many()
        .col_expr(
            syncs::Column::ClaimedUntil,
            Expr::value(convert::millis(until)),
        )
        .filter(of(task))
        .filter(syncs::Column::Touched.eq(convert::millis(task.touched)))
        .filter(syncs::Column::ClaimedUntil.lte(convert::millis(now)))
        .exec(db)
        .await?;
    Ok(claimed.rows_affected > 0)
}

async fn done(db: &DatabaseConnection, task: &SyncTask) -> Result<bool, DbErr> {
    let deleted = syncs::Entity::delete_many()
        .filter(of(task))
        .filter(syncs::Column::Touched.eq(convert::millis(task.touched)))
        .exec(db)
        .await?;
    if deleted.rows_affected > 0 {
        return Ok(true);
    }
    release(db, task).await.map(|()| false)
}

/// There was another change while the task was worked at: it is due again at once.
async fn release(db: &DatabaseConnection, task: &SyncTask) -> Result<(), DbErr> {
    syncs::Entity::update_many()
        .col_expr(syncs::Column::ClaimedUntil, Expr::value(0_i64))
        .filter(of(task))
        .exec(db)
        .await
        .map(drop)
}

async fn postpone(
    db: &DatabaseConnection,
    task: &SyncTask,
    miss: Miss,
    until: Timestamp,
) -> Result<bool, DbErr> {
    let counter = match miss {
        Miss::Failed => syncs::Column::Attempts,
        Miss::NotSeen => syncs::Column::Looks,
    };
    let one_more = Expr::col(counter).add(1_i64);
    let postponed = syncs::Entity::update_many()
        .col_expr(syncs::Column::NextAt, Expr::value(convert::millis(until)))
        .col_expr(syncs::Column::ClaimedUntil, Expr::value(0_i64))
        .col_expr(counter, one_more)
        .filter(of(task))
        .filter(syncs::Column::Touched.eq(convert::millis(task.touched)))
        .exec(db)
        .await?;
    if postponed.rows_affected > 0 {
        return Ok(true);
    }
    release(db, task).await.map(|()| false)
}

/// Both or nothing: a notice that was noted is not followed when it comes again.
async fn follow_notice(
    db: &DatabaseConnection,
    notice: &NoticeId,
    task: &SyncTask,
    forget_before: Timestamp,
) -> Result<bool, DbErr> {
    let transaction = begin(db).await?;
    notices::Entity::delete_many()
        .filter(notices::Column::At.lt(convert::millis(forget_before)))
        .exec(&transaction)
        .await?;
    let model = notices::ActiveModel::from(notices::Model {
        source: notice.source.clone(),
        id: notice.id.clone(),
        at: convert::millis(task.touched),
    });
    let written = notices::Entity::insert(model.reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(&transaction)
        .await?;
    if written > 0 {
        touch(&transaction, task).await?;
    }
    transaction.commit().await?;
    Ok(written > 0)
}

async fn touch(db: &DatabaseTransaction, task: &SyncTask) -> Result<(), DbErr> {
    let at = convert::millis(task.touched);
    let user = task.user.as_ref();
    let model = syncs::Model {
        tenant: task.key.tenant.to_string(),
        meeting_id: task.key.room.to_string(),
        user_id: user.map(ToString::to_string).unwrap_or_default(),
        provider: task.provider.as_str().to_owned(),
        reasons: i64::from(task.reasons.bits()),
        touched: at,
        next_at: at,
        claimed_until: 0,
        attempts: 0,
        looks: 0,
    };
    let columns = [
        syncs::Column::Tenant,
        syncs::Column::MeetingId,
        syncs::Column::UserId,
        syncs::Column::Provider,
    ];
    let later = Expr::cust(
        "CASE WHEN excluded.touched > provider_syncs.touched THEN excluded.touched \
         ELSE provider_syncs.touched + 1 END",
    );
    let reasons = Expr::col((syncs::Entity, syncs::Column::Reasons));
    let reasons = reasons.bit_or(i64::from(task.reasons.bits()));
    let again = OnConflict::columns(columns)
        .value(syncs::Column::Reasons, reasons)
        .value(syncs::Column::Touched, later)
        .value(syncs::Column::Attempts, Expr::value(0_i64))
        .value(syncs::Column::Looks, Expr::value(0_i64))
        .update_column(syncs::Column::NextAt)
        .to_owned();
    let model = syncs::ActiveModel::from(model).reset_all();
    syncs::Entity::insert(model)
        .on_conflict(again)
        .exec_without_returning(db)
        .await
        .map(drop)
}

async fn remember(db: &DatabaseConnection, names: &[Alias]) -> Result<bool, DbErr> {
    if names.is_empty() {
        return Ok(false);
    }
    let models = names.iter().map(|alias| {
        let (kind, id) = match &alias.of {
            Aliased::Room(room) => ("room", room.to_string()),
            Aliased::User(user) => ("user", user.to_string()),
        };
        let model = aliases::Model {
            name: alias.name.clone(),
            tenant: alias.tenant.to_string(),
            kind: kind.to_owned(),
            id,
        };
        aliases::ActiveModel::from(model).reset_all()
    });
    let written = aliases::Entity::insert_many(models)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    Ok(written > 0)
}

fn of(task: &SyncTask) -> Condition {
    let user = task.user.as_ref().map(UserId::as_str).unwrap_or_default();
    Condition::all()
        .add(syncs::Column::Tenant.eq(task.key.tenant.as_str()))
        .add(syncs::Column::MeetingId.eq(task.key.room.as_str()))
        .add(syncs::Column::UserId.eq(user))
        .add(syncs::Column::Provider.eq(task.provider.as_str()))
}

/// A stored task; one that cannot be read was written by another version, and stays.
fn task(row: syncs::Model) -> Option<SyncTask> {
    let user = match row.user_id.as_str() {
        "" => None,
        id => Some(UserId::new(id).ok()?),
    };
    let provider = Provider::ALL
        .into_iter()
        .find(|it| it.as_str() == row.provider)?;
    Some(SyncTask {
        key: RoomKey {
            tenant: TenantId::new(&row.tenant).ok()?,
            room: RoomId::new(&row.meeting_id).ok()?,
        },
        user,
        provider,
        reasons: Reasons::of(u8::try_from(row.reasons).unwrap_or_default()),
        touched: convert::moment(row.touched),
        attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        looks: u32::try_from(row.looks).unwrap_or(u32::MAX),
    })
}

fn alias(row: aliases::Model) -> Result<Alias, InvalidId> {
    let of = if row.kind == "room" {
        Aliased::Room(RoomId::new(&row.id)?)
    } else {
        Aliased::User(UserId::new(&row.id)?)
    };
    let tenant = TenantId::new(&row.tenant)?;
    let name = row.name;
    Ok(Alias { name, tenant, of })
}
