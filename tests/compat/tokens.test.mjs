// With a key the token says who somebody is; without a good one nobody gets in.
import assert from 'node:assert/strict';
import { EVERY, ONE } from './lib/clients.mjs';
import { expectParticipant, expectProblem } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';

const settings = { AUTH__HS256_SECRET: SECRET };
const now = Math.floor(Date.now() / 1000);

const [header, , signature] = token('bob').split('.');
const forged = Buffer.from(JSON.stringify({ sub: 'ann', exp: now + 3600 })).toString('base64url');
const BAD_TOKENS = {
  'no token': undefined,
  'an empty one': '',
  'something else': 'not-a-token',
  'three dots': '...',
  'another secret': token('ann', { secret: 'another-secret-that-is-long-enough-0123456789' }),
  expired: token('ann', { exp: now - 3600 }),
  'not valid yet': token('ann', { nbf: now + 3600 }),
  'alg none': token('ann', { algorithm: 'none' }),
  'another algorithm with the same secret': token('ann', { algorithm: 'HS512' }),
  'a changed payload': `${header}.${forged}.${signature}`,
  'a cut signature': `${token('ann').slice(0, -5)}`,
  'no subject': token(undefined),
};

async function meetingOf(stage, creator) {
  const roomId = stage.room();
  const { status, body } = await stage.rest(token(creator)).post('/api/meetings', { roomId });
  assert.equal(status, 201, JSON.stringify(body));
  assert.equal(body.createdBy, creator);
  return roomId;
}

suite('tokens', { variants: EVERY, settings }, (scenario) => {
  for (const [what, bad] of Object.entries(BAD_TOKENS)) {
    scenario(`refused: ${what}`, async (stage) => {
      await assert.rejects(stage.user('ann', { token: bad }), { refused: true });
    });
  }

  scenario('the token, not the payload, says who it is', async (stage) => {
    const roomId = await meetingOf(stage, 'ann');
    const ann = await stage.joined('ann', roomId, { token: token('ann') });
    expectParticipant(ann.seen('ann'), { isHost: true, name: 'Ann' });
    const bob = await stage.user('bob', { token: token('bob') });
    await bob.refused('join-room', { ...bob.joinPayload(roomId), userId: 'ann' }, 'unauthorized');
    await ann.noMore('participant-joined');
    assert.equal((await bob.ack('join-room', { roomId, userName: 'Bob' })).ok, true);
    expectParticipant(await ann.next('participant-joined'), { id: 'bob', name: 'Bob', isHost: false });
  });

  scenario('a bare room id is enough with a token', async (stage) => {
    const roomId = await meetingOf(stage, 'ann');
    const ann = await stage.user('ann', { token: token('ann') });
    assert.equal((await ann.ack('join-room', roomId)).ok, true);
    expectParticipant(ann.seen('ann'), { isHost: true });
  });

  scenario('positional arguments cannot claim somebody else either', async (stage) => {
    const roomId = await meetingOf(stage, 'ann');
    const bob = await stage.user('bob', { token: token('bob') });
    await bob.expectRefusal('join-room', await bob.ack('join-room', roomId, 'ann', 'Ann'), 'unauthorized');
    assert.equal((await bob.ack('join-room', roomId, 'bob', 'Bob')).ok, true);
  });

  for (const via of ['header', 'query']) {
    scenario(`accepted from the ${via}`, async (stage) => {
      const roomId = await meetingOf(stage, 'ann');
      const ann = await stage.joined('ann', roomId, { token: token('ann'), via });
      expectParticipant(ann.seen('ann'), { isHost: true });
      await assert.rejects(stage.user('ann', { token: BAD_TOKENS.expired, via }), { refused: true });
    });
  }
});

suite('tokens over REST', { variants: ONE, settings }, (scenario) => {
  for (const [what, bad] of Object.entries(BAD_TOKENS)) {
    scenario(`refused: ${what}`, async (stage) => {
      const roomId = await meetingOf(stage, 'ann');
      const rest = stage.rest(bad);
      expectProblem(await rest.post('/api/meetings', { roomId: stage.room(), userId: 'ann' }), 401, 'unauthorized');
      expectProblem(await rest.get(`/api/meetings/${roomId}`), 401, 'unauthorized');
      expectProblem(await rest.delete(`/api/meetings/${roomId}`), 401, 'unauthorized');
    });
  }

  scenario('nobody creates a meeting in somebody else\'s name', async (stage) => {
    const roomId = stage.room();
    const { status, body } = await stage.rest(token('bob')).post('/api/meetings', { roomId, userId: 'ann' });
    if (status === 201) assert.equal(body.createdBy, 'bob');
    else assert.ok([401, 403].includes(status), `${status}`);
  });

  scenario('the health of the server is public', async (stage) => {
    assert.equal((await stage.rest().get('/healthz')).status, 200);
  });
});
