// Payloads that are almost right: one field at a time is missing or wrong.

export const NOT_IDS = [
  null, true, 0, -1, 1.5, [], ['bob'], {}, { id: 'bob' }, '', ' ', 'a b', ' bob', 'bob ', 'a/b', '../a', '{a}', '<a>',
  'a,b', 'a\u0000b', 'a\nb', 'a\u007fb', '\u202ebob', '\ufeffbob', 'bo\u200bb', 'ä', '房间', '😀', '\ud800',
  'x'.repeat(129), 'x'.repeat(60_000),
];

export const NOT_KINDS = [
  null, true, 0, 1, [], ['audio'], {}, '', ' ', 'AUDIO', ' audio', 'audio ', 'audio\n', 'microphone', 'camera', 'all',
  '*', 'constructor', '__proto__', 'x'.repeat(10_000),
];

export const NOT_FLAGS = [0, 1, '', 'true', 'yes', [], {}];

/** Not an object with fields at all. */
const NOT_OBJECTS = [null, true, 0, -1, 'x', '', [], [[]], [{}]];

/** `payload` with each of the fields missing, and with each of its wrong values. */
export function faults(payload, wrong) {
  return Object.entries(wrong).flatMap(([field, values]) => (
    [undefined, ...values].map((value) => ({ ...payload, [field]: value }))));
}

/** Every payload is refused as `invalid-payload`, and so is what is no object. */
export async function expectInvalid(user, event, payloads) {
  for (const args of [[], ...[...NOT_OBJECTS, ...payloads].map((payload) => [payload])]) {
    await user.expectRefusal(event, await user.ack(event, ...args), 'invalid-payload');
  }
}
