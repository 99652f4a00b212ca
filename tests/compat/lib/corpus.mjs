// Payloads that no event can mean anything by, as JSON text, so that the clients and the raw
// connection send the same bytes. Each is a list of arguments: '' is none at all.

/** Not ids: wrong type, empty, too long, or with a character that ids do not have. */
const BAD_IDS = [
  null, true, 0, -1, 1.5, 1e308, [], ['a'], {}, { id: 'a' },
  '', ' ', 'a b', ' a', 'a/b', '../a', 'a\\b', 'a{b}', '{a}', 'a#b', 'a?b', 'a"b', '<a>', 'a,b',
  'a\u0000b', 'a\nb', 'a\tb', 'a\u007fb', '\u202ea', 'a\u2066b', '\ufeffa', 'a\u200bb', 'ä', '房间', '😀', '\ud800',
  'x'.repeat(129), 'x'.repeat(60_000),
];

const DEEP = `${'['.repeat(1_000)}${']'.repeat(1_000)}`;
const DEEP_FIELD = `{"x":${'{"a":'.repeat(500)}1${'}'.repeat(500)}}`;

/** Not an object with fields at all. A bare string and nothing are a form of some events. */
const NOT_OBJECTS = ['null', 'true', '0', '-1', '1e308', '[]', '[[]]', '[{}]', '[null,null]', DEEP];

const withField = (field, rest) => BAD_IDS.map((value) => JSON.stringify({ ...rest, [field]: value }));

const withoutField = (payload) =>
  Object.keys(payload).map((dropped) =>
    JSON.stringify(Object.fromEntries(Object.entries(payload).filter(([field]) => field !== dropped))),
  );

/** `[event, arguments as JSON text]` around a room that exists; all of them are `invalid-payload`. */
export function malformed(roomId) {
  const corpus = [];
  const add = (event, texts) => corpus.push(...texts.map((text) => [event, text]));

  const identity = { roomId, userId: 'mallory' };
  add('join-room', ['', ...NOT_OBJECTS, DEEP_FIELD, '""', '{}', '{"__proto__":{"roomId":"a","userId":"b"}}']);
  add('join-room', withoutField(identity));
  add('join-room', withField('roomId', { userId: 'mallory' }));
  add('join-room', withField('userId', { roomId }).filter((text) => !text.includes('"userId":null')));
  for (const field of ['userName', 'userImageUrl']) {
    add('join-room', [5, true, [], {}].map((value) => JSON.stringify({ ...identity, [field]: value })));
  }
  for (const field of ['isAudioMuted', 'isVideoPaused']) {
    add('join-room', ['yes', 1, [], {}].map((value) => JSON.stringify({ ...identity, [field]: value })));
  }
  add('join-room', ['x'.repeat(129), 'a\u0000b', 'a\nb', '\u202ebob'].map((userName) => JSON.stringify({ ...identity, userName })));
  add('join-room', [JSON.stringify({ ...identity, userImageUrl: `https://img.example/${'x'.repeat(50_000)}` })]);
  add('join-room', [`"${roomId}",5`, `"${roomId}",{}`, `"${roomId}","a b","B"`, `"${roomId}","mallory",5`, `"${roomId}","mallory",["x"]`]);

  for (const event of ['make-host', 'remove-host', 'make-cohost', 'remove-cohost']) {
    const payload = { roomId, participantId: 'bob' };
    add(event, ['', ...NOT_OBJECTS, DEEP_FIELD, '"x"', '{}', '{"__proto__":{"isHost":true}}', `"${roomId}","bob"`]);
    add(event, withoutField(payload));
    add(event, withField('roomId', { participantId: 'bob' }));
    add(event, withField('participantId', { roomId }));
  }

  add('update-my-state', ['', ...NOT_OBJECTS, DEEP_FIELD, '"x"', '{}', '{"isAudioMuted":false}']);
  add('update-my-state', withField('roomId', { isAudioMuted: false }));
  for (const field of ['isAudioMuted', 'isVideoPaused', 'isScreenSharing', 'isHandRaised']) {
    add('update-my-state', ['true', 1, [], {}].map((value) => JSON.stringify({ roomId, [field]: value })));
  }

  for (const event of ['leave-room', 'end-meeting', 'room-state']) {
    add(event, event === 'leave-room' ? NOT_OBJECTS.slice(1) : NOT_OBJECTS);
    add(event, withField('roomId').filter((text) => text !== '{"roomId":null}' || event === 'end-meeting'));
  }
  return corpus;
}

/** Frames that are broken below the arguments; what becomes of their sender is its own affair. */
export const BROKEN_FRAMES = [
  '', '4', '42', '42{}', '42[]', '42null', '42[1]', '42[null,1]', '42[{}]', '42["join-room"', '42["join-room",', '42]', '421',
  '4299999999999999999999["join-room",{}]', '42-1["x"]', '42/other,["x"]', '43', '430', '430[]', '4399["x"]', '43x[1]',
  '44{"message":"x"}', '451-["x",{"_placeholder":true,"num":0}]', '459999-["x"]', '45', '47', '4x', '5', '6', '7', '9', 'x', '1x',
  '40{"token":', '40/other,', '41/other,', '\u0000', '42["\ud800"]', `42["${'e'.repeat(5_000)}",{}]`,
];
