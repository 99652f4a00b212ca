// What the events of the list dialect may look like, and almost.
import { NOT_FLAGS, NOT_IDS, faults } from './payloads.mjs';

/** Those that only an SFU could answer otherwise. */
export const MEDIA_EVENTS = [
  'get-rtp-capabilities', 'create-webrtc-transport', 'connect-transport', 'produce', 'consume', 'getRouterRtpCapabilities',
];

export const UNKNOWN = ['no-such-event', 'constructor', '__proto__', 'toString', 'participant-list-update', 'x'.repeat(300), '🎉'];

/** No object with fields, no id, and no text that could be one. */
const NOT_PAYLOADS = [[], [null], [true], [0], [-1], [''], [' '], [[]], [[[]]], [[{}]], [[null, null]]];

const WORDS = {
  'toggle-remote-audio': ['mute', [null, true, 1, '', 'MUTE', 'silence', 'constructor', [], {}]],
  'toggle-remote-video': ['pause', [null, true, 1, '', 'PAUSE', 'stop', 'constructor', [], {}]],
};
const ROLE_EVENTS = ['make-cohost', 'remove-cohost', 'make-host', 'remove-host'];
const GLOBAL_EVENTS = [
  'mute-all-participants', 'unmute-all-participants', 'disable-all-cameras', 'enable-all-cameras',
  'disable-all-screen-sharing', 'enable-all-screen-sharing',
];
const NOT_MESSAGE_IDS = [null, true, {}, [], 'x'.repeat(10_000)];
const NOT_EMOJI = [null, true, 5, {}, [], '', 'x'.repeat(10_000)];
const SIGNALS = ['offer', 'answer', 'ice-candidate'];

/** Without a room they mean the only one that the connection is in. */
const BARE = [...GLOBAL_EVENTS, 'typing-start', 'typing-stop', 'screen-share-started', 'screen-share-stopped'];
const ROOMLESS = [
  ...BARE, ...SIGNALS, ...Object.keys(WORDS), 'message-react', 'pin-message', 'video-reaction', 'request-chat-history',
];

const sends = (event, payloads) => payloads.map((payload) => [event, payload]);

/** `[event, ...args]`, in an order in which a host can send them all; the target is out in the end. */
export function wellFormed(roomId, { messageId = 'm1', target = 'bob', userId = 'ann' } = {}) {
  const claim = { roomId, userId };
  return [
    ['set-user-id', userId],
    ['join-room', roomId],
    ['join-mediasoup-room', { ...claim, rtpCapabilities: {}, userName: 'A', userImageUrl: null, isCreator: true }],
    ['update-my-state', { ...claim, isAudioMuted: false }],
    ...ROLE_EVENTS.map((event) => [event, { roomId, participantId: target }]),
    ['toggle-remote-audio', { ...claim, targetUserId: target, force: 'mute' }],
    ['toggle-remote-audio', { ...claim, targetUserId: target, force: 'unmute' }],
    ['toggle-remote-video', { ...claim, targetUserId: target, force: 'pause' }],
    ['toggle-remote-video', { ...claim, targetUserId: target, force: 'unpause' }],
    ...GLOBAL_EVENTS.map((event) => [event, claim]),
    ['send-message', { roomId, message: { id: 'm2', text: 'x' } }],
    ['request-chat-history', { roomId }],
    ['typing-start', { roomId, name: 'A' }],
    ['typing-stop', { roomId }],
    ['message-react', { ...claim, messageId, emoji: '👍' }],
    ['pin-message', { roomId, messageId, pinned: true }],
    ['video-reaction', { ...claim, emoji: '👍', sessionId: 's', userName: 'A' }],
    ['screen-share-started', { ...claim, producerId: 'p' }],
    ['screen-share-stopped', { ...claim, producerId: 'p' }],
    ...SIGNALS.map((event) => [event, { roomId, to: target, sdp: 'v=0' }]),
    ['remove-participant', { ...claim, targetUserId: target }],
  ];
}

/** `[event, ...args]` that nobody in the room can mean anything by. */
export function memberCorpus(roomId) {
  const list = [];
  const isRoom = (event, id) => id !== undefined && (id !== null || !ROOMLESS.includes(event));
  const add = (event, payloads) => list.push(...sends(event, payloads.filter(({ roomId: id }) => isRoom(event, id))));

  for (const id of NOT_IDS) for (const event of ['join-room', 'leave-room', 'set-user-id']) {
    if (id !== null && (typeof id !== 'object' || event === 'set-user-id')) list.push([event, id]);
  }
  add('join-mediasoup-room', faults({ roomId }, { roomId: NOT_IDS, userId: [5, true, '', 'a b', {}, []], userName: [5, true, [], {}] })
    .filter(({ userId, userName, roomId: id }) => id !== roomId || userId !== undefined || userName !== undefined));
  add('join-mediasoup-room', ['x'.repeat(129), 'a\nb', '\u202ebob'].map((userName) => ({ roomId, userName })));
  list.push(...NOT_IDS.map((userId) => ['get-socket-id-for-user', { userId }]));

  for (const [event, [force, wrong]] of Object.entries(WORDS)) {
    add(event, faults({ roomId, targetUserId: 'bob', force }, { roomId: NOT_IDS, targetUserId: NOT_IDS, force: wrong }));
  }
  for (const event of ROLE_EVENTS) add(event, faults({ roomId, participantId: 'bob' }, { roomId: NOT_IDS, participantId: NOT_IDS }));
  add('remove-participant', faults({ roomId, targetUserId: 'bob' }, { roomId: NOT_IDS, targetUserId: NOT_IDS }));
  for (const event of GLOBAL_EVENTS) add(event, faults({ roomId }, { roomId: NOT_IDS }));
  for (const event of ['typing-start', 'typing-stop', 'screen-share-started', 'screen-share-stopped']) {
    add(event, faults({ roomId }, { roomId: NOT_IDS }));
  }
  add('update-my-state', NOT_FLAGS.map((isAudioMuted) => ({ roomId, isAudioMuted })));
  add('send-message', faults({ roomId, message: 'x' }, { roomId: NOT_IDS, message: [null] }));
  add('message-react', faults({ roomId, messageId: 'm', emoji: '👍' }, { roomId: NOT_IDS, messageId: NOT_MESSAGE_IDS, emoji: NOT_EMOJI }));
  const pin = { roomId: NOT_IDS, messageId: NOT_MESSAGE_IDS, pinned: NOT_FLAGS };
  add('pin-message', faults({ roomId, messageId: 'm', pinned: true }, pin).filter(({ pinned }) => pinned !== undefined));
  add('video-reaction', faults({ roomId, emoji: '👍' }, { roomId: NOT_IDS, emoji: NOT_EMOJI }));
  for (const event of SIGNALS) add(event, faults({ roomId, to: 'bob' }, { to: NOT_IDS }));
  for (const event of MEDIA_EVENTS) list.push(...sends(event, NOT_IDS.map((id) => ({ roomId: id }))));
  for (const event of new Set(list.map(([name]) => name))) {
    if (['join-room', 'leave-room'].includes(event)) continue;
    list.push(...NOT_PAYLOADS.slice(BARE.includes(event) ? 2 : 0).map((args) => [event, ...args]));
  }
  return list;
}

/** The same from somebody whose user nobody knows, and who is in no room. */
export function corpus(roomId) {
  const nameless = [[], [null], [{ roomId, userName: 'M' }], [{ roomId, userId: null }]].map((args) => ['join-mediasoup-room', ...args]);
  const roomless = wellFormed(roomId).filter(([event, { roomId: room }]) => room && !ROOMLESS.includes(event))
    .map(([event, payload]) => [event, { ...payload, roomId: undefined }]);
  return [...memberCorpus(roomId), ...nameless, ...roomless, ...['join-room', 'leave-room'].map((event) => [event, ''])];
}
