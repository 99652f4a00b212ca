//! Who is in the room, and as what, as its members are told of it.

use super::notice::Update;
use super::{Notice, Rendering, view};
use crate::domain::id::UserId;
use crate::domain::participant::{MediaChanges, MediaKind, MediaKinds, Participant, Profile};
use crate::domain::role::{Role, Roles};
use crate::domain::room::{By, Event, HostChangeCause, LeaveReason};
use crate::protocol::json;
use crate::protocol::message::Audience;
use crate::protocol::names::server;

impl Rendering<'_> {
    /// Tells of a newcomer as they were when they came, whatever the commit holds after that.
    pub(super) fn joined(&mut self, participant: &Participant, later: &[Event]) {
        let user = &participant.user;
        let roles = roles_before(self.room.roles_of(user), user, later);
        let locks = view::locks_of(self.room, participant, roles);
        let entry = view::write(participant, roles, locks);
        self.view.show_roles(user, roles);
        self.view.show_locks(user, locks);
        self.out.entered.push(user.clone());
        if participant.is_reconnecting() {
            self.view.reconnecting.insert(user.clone());
        }
        self.out.list_changed = true;
        self.tell(Audience::Room, &Notice::Joined { entry: &entry });
        for kind in MediaKind::ALL {
            // Their client may believe otherwise.
            if participant.muted.has(kind) || locks.has(kind) {
                let (by, all) = ("Host", false);
                let locked = locks.has(kind);
                let notice = Notice::Muted {
                    kind,
                    by,
                    locked,
                    all,
                };
                self.tell(Audience::User(user.clone()), &notice);
            }
        }
        let unchanged = roles == self.room.roles_of(user)
            && self
                .room
                .participant(user)
                .is_some_and(|now| **now == *participant);
        if unchanged {
            self.view.remember(participant.seat, entry);
        }
    }

    pub(super) fn left(&mut self, user: &UserId, reason: LeaveReason) {
        if self.unseen.remove(user) {
            return;
        }
        self.out.list_changed = true;
        self.view.show_roles(user, Roles::default());
        self.view.show_locks(user, MediaKinds::default());
        self.view.reconnecting.remove(user);
        for connection in self.view.stop_typing(user) {
            self.stopped_typing(user, connection);
        }
        let attached = std::mem::take(&mut self.out.attached);
        let (passing, staying): (Vec<_>, Vec<_>) =
            attached.into_iter().partition(|new| new.user == *user);
        self.out.attached = staying;
        self.out.passing.extend(passing);
        self.out.departed.push(user.clone());
        // An end takes everybody along: nobody is left to be told who left.
        if reason != LeaveReason::MeetingEnded {
            let payload = self.object(&format!(
                "\"participantId\":\"{user}\",\"userId\":\"{user}\",\"id\":\"{user}\",\
                 \"peerId\":\"{user}\",\"reason\":\"{}\"",
                reason.as_str()
            ));
            self.line(Audience::Room, server::PARTICIPANT_LEFT, payload);
        }
    }

    /// Something about somebody that the list shows.
    fn updated(&mut self, user: &UserId, update: &Update<'_>) {
        self.out.list_changed = true;
        self.view.forget(self.room, user);
        self.tell(Audience::Room, &Notice::Updated { user, update });
    }

    pub(super) fn media(&mut self, user: &UserId, changes: &MediaChanges) {
        // Where no moderator is, who switches on is free of a lock.
        self.locks_unclear |= !self.view.shown_locks(user).is_empty();
        self.updated(user, &Update::Media(*changes));
    }

    pub(super) fn presence(&mut self, user: &UserId, reconnecting: bool) {
        let changed = if reconnecting {
            self.view.reconnecting.insert(user.clone())
        } else {
            self.view.reconnecting.remove(user)
        };
        if changed {
            self.updated(user, &Update::Presence { reconnecting });
            if let Some(line) = self.out.lines.last_mut() {
                line.presence_of = Some(user.clone());
            }
        }
    }

    pub(super) fn profile(&mut self, user: &UserId, profile: &Profile) {
        self.updated(user, &Update::Profile(profile));
    }

    pub(super) fn role(&mut self, user: &UserId, role: Role, granted: bool, by: &By) {
        // Over REST roles are given to people who are not here: they will be seen when they come.
        if self.view.is_waiting(user) || self.room.participant(user).is_none() {
            return;
        }
        let mut shown = self.view.shown_roles(user);
        set(&mut shown, role, granted);
        self.view.show_roles(user, shown);
        self.tell_role(user, (role, granted), shown, by.display());
    }

    fn tell_role(&mut self, user: &UserId, (role, granted): (Role, bool), held: Roles, by: &str) {
        // A moderator may switch on everything.
        let locked = |it: &&std::sync::Arc<Participant>| !it.muted.locked.is_empty();
        self.locks_unclear |= !self.room.restricted.is_empty()
            || self.room.participant(user).filter(locked).is_some();
        self.reranked.insert(user.clone());
        self.updated(user, &Update::Role { role, granted });
        let notice = Notice::Role {
            role,
            granted,
            held,
            by,
        };
        self.tell(Audience::User(user.clone()), &notice);
    }

    pub(super) fn host_changed(&mut self, user: Option<&UserId>, cause: HostChangeCause) {
        self.roles_unclear = true;
        let mut body = String::from("\"participantId\":");
        json::optional_string(&mut body, user.map(UserId::as_str));
        body.push_str(",\"cause\":\"");
        body.push_str(cause.as_str());
        body.push('"');
        let payload = self.object(&body);
        self.line(Audience::Room, server::HOST_CHANGED, payload);
    }

    /// Tells every role that is not what the members have been shown.
    pub(super) fn tell_role_differences(&mut self) {
        for participant in self.room.participants() {
            let user = &participant.user;
            let (shown, now) = (self.view.shown_roles(user), self.room.roles_of(user));
            if shown == now {
                continue;
            }
            self.view.show_roles(user, now);
            if shown.host != now.host {
                self.tell_role(user, (Role::Host, now.host), now, "Host");
            }
            if shown.co_host != now.co_host {
                self.tell_role(user, (Role::CoHost, now.co_host), now, "Host");
            }
        }
    }

    /// Tells every lock that is not what the members have been shown.
    pub(super) fn tell_locks(&mut self) {
        if !self.locks_unclear {
            return;
        }
        for participant in self.room.participants() {
            let user = &participant.user;
            let (shown, now) = (
                self.view.shown_locks(user),
                self.room.locked_for(participant),
            );
            if shown != now {
                self.view.show_locks(user, now);
                self.updated(user, &Update::Locks { shown, now });
                if self.reranked.contains(user) {
                    self.tell_reranked(participant, (shown, now));
                }
            }
        }
    }
}

impl Rendering<'_> {
    /// With a role comes and goes what somebody may switch on. What they have on stays on.
    fn tell_reranked(&mut self, person: &Participant, (shown, now): (MediaKinds, MediaKinds)) {
        for kind in MediaKind::ALL {
            let off = person.media.differing(&kind.off()) == MediaChanges::NONE;
            let notice = match (shown.has(kind), now.has(kind)) {
                (true, false) => Notice::Unlocked(kind),
                (false, true) if off => Notice::Locked(kind),
                (false, true) | (true, true) | (false, false) => continue,
            };
            self.tell(Audience::User(person.user.clone()), &notice);
        }
    }
}

/// The roles of a user before `later` happened, from those after it.
fn roles_before(after: Roles, user: &UserId, later: &[Event]) -> Roles {
    let mut roles = after;
    for event in later.iter().rev() {
        if let Event::RoleGranted {
            user: changed,
            role,
            ..
        } = event
            && changed == user
        {
            set(&mut roles, *role, false);
        } else if let Event::RoleRevoked {
            user: changed,
            role,
            ..
        } = event
            && changed == user
        {
            set(&mut roles, *role, true);
        }
    }
    roles
}

const fn set(roles: &mut Roles, role: Role, held: bool) {
    match role {
        Role::Host => roles.host = held,
        Role::CoHost => roles.co_host = held,
    }
}
