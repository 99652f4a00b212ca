// Whoever does too much of something waits; nobody else does.
import assert from 'node:assert/strict';
import { EVERY, ONE } from './lib/clients.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';

const AUTH__HS256_SECRET = SECRET;
const HOUR = '1h';
const behindProxy = { HTTP__TRUSTED_PROXIES: '127.0.0.1' };

/** Asserts on the shape of a refusal, in the ack and in the event, and gives back how long to wait. */
async function isLimited(user, event, reply) {
  assert.equal(reply.ok, false, JSON.stringify(reply));
  const { code, retryable, retryAfterMs } = reply.error;
  assert.deepEqual({ code, retryable }, { code: 'rate-limited', retryable: true });
  assert.ok(retryAfterMs > 0 && retryAfterMs <= 3_600_000, `${retryAfterMs}`);
  const error = await user.next('error', (e) => e.event === event);
  assert.equal(error.retryAfterMs, retryAfterMs);
  return retryAfterMs;
}

function from(address) {
  return { headers: { 'x-forwarded-for': address } };
}

async function get(server, path, { bearer, ...init } = {}) {
  const headers = { ...init.headers, ...(bearer && { authorization: `Bearer ${bearer}` }) };
  const response = await fetch(server.url + path, { ...init, headers });
  const body = await response.text();
  return { status: response.status, headers: response.headers, body: body.startsWith('{') ? JSON.parse(body) : body };
}

suite('commands of one connection', { variants: EVERY, settings: { RATES__COMMANDS_PER_CONNECTION: `5/${HOUR}` } }, (scenario) => {
  scenario('are refused beyond the rate, leaving never, and others go on', async (stage) => {
    const roomId = stage.room();
    const [ann, bob] = [await stage.joined('ann', roomId), await stage.joined('bob', roomId)];
    for (let i = 0; i < 4; i += 1) await ann.ok('update-my-state', { isAudioMuted: i % 2 === 0 });
    const wait = await isLimited(ann, 'update-my-state', await ann.ack('update-my-state', { roomId, isAudioMuted: true }));
    assert.ok(wait > 3_600_000 / 5 - 60_000, `one in twelve minutes comes back: ${wait}`);
    await bob.ok('update-my-state', { isAudioMuted: false });
    assert.equal((await ann.ack('leave-room', { roomId })).ok, true);
    await bob.next('participant-left', (e) => e.userId === 'ann');
  });
});

suite('commands of one user', {
  variants: ONE,
  settings: { AUTH__HS256_SECRET, RATES__COMMANDS_PER_USER: `6/${HOUR}` },
}, (scenario) => {
  scenario('count over all of their connections', async (stage) => {
    const roomId = stage.room();
    const tabs = [];
    for (let i = 0; i < 3; i += 1) tabs.push(await stage.joined('ann', roomId, { token: token('ann') }));
    for (const tab of tabs) await tab.ok('update-my-state', { isAudioMuted: false });
    await isLimited(tabs[1], 'room-state', await tabs[1].ack('room-state', { roomId }));
    const bob = await stage.joined('bob', roomId, { token: token('bob') });
    await bob.ok('room-state');
  });
});

suite('joins', { variants: ONE, settings: { AUTH__HS256_SECRET, RATES__JOINS_PER_USER: `3/${HOUR}` } }, (scenario) => {
  scenario('of one user are counted, returns are not', async (stage) => {
    const roomId = stage.room();
    const ann = await stage.joined('ann', roomId, { token: token('ann') });
    for (let i = 0; i < 10; i += 1) {
      assert.equal((await ann.ack('join-room', { roomId })).ok, true, 'she is in it already');
      await stage.joined('ann', roomId, { token: token('ann') });
    }
    for (let i = 0; i < 2; i += 1) {
      await ann.join(stage.room());
    }
    const other = stage.room();
    const reply = await ann.ack('join-room', { roomId: other });
    await isLimited(ann, 'join-room', reply);
    const state = await ann.ack('room-state', { roomId: other });
    assert.equal(state.ok, false, 'a refused join leaves nothing behind');
    const bob = await stage.joined('bob', roomId, { token: token('bob') });
    assert.equal(bob.view().length, 2);
  });
});

suite('the joins that the live rooms allow', { variants: ONE, settings: { RATES__JOINS_PER_USER: '10/1m' } }, (scenario) => {
  scenario('are ten a minute', async (stage) => {
    const ann = await stage.user('ann');
    const replies = [];
    for (let i = 0; i < 11; i += 1) replies.push(await ann.ack('join-room', ann.joinPayload(stage.room())));
    assert.ok(replies.slice(0, 10).every((reply) => reply.ok), JSON.stringify(replies));
    const wait = await isLimited(ann, 'join-room', replies[10]);
    assert.ok(wait <= 6_000, `one comes back every six seconds: ${wait}`);
  });
});

suite('connections', {
  variants: ONE,
  settings: { AUTH__HS256_SECRET, RATES__CONNECTS_PER_USER: `3/${HOUR}`, RATES__CONNECTS_PER_IP: `4/${HOUR}`, ...behindProxy },
}, (scenario) => {
  const as = (user, address) => ({ token: token(user), extraHeaders: { 'x-forwarded-for': address } });
  const refused = { refused: true, message: /rate-limited: / };

  scenario('of one user', async (stage) => {
    for (let i = 0; i < 3; i += 1) await stage.user('ann', as('ann', `198.51.100.${i}`));
    await assert.rejects(stage.user('ann', as('ann', '198.51.100.9')), refused);
    await stage.user('bob', as('bob', '198.51.100.9'));
  });

  scenario('from one address, and one IPv6 household is one', async (stage) => {
    for (let i = 0; i < 4; i += 1) await stage.user(`guest-${i}`, as(`guest-${i}`, `2001:db8::${i}`));
    await assert.rejects(stage.user('guest-9', as('guest-9', '2001:db8::9')), refused);
    await stage.user('guest-9', as('guest-9', '2001:db8:0:1::9'));
  });

  scenario('bad tokens from an address keep nobody out', async (stage) => {
    const extraHeaders = { 'x-forwarded-for': '198.51.100.77' };
    for (let i = 0; i < 10; i += 1) {
      await assert.rejects(stage.user('eve', { token: 'bad', extraHeaders }), { refused: true });
    }
    for (let i = 0; i < 4; i += 1) await stage.user(`host-${i}`, { token: token(`host-${i}`), extraHeaders });
  });

  scenario('what a client claims before the proxy counts for nothing', async (stage) => {
    for (let i = 0; i < 4; i += 1) await stage.user(`liar-${i}`, as(`liar-${i}`, `10.1.1.${i}, 203.0.113.5`));
    await assert.rejects(stage.user('liar-9', as('liar-9', '10.1.1.9, 203.0.113.5')), refused);
  });
});

suite('places', {
  variants: ONE,
  settings: { AUTH__HS256_SECRET, SOCKET__MAX_CONNECTIONS_PER_USER: 2, HTTP__MAX_CONNECTIONS_PER_IP: 3, ...behindProxy },
}, (scenario) => {
  scenario('of one user come back when a connection ends', async (stage) => {
    const own = { token: token('ann') };
    const [first] = [await stage.user('ann', own), await stage.user('ann', own)];
    await assert.rejects(stage.user('ann', own), { refused: true, message: /rate-limited: You have too many/ });
    first.disconnect();
    await first.next('disconnect');
    for (;;) {
      const again = await stage.user('ann', own).catch((error) => error);
      if (!(again instanceof Error)) break;
      assert.equal(again.refused, true);
    }
  });

  scenario('of one address', async (stage) => {
    const at = (user) => ({ token: token(user), extraHeaders: { 'x-forwarded-for': '192.0.2.1' } });
    for (const user of ['a', 'b', 'c']) await stage.user(user, at(user));
    await assert.rejects(stage.user('d', at('d')), { refused: true, message: /rate-limited: Too many connections from/ });
  });
});

suite('requests', {
  variants: ONE,
  settings: {
    AUTH__HS256_SECRET, RATES__REQUESTS_PER_USER: `4/${HOUR}`, RATES__REQUESTS_PER_IP: `6/${HOUR}`,
    RATES__CREATIONS_PER_USER: `2/${HOUR}`, ...behindProxy,
  },
}, (scenario) => {
  scenario('of one user are answered with 429 and when to come back', async ({ server }) => {
    const ann = (address) => get(server, '/api/meetings', { bearer: token('ann'), ...from(address) });
    for (let i = 0; i < 4; i += 1) assert.equal((await ann(`198.51.100.${i}`)).status, 200);
    const { status, headers, body } = await ann('198.51.100.9');
    assert.equal(status, 429);
    assert.equal(body.code, 'rate-limited');
    assert.equal(Number(headers.get('retry-after')), Math.ceil(body.retryAfterMs / 1000));
    assert.ok(body.retryAfterMs > 800_000, `${body.retryAfterMs}`);
  });

  scenario('without a good token, from one address; those with one are served', async ({ server }) => {
    const statuses = { good: [], bad: [] };
    for (let i = 0; i < 8; i += 1) {
      for (const [kind, bearer] of [['bad', i % 2 ? 'bad' : undefined], ['good', token(`user-${i}`)]]) {
        statuses[kind].push((await get(server, '/api/meetings', { bearer, ...from('203.0.113.77') })).status);
      }
    }
    assert.deepEqual(statuses, {
      good: Array(8).fill(200), bad: [401, 401, 401, 401, 401, 401, 429, 429],
    });
  });

  scenario('a back end\'s are not those of the users that it acts for', async (stage) => {
    const service = stage.rest(token('back-end', { scope: 'meetings:write' }));
    for (let i = 0; i < 12; i += 1) {
      const { status } = await service.post('/api/meetings', { roomId: stage.room(), userId: `someone-${i}` });
      assert.equal(status, 201);
    }
  });

  scenario('that create meetings have a rate of their own', async (stage) => {
    const create = () => stage.rest(token('carl')).post('/api/meetings', { roomId: stage.room() });
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await create()).status);
    assert.deepEqual(statuses, [201, 201, 429]);
  });

  scenario('the health of the server is never limited', async ({ server }) => {
    for (let i = 0; i < 20; i += 1) assert.equal((await get(server, '/healthz', from('203.0.113.78'))).status, 200);
  });
});

suite('bad tokens', {
  variants: ONE,
  settings: { AUTH__HS256_SECRET, RATES__REFUSED_TOKENS_PER_IP: `3/${HOUR}`, ...behindProxy },
}, (scenario) => {
  scenario('are told less and less, good ones pass from the same address', async (stage) => {
    const at = (bearer) => ({ bearer, ...from('203.0.113.5') });
    const statuses = [];
    for (let i = 0; i < 5; i += 1) statuses.push((await get(stage.server, '/api/meetings', at('bad'))).status);
    assert.deepEqual(statuses, [401, 401, 401, 429, 429]);
    const extraHeaders = { 'x-forwarded-for': '203.0.113.5' };
    await assert.rejects(stage.user('eve', { token: 'bad', extraHeaders }), { refused: true, message: /rate-limited/ });
    await stage.user('ann', { token: token('ann'), extraHeaders });
    assert.equal((await get(stage.server, '/api/meetings', at(token('ann')))).status, 200);
  });
});
