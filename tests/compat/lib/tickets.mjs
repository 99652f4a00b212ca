// Tickets to media providers: servers that issue them, people who get them, and what is in them.
import assert from 'node:assert/strict';
import { read } from './jitsi-verifier.mjs';
import { expectNoSecret, keepSecret } from './secrets.mjs';

const APP_SECRET = 'a-secret-of-a-jitsi-server-0123456789';
const TURN_SECRET = 'a-secret-of-a-turn-server-0123456789';
export const SECRETS = { jitsi: APP_SECRET, turn: TURN_SECRET };
for (const secret of Object.values(SECRETS)) keepSecret(secret);

/** Settings of the providers that nobody has to be asked for a ticket. LiveKit and Daily have fakes. */
export const JITSI = {
  JITSI__URL: 'https://meet.example.org',
  JITSI__APP_ID: 'usher-tests',
  JITSI__APP_SECRET: APP_SECRET,
};
export const MESH = {
  MESH__STUN_URLS: 'stun:stun.example.org:3478',
  MESH__TURN_URLS: 'turn:turn.example.org:3478?transport=udp, turns:turn.example.org:5349?transport=tcp',
  MESH__TURN_SECRET: TURN_SECRET,
};
/** A server whose meetings are at Jitsi: for what is the same at every provider. */
export const WITH_JITSI = { PROVIDERS__DEFAULT: 'jitsi', ...JITSI };

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const MEDIA = { publishAudio: true, publishVideo: true, publishScreen: true, subscribe: true };
/** What follows from each role. */
export const RIGHTS = {
  participant: { ...MEDIA, moderate: false, record: false },
  'co-host': { ...MEDIA, moderate: true, record: false },
  host: { ...MEDIA, moderate: true, record: true },
};
export const ROLES = Object.keys(RIGHTS);

const FIELDS = [
  'provider', 'token', 'url', 'roomName', 'role', 'participantId', 'providerUserId', 'rights', 'expiresAt', 'rev',
];
const MORE = { daily: [], livekit: [], jitsi: ['featureFlags', 'configOverwrite'], mesh: ['iceServers'] };

/** Every field of the contract and no other, and those in `expected` of that value. */
export function expectTicket(ticket, expected = {}) {
  assert.ok(ticket !== null && typeof ticket === 'object', `a ticket, not ${JSON.stringify(ticket)}`);
  assert.deepEqual(Object.keys(ticket).sort(), [...FIELDS, ...MORE[ticket.provider]].sort(), 'the fields of a ticket');
  assert.match(ticket.roomName, UUID);
  assert.match(ticket.providerUserId, UUID);
  assert.deepEqual(ticket.rights, RIGHTS[ticket.role], `the rights of a ${ticket.role}`);
  assert.match(ticket.expiresAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  assert.ok(Date.parse(ticket.expiresAt) > Date.now(), `good until ${ticket.expiresAt}`);
  assert.ok(Number.isInteger(ticket.rev), 'rev is an integer');
  const isMesh = ticket.provider === 'mesh';
  for (const field of ['token', 'url']) assert.equal(typeof ticket[field], isMesh ? 'object' : 'string', field);
  if (ticket.token !== null) assert.ok(!ticket.url.includes(ticket.token), 'the url does not hold the token');
  for (const [field, value] of Object.entries(expected)) assert.deepEqual(ticket[field], value, field);
  keepSecret(ticket.token);
  for (const { credential } of ticket.iceServers ?? []) keepSecret(credential);
  return ticket;
}

/** What its token says, believed or not. */
export const claimsOf = (ticket) => read(ticket.token).claims;

/** The next one that this connection is sent. */
export async function nextTicket(user, expected) {
  return expectTicket(await user.next('provider-token'), { participantId: user.id, ...expected });
}

/** The one that came while joining: in the answer and, before that, as an event after the list. */
export function joinTicket(user, expected) {
  const since = user.log.entries.findLastIndex(({ event, answers }) => event === 'join-room' && answers !== undefined);
  const [list, sent] = ['existing-participants', 'provider-token'].map((name) => (
    user.log.entries.slice(0, since).findLastIndex(({ event }) => event === name)));
  assert.ok(list >= 0 && list < sent, `${user.id}: the list, the ticket, the answer`);
  const { provider } = user.log.entries[since].args[0];
  assert.deepEqual(provider, user.log.entries[sent].args[0], 'the answer has the same ticket');
  return expectTicket(provider, { participantId: user.id, ...expected });
}

/** A fresh one, which is in the answer and comes as an event before it. */
export async function freshTicket(user, expected) {
  user.log.readAll();
  const reply = await user.ok('refresh-token');
  assert.ok(Number.isInteger(reply.rev), 'rev is an integer');
  // Before it there may be one that was on its way already.
  const sent = user.log.entries.findLast(({ event, taken }) => event === 'provider-token' && !taken);
  assert.deepEqual(sent?.args[0], reply.provider, 'the event comes before the answer');
  user.log.readAll();
  return expectTicket(reply.provider, { participantId: user.id, ...expected });
}

/** The first of them came before the second, and so on; of several of one name the last counts. */
export function expectOrder(user, ...names) {
  const isEvent = (name) => ({ event, answers }) => event === name && answers === undefined;
  const at = names.map((name) => user.log.entries.findLastIndex(isEvent(name)));
  const sorted = at.every((place, i) => place >= 0 && (i === 0 || place > at[i - 1]));
  assert.ok(sorted, `${user.id} hears ${names.join(', ')} in this order, not at ${at}`);
}

/** No ticket that came allows more than the role that this user had at its revision, as they heard of it. */
export function expectNeverWider(user) {
  const entries = user.log.entries.filter(({ answers, local }) => answers === undefined && !local);
  const list = entries.find(({ event }) => event === 'existing-participants').args[0];
  const flags = (of) => Object.fromEntries(Object.entries(of).filter(([name]) => /^is(Co)?Host$/.test(name)));
  const changes = entries.filter(({ event, args }) => event === 'participant-updated' && args[0].participantId === user.id)
    .map(({ args }) => args[0]);
  for (const { role, rev } of user.heard('provider-token')) {
    const start = flags(list.find(({ id }) => id === user.id));
    const then = changes.filter((change) => change.rev <= rev).map(({ updates }) => flags(updates));
    const { isHost, isCoHost } = Object.assign({}, start, ...then);
    const held = [true, isCoHost, isHost].lastIndexOf(true);
    assert.ok(ROLES.indexOf(role) <= held, `a ${role}'s ticket at revision ${rev}, where they were a ${ROLES[held]}`);
  }
}

/** `POST …/token`. Unlike other answers, a good one holds a token. */
export async function askTicket(url, roomId, { bearer, body = {} } = {}) {
  const response = await fetch(`${url}/api/meetings/${roomId}/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  if (response.status !== 200) expectNoSecret(text, 'the refusal of a ticket');
  const { status, headers } = response;
  return { status, headers, type: headers.get('content-type'), body: JSON.parse(text) };
}

/** Claims or a ticket with what differs from run to run replaced: times by what they are after `iat`, names by words. */
export function normalised(object, names) {
  const words = new Map(Object.entries(names).map(([word, value]) => [value, word]));
  const plain = (value, key) => {
    if (typeof value === 'string') return words.get(value) ?? value;
    if (['iat', 'nbf', 'exp'].includes(key)) return value - object.iat;
    if (Array.isArray(value)) return value.map((inner) => plain(inner));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner, name)]));
  };
  return plain(object);
}
