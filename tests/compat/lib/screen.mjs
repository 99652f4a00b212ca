// What the frontend of the host and co-host document shows, folded from what it heard and did. People and their badges
// come from `participant-list-update` alone; the own controls from the notices; whatever no frontend should have to
// cope with is noted.
import { isObject } from './user.mjs';

const FLAGS = ['isHost', 'isCoHost', 'isAudioMuted', 'isVideoPaused'];
const OPTIONAL_FLAGS = [
  'audioLocked', 'videoLocked', 'screenShareLocked', 'isScreenSharing', 'isHandRaised', 'isReconnecting',
];
const MEDIA = ['isAudioMuted', 'isVideoPaused', 'isScreenSharing', 'isHandRaised'];
const DELTA_ONLY = ['existing-participants', 'participant-joined'];
const ROLES = ['HOST', 'COHOST', 'PARTICIPANT'];

/** Events of the room itself: who is not in it hears none. */
const OF_THE_ROOM = new Set([
  'participant-list-update', 'participant-left', 'participant-state-changed', 'participant-updated',
  'host-granted', 'host-revoked', 'cohost-granted', 'cohost-revoked', 'role-changed',
  'force-mute', 'allow-unmute', 'force-video-pause', 'allow-video-enable', 'disable-all-cameras', 'enable-all-cameras',
  'screenshare-control', 'screenshare-global-update', 'screenshare-denied',
  'chat-history', 'receive-message', 'typing-start', 'typing-stop', 'message-react-update', 'pin-message-update',
  'receive-video-reaction', 'host-vacant', 'host-changed', 'room-updated', 'lobby-updated',
]);

/** What takes this tab out of the room, and the screen that follows. */
const ENDS = {
  'kicked-from-room': 'kicked', 'meeting-ended': 'ended', 'session-replaced': 'replaced', 'lobby-denied': 'denied',
};

const CONTROLS = {
  'force-mute': ({ audio, locked }) => audio && ['audio', locked],
  'allow-unmute': () => ['audio', false],
  'force-video-pause': ({ video, locked }) => video && ['video', locked],
  'allow-video-enable': () => ['video', false],
  'disable-all-cameras': () => ['video', true],
  'enable-all-cameras': () => ['video', false],
  'screenshare-control': ({ enabled }) => typeof enabled === 'boolean' && ['screen', !enabled],
  'screenshare-global-update': ({ enabled }) => typeof enabled === 'boolean' && ['screen', !enabled],
  'screenshare-denied': () => ['screen', true],
};
/** Those that also turn it off here; nothing ever turns anything on. */
const TURNS_OFF = {
  'force-mute': 'audio', 'force-video-pause': 'video', 'disable-all-cameras': 'video', 'screenshare-denied': 'screen',
};

const TOASTS = ['host-granted', 'host-revoked', 'cohost-granted', 'cohost-revoked'];

class Screen {
  constructor(id) {
    this.id = id;
    /** `joining`, `room`, `waiting`, `left`, or what ended it. */
    this.page = 'joining';
    this.people = null;
    /** Of everybody, as they were told; badges are drawn from the lists. */
    this.roles = new Map();
    /** Connected again: the next list tells what was missed. */
    this.afresh = false;
    this.role = null;
    this.may = { audio: true, video: true, screen: true };
    this.on = { audio: false, video: false, screen: false };
    this.toasts = [];
    this.messages = [];
    this.typing = new Map();
    this.floating = [];
    this.anomalies = [];
    this.rev = 0;
  }

  odd({ event, args }, why) {
    this.anomalies.push(`${why}: ${event} ${JSON.stringify(args)}`);
  }

  hear(entry) {
    const { event, args: [payload], answers, local } = entry;
    if (local) return this.does(event, payload);
    if (answers !== undefined) return this.isAnswered(event, payload);
    if (event in ENDS) {
      this.page = ENDS[event];
      return undefined;
    }
    if (event === 'lobby-waiting') this.page = 'waiting';
    if (event === 'participant-list-update') return this.list(entry, payload);
    if (DELTA_ONLY.includes(event) && this.people) this.odd(entry, 'of the other dialect');
    if (!OF_THE_ROOM.has(event)) return undefined;
    if (this.page === 'left') return undefined;
    if (this.page !== 'room') this.odd(entry, `on the page "${this.page}"`);
    if (isObject(payload) && 'rev' in payload) {
      if (!Number.isInteger(payload.rev) || payload.rev < this.rev) this.odd(entry, `revision after ${this.rev}`);
      this.rev = payload.rev;
    }
    if (event in CONTROLS || TOASTS.includes(event)) return this.notice(entry, payload);
    return this[event]?.(entry, payload);
  }

  /** What the person did here, and the page took for granted. */
  does(event, payload) {
    if (event === 'enters' && this.page !== 'room') Object.assign(this, new Screen(this.id), { anomalies: this.anomalies });
    if (event === 'connect') Object.assign(this, { rev: 0, afresh: true });
    if (event === 'leaves') Object.assign(this, { page: 'left', people: null });
    if (event === 'turns') Object.assign(this.on, payload);
    if (event === 'reacts') this.react({ ...payload, userId: this.id });
  }

  isAnswered(event, payload) {
    if (event !== 'join-mediasoup-room') return;
    if (payload.success) this.role ??= roleOf(payload);
    else if (this.page !== 'room' && !payload.waiting) this.page = 'refused';
  }

  list(entry, people) {
    if (!Array.isArray(people)) return this.odd(entry, 'no array');
    for (const person of people) if (!isPerson(person)) this.odd(entry, `not a person: ${JSON.stringify(person)}`);
    const ids = people.map(({ id }) => id);
    if (new Set(ids).size !== ids.length) this.odd(entry, 'somebody twice');
    if (!['joining', 'waiting', 'room', 'left'].includes(this.page)) this.odd(entry, `on the page "${this.page}"`);
    if (this.page === 'left') return undefined;
    if (!ids.includes(this.id)) this.odd(entry, 'without oneself');
    for (const person of people) this.compare(entry, person);
    this.people = people.map((person) => ({ ...person }));
    for (const { id, isHost, isCoHost } of people) this.roles.set(id, { isHost, isCoHost });
    this.page = 'room';
    this.afresh = false;
    return undefined;
  }

  /** What a list says of somebody who was there before has been told at once when it happened. */
  compare(entry, person) {
    const before = this.people?.find(({ id }) => id === person.id);
    if (!before || this.afresh) return;
    const media = MEDIA.filter((flag) => (before[flag] ?? false) !== (person[flag] ?? false));
    const roles = ['isHost', 'isCoHost'].filter((flag) => this.roles.get(person.id)[flag] !== person[flag]);
    for (const flag of [...media, ...roles]) this.odd(entry, `${flag} of ${person.id} is not what was told`);
  }

  notice(entry, payload) {
    const { event } = entry;
    const why = event === 'screenshare-denied' ? payload.reason : payload.by;
    if (typeof why !== 'string' || why === '') this.odd(entry, 'nobody did it');
    this.toasts.push({ event, why });
    if (!(event in CONTROLS)) return;
    const [kind, locked] = CONTROLS[event](payload) || [];
    if (!kind) this.odd(entry, 'nothing in it');
    if (kind && locked !== undefined) this.may[kind] = !locked;
    if (event in TURNS_OFF) this.on[TURNS_OFF[event]] = false;
    if (kind === 'screen' && locked) this.on.screen = false;
  }

  'participant-left'(entry, { userId, peerId }) {
    if (typeof userId !== 'string' || typeof peerId !== 'string') this.odd(entry, 'nobody');
    this.people = this.people?.filter(({ id }) => id !== userId) ?? null;
  }

  'participant-state-changed'(entry, { userId, ...updates }) {
    const person = this.people?.find(({ id }) => id === userId);
    const known = Object.fromEntries(MEDIA.filter((flag) => flag in updates).map((flag) => [flag, updates[flag]]));
    if (Object.keys(known).length === 0) this.odd(entry, 'no change');
    if (person) Object.assign(person, known);
  }

  /** Badges are not drawn from it; it is there for other frontends. */
  'participant-updated'(entry, { participantId, updates }) {
    if (typeof participantId !== 'string' || !isObject(updates)) this.odd(entry, 'not an update');
    else if (MEDIA.some((flag) => flag in updates)) this.odd(entry, 'a change of state twice');
    else this.roles.set(participantId, { ...this.roles.get(participantId), ...updates });
  }

  'role-changed'(entry, { role }) {
    if (!ROLES.includes(role)) this.odd(entry, 'no role');
    this.role = role;
  }

  'chat-history'(entry, items) {
    if (!Array.isArray(items)) this.odd(entry, 'no array');
    else this.messages = items.map(({ socketId, message }) => messageOf(socketId, message));
  }

  'receive-message'(entry, { socketId, message }) {
    const shown = messageOf(socketId, message);
    if (this.messages.some(({ id }) => id === shown.id)) this.odd(entry, 'a message twice');
    this.messages.push(shown);
  }

  'typing-start'(_, { socketId, name }) {
    this.typing.set(socketId, name);
  }

  'typing-stop'(_, { socketId }) {
    this.typing.delete(socketId);
  }

  'message-react-update'(entry, { action, ...reaction }) {
    if (!['add', 'remove'].includes(action)) this.odd(entry, 'no action');
    this.react({ ...reaction, action });
  }

  'pin-message-update'(_, { messageId, pinned }) {
    const message = this.message(messageId);
    if (message) message.pinned = pinned;
  }

  'receive-video-reaction'(_, { emoji, userId, userName }) {
    this.floating.push({ emoji, userId, userName });
  }

  message(id) {
    return this.messages.find((message) => String(message.id) === String(id));
  }

  react({ messageId, userId, emoji, action }) {
    const message = this.message(messageId);
    if (!message) return;
    const others = (message.reactions[emoji] ?? []).filter((id) => id !== userId);
    const had = others.length !== (message.reactions[emoji] ?? []).length;
    const has = action === undefined ? !had : action === 'add';
    message.reactions[emoji] = has ? [...others, userId] : others;
    if (message.reactions[emoji].length === 0) delete message.reactions[emoji];
  }
}

function isPerson(person) {
  return isObject(person) && typeof person.id === 'string' && typeof person.name === 'string'
    && (person.imageUrl === null || typeof person.imageUrl === 'string')
    && FLAGS.every((flag) => typeof person[flag] === 'boolean')
    && OPTIONAL_FLAGS.every((flag) => person[flag] === undefined || typeof person[flag] === 'boolean');
}

function roleOf({ isHost, isCoHost }) {
  if (isHost) return 'HOST';
  return isCoHost ? 'COHOST' : 'PARTICIPANT';
}

function messageOf(socketId, { id, text, pinned, sender, reactions = {} }) {
  return { id, text, from: sender?.name, pinned: pinned ?? false, reactions: structuredClone(reactions), socketId };
}

/** 👑 is a host, 🤝 a co-host; somebody may be both. */
export function badge({ isHost, isCoHost }) {
  return `${isHost ? '👑' : ''}${isCoHost ? '🤝' : ''}`;
}

/** As under a tile: what somebody has on. */
export function lights({ isAudioMuted, isVideoPaused, isScreenSharing, isHandRaised }) {
  const on = { mic: !isAudioMuted, cam: !isVideoPaused, screen: isScreenSharing, hand: isHandRaised };
  return Object.keys(on).filter((name) => on[name]).join(' ');
}

/** As on a tile: what somebody may not switch on. */
export function padlocks({ audioLocked, videoLocked, screenShareLocked }) {
  const locked = { mic: audioLocked, cam: videoLocked, screen: screenShareLocked };
  return Object.keys(locked).filter((name) => locked[name]).join(' ');
}

export function screenOf(id, entries) {
  const screen = new Screen(id);
  for (const entry of entries) screen.hear(entry);
  return screen;
}
