//! A node as a store sees it: it opens a room, decides on its replica, appends, and catches up.

use std::sync::Arc;

use tokio::sync::mpsc;
use usher::domain::id::{CommitId, ConnectionId, NodeId};
use usher::domain::room::{Actor, Command, Commit, Draft, Replica, Room};
use usher::engine::store::{Appended, Missed, RoomStore};
use usher::ids::IdSource;

use super::people::{START, join};
use super::within;

pub(crate) struct Author {
    pub(crate) feed: mpsc::Receiver<Arc<Commit>>,
    pub(crate) node: NodeId,
    store: Arc<dyn RoomStore>,
    replica: Replica,
    ids: IdSource,
}

impl Author {
    /// Opens the room, which is `fresh` if there is none.
    pub(crate) async fn opens(store: &Arc<dyn RoomStore>, node: u64, fresh: &Room) -> Self {
        let node = NodeId(node);
        let opened = store.open(node, fresh).await.unwrap();
        let (store, ids) = (store.clone(), IdSource::counting(node));
        Self {
            feed: opened.feed,
            node,
            store,
            replica: Replica::new(opened.room),
            ids,
        }
    }

    pub(crate) const fn room(&self) -> &Room {
        self.replica.room()
    }

    pub(crate) fn next_id(&self) -> CommitId {
        self.ids.commit()
    }

    /// Decides on the replica as it is; `None` when the command is refused or changes nothing.
    pub(crate) fn decides(
        &self,
        id: CommitId,
        actor: &Actor,
        command: &Command,
    ) -> Option<(Arc<Commit>, Room)> {
        let mut draft = Draft::of(self.room());
        draft.execute(actor, command, START).ok()?;
        let (commit, after) = draft.into_commit(id, START)?;
        Some((Arc::new(commit), after))
    }

    /// Appends once and follows an acceptance.
    pub(crate) async fn appends(&mut self, commit: &Arc<Commit>, after: &Room) -> Appended {
        let appended = self.store.append(commit, after).await.unwrap();
        if appended == Appended::Accepted {
            self.replica.advance(after.clone());
        }
        appended
    }

    /// Decides and appends, again on what was missed, until the commit is in; `None` when there is
    /// nothing to commit (any more).
    pub(crate) async fn says(&mut self, actor: &Actor, command: &Command) -> Option<Arc<Commit>> {
        let id = self.next_id();
        loop {
            let (commit, after) = self.decides(id, actor, command)?;
            // Lets the others in between, as a network would.
            tokio::task::yield_now().await;
            match self.appends(&commit, &after).await {
                Appended::Accepted => return Some(commit),
                Appended::Conflict(missed) => self.catches_up(missed),
            }
        }
    }

    /// Somebody new joins through this node: a command that is never refused.
    pub(crate) async fn lets_in(&mut self, name: &str) -> Arc<Commit> {
        let connection = ConnectionId(self.node.0 * 10_000 + self.room().next_seat);
        let command = join(name, connection, self.node);
        self.says(&Actor::System, &command)
            .await
            .expect("a newcomer is an event")
    }

    pub(crate) fn catches_up(&mut self, missed: Missed) {
        match missed {
            Missed::Commits(commits) => {
                for commit in commits {
                    self.folds(&commit);
                }
            }
            Missed::Snapshot(room) => self.replica.advance(*room),
        }
    }

    /// Folds the next commit, which has to follow.
    pub(crate) fn folds(&mut self, commit: &Commit) {
        assert_eq!(
            self.replica.apply(commit),
            Ok(true),
            "what was missed follows"
        );
    }

    /// The next commit of another node.
    pub(crate) async fn hears(&mut self) -> Arc<Commit> {
        within(self.feed.recv()).await.expect("the feed is open")
    }

    /// Reads what it has missed, all of it.
    pub(crate) async fn asks_what_it_missed(&mut self) {
        let missed = self
            .store
            .since(self.room(), self.room().rev)
            .await
            .unwrap();
        self.catches_up(missed.expect("the room is there"));
    }
}
