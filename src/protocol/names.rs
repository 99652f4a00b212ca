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
    /// Mute somebody.
    pub const MUTE_PARTICIPANT: &str = "mute-participant";
    /// Mute every plain participant.
    pub const MUTE_ALL: &str = "mute-all";
    /// Ask somebody to unmute.
    pub const ASK_TO_UNMUTE: &str = "ask-to-unmute";
    /// Ask every plain participant to unmute, and lift what was locked for all.
    pub const ASK_ALL_TO_UNMUTE: &str = "ask-all-to-unmute";
    /// Lower a raised hand, or all of them.
    pub const LOWER_HAND: &str = "lower-hand";
    /// Take somebody out, or ban them.
    pub const REMOVE_PARTICIPANT: &str = "remove-participant";
    /// Lift a ban.
    pub const UNBAN_PARTICIPANT: &str = "unban-participant";
    /// Switch lock, lobby, passcode and seats.
    pub const UPDATE_ROOM: &str = "update-room";
    /// Forget wrong passcodes.
    pub const LIFT_LOCKOUT: &str = "lift-lockout";
    /// Let somebody in from the lobby.
    pub const ADMIT_PARTICIPANT: &str = "admit-participant";
    /// Do not let somebody in from the lobby.
    pub const DENY_PARTICIPANT: &str = "deny-participant";
    /// Let in everybody who waits.
    pub const ADMIT_ALL: &str = "admit-all";
    /// Pass something on to one participant.
    pub const SIGNAL: &str = "signal";
    /// Send a message to everybody.
    pub const SEND_MESSAGE: &str = "send-message";
    /// Ask for the messages that are kept.
    pub const REQUEST_CHAT_HISTORY: &str = "request-chat-history";
    /// Ask for a fresh ticket to the media provider.
    pub const REFRESH_TOKEN: &str = "refresh-token";
    /// Put another token in the place of the connection's.
    pub const REFRESH_AUTH: &str = "refresh-auth";
    /// Say who the connection belongs to.
    pub const SET_USER_ID: &str = "set-user-id";
    /// Ask what the media server can do.
    pub const GET_RTP_CAPABILITIES: &str = "get-rtp-capabilities";
    /// Enter a room, in the list dialect.
    pub const JOIN_MEDIASOUP_ROOM: &str = "join-mediasoup-room";
    /// Ask for a media transport.
    pub const CREATE_WEBRTC_TRANSPORT: &str = "create-webrtc-transport";
    /// Connect a media transport.
    pub const CONNECT_TRANSPORT: &str = "connect-transport";
    /// Send media.
    pub const PRODUCE: &str = "produce";
    /// Receive media.
    pub const CONSUME: &str = "consume";
    /// Ask what the media server can do, from a second socket.
    pub const GET_ROUTER_RTP_CAPABILITIES: &str = "getRouterRtpCapabilities";
    /// Ask for a socket of somebody.
    pub const GET_SOCKET_ID_FOR_USER: &str = "get-socket-id-for-user";
    /// Mute somebody, or allow them to unmute.
    pub const TOGGLE_REMOTE_AUDIO: &str = "toggle-remote-audio";
    /// Switch somebody's camera off, or allow it.
    pub const TOGGLE_REMOTE_VIDEO: &str = "toggle-remote-video";
    /// Mute every plain participant until that is lifted.
    pub const MUTE_ALL_PARTICIPANTS: &str = "mute-all-participants";
    /// Allow every plain participant to unmute.
    pub const UNMUTE_ALL_PARTICIPANTS: &str = "unmute-all-participants";
    /// Switch off the cameras of all plain participants.
    pub const DISABLE_ALL_CAMERAS: &str = "disable-all-cameras";
    /// Allow cameras again.
    pub const ENABLE_ALL_CAMERAS: &str = "enable-all-cameras";
    /// Stop plain participants sharing their screens.
    pub const DISABLE_ALL_SCREEN_SHARING: &str = "disable-all-screen-sharing";
    /// Allow screens again.
    pub const ENABLE_ALL_SCREEN_SHARING: &str = "enable-all-screen-sharing";
    /// I am typing.
    pub const TYPING_START: &str = "typing-start";
    /// I am typing no longer.
    pub const TYPING_STOP: &str = "typing-stop";
    /// React to a message, or no longer.
    pub const MESSAGE_REACT: &str = "message-react";
    /// Pin a message, or no longer.
    pub const PIN_MESSAGE: &str = "pin-message";
    /// React to what is going on.
    pub const VIDEO_REACTION: &str = "video-reaction";
    /// I share my screen.
    pub const SCREEN_SHARE_STARTED: &str = "screen-share-started";
    /// I share it no longer.
    pub const SCREEN_SHARE_STOPPED: &str = "screen-share-stopped";
    /// A WebRTC offer for one participant.
    pub const OFFER: &str = "offer";
    /// The answer to one.
    pub const ANSWER: &str = "answer";
    /// An address for the connection to one participant.
    pub const ICE_CANDIDATE: &str = "ice-candidate";

    /// All of them.
    pub const ALL: [&str; 53] = [
        JOIN_ROOM,
        LEAVE_ROOM,
        MAKE_HOST,
        REMOVE_HOST,
        MAKE_COHOST,
        REMOVE_COHOST,
        UPDATE_MY_STATE,
        ROOM_STATE,
        END_MEETING,
        MUTE_PARTICIPANT,
        MUTE_ALL,
        ASK_TO_UNMUTE,
        ASK_ALL_TO_UNMUTE,
        LOWER_HAND,
        REMOVE_PARTICIPANT,
        UNBAN_PARTICIPANT,
        UPDATE_ROOM,
        LIFT_LOCKOUT,
        ADMIT_PARTICIPANT,
        DENY_PARTICIPANT,
        ADMIT_ALL,
        SIGNAL,
        SEND_MESSAGE,
        REQUEST_CHAT_HISTORY,
        REFRESH_TOKEN,
        REFRESH_AUTH,
        SET_USER_ID,
        GET_RTP_CAPABILITIES,
        JOIN_MEDIASOUP_ROOM,
        CREATE_WEBRTC_TRANSPORT,
        CONNECT_TRANSPORT,
        PRODUCE,
        CONSUME,
        GET_ROUTER_RTP_CAPABILITIES,
        GET_SOCKET_ID_FOR_USER,
        TOGGLE_REMOTE_AUDIO,
        TOGGLE_REMOTE_VIDEO,
        MUTE_ALL_PARTICIPANTS,
        UNMUTE_ALL_PARTICIPANTS,
        DISABLE_ALL_CAMERAS,
        ENABLE_ALL_CAMERAS,
        DISABLE_ALL_SCREEN_SHARING,
        ENABLE_ALL_SCREEN_SHARING,
        TYPING_START,
        TYPING_STOP,
        MESSAGE_REACT,
        PIN_MESSAGE,
        VIDEO_REACTION,
        SCREEN_SHARE_STARTED,
        SCREEN_SHARE_STOPPED,
        OFFER,
        ANSWER,
        ICE_CANDIDATE,
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
    /// Lock, lobby, passcode or seats changed.
    pub const ROOM_UPDATED: &str = "room-updated";
    /// A moderator muted you.
    pub const FORCE_MUTE: &str = "force-mute";
    /// A moderator asks you to unmute.
    pub const UNMUTE_REQUESTED: &str = "unmute-requested";
    /// You were taken out of the room.
    pub const KICKED_FROM_ROOM: &str = "kicked-from-room";
    /// You wait in the lobby.
    pub const LOBBY_WAITING: &str = "lobby-waiting";
    /// You were let in.
    pub const LOBBY_ADMITTED: &str = "lobby-admitted";
    /// You were not let in.
    pub const LOBBY_DENIED: &str = "lobby-denied";
    /// Who waits in the lobby.
    pub const LOBBY_UPDATED: &str = "lobby-updated";
    /// Somebody is locked out after too many wrong passcodes.
    pub const PASSCODE_LOCKOUT: &str = "passcode-lockout";
    /// The schedule will end the meeting.
    pub const MEETING_ENDING: &str = "meeting-ending";
    /// Another participant has something for you.
    pub const SIGNAL: &str = "signal";
    /// A message to everybody.
    pub const RECEIVE_MESSAGE: &str = "receive-message";
    /// The messages that are kept.
    pub const CHAT_HISTORY: &str = "chat-history";
    /// What lets you into the room at the media provider.
    pub const PROVIDER_TOKEN: &str = "provider-token";
    /// The provider does not answer yet; the token follows.
    pub const PROVIDER_PENDING: &str = "provider-pending";
    /// How far the provider has followed a change.
    pub const PROVIDER_SYNC: &str = "provider-sync";
    /// Your token is about to expire; send another with `refresh-auth`.
    pub const TOKEN_EXPIRING: &str = "token-expiring";
    /// Your command was refused.
    pub const ERROR: &str = "error";
    /// The room's list, whole.
    pub const PARTICIPANT_LIST_UPDATE: &str = "participant-list-update";
    /// Somebody's microphone, camera, screen or hand.
    pub const PARTICIPANT_STATE_CHANGED: &str = "participant-state-changed";
    /// Your role is another one.
    pub const ROLE_CHANGED: &str = "role-changed";
    /// You may unmute.
    pub const ALLOW_UNMUTE: &str = "allow-unmute";
    /// A moderator switched your camera off.
    pub const FORCE_VIDEO_PAUSE: &str = "force-video-pause";
    /// You may switch your camera on.
    pub const ALLOW_VIDEO_ENABLE: &str = "allow-video-enable";
    /// A moderator switched all cameras off.
    pub const DISABLE_ALL_CAMERAS: &str = "disable-all-cameras";
    /// Cameras are allowed again.
    pub const ENABLE_ALL_CAMERAS: &str = "enable-all-cameras";
    /// Whether you may share your screen.
    pub const SCREENSHARE_CONTROL: &str = "screenshare-control";
    /// Whether plain participants may share their screens.
    pub const SCREENSHARE_GLOBAL_UPDATE: &str = "screenshare-global-update";
    /// You may not share your screen.
    pub const SCREENSHARE_DENIED: &str = "screenshare-denied";
    /// Somebody is typing.
    pub const TYPING_START: &str = "typing-start";
    /// Somebody is typing no longer.
    pub const TYPING_STOP: &str = "typing-stop";
    /// Somebody reacted to a message, or no longer.
    pub const MESSAGE_REACT_UPDATE: &str = "message-react-update";
    /// A message was pinned, or is no longer.
    pub const PIN_MESSAGE_UPDATE: &str = "pin-message-update";
    /// Somebody reacted to what is going on.
    pub const RECEIVE_VIDEO_REACTION: &str = "receive-video-reaction";
    /// A WebRTC offer.
    pub const OFFER: &str = "offer";
    /// The answer to one.
    pub const ANSWER: &str = "answer";
    /// An address for the connection.
    pub const ICE_CANDIDATE: &str = "ice-candidate";

    /// All of them.
    pub const ALL: [&str; 49] = [
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
        ROOM_UPDATED,
        FORCE_MUTE,
        UNMUTE_REQUESTED,
        KICKED_FROM_ROOM,
        LOBBY_WAITING,
        LOBBY_ADMITTED,
        LOBBY_DENIED,
        LOBBY_UPDATED,
        PASSCODE_LOCKOUT,
        MEETING_ENDING,
        SIGNAL,
        RECEIVE_MESSAGE,
        CHAT_HISTORY,
        PROVIDER_TOKEN,
        PROVIDER_PENDING,
        PROVIDER_SYNC,
        TOKEN_EXPIRING,
        ERROR,
        PARTICIPANT_LIST_UPDATE,
        PARTICIPANT_STATE_CHANGED,
        ROLE_CHANGED,
        ALLOW_UNMUTE,
        FORCE_VIDEO_PAUSE,
        ALLOW_VIDEO_ENABLE,
        DISABLE_ALL_CAMERAS,
        ENABLE_ALL_CAMERAS,
        SCREENSHARE_CONTROL,
        SCREENSHARE_GLOBAL_UPDATE,
        SCREENSHARE_DENIED,
        TYPING_START,
        TYPING_STOP,
        MESSAGE_REACT_UPDATE,
        PIN_MESSAGE_UPDATE,
        RECEIVE_VIDEO_REACTION,
        OFFER,
        ANSWER,
        ICE_CANDIDATE,
    ];
}
