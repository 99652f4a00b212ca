// Many people at once, and Daily slow, away or strict: the budget holds for each of them, and few calls are made.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { FakeDaily } from './lib/fake-daily.mjs';
import { bePatient, eventually } from './lib/log.mjs';
import { BUDGET_MS, healed } from './lib/pending.mjs';
import { FAST, enter, ticketOf } from './lib/providers.mjs';
import { onOneAndThree } from './lib/spread.mjs';
import { suite } from './lib/stage.mjs';

bePatient(20_000);

const daily = await FakeDaily.start();
const CROWD = Array.from({ length: 50 }, (_, i) => `guest-${i}`);
/** What fifty joins at once may take without any provider. */
const SLACK_MS = 1_500;
const BREAKER = { PROVIDERS__BREAKER_FAILURES: 5, PROVIDERS__BREAKER_PAUSE_MS: 1_000 };
const settings = { ...daily.settings, ...FAST, ...BREAKER, PROVIDERS__JOIN_BUDGET_MS: BUDGET_MS };
const REST = { ...settings, DAILY__TOKENS: 'rest' };

/** Everybody connects, then all join in one breath. */
async function storm(stage, roomId, ids = CROWD, where = () => ({})) {
  const users = await Promise.all(ids.map((id, i) => stage.user(id, where(i))));
  const began = Date.now();
  await Promise.all(users.map(async (user) => {
    user.joinReply = await user.join(roomId);
    user.joinTook = Date.now() - began;
  }));
  return users;
}

const healing = healed(daily);

suite('fifty joins at once', { variants: ONE, settings: REST }, (plain) => {
  const scenario = healing(plain);

  for (const [what, trouble] of Object.entries({
    'Daily is slow': () => daily.slow(4 * BUDGET_MS),
    'Daily is silent': () => daily.down('silent'),
    'Daily is down': () => daily.down(),
    'Daily refuses': () => daily.fail(Infinity, { status: 503 }),
  })) {
    scenario(`when ${what}: all within the budget, and all get their tickets afterwards`, async (stage) => {
      const { roomId, ann } = await stage.cast();
      await trouble();
      const users = await storm(stage, roomId);
      const slowest = Math.max(...users.map(({ joinTook }) => joinTook));
      assert.ok(slowest < BUDGET_MS + SLACK_MS, `the slowest took ${slowest} ms`);
      await ann.until(() => ann.view().length === CROWD.length + 1, 'everybody in the view');
      for (const user of users.filter(({ joinReply }) => !joinReply.provider)) {
        assert.equal(user.joinReply.providerPending, true);
        await user.next('provider-pending');
      }
      await daily.heal();
      for (const user of users) {
        await user.until(() => ticketOf(user), 'a ticket');
        assert.equal((await enter(daily, user)).out, null);
      }
    });
  }

  scenario('when every call fails: after some failures Daily is left alone', async (stage) => {
    const { roomId } = await stage.cast();
    daily.fail(Infinity);
    const from = daily.calls.length;
    const began = Date.now();
    const users = await storm(stage, roomId);
    await Promise.all(users.map((user) => user.ok('refresh-token')));
    const calls = daily.calls.length - from;
    const pauses = Math.ceil((Date.now() - began) / BREAKER.PROVIDERS__BREAKER_PAUSE_MS);
    // Those that were under way when it broke, and one to see, after each pause.
    const most = BREAKER.PROVIDERS__BREAKER_FAILURES + 16 + pauses;
    assert.ok(calls <= most, `${calls} calls, where ${most} are enough`);
    await daily.heal();
    await eventually(() => users.every(ticketOf), 'tickets for all');
  });
});

onOneAndThree('fifty joins into a meeting that Daily does not know', { settings }, (plain, count) => {
  const scenario = healing(plain);

  scenario('make one room, and few calls', async (stage, nodes) => {
    const roomId = await stage.meeting('ann');
    const from = daily.calls.length;
    const users = await storm(stage, roomId, CROWD, (i) => nodes.at(i));
    for (const user of users) {
      await user.until(() => ticketOf(user), 'a ticket');
      await enter(daily, user);
    }
    assert.equal(new Set(users.map((user) => ticketOf(user).roomName)).size, 1);
    const calls = daily.calls.slice(from);
    const made = calls.filter(({ name, status }) => name === 'POST /rooms' && status === 200);
    assert.equal(made.length, 1);
    assert.ok(calls.length <= 4 * count, `${calls.map(({ name }) => name)}`);
    const { room } = users[0].session;
    assert.deepEqual([daily.room(room).privacy, daily.room(room).config.eject_at_room_exp], ['private', true]);
    assert.ok(daily.room(room).config.exp > daily.now());
  });

  scenario('and a Daily that lost the first answer', async (stage, nodes) => {
    const roomId = await stage.meeting('ann');
    daily.lose(1, { only: 'POST /rooms' });
    const users = await storm(stage, roomId, CROWD.slice(0, 9), (i) => nodes.at(i));
    for (const user of users) {
      await user.until(() => ticketOf(user), 'a ticket');
      await enter(daily, user);
    }
  });
});
