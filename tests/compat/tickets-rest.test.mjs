// Tickets over REST: for oneself, or by a back end for anybody, as long as they are in the room.
import assert from 'node:assert/strict';
import { api } from './lib/api.mjs';
import { ONE } from './lib/clients.mjs';
import { expectProblem } from './lib/expect.mjs';
import { ADMIN, WRITE, service, settings as auth } from './lib/hosted.mjs';
import { knock } from './lib/knocks.mjs';
import { NOT_IDS } from './lib/payloads.mjs';
import { suite } from './lib/stage.mjs';
import { WITH_JITSI, askTicket, expectTicket } from './lib/tickets.mjs';
import { token } from './lib/token.mjs';

const PATIENT = { PRESENCE__LEAVE_AFTER_CLOSE_MS: 60_000, PRESENCE__LEAVE_AFTER_LOST_MS: 60_000 };
const settings = { ...auth, ...WITH_JITSI, ...PATIENT };
const withToken = (id, more) => ({ token: token(id, more) });

/** Ann's meeting with Ann, Bob and Cora in it, whose roles follow from their names; `ask(bearer, body)`. */
async function people(stage, ...ids) {
  const roomId = stage.room();
  const created = await stage.rest(token('ann')).post('/api/meetings', { roomId });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  const all = {};
  for (const id of ['ann', 'bob', 'cora', ...ids]) all[id] = await stage.joined(id, roomId, withToken(id));
  await all.ann.ok('make-cohost', { participantId: 'cora' });
  return { roomId, ...all, ask: (bearer, body) => askTicket(stage.server.url, roomId, { bearer, body }) };
}

function expectGiven({ status, headers, body }, expected) {
  assert.equal(status, 200, JSON.stringify(body.code ?? ''));
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.deepEqual(Object.keys(body).sort(), ['ok', 'provider', 'rev']);
  assert.equal(body.ok, true);
  assert.ok(Number.isInteger(body.rev), 'rev is an integer');
  return expectTicket(body.provider, { provider: 'jitsi', ...expected });
}

const OTHERS = [401, 403];
const NOT_THEIRS = ['unauthorized', 'forbidden'];

suite('a ticket over REST', { variants: ONE, settings }, (scenario) => {
  for (const [id, role] of [['ann', 'host'], ['bob', 'participant'], ['cora', 'co-host']]) {
    scenario(`is given to a ${role} for themselves, and to back ends for them`, async (stage) => {
      const { ask, [id]: user, ann } = await people(stage);
      const { providerUserId, roomName } = user.joinReply.provider;
      const expected = { role, participantId: id, providerUserId, roomName };
      expectGiven(await ask(token(id)), expected);
      expectGiven(await ask(token(id), { userId: id }), expected);
      for (const bearer of [WRITE, ADMIN]) expectGiven(await ask(bearer, { userId: id }), expected);
      ann.log.readAll();
      await ann.noMore('provider-token');
    });
  }

  scenario('comes to nobody as an event', async (stage) => {
    const { ask, bob } = await people(stage);
    bob.log.readAll();
    expectGiven(await ask(token('bob')));
    await bob.noMore('provider-token');
  });

  scenario('is not given for somebody else', async (stage) => {
    const { ask } = await people(stage);
    for (const [who, userId] of [['bob', 'ann'], ['ann', 'bob'], ['cora', 'bob'], ['eve', 'bob'], ['bob', 'nobody']]) {
      expectProblem(await ask(token(who), { userId }), OTHERS, NOT_THEIRS);
    }
    for (const scope of ['openid', 'meetings:read', 'meetings']) {
      const reply = await ask(service(scope), { userId: 'bob' });
      assert.notEqual(reply.status, 200, scope);
    }
  });

  scenario('is not given without a token, or with a bad one', async (stage) => {
    const { ask } = await people(stage);
    for (const bearer of [undefined, 'nonsense', token('bob', { secret: 'another-secret-0123456789abcdef' })]) {
      for (const body of [{}, { userId: 'bob' }]) expectProblem(await ask(bearer, body), 401, 'unauthorized');
    }
  });

  scenario('has to be asked for by a back end for somebody', async (stage) => {
    const { ask } = await people(stage);
    for (const body of [{}, ...NOT_IDS.map((userId) => ({ userId }))]) {
      expectProblem(await ask(WRITE, body), [400, 422], ['invalid-payload', 'malformed-json']);
    }
    for (const body of ['{', '[]', 'null', '5', '"bob"']) {
      expectProblem(await ask(token('bob'), body), [400, 422], ['invalid-payload', 'malformed-json']);
    }
  });

  scenario('is not given to who is not in the room', async (stage) => {
    const { roomId, ask, ann, bob } = await people(stage);
    await ann.ok('update-room', { lobby: true });
    await knock(stage, 'dan', roomId, withToken('dan'));
    await ann.ok('remove-participant', { participantId: 'bob' });
    await bob.next('kicked-from-room');
    for (const id of ['dan', 'bob', 'eve']) {
      expectProblem(await ask(token(id)), 403, 'not-joined');
      expectProblem(await ask(WRITE, { userId: id }), 403, 'not-joined');
    }
  });

  scenario('is given to who has lost their connection, until they are given up', async (stage) => {
    const { ask, bob, ann } = await people(stage);
    await bob.cut();
    await ann.next('participant-updated', ({ updates }) => updates.isReconnecting);
    expectGiven(await ask(token('bob')), { role: 'participant' });
  });

  scenario('is not given to the banned', async (stage) => {
    const { ask, ann, bob } = await people(stage);
    await ann.ok('remove-participant', { participantId: 'bob', ban: true });
    await bob.next('kicked-from-room');
    expectProblem(await ask(token('bob')), 403, 'banned');
    expectProblem(await ask(WRITE, { userId: 'bob' }), 403, 'banned');
  });

  scenario('is not given once the meeting is over', async (stage) => {
    const { ask, ann } = await people(stage);
    await ann.ok('end-meeting');
    expectProblem(await ask(token('bob')), [409, 410], 'meeting-ended');
    expectProblem(await ask(WRITE, { userId: 'bob' }), [409, 410], 'meeting-ended');
  });

  scenario('is not given in a meeting that nobody has entered', async (stage) => {
    const roomId = stage.room();
    await stage.rest(token('ann')).post('/api/meetings', { roomId });
    expectProblem(await askTicket(stage.server.url, roomId, { bearer: token('ann') }), 403, 'not-joined');
  });

  scenario('of a meeting that there is not is the same 404 as of another tenant\'s', async (stage) => {
    const { ask } = await people(stage);
    const { url } = stage.server;
    for (const [id, more] of [['bob', {}], ['back-end', { scope: 'meetings:write' }]]) {
      const unknown = await askTicket(url, stage.room(), { bearer: token(id, more), body: { userId: 'bob' } });
      expectProblem(unknown, 404, 'meeting-not-found');
      const foreign = await ask(token(id, { ...more, tenant: 'acme' }), { userId: 'bob' });
      assert.deepEqual([foreign.status, foreign.body], [404, unknown.body]);
    }
  });

  scenario('has the role of this moment', async (stage) => {
    const { ask, ann } = await people(stage);
    await ann.ok('remove-cohost', { participantId: 'cora' });
    expectGiven(await ask(token('cora')), { role: 'participant' });
    await ann.ok('make-host', { participantId: 'bob' });
    expectGiven(await ask(token('bob')), { role: 'host' });
  });

  scenario('is asked for with POST alone', async (stage) => {
    const { roomId } = await people(stage);
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
      const reply = await api(stage.server.url, token('bob'))(method, `meetings/${roomId}/token`);
      expectProblem(reply, 405, 'method-not-allowed');
    }
  });
});

suite('a ticket over REST, without keys', { variants: ONE, settings: WITH_JITSI }, (scenario) => {
  scenario('is for whoever is named', async (stage) => {
    const { roomId } = await stage.cast('bob');
    const ask = (body) => askTicket(stage.server.url, roomId, { body });
    expectGiven(await ask({ userId: 'bob' }), { role: 'participant', participantId: 'bob' });
    expectGiven(await ask({ userId: 'ann' }), { role: 'host', participantId: 'ann' });
    expectProblem(await ask({ userId: 'eve' }), 403, 'not-joined');
    expectProblem(await ask({}), 422, 'invalid-payload');
  });
});

suite('a ticket over REST, without a provider', { variants: ONE }, (scenario) => {
  scenario('is nothing', async (stage) => {
    const { roomId } = await stage.cast('bob');
    const { status, body } = await askTicket(stage.server.url, roomId, { body: { userId: 'bob' } });
    assert.deepEqual([status, body.ok, body.provider], [200, true, null]);
  });
});
