// The shapes of the contract, said once.
import assert from 'node:assert/strict';

const FLAGS = ['isHost', 'isCoHost', 'isAudioMuted', 'isVideoPaused'];
const WIRE_KEYS = ['id', 'name', 'imageUrl', ...FLAGS];
const KEBAB = /^[a-z]+(-[a-z]+)*$/;

/** The seven fields of a participant; whatever else is in it is dropped. */
export function wire(person) {
  return Object.fromEntries(WIRE_KEYS.map((key) => [key, person[key]]));
}

/** Every field present and of its type, and those in `expected` of that value. */
export function expectParticipant(person, expected = {}) {
  for (const key of WIRE_KEYS) assert.ok(key in person, `a participant has ${key}: ${JSON.stringify(person)}`);
  assert.equal(typeof person.id, 'string');
  assert.equal(typeof person.name, 'string');
  assert.ok(person.imageUrl === null || typeof person.imageUrl === 'string', 'imageUrl is a string or null');
  for (const flag of FLAGS) assert.equal(typeof person[flag], 'boolean', `${flag} is a boolean`);
  for (const [key, value] of Object.entries(expected)) assert.deepEqual(person[key], value, `${person.id}.${key}`);
}

export function expectUpdate(update, participantId, updates) {
  assert.equal(update.participantId, participantId);
  assert.deepEqual(update.updates, updates);
  assert.ok(Number.isInteger(update.rev), 'rev is an integer');
}

export function expectLeft(left, id, reason) {
  for (const key of ['participantId', 'userId', 'id']) assert.equal(left[key], id, `participant-left.${key}`);
  assert.equal(typeof left.peerId, 'string');
  assert.equal(left.reason, reason);
}

export function expectProblem({ status, type, body }, statuses, codes) {
  assert.ok([statuses].flat().includes(status), `HTTP ${statuses}, not ${status}: ${JSON.stringify(body)}`);
  assert.match(type ?? '', /^application\/problem\+json/);
  assert.equal(body.status, status);
  assert.match(body.code, KEBAB);
  if (codes !== undefined) assert.ok([codes].flat().includes(body.code), `code ${codes}, not ${body.code}`);
  assert.equal(typeof (body.detail ?? body.title), 'string');
}

/** Every object with an error of the socket side that is not tied to one code. */
export function expectSomeRefusal(reply, what) {
  assert.equal(reply?.ok, false, `${what} is refused, not ${JSON.stringify(reply)}`);
  assert.match(String(reply.error?.code), KEBAB, `${what}: a code`);
  assert.equal(typeof reply.error.message, 'string', `${what}: a message`);
}

export function ids(people) {
  return people?.map(({ id }) => id).sort();
}
