//! Database errors as the engine's, without SQL, values or addresses in them.

use sea_orm::{DbErr, RuntimeErr, SqlErr};

use crate::engine::directory::DirectoryError;

/// What a failed query means to the engine.
pub(super) fn directory_error(error: &DbErr) -> DirectoryError {
    if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) {
        return DirectoryError::Exists;
    }
    DirectoryError::Unavailable(reason(error))
}

/// The database's own sentence; never a driver's, which may quote what was sent.
fn reason(error: &DbErr) -> String {
    if let DbErr::Custom(ours) = error {
        return ours.clone();
    }
    let (DbErr::Conn(runtime) | DbErr::Exec(runtime) | DbErr::Query(runtime)) = error else {
        return "the query failed".to_owned();
    };
    let RuntimeErr::SqlxError(cause) = runtime else {
        return "no connection".to_owned();
    };
    if let Some(database) = cause.as_database_error() {
        return database.message().to_owned();
    }
    if let sea_orm::sqlx::Error::Io(error) = &**cause {
        return format!("the connection broke: {}", error.kind());
    }
    if matches!(**cause, sea_orm::sqlx::Error::PoolTimedOut) {
        return "no connection became free".to_owned();
    }
    "the connection failed".to_owned()
}

/// Notes a failure that changes nothing any more.
pub(super) fn ignore<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) {
    if let Err(error) = result {
        tracing::debug!(what, %error, "ignored");
    }
}
