//! Acknowledgements and refusals of the delta dialect.

use super::tickets::Provided;
use crate::domain::id::{Revision, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::room::Room;
use crate::domain::time::Timestamp;
use crate::protocol::json;
use crate::protocol::message::Message;
use crate::protocol::names::server;
use crate::protocol::render::{View, place};
use crate::protocol::rest::rfc3339;

/// The `error` event that goes with every refusal.
#[must_use]
pub fn error(refusal: &Refusal, event: &str) -> Message {
    let mut payload = String::from("{\"message\":");
    json::string(&mut payload, &refusal.to_string());
    payload.push_str(",\"code\":\"");
    payload.push_str(refusal.code());
    payload.push_str("\",\"event\":");
    json::string(&mut payload, event);
    details(&mut payload, refusal);
    payload.push('}');
    Message {
        name: server::ERROR,
        payload,
    }
}

/// When to try again, for what may succeed unchanged; and what else a client can use.
pub fn details(out: &mut String, refusal: &Refusal) {
    if let Some(after) = refusal.retry_after_ms() {
        json::flag(out, "retryable", true);
        json::number(out, "retryAfterMs", after);
    }
    if let Refusal::AlreadyDecided { by, admitted } = refusal {
        out.push_str(",\"decidedBy\":");
        json::string(out, by);
        out.push_str(",\"decision\":\"");
        out.push_str(if *admitted { "admitted" } else { "denied" });
        out.push('"');
    }
    if let Refusal::AlreadyConnected { live_for } = refusal {
        json::number(out, "connectedForMs", live_for.as_millis());
    }
}

/// The acknowledgement of a refused command.
#[must_use]
pub fn refused_ack(refusal: &Refusal) -> String {
    let mut out = String::from("{\"ok\":false,\"error\":{\"code\":\"");
    out.push_str(refusal.code());
    out.push_str("\",\"message\":");
    json::string(&mut out, &refusal.to_string());
    details(&mut out, refusal);
    out.push_str("}}");
    out
}

/// The event that carries the list.
#[must_use]
pub fn listed(list: String) -> Message {
    Message {
        name: server::EXISTING_PARTICIPANTS,
        payload: list,
    }
}

/// The acknowledgement of a command that has nothing more to say.
#[must_use]
pub fn done_ack(rev: Revision) -> String {
    let mut out = String::from("{\"ok\":true");
    json::number(&mut out, "rev", rev);
    out.push('}');
    out
}

/// How a client that came back was brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// It had missed nothing.
    NothingMissed,
    /// It was sent what it had missed: so many events.
    Replayed(usize),
    /// It was sent the list, and why.
    Snapshot(SnapshotReason),
}

/// Why what was missed could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotReason {
    /// The room has begun anew since.
    EpochChanged,
    /// What was missed is not kept here, or not any longer.
    LogGone,
    /// They were not in the room all the time.
    Left,
    /// They say that they have seen more than there is.
    Ahead,
}

impl SnapshotReason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::EpochChanged => "epoch-changed",
            Self::LogGone => "log-gone",
            Self::Left => "left",
            Self::Ahead => "ahead",
        }
    }
}

impl Resumed {
    fn write(self, out: &mut String) {
        out.push_str(",\"resume\":{\"outcome\":\"");
        match self {
            Self::NothingMissed => out.push_str("nothing-missed\""),
            Self::Replayed(events) => {
                out.push_str("replayed\"");
                json::number(out, "events", events);
            }
            Self::Snapshot(reason) => {
                out.push_str("snapshot\",\"reason\":\"");
                out.push_str(reason.as_str());
                out.push('"');
            }
        }
        out.push('}');
    }
}

/// The acknowledgement of `room-state`: the whole room.
#[must_use]
pub fn room_ack(room: &Room, list: &str) -> String {
    let mut out = begin(room, list.len());
    out.push_str(",\"participants\":");
    out.push_str(list);
    out.push('}');
    out
}

/// The acknowledgement of a join: the room, the joiner, and everybody unless they were told what they
/// had missed.
#[must_use]
pub fn joined_ack(
    view: &mut View,
    room: &Room,
    list: &str,
    joiner: &UserId,
    (resumed, provided): (Option<Resumed>, Provided<'_>),
) -> String {
    let mut out = begin(room, list.len());
    out.push_str(",\"participant\":");
    out.push_str(view.participant(room, joiner).unwrap_or("null"));
    if matches!(resumed, None | Some(Resumed::Snapshot(_))) {
        out.push_str(",\"participants\":");
        out.push_str(list);
    }
    provided.write(&mut out);
    if let Some(resumed) = resumed {
        resumed.write(&mut out);
    }
    out.push('}');
    out
}

/// The acknowledgement of a join that ended in the lobby.
#[must_use]
pub fn waiting_ack(room: &Room, user: &UserId) -> String {
    let mut out = String::from("{\"ok\":true,\"waiting\":true,");
    out.push_str(&place(room, user));
    out.push('}');
    out
}

/// The acknowledgement of `request-chat-history`.
#[must_use]
pub fn chat_ack(rev: Revision, history: &str) -> String {
    let mut out = String::from("{\"ok\":true");
    json::number(&mut out, "rev", rev);
    out.push_str(",\"messages\":");
    out.push_str(history);
    out.push('}');
    out
}

fn begin(room: &Room, list: usize) -> String {
    let mut out = String::with_capacity(list.saturating_add(512));
    out.push_str("{\"ok\":true");
    json::number(&mut out, "rev", room.rev);
    out.push_str(",\"room\":");
    describe(&mut out, room);
    out
}

/// The room itself, without its people. The epoch is text: JavaScript numbers end at 2^53.
fn describe(out: &mut String, room: &Room) {
    use crate::domain::room::HostSeat;
    let host = room.host_seat.as_str();
    let deadline = match &room.host_seat {
        HostSeat::Vacant { deadline } => Some(*deadline),
        HostSeat::NeverTaken | HostSeat::Taken | HostSeat::Acting { .. } | HostSeat::Hostless => {
            None
        }
    };
    out.push_str("{\"id\":\"");
    out.push_str(room.key.room.as_str());
    out.push_str("\",\"createdBy\":");
    json::optional_string(out, room.creator.as_ref().map(UserId::as_str));
    out.push_str(",\"epoch\":\"");
    out.push_str(&format!("{:016x}", room.epoch.0));
    out.push_str("\",\"host\":\"");
    out.push_str(host);
    out.push_str("\",\"hostVacantUntil\":");
    json::optional_string(out, deadline.map(|at: Timestamp| rfc3339(at)).as_deref());
    json::number(out, "participantCount", room.len());
    json::flag(out, "locked", room.policy.access.locked);
    json::flag(out, "lobby", room.policy.access.lobby);
    json::number(out, "maxParticipants", room.policy.max_participants);
    let passcode = room.policy.access.passcode.is_some();
    json::flag(out, "passcodeRequired", passcode);
    out.push_str(",\"endsAt\":");
    json::optional_string(out, room.ends_at().map(|(at, _)| rfc3339(at)).as_deref());
    out.push('}');
}
