//! Brings SQLite's log back into the file, beside the writer instead of inside its commits.
//!
//! A passive checkpoint disturbs nobody. But while commits keep coming it never catches the end of
//! the log, and only a log that was copied whole is begun anew; so a log that has grown long is
//! finished off while the writer waits, which is brief because most of it was just copied.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sea_orm::sqlx::{self, Connection, Row};
use tokio_util::sync::CancellationToken;

use super::state::State;

/// From the first commit to the checkpoint that brings it home.
const INTERVAL: Duration = Duration::from_secs(1);

/// The same, while the log grows fast.
const SHORT_INTERVAL: Duration = Duration::from_millis(100);

/// Pages (of 4 KiB) in the log at which the writer is made to wait: 64 MiB.
const LONG_LOG: i64 = 16_384;

/// Pages that may be left to copy while the writer waits, and how often that is aimed at.
const SMALL_REST: i64 = 1_024;
const PASSES: usize = 4;

/// Checkpoints until it is told to stop.
pub(super) async fn run(options: SqliteConnectOptions, state: Arc<State>, stop: CancellationToken) {
    let mut connection: Option<SqliteConnection> = None;
    let mut interval = INTERVAL;
    loop {
        tokio::select! {
            () = state.written.notified() => {}
            () = stop.cancelled() => break,
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = stop.cancelled() => break,
        }
        let open = match connection.take() {
            Some(open) => Ok(open),
            None => SqliteConnection::connect_with(&options).await,
        };
        let done = match open {
            Ok(mut open) => match checkpoint(&mut open).await {
                Ok(grows_fast) => {
                    connection = Some(open);
                    interval = if grows_fast { SHORT_INTERVAL } else { INTERVAL };
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            // the commits are in the log and stay there: nothing is lost, it only grows
            tracing::warn!(%error, "SQLite's log could not be copied into the file");
        }
    }
    if let Some(connection) = connection {
        // the last connection to close tidies up, whichever it is
        drop(connection.close().await);
    }
}

/// Copies the log; says whether it had grown long.
async fn checkpoint(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let mut pages = passive(connection).await?;
    if pages < LONG_LOG {
        return Ok(false);
    }
    for _ in 0..PASSES {
        // what came during one pass is copied by the next, which is shorter for it
        let more = passive(connection).await?;
        let came = more.saturating_sub(pages);
        pages = more;
        if came < SMALL_REST {
            break;
        }
    }
    sqlx::query("PRAGMA wal_checkpoint(RESTART)")
        .fetch_one(connection)
        .await?;
    Ok(true)
}

/// Copies what is in the log now, and says how many pages that is.
async fn passive(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let done = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
        .fetch_one(connection)
        .await?;
    done.try_get(1)
}
