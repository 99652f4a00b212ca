//! What a failed statement means for those who wait, in words that carry neither values nor URLs.

use sea_orm::sqlx::Error as SqlxError;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::sqlite::SqliteError;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};

use crate::engine::directory::DirectoryError;

/// Why the database did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// It understood and refuses what it was given: its neighbours may pass.
    Refused(String),
    /// The connection broke, or two transactions met: once more, on a new connection, may work.
    Transient(String),
    /// It cannot do anything of the kind now.
    Outage(String),
}

impl Failure {
    /// Why, in a few words.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Refused(reason) | Self::Transient(reason) | Self::Outage(reason) => reason,
        }
    }
}

impl From<Failure> for DirectoryError {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(failure.reason().to_owned())
    }
}

impl From<SqlxError> for Failure {
    fn from(error: SqlxError) -> Self {
        of_sqlx(&error)
    }
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        if let DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) = &error
        {
            of_sqlx(error)
        } else if let DbErr::ConnectionAcquire(error) = error {
            match error {
                ConnAcquireErr::Timeout => of_sqlx(&SqlxError::PoolTimedOut),
                ConnAcquireErr::ConnectionClosed => of_sqlx(&SqlxError::PoolClosed),
            }
        } else if let DbErr::Migration(_) | DbErr::Custom(_) = error {
            Self::Outage("the migrations do not fit this database".to_owned())
        } else {
            Self::Outage("unexpected answer of the database".to_owned())
        }
    }
}

fn of_sqlx(error: &SqlxError) -> Failure {
    if let SqlxError::Database(error) = error {
        of_database(&**error)
    } else if let SqlxError::Io(error) = error {
        Failure::Transient(format!(
            "connection to the database lost: {:?}",
            error.kind()
        ))
    } else if let SqlxError::Protocol(_) | SqlxError::Tls(_) | SqlxError::WorkerCrashed = error {
        Failure::Transient("connection to the database lost".to_owned())
    } else if let SqlxError::PoolTimedOut = error {
        Failure::Outage("no connection to the database became free in time".to_owned())
    } else if let SqlxError::PoolClosed = error {
        Failure::Outage("the database is closed".to_owned())
    } else if let SqlxError::Encode(_) = error {
        Failure::Refused("a value cannot be stored".to_owned())
    } else {
        Failure::Outage("unexpected answer of the database".to_owned())
    }
}

fn of_database(error: &(dyn DatabaseError + 'static)) -> Failure {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<SqliteError>().is_some() {
        of_sqlite(code.parse().unwrap_or(1))
    } else {
        of_postgres(&code)
    }
}

/// By the primary code, which is the low byte of the extended one.
fn of_sqlite(code: u32) -> Failure {
    let outage = |reason: &str| Failure::Outage(format!("{reason} (SQLite {code})"));
    match code & 0xff {
        5 | 6 => outage("the database is locked"),
        8 => outage("the database is read-only"),
        10 => outage("disk I/O error"),
        11 | 26 => outage("the database file is damaged or is no database"),
        13 => outage("the disk is full"),
        14 => outage("the database file cannot be opened"),
        18..=20 | 25 => Failure::Refused(format!("a value is refused (SQLite {code})")),
        _ => outage("database error"),
    }
}

/// By the class, which is the first two characters of the SQLSTATE.
fn of_postgres(state: &str) -> Failure {
    match state.get(..2) {
        Some("22" | "23" | "P0") => Failure::Refused(format!("a value is refused ({state})")),
        Some("08" | "40" | "57") => {
            Failure::Transient(format!("the database gave up the transaction ({state})"))
        }
        _ if state == "25006" => Failure::Outage("the database is read-only (25006)".to_owned()),
        _ => Failure::Outage(format!("database error ({state})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_refused_values_let_the_neighbours_pass() {
        assert!(matches!(of_sqlite(1555), Failure::Refused(_)));
        assert!(matches!(of_sqlite(1811), Failure::Refused(_)));
        assert!(matches!(of_sqlite(517), Failure::Outage(_)));
        assert!(matches!(of_sqlite(13), Failure::Outage(_)));
        assert!(matches!(of_postgres("22021"), Failure::Refused(_)));
        assert!(matches!(of_postgres("57P01"), Failure::Transient(_)));
        assert!(matches!(of_postgres("53100"), Failure::Outage(_)));
    }
}
