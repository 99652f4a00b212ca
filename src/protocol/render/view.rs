//! The room as its members are shown it, kept as JSON so that nobody is serialised twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::chat::Announcement;
use crate::domain::id::{ConnectionId, UserId};
use crate::domain::participant::{MediaKind, MediaKinds, Participant, Seat};
use crate::domain::role::Roles;
use crate::domain::room::{Event, Room};
use crate::protocol::json;

/// What the members of a room have been shown so far.
///
/// JSON of a participant is kept until a commit touches it and written again when it is next needed,
/// not before. Roles and presence are kept to tell which changes nobody has been told of.
#[derive(Debug, Default)]
pub struct View {
    entries: BTreeMap<Seat, String>,
    pub(super) roles: BTreeMap<UserId, Roles>,
    /// Who is typing, and over which connection.
    pub(super) typing: BTreeMap<ConnectionId, UserId>,
    /// What people may not switch on.
    locks: BTreeMap<UserId, MediaKinds>,
    pub(super) reconnecting: BTreeSet<UserId>,
    /// Who waits in the lobby, and what they were told of their place.
    queue: BTreeMap<UserId, Option<(usize, bool)>>,
    access: ShownAccess,
}

/// Lock, lobby, passcode and seats as members were shown them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct ShownAccess {
    locked: bool,
    lobby: bool,
    passcode: bool,
    seats: usize,
}

impl ShownAccess {
    fn of(room: &Room) -> Self {
        let access = &room.policy.access;
        Self {
            locked: access.locked,
            lobby: access.lobby,
            passcode: access.passcode.is_some(),
            seats: room.policy.max_participants,
        }
    }
}

impl View {
    /// The view of somebody who has just been shown this room.
    #[must_use]
    pub fn of(room: &Room) -> Self {
        let mut view = Self {
            access: ShownAccess::of(room),
            ..Self::default()
        };
        for waiting in room.lobby().iter() {
            view.wait(&waiting.user);
        }
        for participant in room.participants() {
            view.show_roles(&participant.user, room.roles_of(&participant.user));
            view.show_locks(&participant.user, room.locked_for(participant));
            if participant.is_reconnecting() {
                view.reconnecting.insert(participant.user.clone());
            }
        }
        view
    }

    /// The view of members before these events led to `room`: who waits has waited all the time, and
    /// whoever comes back first of all was away.
    pub(super) fn before(room: &Room, events: &[Event]) -> Self {
        let mut view = Self::default();
        for waiting in room.lobby().iter() {
            view.wait(&waiting.user);
        }
        for participant in room.participants() {
            view.show_locks(&participant.user, room.locked_for(participant));
        }
        let mut seen = BTreeSet::new();
        for event in events {
            if let Event::ConnectionAttached { user, .. } = event {
                if seen.insert(user) && !view.is_waiting(user) {
                    view.reconnecting.insert(user.clone());
                }
            } else if let Event::ConnectionLost { user, .. } = event {
                seen.insert(user);
            } else if let Event::ParticipantJoined { participant } = event {
                seen.insert(&participant.user);
            }
        }
        view
    }

    pub(super) fn is_waiting(&self, user: &UserId) -> bool {
        self.queue.contains_key(user)
    }

    pub(super) fn wait(&mut self, user: &UserId) {
        self.queue.insert(user.clone(), None);
    }

    pub(super) fn wait_no_longer(&mut self, user: &UserId) {
        self.queue.remove(user);
    }

    /// Who waits, in no order that means anything.
    pub(super) fn queue(&self) -> Vec<UserId> {
        self.queue.keys().cloned().collect()
    }

    pub(super) fn forget_place(&mut self, user: &UserId) {
        if let Some(told) = self.queue.get_mut(user) {
            *told = None;
        }
    }

    /// Notes what somebody is told of their place; `false` when they know.
    pub(super) fn show_place(&mut self, user: &UserId, at: usize, moderator: bool) -> bool {
        let told = self.queue.entry(user.clone()).or_default();
        let differs = *told != Some((at, moderator));
        *told = Some((at, moderator));
        differs
    }

    /// Notes how lock, lobby, passcode and seats are shown; returns what differs.
    pub(super) fn show_access(&mut self, room: &Room) -> String {
        let (before, now) = (self.access, ShownAccess::of(room));
        self.access = now;
        let mut out = String::new();
        for (key, was, is) in [
            ("locked", before.locked, now.locked),
            ("lobby", before.lobby, now.lobby),
            ("passcodeRequired", before.passcode, now.passcode),
        ] {
            if was != is {
                json::flag(&mut out, key, is);
            }
        }
        if before.seats != now.seats {
            json::number(&mut out, "maxParticipants", now.seats);
        }
        out.trim_start_matches(',').to_owned()
    }

    /// Lock, lobby, passcode and seats, all of them.
    pub(super) fn doors(room: &Room) -> String {
        let now = ShownAccess::of(room);
        let mut out = format!("\"locked\":{}", now.locked);
        json::flag(&mut out, "lobby", now.lobby);
        json::flag(&mut out, "passcodeRequired", now.passcode);
        json::number(&mut out, "maxParticipants", now.seats);
        out
    }

    /// Moderators as the members have been shown them, sorted.
    pub(super) fn moderators(&self) -> Vec<UserId> {
        self.roles.keys().cloned().collect()
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

    pub(super) fn note_typing(
        &mut self,
        user: &UserId,
        via: Option<ConnectionId>,
        announcement: &Announcement,
    ) {
        match (announcement, via) {
            (Announcement::TypingStarted, Some(via)) => {
                self.typing.insert(via, user.clone());
            }
            (Announcement::TypingStopped, Some(via)) => drop(self.typing.remove(&via)),
            (Announcement::Reaction { .. }, _) | (_, None) => {}
        }
    }

    /// Over which connections somebody was typing who no longer is.
    pub(super) fn stop_typing(&mut self, user: &UserId) -> Vec<ConnectionId> {
        let theirs = self.typing.extract_if(.., |_, typist| typist == user);
        theirs.map(|(connection, _)| connection).collect()
    }

    pub(super) fn show_locks(&mut self, user: &UserId, locks: MediaKinds) {
        if locks.is_empty() {
            self.locks.remove(user);
        } else {
            self.locks.insert(user.clone(), locks);
        }
    }

    pub(super) fn shown_locks(&self, user: &UserId) -> MediaKinds {
        self.locks.get(user).copied().unwrap_or_default()
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
        self.entries.entry(participant.seat).or_insert_with(|| {
            let roles = room.roles_of(&participant.user);
            write(participant, roles, locks_of(room, participant, roles))
        })
    }
}

/// What somebody with these roles may not switch on.
pub(super) fn locks_of(room: &Room, participant: &Participant, roles: Roles) -> MediaKinds {
    if roles == Roles::default() {
        room.locked_for(participant)
    } else {
        MediaKinds::default()
    }
}

/// `"audioLocked"` and the like.
pub const fn lock_field(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audioLocked",
        MediaKind::Video => "videoLocked",
        MediaKind::Screen => "screenShareLocked",
    }
}

/// `{id, name, imageUrl, isHost, isCoHost, isAudioMuted, isVideoPaused}`, and the extra fields only
/// where they are not what a frontend without them assumes.
pub(super) fn write(participant: &Participant, roles: Roles, locks: MediaKinds) -> String {
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
    for kind in MediaKind::ALL {
        if locks.has(kind) {
            json::flag(&mut out, lock_field(kind), true);
        }
    }
    out.push('}');
    out
}
