//! How a room comes to a node: what SQL knows of it, or what the store already holds.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::committing::STORE_DOWN;
use super::directory::DirectoryError;
use super::registry::EngineParts;
use super::store::Opened;
use crate::domain::id::RoomKey;
use crate::domain::refusal::Refusal;
use crate::domain::room::state::Authority;
use crate::domain::room::{Commit, Room};

/// A room as it was loaded.
pub(super) struct Opening {
    pub(super) room: Room,
    pub(super) feed: mpsc::Receiver<Arc<Commit>>,
    /// Whether the store held an older room, from before a restart or a failover, or had not heard of
    /// the end that SQL knows.
    pub(super) stale: bool,
    /// Whether the store knows of roles that SQL does not: somebody is writing them, or has died before.
    pub(super) ahead: bool,
}

/// Puts the room together: what SQL knows, or what the store already holds.
pub(super) async fn load(key: &RoomKey, parts: &EngineParts) -> Result<Opening, Refusal> {
    let down = |error: DirectoryError| {
        tracing::warn!(room.id = %key, %error, "cannot load the room from the database");
        Refusal::Unavailable {
            reason: "The database does not answer",
        }
    };
    let meeting = parts.directory.meeting(key).await.map_err(down)?;
    let ended = match &meeting {
        Some(meeting) => meeting.ended_at.is_some(),
        None => parts.directory.is_closed(key).await.map_err(down)?,
    };
    let grants = parts.directory.grants(key).await.map_err(down)?;
    let policy = parts.policy.policy_of(&key.tenant);
    let policy = match &meeting {
        Some(meeting) => policy.for_meeting(&meeting.settings, &meeting.access),
        None => policy,
    };
    let version = meeting.as_ref().map(|meeting| meeting.version());
    let record_version = version.unwrap_or_default();
    let creator = meeting.map(|meeting| meeting.created_by.clone());
    let authority = Authority {
        record_version,
        creator,
        grants: grants.clone(),
        ended,
    };
    let fresh = Room::new(key.clone(), parts.ids.epoch(), policy, authority);
    match parts.store.open(parts.ids.node(), &fresh).await {
        Ok(Opened { room, feed }) => {
            // SQL was asked first, and is told last: it knows nothing that the store did not.
            let behind = grants.newer_than(&room.grants).next().is_some();
            let ahead = room.grants.newer_than(&grants).next().is_some();
            Ok(Opening {
                stale: behind
                    || record_version > room.record_version
                    || (room.epoch == fresh.epoch && room != fresh)
                    || (ended && !room.is_ended()),
                ahead,
                room,
                feed,
            })
        }
        Err(error) => {
            tracing::warn!(room.id = %key, %error, "cannot open the room");
            Err(STORE_DOWN)
        }
    }
}
