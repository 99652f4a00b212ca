//! Use cases in live rooms, from outside of them: for back ends, operators, and moderators elsewhere.

use futures_util::{StreamExt, stream};

use super::directory::Page;
use super::meetings::{Meetings, Origin, refusal};
use super::reply::Issued;
use crate::domain::id::{RoomId, RoomKey, TenantId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::role::Mark;
use crate::domain::room::{Command, EndCause, Room};
use crate::domain::ticket::Provider;
use crate::domain::time::Timestamp;

/// Rooms that are looked at, or ended, at once.
const AT_ONCE: usize = 8;

impl Meetings {
    /// Has a room carry out a command, and returns the room as it is after it.
    ///
    /// # Errors
    /// [`Refusal::MeetingNotFound`] when there is neither a record nor a room; what the room refuses.
    pub async fn command(
        &self,
        key: &RoomKey,
        command: Command,
        by: &Origin,
    ) -> Result<Room, Refusal> {
        self.room(key).await?;
        let Origin { actor, request } = by.clone();
        self.rooms.change_for(key, actor, command, request).await
    }

    /// A fresh ticket for somebody who is in the room.
    ///
    /// # Errors
    /// [`Refusal::MeetingNotFound`] when there is neither a record nor a room; why they get none.
    pub async fn ticket(&self, key: &RoomKey, user: UserId) -> Result<Issued, Refusal> {
        self.room(key).await?;
        self.rooms.ticket(key, user).await
    }

    /// Whether meetings of this tenant may be held there.
    #[must_use]
    pub fn may_be_held_at(&self, tenant: &TenantId, provider: Provider) -> bool {
        self.rooms.tickets().serves(tenant, provider)
    }

    /// Who is banned from a meeting, by user id, and since when.
    ///
    /// # Errors
    /// [`Refusal::MeetingNotFound`] when there is neither a record nor a room.
    pub async fn bans(&self, key: &RoomKey) -> Result<Vec<(UserId, Timestamp)>, Refusal> {
        self.room(key).await?;
        let grants = self.directory.grants(key).await.map_err(refusal)?;
        let banned = grants
            .by_user()
            .filter_map(|(user, grant)| Some((user.clone(), grant.since(Mark::Banned)?)));
        Ok(banned.collect())
    }

    /// Rooms of a tenant with somebody in them or in their lobbies, by id.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub async fn live(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Room>, Refusal> {
        let mut keys = self.rooms.open_anywhere(tenant).await?;
        keys.retain(|key| after.is_none_or(|after| key.room.as_str() > after));
        let looks = keys
            .into_iter()
            .map(|key| async move { self.rooms.peek(&key).await });
        let mut looks = Box::pin(stream::iter(looks).buffered(AT_ONCE));
        let mut items: Vec<Room> = Vec::new();
        while let Some(room) = looks.next().await {
            let Some(room) = room?.filter(|room| !room.is_deserted()) else {
                continue;
            };
            if items.len() == limit {
                let last = items.last().map(|room| room.key.room.to_string());
                return Ok(Page { items, next: last });
            }
            items.push(room);
        }
        Ok(Page { items, next: None })
    }

    /// Ends every live room of a tenant. Returns those that were ended, and those that were not.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when the rooms cannot be listed.
    pub async fn end_all(
        &self,
        tenant: &TenantId,
        by: &Origin,
    ) -> Result<(Vec<RoomId>, Vec<RoomId>), Refusal> {
        let keys = self.rooms.open_anywhere(tenant).await?;
        let ends = keys
            .into_iter()
            .map(|key| async move { self.end_if_live(&key, by).await.map(|it| (key, it)) });
        let results: Vec<_> = stream::iter(ends).buffered(AT_ONCE).collect().await;
        let (mut ended, mut failed) = (Vec::new(), Vec::new());
        for (key, done) in results.into_iter().flatten() {
            match done {
                Ok(()) => ended.push(key.room),
                Err(error) => {
                    tracing::warn!(room.id = %key, %error, "a room was not ended with the others");
                    failed.push(key.room);
                }
            }
        }
        Ok((ended, failed))
    }

    async fn end_if_live(&self, key: &RoomKey, by: &Origin) -> Option<Result<(), Refusal>> {
        match self.rooms.peek(key).await {
            Ok(Some(room)) if !room.is_deserted() => {}
            Ok(_) => return None,
            Err(error) => return Some(Err(error)),
        }
        let Origin { actor, request } = by.clone();
        let cause = EndCause::Command;
        let end = Command::End { cause };
        let ended = self.rooms.change_for(key, actor, end, request).await;
        Some(ended.map(drop))
    }
}
