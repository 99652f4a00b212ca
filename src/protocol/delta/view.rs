//! The room as the delta dialect shows it, kept as JSON so that nobody is serialised twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::id::UserId;
use crate::domain::participant::{Participant, Seat};
use crate::domain::role::Roles;
use crate::domain::room::Room;
use crate::protocol::json;

/// What the members of a room have been shown so far.
///
/// JSON of a participant is kept until a commit touches it and written again when it is next needed,
/// not before. Roles and presence are kept to tell which changes nobody has been told of.
#[derive(Debug, Default)]
pub struct View {
    entries: BTreeMap<Seat, String>,
    pub(super) roles: BTreeMap<UserId, Roles>,
    pub(super) reconnecting: BTreeSet<UserId>,
}

impl View {
    /// The view of somebody who has just been shown this room.
    #[must_use]
    pub fn of(room: &Room) -> Self {
        let mut view = Self::default();
        for participant in room.participants() {
            view.show_roles(&participant.user, room.roles_of(&participant.user));
            if participant.is_reconnecting() {
                view.reconnecting.insert(participant.user.clone());
            }
        }
        view
    }

    /// The JSON of this user is out of date.
    pub(super) fn forget(&mut self, room: &Room, user: &UserId) {
        if let Some(participant) = room.participant(user) {
            self.entries.remove(&participant.seat);
        }
    }

    /// This is the JSON of who sits there.
    pub(super) fn remember(&mut self, seat: Seat, entry: String) {
        self.entries.insert(seat, entry);
    }

    pub(super) fn show_roles(&mut self, user: &UserId, roles: Roles) {
        if roles == Roles::default() {
            self.roles.remove(user);
        } else {
            self.roles.insert(user.clone(), roles);
        }
    }

    pub(super) fn shown_roles(&self, user: &UserId) -> Roles {
        self.roles.get(user).copied().unwrap_or_default()
    }

    /// `[participant, …]`, the whole room.
    #[must_use]
    pub fn list(&mut self, room: &Room) -> String {
        if self.entries.len() > room.len() {
            self.entries.retain(|seat, _| room.holds_seat(*seat));
        }
        let mut list = String::with_capacity(room.len().saturating_mul(256).saturating_add(2));
        list.push('[');
        for participant in room.participants() {
            if list.len() > 1 {
                list.push(',');
            }
            list.push_str(self.entry(room, participant));
        }
        list.push(']');
        list
    }

    /// One participant.
    pub fn participant(&mut self, room: &Room, user: &UserId) -> Option<&str> {
        let participant = room.participant(user)?.clone();
        Some(self.entry(room, &participant))
    }

    fn entry(&mut self, room: &Room, participant: &Arc<Participant>) -> &str {
        self.entries
            .entry(participant.seat)
            .or_insert_with(|| write(participant, room.roles_of(&participant.user)))
    }
}

/// `{id, name, imageUrl, isHost, isCoHost, isAudioMuted, isVideoPaused}`, and the extra fields only
/// where they are not what a frontend without them assumes.
pub(super) fn write(participant: &Participant, roles: Roles) -> String {
    let mut out = String::with_capacity(256);
    out.push_str("{\"id\":");
    json::string(&mut out, participant.user.as_str());
    out.push_str(",\"name\":");
    json::string(&mut out, &participant.profile.name);
    out.push_str(",\"imageUrl\":");
    json::optional_string(&mut out, participant.profile.image_url.as_deref());
    json::flag(&mut out, "isHost", roles.host);
    json::flag(&mut out, "isCoHost", roles.co_host);
    json::flag(&mut out, "isAudioMuted", participant.media.audio_muted);
    json::flag(&mut out, "isVideoPaused", participant.media.video_paused);
    if participant.media.screen_sharing {
        json::flag(&mut out, "isScreenSharing", true);
    }
    if participant.media.hand_raised {
        json::flag(&mut out, "isHandRaised", true);
    }
    if participant.is_reconnecting() {
        json::flag(&mut out, "isReconnecting", true);
    }
    out.push('}');
    out
}
