//! Puts a client that has lost its connection back where it was: who it was, in its rooms, without a word of
//! its own.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::connection::Connection;
use super::hub::{Ending, Hub};
use crate::auth::Principal;
use crate::domain::id::RoomKey;
use crate::domain::participant::MediaChanges;
use crate::domain::passcode::Network;
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::room::{Actor, Command, Join, LossCause, Return, Room};
use crate::engine::keeping::Sessions;
use crate::engine::registry::Request;
use crate::engine::sessions::{Pid, Session, SessionRoom};

/// Whether a client is in its rooms again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Back {
    /// In one of them at least.
    Yes,
    /// In none.
    No,
    /// Nobody could say: the store does not answer.
    Later,
}

/// What is known of the client that a pid was told to.
enum Holder {
    /// It answers.
    There,
    /// It does not.
    Silent(Arc<Connection>),
    /// Its connection has ended, or it cannot be asked.
    Unknown,
}

/// Whether this caller may be who the session was of.
fn fits(principal: &Principal, session: &Session) -> bool {
    let same = match principal.user() {
        Some(user) => *user == session.user,
        None => !session.verified,
    };
    same && principal.tenant == session.tenant
}

impl Hub {
    /// What the client is to show when it comes back: what it has shown now, where it was put back with
    /// that, or something new.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when it could not be put back now, and may be if it tries again.
    pub(super) async fn recover(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        shown: Option<&str>,
    ) -> Result<Option<Pid>, Refusal> {
        let Some(sessions) = self.sessions.get() else {
            return Ok(None);
        };
        if let Some(pid) = shown.and_then(Pid::parse) {
            match self.put_back(sessions, connection, &pid).await {
                Back::Yes => return Ok(Some(pid)),
                Back::No => {}
                Back::Later => {
                    let reason = "Your rooms do not answer yet";
                    return Err(Refusal::Unavailable { reason });
                }
            }
        }
        let pid = sessions.pid();
        connection.with_kept(|kept, _, _| kept.pid.clone_from(&pid));
        Ok(pid)
    }

    /// Whether the client that was told this pid is still there: then somebody else shows it. That its
    /// connection has not ended says little, since a client may be gone for long before that is noticed; so it
    /// is asked. One that polls cannot be, nor one on another node.
    async fn ask_holder(&self, sessions: &Sessions, pid: &Pid) -> Holder {
        let holder = sessions.holder(pid).and_then(|id| self.connection(id));
        let Some(holder) = holder else {
            return Holder::Unknown;
        };
        let Some(wire) = holder.wire().and_then(|wire| wire.upgrade()) else {
            return Holder::Unknown;
        };
        let patience = self.limits.connect_timeout / 10;
        match tokio::time::timeout(patience, wire.answers()).await {
            Ok(true) => Holder::There,
            Ok(false) | Err(_) => Holder::Silent(holder),
        }
    }

    /// A connection that its client has lost ends now: a room may have a place for one only.
    pub(super) fn end_silent(&self, lost: &Arc<Connection>) {
        lost.with_kept(|kept, _, _| kept.pid = None);
        if !lost.cut() {
            return;
        }
        if let Some(sid) = lost.sid() {
            self.close(lost, sid, Ending::Gone(LossCause::Lost));
        }
        if !lost.close() {
            let lost = lost.clone();
            self.tracker.spawn(async move { lost.closed().await });
        }
    }

    /// Whether at least one room took them back. Otherwise nothing has happened to the connection.
    async fn put_back(
        self: &Arc<Self>,
        sessions: &Arc<Sessions>,
        connection: &Arc<Connection>,
        pid: &Pid,
    ) -> Back {
        let holder = self.ask_holder(sessions, pid).await;
        if matches!(holder, Holder::There) {
            return Back::No;
        }
        let principal = connection.principal();
        let claim = sessions.claim(pid, connection.id(), |session| fits(principal, session));
        let claimed = tokio::time::timeout(self.recovery_patience(), claim).await;
        let claim = match claimed {
            Ok(Ok(Some(claim))) => claim,
            Ok(Ok(None)) => return Back::No,
            Ok(Err(_)) | Err(_) => return Back::Later,
        };
        let Some(session) = claim.session().cloned() else {
            return Back::No;
        };
        if let Holder::Silent(lost) = &holder {
            self.end_silent(lost);
        }
        self.list_to(connection);
        let returns = session
            .rooms
            .iter()
            .map(|seat| self.return_to(connection, &session, seat));
        let returned = join_all(returns).await;
        let back = returned.contains(&Back::Yes) && connection.bind(&session.user);
        if !back {
            self.unlist(connection);
            if returned.contains(&Back::Later) {
                claim.give_back();
                return Back::Later;
            }
            return Back::No;
        }
        if let Some(before) = claim.before().and_then(|id| self.connection(id)) {
            before.with_kept(|kept, _, _| kept.pid = None);
        }
        connection.with_kept(|kept, _, _| kept.pid = Some(pid.clone()));
        claim.keep();
        self.note_session(connection);
        Back::Yes
    }

    /// The library closes who is not connected in time: looking and joining together take half of that.
    fn recovery_patience(&self) -> Duration {
        self.limits.connect_timeout / 4
    }

    /// Whether the room took them back. That it does is a return and no join, however long it took: it does
    /// not count as one.
    async fn return_to(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        session: &Session,
        seat: &SessionRoom,
    ) -> Back {
        let key = RoomKey {
            tenant: session.tenant.clone(),
            room: seat.room.clone(),
        };
        let limit = self.limits.rooms_per_connection;
        let (Some(rooms), true) = (self.rooms(), connection.enter(&key, limit)) else {
            return Back::No;
        };
        // What was said meanwhile comes with the list.
        connection.await_history(&key, true, limit);
        let command = Command::Join(Box::new(self.join_again(connection, session, seat)));
        let joined = rooms.change(&key, Actor::User(session.user.clone()), command);
        let joined = tokio::time::timeout(self.recovery_patience(), joined).await;
        let holds = |room: &Room| {
            let person = room.person(&session.user);
            person.is_some_and(|person| person.holds(connection.id()))
        };
        let mut back = Back::No;
        match joined {
            Ok(Ok(room)) if holds(&room) => {
                if connection.is_in(&key) {
                    connection.with_kept(|kept, _, _| kept.seat(&key, &seat.profile));
                }
                return Back::Yes;
            }
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => {
                if refusal.kind() == Kind::Unavailable {
                    back = Back::Later;
                }
                tracing::debug!(room.id = %key, code = refusal.code(), "a client was not put back");
            }
            Err(_elapsed) => {
                back = Back::Later;
                // It may yet come in: then it goes again.
                let id = connection.id();
                let leave = Command::Leave { connection: id };
                self.tell(&key, Request::by_us(Actor::System, leave));
            }
        }
        connection.leave(&key);
        back
    }

    fn join_again(&self, connection: &Connection, session: &Session, seat: &SessionRoom) -> Join {
        let network = connection.source().network;
        Join {
            user: session.user.clone(),
            connection: connection.id(),
            node: self.ids.node(),
            profile: seat.profile.clone(),
            media: MediaChanges::default(),
            network: network.map(|network| Network::new(&network.to_string())),
            passcode: None,
            returning: Some(Return::Recovered),
        }
    }
}
