//! The connections of one room on this node, by id and by user.

use std::collections::HashMap;
use std::sync::Arc;

use super::connection::Connection;
use crate::domain::id::{ConnectionId, UserId};
use crate::protocol::dialect::Dialect;

/// Who gets what happens in a room.
#[derive(Debug, Default)]
pub(super) struct Members {
    connections: HashMap<ConnectionId, (UserId, Arc<Connection>)>,
    by_user: HashMap<UserId, Vec<ConnectionId>>,
}

impl Members {
    pub(super) fn insert(&mut self, id: ConnectionId, user: &UserId, connection: Arc<Connection>) {
        if self
            .connections
            .insert(id, (user.clone(), connection))
            .is_none()
        {
            self.by_user.entry(user.clone()).or_default().push(id);
        }
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Arc<Connection>> {
        let (user, connection) = self.connections.remove(&id)?;
        if let Some(ids) = self.by_user.get_mut(&user) {
            ids.retain(|held| *held != id);
            if ids.is_empty() {
                self.by_user.remove(&user);
            }
        }
        Some(connection)
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(ConnectionId, &UserId) -> bool) {
        let gone: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(id, (user, _))| !keep(**id, user))
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            self.remove(id);
        }
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&Arc<Connection>> {
        self.connections.get(&id).map(|(_, connection)| connection)
    }

    /// Whose connection this is.
    pub(super) fn user_of(&self, id: ConnectionId) -> Option<&UserId> {
        self.connections.get(&id).map(|(user, _)| user)
    }

    /// Whether somebody is spoken to in the list dialect.
    pub(super) fn any_listed(&self) -> bool {
        let mut all = self.connections.values();
        all.any(|(_, connection)| connection.dialect() == Dialect::List)
    }

    /// Every connection of one user.
    pub(super) fn of(&self, user: &UserId) -> &[ConnectionId] {
        self.by_user.get(user).map_or(&[], Vec::as_slice)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &Arc<Connection>)> {
        self.connections
            .iter()
            .map(|(id, (_, connection))| (*id, connection))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (ConnectionId, &UserId)> {
        self.connections.iter().map(|(id, (user, _))| (*id, user))
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.keys().copied()
    }
}
