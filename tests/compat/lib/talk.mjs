// Signals and messages: what has to be in them, and texts of a given size.
import assert from 'node:assert/strict';

/** JSON of every kind; whoever passes it on has no business with what is in it. */
export const ANY_JSON = [
  true, false, 0, -1.5, 1e21, '', 'x', 'Grüße 😀', 'a\u0000b\u202e', '"\\\n', '<script>', [], [[null]], {},
  { '': null },
  { a: [{ b: { c: [1, '2', null, false] } }] },
  { type: 'offer', sdp: 'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n' },
  { from: 'eve', id: 1, rev: -1, at: null, roomId: 'other' },
];

/** A string that takes so many bytes as JSON; with `letter` of two bytes it has about half as many characters. */
export function filling(bytes, letter = 'x') {
  const size = Buffer.byteLength(letter);
  const text = letter.repeat(Math.floor((bytes - 2) / size)) + 'x'.repeat((bytes - 2) % size);
  assert.equal(Buffer.byteLength(JSON.stringify(text)), bytes);
  return text;
}

export function expectSignal({ from, to, data, rev }, expected) {
  assert.deepEqual({ from, to, data }, expected);
  assert.ok(Number.isInteger(rev), 'rev is an integer');
}

/** What of a message lasts: the same when it is received and in the history. */
export function said({ id, message, from, name, at }) {
  return { id, message, from, name, at };
}

/** The history as the ack has it, which is also what the event has. */
export async function history(user) {
  const { messages } = await user.ok('request-chat-history');
  const told = await user.next('chat-history');
  assert.ok(Array.isArray(told), 'a bare array');
  assert.deepEqual(told.map(said), messages.map(said));
  return told.map(said);
}
