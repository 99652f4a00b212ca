// Guessing tokens: slow from one address, and no harm to others. The addresses are those that a proxy
// says, since the tests' own is exempt.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { ask, expectIn, refusal } from './lib/doors.mjs';
import { expectProblem } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';

const GUESSES = 5;
const settings = {
  AUTH__HS256_SECRET: SECRET,
  HTTP__TRUSTED_PROXIES: '127.0.0.1',
  // So slowly refilled that nothing comes back during a test.
  RATES__REFUSED_TOKENS_PER_IP: `${GUESSES}/1h`,
};

const wrong = token('ann', { secret: 'a-secret-that-was-guessed-0123456789' });

/** A guess from an address, or from what `X-Forwarded-For` says in its place. */
const guess = (stage, from) => ask(stage.server.url, wrong, { 'x-forwarded-for': from });

const guessOverSocket = (stage, from) => refusal(stage, wrong, { extraHeaders: { 'X-Forwarded-For': from } });

async function expectThrottled(stage, from) {
  const reply = await guess(stage, from);
  expectProblem(reply, 429, 'rate-limited');
  assert.ok(reply.body.retryAfterMs > 0, JSON.stringify(reply.body));
  const seconds = Number(reply.headers.get('retry-after'));
  assert.ok(seconds * 1_000 >= reply.body.retryAfterMs, `Retry-After: ${seconds}, ${JSON.stringify(reply.body)}`);
  assert.match(await guessOverSocket(stage, from), /^rate-limited: /);
}

async function useUp(stage, ...froms) {
  for (let i = 0; i < GUESSES; i += 1) {
    assert.equal((await guess(stage, froms[i % froms.length])).status, 401, `guess ${i + 1}`);
  }
}

suite('guessing tokens', { variants: ONE, settings }, (scenario) => {
  scenario('is slow from one address, and disturbs no other', async (stage) => {
    await useUp(stage, '198.51.100.7');
    await expectThrottled(stage, '198.51.100.7');
    assert.equal((await guess(stage, '198.51.100.8')).status, 401);
  });

  scenario('is counted over both ways in together', async (stage) => {
    for (let i = 0; i < GUESSES; i += 1) {
      assert.match(await guessOverSocket(stage, '198.51.100.20'), /^unauthorized: /, `guess ${i + 1}`);
    }
    await expectThrottled(stage, '198.51.100.20');
  });

  scenario('is counted for the whole network of IPv6 that somebody has', async (stage) => {
    await useUp(stage, '2001:db8:0:1::1', '2001:db8:0:1:ffff::2', '2001:db8:0:1:abcd:ef01:2345:6789');
    await expectThrottled(stage, '2001:db8:0:1::dead');
    assert.equal((await guess(stage, '2001:db8:0:2::1')).status, 401);
  });

  scenario('is not made quicker by addresses that the client made up', async (stage) => {
    await useUp(stage, '192.0.2.1, 198.51.100.30', '192.0.2.2, 198.51.100.30', 'nonsense, 198.51.100.30');
    await expectThrottled(stage, '192.0.2.3, 198.51.100.30');
    await expectThrottled(stage, '192.0.2.4, 198.51.100.30, 127.0.0.1');
    assert.equal((await guess(stage, '192.0.2.1')).status, 401);
  });

  scenario('is counted for an address however it is written', async (stage) => {
    await useUp(stage, '198.51.100.50', '::ffff:198.51.100.50', '::ffff:c633:6432', '198.51.100.50:4711');
    await expectThrottled(stage, '[::ffff:198.51.100.50]:4711');
    assert.equal((await guess(stage, '::ffff:198.51.100.51')).status, 401);
  });

  scenario('locks nobody out who has a good one, not even behind the same address', async (stage) => {
    await useUp(stage, '198.51.100.60');
    await expectThrottled(stage, '198.51.100.60');
    const reply = await ask(stage.server.url, token('ann'), { 'x-forwarded-for': '198.51.100.60' });
    assert.equal(reply.status, 200);
  });

  scenario('is not what somebody with a good token does', async (stage) => {
    for (let i = 0; i < 3 * GUESSES; i += 1) {
      const reply = await ask(stage.server.url, token('ann'), { 'x-forwarded-for': '198.51.100.41' });
      assert.equal(reply.status, 200);
    }
    await useUp(stage, '198.51.100.40');
    await expectIn(stage, token('ann'));
  });

  scenario('without a proxy is nobody else\'s fault: the tests\' own address is exempt', async (stage) => {
    for (let i = 0; i < 3 * GUESSES; i += 1) assert.equal((await ask(stage.server.url, wrong)).status, 401);
  });
});
