//! The meeting record: what SQL keeps of a room for good.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::{RoomKey, UserId};
use super::policy::{Access, MeetingSettings};
use super::time::Timestamp;

/// A meeting that somebody created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meeting {
    /// The room in which it is held.
    pub key: RoomKey,
    /// Its creator and owner: always a host.
    pub created_by: UserId,
    /// The creator's display name, as given at creation.
    pub creator_name: Option<Arc<str>>,
    /// A line about it, `Meeting` by default.
    pub description: Arc<str>,
    /// When it is planned to start.
    pub starts_at: Timestamp,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the record was last changed. Each change is later than the one before, whatever the clock
    /// says.
    pub updated_at: Timestamp,
    /// When it was ended for everybody. From then on nobody may join.
    pub ended_at: Option<Timestamp>,
    /// What it sets for itself.
    pub settings: MeetingSettings,
    /// Lock, lobby and passcode.
    pub access: Access,
}

impl Meeting {
    /// Which state of the record this is, for rooms that take it over: of two, the later counts. A
    /// record that was never changed is older than any change.
    #[must_use]
    pub fn version(&self) -> Timestamp {
        if self.updated_at == self.created_at {
            Timestamp::default()
        } else {
            self.updated_at
        }
    }
}
