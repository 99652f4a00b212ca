//! Every event name, in one place. `docs/PROTOCOL.md` lists each of them; a test checks that.

/// Events that clients send.
pub mod client {
    /// Enter a room.
    pub const JOIN_ROOM: &str = "join-room";
    /// Leave a room.
    pub const LEAVE_ROOM: &str = "leave-room";
    /// Promote to host.
    pub const MAKE_HOST: &str = "make-host";
    /// Take the host role away.
    pub const REMOVE_HOST: &str = "remove-host";
    /// Promote to co-host.
    pub const MAKE_COHOST: &str = "make-cohost";
    /// Take the co-host role away.
    pub const REMOVE_COHOST: &str = "remove-cohost";
    /// Report one's own media flags.
    pub const UPDATE_MY_STATE: &str = "update-my-state";
    /// Ask for the whole room.
    pub const ROOM_STATE: &str = "room-state";
    /// End the meeting for everybody.
    pub const END_MEETING: &str = "end-meeting";
    /// Put another token in the place of the connection's.
    pub const REFRESH_AUTH: &str = "refresh-auth";

    /// All of them.
    pub const ALL: [&str; 10] = [
        JOIN_ROOM,
        LEAVE_ROOM,
        MAKE_HOST,
        REMOVE_HOST,
        MAKE_COHOST,
        REMOVE_COHOST,
        UPDATE_MY_STATE,
        ROOM_STATE,
        END_MEETING,
        REFRESH_AUTH,
    ];
}

/// Events that the server sends.
pub mod server {
    /// The room's list, to a joiner.
    pub const EXISTING_PARTICIPANTS: &str = "existing-participants";
    /// Somebody entered.
    pub const PARTICIPANT_JOINED: &str = "participant-joined";
    /// Somebody left.
    pub const PARTICIPANT_LEFT: &str = "participant-left";
    /// Flags of somebody changed.
    pub const PARTICIPANT_UPDATED: &str = "participant-updated";
    /// You are a host now.
    pub const HOST_GRANTED: &str = "host-granted";
    /// You are no longer a host.
    pub const HOST_REVOKED: &str = "host-revoked";
    /// You are a co-host now.
    pub const COHOST_GRANTED: &str = "cohost-granted";
    /// You are no longer a co-host.
    pub const COHOST_REVOKED: &str = "cohost-revoked";
    /// The last host left; the succession is decided at the deadline.
    pub const HOST_VACANT: &str = "host-vacant";
    /// The host's place is filled, or stays empty.
    pub const HOST_CHANGED: &str = "host-changed";
    /// The meeting was ended for everybody.
    pub const MEETING_ENDED: &str = "meeting-ended";
    /// A newer connection of the same user took this one's place.
    pub const SESSION_REPLACED: &str = "session-replaced";
    /// Your token is about to expire; send another with `refresh-auth`.
    pub const TOKEN_EXPIRING: &str = "token-expiring";
    /// Your command was refused.
    pub const ERROR: &str = "error";

    /// All of them.
    pub const ALL: [&str; 14] = [
        EXISTING_PARTICIPANTS,
        PARTICIPANT_JOINED,
        PARTICIPANT_LEFT,
        PARTICIPANT_UPDATED,
        HOST_GRANTED,
        HOST_REVOKED,
        COHOST_GRANTED,
        COHOST_REVOKED,
        HOST_VACANT,
        HOST_CHANGED,
        MEETING_ENDED,
        SESSION_REPLACED,
        TOKEN_EXPIRING,
        ERROR,
    ];
}
