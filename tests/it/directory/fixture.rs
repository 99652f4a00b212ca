//! A directory over empty tables, and the words in which the claims are made.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tokio_util::task::TaskTracker;
use usher::clock::{Clock, SystemClock};
use usher::db::{DbOptions, SqlDirectory};
use usher::domain::grant::{Held, Stamp};
use usher::domain::id::{Epoch, RequestId, RoomId, RoomKey, TenantId, UserId};
use usher::domain::meeting::Meeting;
use usher::domain::policy::{Access, MeetingSettings};
use usher::domain::role::{Mark, Role};
use usher::domain::time::Timestamp;
use usher::engine::directory::{AuditRow, Directory, DirectoryError, LedgerEntry};
use uuid::Uuid;

const POSTGRES: &str = "USHER_TEST_POSTGRES_URL";

/// A database of its own: a new file, or a new schema.
pub(super) struct Fixture {
    pub(super) url: String,
    pub(super) folder: PathBuf,
    pub(super) directory: Arc<SqlDirectory>,
}

impl Fixture {
    pub(super) async fn sqlite() -> Self {
        let (url, folder) = sqlite_place();
        let directory = open(options(&url)).await;
        Self {
            url,
            folder,
            directory,
        }
    }

    pub(super) async fn postgres() -> Self {
        let url = postgres_place().await;
        let directory = open(options(&url)).await;
        Self {
            url,
            folder: PathBuf::new(),
            directory,
        }
    }

    /// The same database with other settings, or in another process.
    pub(super) async fn another(&self, tune: impl FnOnce(&mut DbOptions)) -> Arc<SqlDirectory> {
        let mut options = options(&self.url);
        tune(&mut options);
        open(options).await
    }

    /// The same database behind the directory's back.
    pub(super) async fn raw(&self) -> Raw {
        if self.url.starts_with("sqlite") {
            Raw::Sqlite(SqliteConnection::connect(&self.url).await.unwrap())
        } else {
            Raw::Postgres(PgConnection::connect(&self.url).await.unwrap())
        }
    }

    pub(super) async fn grant_since(&self, user: &str, role: Role) -> Option<Timestamp> {
        self.directory
            .grants(&room("room"))
            .await
            .unwrap()
            .of(&id(user))
            .since(role)
    }

    /// The actions in the audit of a room, oldest first.
    pub(super) async fn actions(&self, key: &RoomKey) -> Vec<String> {
        let page = self.directory.audit(key, None, 10_000).await.unwrap();
        page.items.into_iter().map(|row| row.action).collect()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if !self.folder.as_os_str().is_empty() {
            std::fs::remove_dir_all(&self.folder).ok();
        }
    }
}

/// A connection that knows nothing of the directory.
pub(super) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Raw {
    pub(super) async fn run(&mut self, sql: &str) {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(connection) => drop(sql.execute(connection).await.unwrap()),
            Self::Postgres(connection) => drop(sql.execute(connection).await.unwrap()),
        }
    }

    pub(super) async fn number(&mut self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(connection) => sqlx::query_scalar(sql).fetch_one(connection).await,
            Self::Postgres(connection) => sqlx::query_scalar(sql).fetch_one(connection).await,
        }
        .unwrap()
    }
}

pub(super) fn sqlite_place() -> (String, PathBuf) {
    let folder = std::env::temp_dir().join(format!("usher-directory-{}", Uuid::new_v4().simple()));
    std::fs::create_dir_all(&folder).unwrap();
    (
        format!("sqlite://{}/usher.db?mode=rwc", folder.display()),
        folder,
    )
}

/// An empty schema on the server.
pub(super) async fn postgres_place() -> String {
    let Ok(server) = std::env::var(POSTGRES) else {
        panic!("no PostgreSQL to test on: run scripts/test, which starts one and sets {POSTGRES}");
    };
    let schema = format!("directory_{}", Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::raw_sql(create)
        .execute(&mut connection)
        .await
        .unwrap();
    let and = if server.contains('?') { '&' } else { '?' };
    format!("{server}{and}options[search_path]={schema}")
}

pub(super) fn options(url: &str) -> DbOptions {
    DbOptions {
        url: url.into(),
        max_connections: 4,
        acquire_timeout: Duration::from_secs(5),
        write_window: Duration::from_millis(2),
        write_batch: 256,
        write_queue: 4096,
        meeting_cache: 1000,
        meeting_cache_ttl: Duration::from_secs(60),
        sqlite_full_sync: false,
    }
}

pub(super) async fn open(options: DbOptions) -> Arc<SqlDirectory> {
    open_at(options, Arc::new(SystemClock)).await
}

pub(super) async fn open_at(options: DbOptions, clock: Arc<dyn Clock>) -> Arc<SqlDirectory> {
    SqlDirectory::connect(options, clock, TaskTracker::new())
        .await
        .unwrap()
}

pub(super) fn room(name: &str) -> RoomKey {
    RoomKey {
        tenant: TenantId::default_tenant(),
        room: RoomId::new(name).unwrap(),
    }
}

pub(super) fn room_of(tenant: &str, name: &str) -> RoomKey {
    RoomKey {
        tenant: TenantId::new(tenant).unwrap(),
        room: RoomId::new(name).unwrap(),
    }
}

pub(super) fn id(user: &str) -> UserId {
    UserId::new(user).unwrap()
}

/// A meeting of `ann` that was created at `at`.
pub(super) fn meeting(key: RoomKey, at: u64) -> Meeting {
    Meeting {
        key,
        created_by: id("ann"),
        creator_name: None,
        description: "Meeting".into(),
        starts_at: Timestamp(at),
        created_at: Timestamp(at),
        updated_at: Timestamp(at),
        ended_at: None,
        settings: MeetingSettings::default(),
        access: Access::default(),
    }
}

pub(super) fn audit(action: &str) -> AuditRow {
    AuditRow {
        at: Timestamp(7),
        actor: "user:ann".to_owned(),
        action: action.to_owned(),
        target: None,
        role: None,
        before: None,
        after: None,
        cause: "command".to_owned(),
        epoch: Some(Epoch(1)),
        rev: Some(1),
        request: RequestId::new("request-1").ok(),
        stamp: Some(Stamp(5)),
    }
}

pub(super) fn noted(action: &str) -> LedgerEntry {
    LedgerEntry::Audit(audit(action))
}

pub(super) fn granted(user: &str, mark: impl Into<Mark>, since: u64) -> LedgerEntry {
    LedgerEntry::Grant {
        user: id(user),
        mark: mark.into(),
        held: Held {
            since: Some(Timestamp(since)),
            stamp: Stamp(since),
        },
    }
}

pub(super) fn revoked(user: &str, mark: impl Into<Mark>, at: u64) -> LedgerEntry {
    LedgerEntry::Grant {
        user: id(user),
        mark: mark.into(),
        held: Held {
            since: None,
            stamp: Stamp(at),
        },
    }
}

#[track_caller]
pub(super) fn is_unavailable<T: std::fmt::Debug>(result: Result<T, DirectoryError>) {
    match result {
        Err(DirectoryError::Unavailable(_)) => {}
        other => panic!("expected the database to be unavailable, got {other:?}"),
    }
}

#[track_caller]
pub(super) fn is_taken<T: std::fmt::Debug>(result: Result<T, DirectoryError>) {
    match result {
        Err(DirectoryError::Exists) => {}
        other => panic!("expected the id to be taken, got {other:?}"),
    }
}

/// Waits for what another task has to bring about.
pub(super) async fn until(what: impl AsyncFn() -> bool) {
    let waiting = async {
        while !what().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .expect("it never came true");
}
