//! This node alone knows which of its sockets are open. When the store lost something, or others took
//! this node for dead, it brings back who is still here and takes out who is not.

use futures_util::future::BoxFuture;

use super::actor::Loaded;
use super::authority;
use super::committing::{Authority, Fate};
use super::directory::DirectoryError;
use super::registry::{Message, Request};
use super::reply::ReplyTo;
use super::sink::Farewell;
use crate::domain::grant::Grants;
use crate::domain::id::{ConnectionId, UserId};
use crate::domain::participant::{MediaChanges, Participant};
use crate::domain::room::{
    Actor, Command, DismissalKind, Event, Join, LeaveReason, LossCause, Return, Room,
};

impl Loaded {
    /// Who was here before, is still connected, and is not in the room any more.
    pub(super) fn note_missing(&mut self, before: &Room) {
        let node = self.parts.ids.node();
        let missing: Vec<Join> = before
            .everybody()
            .flat_map(|participant| {
                let held = participant.connections.iter();
                held.map(move |connection| (participant, connection))
            })
            .filter(|(_, connection)| connection.node == node)
            .filter(|(participant, connection)| !holds(self.room(), participant, connection.id))
            .filter(|(_, connection)| self.sink.is_live(connection.id))
            .map(|(participant, connection)| Join {
                network: None,
                passcode: None,
                returning: Some(if before.lobby().holds(participant.seat) {
                    Return::ToLobby(participant.seat)
                } else {
                    Return::ToRoom
                }),
                user: participant.user.clone(),
                connection: connection.id,
                node,
                profile: participant.profile.clone(),
                media: MediaChanges {
                    audio_muted: Some(participant.media.audio_muted),
                    video_paused: Some(participant.media.video_paused),
                    screen_sharing: Some(participant.media.screen_sharing),
                    hand_raised: Some(participant.media.hand_raised),
                },
            })
            .collect();
        for join in missing {
            if let Some(why) = self.farewell(&join.user) {
                self.sink.send_away(join.connection, &why);
                continue;
            }
            self.returning
                .retain(|held| held.connection != join.connection);
            self.returning.push(join);
        }
    }

    /// Why somebody is out for good or for now, of which this node did not hear.
    fn farewell(&self, user: &UserId) -> Option<Farewell> {
        if self.room().is_ended() {
            return Some(Farewell::Ended);
        }
        if let Some(dismissal) = self.room().dismissal(user) {
            let (by, kind) = (dismissal.by.name.clone(), dismissal.kind);
            return Some(Farewell::SentAway { by, kind });
        }
        let (by, kind) = ("Host".into(), DismissalKind::Banned);
        let banned = self.room().is_banned(user);
        banned.then_some(Farewell::SentAway { by, kind })
    }

    /// Whether a commit of another node took out somebody who may still be connected here.
    pub(super) fn takes_out_ours(&self, events: &[Event]) -> bool {
        let node = self.parts.ids.node();
        let is_ours = |id: ConnectionId| {
            self.room()
                .holder_of(id)
                .is_some_and(|p| p.connections.iter().any(|c| c.id == id && c.node == node))
        };
        events.iter().any(|event| match event {
            Event::ConnectionLost { lost, .. } => lost.connection.node == node,
            Event::ConnectionDetached {
                connection,
                replaced: false,
                ..
            } => is_ours(*connection),
            Event::ParticipantLeft {
                user,
                reason: LeaveReason::Disconnected,
            }
            | Event::LobbyLeft {
                user,
                reason: LeaveReason::Disconnected,
            } => self
                .room()
                .person(user)
                .is_some_and(|p| p.connections.iter().any(|c| c.node == node)),
            Event::ConnectionDetached { replaced: true, .. }
            | Event::ParticipantLeft { .. }
            | Event::MeetingClaimed { .. }
            | Event::MeetingAdopted { .. }
            | Event::ParticipantJoined { .. }
            | Event::ConnectionAttached { .. }
            | Event::ProfileChanged { .. }
            | Event::MediaChanged { .. }
            | Event::LobbyEntered { .. }
            | Event::LobbyLeft { .. }
            | Event::Admitted { .. }
            | Event::Denied { .. }
            | Event::Removed { .. }
            | Event::BanChanged { .. }
            | Event::Muted { .. }
            | Event::UnmuteAsked { .. }
            | Event::Signalled { .. }
            | Event::MediaRestricted { .. }
            | Event::MessageMarked { .. }
            | Event::Announced { .. }
            | Event::MessageSent { .. }
            | Event::PasscodeFailed { .. }
            | Event::LockoutLifted { .. }
            | Event::ProviderSynced { .. }
            | Event::EndingSoon { .. }
            | Event::AbsentForgotten { .. }
            | Event::RoleGranted { .. }
            | Event::RoleRevoked { .. }
            | Event::RoleAffirmed { .. }
            | Event::GrantsRestored { .. }
            | Event::HostVacated { .. }
            | Event::HostChanged { .. }
            | Event::MeetingEnded { .. } => false,
        })
    }

    /// Lets in again who is missing, and takes out connections of this node that are no more. What the
    /// store does not take is tried again.
    ///
    /// Boxed: its commit may find somebody else missing and come here again.
    pub(super) fn reassert(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.assert_own())
    }

    async fn assert_own(&mut self) {
        let node = self.parts.ids.node();
        let sink = &self.sink;
        self.returning.retain(|join| sink.is_live(join.connection));
        let gone = self
            .room()
            .everybody()
            .flat_map(|participant| participant.connections.iter())
            .filter(|connection| connection.node == node && !sink.is_live(connection.id))
            .map(|connection| {
                let (connection, cause) = (connection.id, LossCause::Lost);
                (Actor::System, Command::LoseConnection { connection, cause })
            });
        let back = self.returning.iter().map(|join| {
            let actor = Actor::User(join.user.clone());
            (actor, Command::Join(Box::new(join.clone())))
        });
        // Roles that SQL has, and whoever began the room again had not heard of.
        let lost = self.confirmed.newer_than(&self.room().grants);
        let lost = (Actor::System, authority::restoring(lost));
        let messages: Vec<Message> = gone
            .chain(back)
            .chain([lost])
            .map(|(actor, command)| Message {
                request: Request::by_us(actor, command),
                reply: ReplyTo::Nobody,
            })
            .collect();
        self.to_reassert = false;
        let returning = std::mem::take(&mut self.returning);
        if self.commit(messages, Authority::Unchecked).await == Fate::Refused {
            self.to_reassert = true;
            self.returning.extend(returning);
        }
    }

    /// Asks SQL for the roles, without waiting: a room needs no database for what happens in it.
    pub(super) fn ask_sql(&mut self) {
        self.reconcile_at = None;
        let (directory, key) = (self.parts.directory.clone(), self.key.clone());
        self.asked = Some(Box::pin(async move { directory.grants(&key).await }));
    }

    /// Compares roles with SQL: what the store held, or what another node began the room again with, may
    /// have been older.
    pub(super) async fn reconcile(&mut self, known: Result<Grants, DirectoryError>) {
        self.asked = None;
        let agreed = match known {
            Ok(known) => self.exchange(&known).await,
            Err(error) => {
                tracing::debug!(room.id = %self.key, %error, "roles cannot be compared");
                false
            }
        };
        if !agreed {
            self.reconcile_later();
        }
    }

    /// What the store has to be given when it has lost the room: the people of the replica, and of each
    /// role the later word of replica and SQL. `None` while SQL does not answer.
    pub(super) async fn remembered(&mut self) -> Option<Room> {
        let (directory, key) = (self.parts.directory.clone(), self.key.clone());
        let meeting = directory.meeting(&key).await.ok()?;
        let mut grants: Grants = directory.grants(&key).await.ok()?;
        grants.merge_all(&self.room().grants);
        for commit in &self.unconfirmed {
            authority::fold(&mut grants, &commit.events);
        }
        let creator = meeting.map(|meeting| meeting.created_by.clone());
        Some(self.room().reborn(self.parts.ids.epoch(), creator, grants))
    }
}

fn holds(room: &Room, participant: &Participant, connection: ConnectionId) -> bool {
    room.person(&participant.user)
        .is_some_and(|present| present.holds(connection))
}
