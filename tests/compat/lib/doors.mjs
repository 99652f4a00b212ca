// The two ways in, Socket.IO and REST: both have to say the same to a token.
import assert from 'node:assert/strict';
import { expectProblem } from './expect.mjs';

/** Why a token is refused. */
export const WHY = {
  missing: 'A token is required',
  long: 'The token is too long',
  malformed: 'The token is malformed',
  issuer: 'The token\'s issuer is not known here',
  expired: 'The token has expired',
  early: 'The token is not valid yet',
  signature: 'The token\'s signature is wrong',
  algorithm: 'The token\'s algorithm is not the key\'s',
  key: 'The token\'s key is not known',
  noExp: 'The token lacks exp',
  noSub: 'The token lacks sub',
  audience: 'The token\'s audience is another',
  party: 'The token was made for another party',
  lasting: 'The token lasts too long',
  twice: 'The token holds a claim twice',
  subject: 'The token\'s subject is not a user id',
  noTenant: 'The token names no tenant',
  tenant: 'The token\'s tenant is not an id',
  pending: 'The token\'s session is pending',
  role: 'The token\'s role may not join',
  header: 'The token\'s header asks for what is not understood',
  service: 'A service token cannot join a room',
};

/** Such a refusal may go on with what to do. */
const UNFETCHED = /^The keys of the token's issuer cannot be fetched(;|$)/;

/** The answer of REST to `GET /api/meetings`, with its headers. */
export async function ask(url, token, headers = {}) {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/api/meetings`, { headers: { ...authorization, ...headers } });
  const { status } = response;
  return { status, headers: response.headers, type: response.headers.get('content-type'), body: await response.json() };
}

/** What the client of a refused connection is told. */
export async function refusal(stage, token, options) {
  const error = await stage.user('mallory', { token, ...options }).then(() => null, (thrown) => thrown);
  assert.ok(error, `let in: ${JSON.stringify(token)}`);
  assert.ok(error.refused, error.message);
  return error.message.replace(/^connection refused: /, '');
}

/** Refused over both, for the same reason; `why` lists several where the order of the checks is free. */
export async function expectOut(stage, token, why, what = '') {
  const said = await expectOutOfRest(stage, token, why, what);
  assert.equal(await refusal(stage, token), `unauthorized: ${said}`, what);
}

export async function expectOutOfRest(stage, token, why, what = '') {
  const reply = await ask(stage.server.url, token);
  assert.equal(reply.status, 401, `${what}: ${JSON.stringify(reply.body)}`);
  expectProblem(reply, 401, 'unauthorized');
  const said = reply.body.detail;
  assert.ok([why].flat().includes(said), `${what}: it says "${said}", not "${why}"`);
  const challenge = reply.headers.get('www-authenticate');
  assert.match(challenge, token === undefined ? /^Bearer$/ : /^Bearer\b.*error="invalid_token"/, what);
  return said;
}

/** Not the token's fault: the same may be good later. */
export async function expectUnavailable(stage, token) {
  const reply = await ask(stage.server.url, token);
  expectProblem(reply, 503, 'unavailable');
  assert.match(reply.body.detail, UNFETCHED);
  assert.ok(Number(reply.headers.get('retry-after')) >= 1, 'says when to come back');
  const said = await refusal(stage, token);
  assert.match(said, /^unavailable: /);
  assert.match(said.slice('unavailable: '.length), UNFETCHED);
}

/** Let in over both, as the same user of the same tenant: what they create over REST is theirs in the room. */
export async function expectIn(stage, token, id = 'ann', options = {}) {
  const roomId = stage.room();
  const { status, body } = await stage.rest(token).post('/api/meetings', { roomId });
  assert.equal(status, 201, JSON.stringify(body));
  assert.equal(body.createdBy, id);
  const user = await stage.user(id, { token, ...options });
  const { ok, participant } = await user.ack('join-room', roomId);
  assert.equal(ok, true);
  assert.deepEqual([participant.id, participant.isHost], [id, true]);
  return user;
}

/** Whether REST lets it in now. */
export async function isIn(stage, token) {
  return (await ask(stage.server.url, token)).status === 200;
}
