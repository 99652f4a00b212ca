// Ann's meeting under way, with people of every rank, and all who may ask about it over REST.
import assert from 'node:assert/strict';
import { api } from './api.mjs';
import { knock } from './knocks.mjs';
import { appoint, seated } from './spread.mjs';
import { SECRET, token } from './token.mjs';

export const settings = { AUTH__HS256_SECRET: SECRET, AUTH__TENANT_CLAIM: 'tenant' };

export const service = (scope, more = {}) => token('back-end', { scope, ...more });
export const WRITE = service('meetings:write');
export const ADMIN = service('meetings:admin');

/** Who asks. Hal has a role and is away; Gus and Cora are there. */
export const CALLERS = {
  'a stranger': token('sue'),
  'a guest': token('gus'),
  'a co-host': token('cora'),
  'a host who is away': token('hal'),
  'the creator': token('ann'),
  'a service that writes': WRITE,
  'a service that administers': ADMIN,
};
export const [STRANGER, GUEST, COHOST, HOST, CREATOR, WRITER, ADMINISTRATOR] = Object.keys(CALLERS);

/**
 * The people in it are spread over the nodes; REST is asked at the last one, where Ann is not. `as(bearer)` gives
 * requests about this meeting: `(method, route, body)`.
 */
export async function hosted(stage, nodes, ...guests) {
  const roomId = stage.room();
  const created = await api(nodes.at(0).url, token('ann'))('POST', 'meetings', { roomId });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  const all = await seated(stage, nodes, roomId, ['ann', 'cora', 'gus', 'hal', ...guests], withToken);
  await appoint(all.ann, 'cohost', all.cora);
  await appoint(all.ann, 'host', all.hal);
  await all.hal.ok('leave-room');
  const everyone = all.everyone.filter((user) => user !== all.hal);
  for (const user of everyone) {
    await user.until(() => !user.seen('hal'), 'Hal to be away');
    user.log.readAll();
  }
  const as = (bearer) => (method, route, body) => (
    api(nodes.at(2).url, bearer)(method, `meetings/${roomId}/${route}`, body));
  return { ...all, roomId, everyone, as, stage, nodes };
}

const withToken = (id) => ({ token: token(id) });

let more = 0;
const someId = (what) => `${what}-${(more += 1)}`;

/** Somebody new in the room. */
export function comes({ stage, nodes, roomId }, id = someId('new')) {
  return stage.joined(id, roomId, { ...nodes.at(1), ...withToken(id) });
}

/** Somebody new at its door. */
export async function knocks({ stage, nodes, roomId, ann }, id = someId('knocks')) {
  await ann.ok('update-room', { lobby: true });
  return knock(stage, id, roomId, { ...nodes.at(1), ...withToken(id) });
}

/** A connection of theirs, at any node. */
export function visitor({ stage, nodes }, id, node = 0) {
  return stage.user(id, { ...nodes.at(node), ...withToken(id) });
}

/** What every command answers. */
export function expectDone({ status, body }, what = '') {
  assert.equal(status, 200, `${what}: ${JSON.stringify(body)}`);
  assert.equal(body.ok, true, what);
  assert.ok(Number.isInteger(body.rev), `${what}: rev is an integer`);
}
