//! What members are told, in the words of the delta dialect.

use super::chat;
use crate::domain::chat::SignalKind;
use crate::domain::id::Revision;
use crate::domain::participant::{MediaChanges, MediaKind, MediaKinds};
use crate::domain::role::Role;
use crate::protocol::json;
use crate::protocol::message::Message;
use crate::protocol::names::server;
use crate::protocol::render::{Notice, Update, lock_field, signal};

/// One notice; `None` where this dialect has no word for it.
#[must_use]
pub fn say(notice: &Notice<'_>, rev: Revision) -> Option<Message> {
    let (name, body) = match notice {
        Notice::Joined { entry } => {
            let body = entry.trim_start_matches('{').trim_end_matches('}');
            (server::PARTICIPANT_JOINED, body.to_owned())
        }
        Notice::Updated { user, update } => {
            let updates = updates(update);
            let body = format!("\"participantId\":\"{user}\",\"updates\":{{{updates}}}");
            (server::PARTICIPANT_UPDATED, body)
        }
        Notice::Role {
            role, granted, by, ..
        } => (granted_name(*role, *granted), by_name(by)),
        Notice::Muted {
            kind, by, locked, ..
        } => {
            let mut body = kind_and_by(*kind, by);
            if *locked {
                json::flag(&mut body, "locked", true);
            }
            (server::FORCE_MUTE, body)
        }
        Notice::UnmuteAsked { kind, by, .. } => (server::UNMUTE_REQUESTED, kind_and_by(*kind, by)),
        Notice::Signal {
            from,
            to,
            kind: SignalKind::Signal,
            data,
            ..
        } => {
            let data = data.as_str();
            let body = format!("\"from\":\"{from}\",\"to\":\"{to}\",\"data\":{data}");
            (server::SIGNAL, body)
        }
        Notice::Signal {
            from,
            via,
            kind: kind @ (SignalKind::Offer | SignalKind::Answer | SignalKind::IceCandidate),
            data,
            ..
        } => return Some(signal(from, *via, *kind, data)),
        Notice::Chat(message) => (server::RECEIVE_MESSAGE, chat::fields(message)),
        Notice::Unlocked(_)
        | Notice::Locked(_)
        | Notice::MessageMarked { .. }
        | Notice::Announced { .. } => {
            return None;
        }
    };
    let payload = json::object(&body, rev);
    Some(Message { name, payload })
}

/// The field of a participant that says whether they hold a role.
const fn role_field(role: Role) -> &'static str {
    match role {
        Role::Host => "isHost",
        Role::CoHost => "isCoHost",
    }
}

/// The event that tells somebody of their role.
#[must_use]
pub const fn granted_name(role: Role, granted: bool) -> &'static str {
    match (role, granted) {
        (Role::Host, true) => server::HOST_GRANTED,
        (Role::Host, false) => server::HOST_REVOKED,
        (Role::CoHost, true) => server::COHOST_GRANTED,
        (Role::CoHost, false) => server::COHOST_REVOKED,
    }
}

/// The inside of `updates`.
fn updates(update: &Update<'_>) -> String {
    let mut out = String::new();
    match update {
        Update::Media(changes) => media(&mut out, changes),
        Update::Profile(profile) => {
            out.push_str(",\"name\":");
            json::string(&mut out, &profile.name);
            out.push_str(",\"imageUrl\":");
            json::optional_string(&mut out, profile.image_url.as_deref());
        }
        Update::Presence { reconnecting } => json::flag(&mut out, "isReconnecting", *reconnecting),
        Update::Role { role, granted } => json::flag(&mut out, role_field(*role), *granted),
        Update::Locks { shown, now } => locks(&mut out, *shown, *now),
    }
    out.trim_start_matches(',').to_owned()
}

/// `,"isAudioMuted":…` and the like, of what changes.
pub fn media(out: &mut String, changes: &MediaChanges) {
    for (key, value) in [
        ("isAudioMuted", changes.audio_muted),
        ("isVideoPaused", changes.video_paused),
        ("isScreenSharing", changes.screen_sharing),
        ("isHandRaised", changes.hand_raised),
    ] {
        if let Some(value) = value {
            json::flag(out, key, value);
        }
    }
}

fn locks(out: &mut String, shown: MediaKinds, now: MediaKinds) {
    for kind in MediaKind::ALL {
        if shown.has(kind) != now.has(kind) {
            json::flag(out, lock_field(kind), now.has(kind));
        }
    }
}

fn kind_and_by(kind: MediaKind, by: &str) -> String {
    format!("\"kind\":\"{}\",{}", kind.as_str(), by_name(by))
}

/// `"by":…`.
#[must_use]
pub fn by_name(by: &str) -> String {
    let mut body = String::from("\"by\":");
    json::string(&mut body, by);
    body
}
