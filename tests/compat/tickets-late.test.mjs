// Tickets that are late: what becomes of the answers that wait for them, and of whoever was refused something.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { FakeDaily } from './lib/fake-daily.mjs';
import { eventually } from './lib/log.mjs';
import { READ_ONLY } from './lib/outage.mjs';
import { FAST, ticketed } from './lib/providers.mjs';
import { suite } from './lib/stage.mjs';
import { WITH_JITSI, nextTicket } from './lib/tickets.mjs';

const daily = await FakeDaily.start({ limits: null });
const PATIENT = { DAILY__TOKENS: 'rest', PROVIDERS__JOIN_BUDGET_MS: 10_000, PROVIDERS__REQUEST_TIMEOUT_MS: 20_000 };

suite('somebody whose join waits for a ticket', { variants: ONE, settings: { ...daily.settings, ...FAST, ...PATIENT } }, (scenario) => {
  for (const [what, ban, code] of [['kicked', false, 'not-joined'], ['banned', true, 'banned']]) {
    scenario(`and is ${what}: is told so`, async (stage) => {
      const { roomId, ann } = await ticketed(stage);
      const letGo = daily.hold({ only: 'POST /meeting-tokens' });
      const bob = await stage.user('bob');
      const joining = bob.ack('join-room', { roomId, userId: 'bob', userName: 'Bob' });
      await ann.next('participant-joined');
      await ann.ok('remove-participant', { participantId: 'bob', ban });
      const reply = await joining;
      letGo();
      assert.equal(reply.ok, false);
      assert.equal(reply.error.code, code);
      assert.equal(bob.heard('provider-token').length, 0);
    });
  }
});

const REFUSING = { ...WITH_JITSI, ROOMS__ROLE_GRACE_MS: 300, DATABASE__WRITE_WINDOW_MS: 0 };

suite('a promotion that the database refused', { variants: ONE, settings: REFUSING, through: READ_ONLY.through }, (scenario) => {
  scenario('stands in the way of no later ticket', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob', 'cy');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await nextTicket(bob, { role: 'co-host' });
    READ_ONLY.begin(stage.server);
    // It may take a write or two before the database refuses one.
    const change = (event) => ann.ack(event, { roomId, participantId: 'bob' }).then(({ ok }) => ok);
    while (await change('make-host') && await change('remove-host'));
    await READ_ONLY.settled(stage.server);
    READ_ONLY.end(stage.server);
    await bob.until(() => !bob.seen('bob').isHost, 'the promotion to be taken back');
    const writable = () => ann.ack('make-cohost', { roomId, participantId: 'cy' }).then(({ ok }) => ok);
    await eventually(writable, 'the database to take writes');
    bob.log.readAll();
    await ann.ok('leave-room');
    await bob.next('host-changed');
    await nextTicket(bob, { role: 'host' });
    const { provider } = await bob.ok('refresh-token');
    assert.equal(provider.role, 'host');
  });
});

suite('somebody told of a role', { variants: ONE, settings: WITH_JITSI }, (scenario) => {
  scenario('hears what the provider makes of it after the answer', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await Promise.all([ann, bob].map((user) => user.next('provider-sync')));
    const events = ann.log.entries.map(({ event, answers }) => (answers === undefined ? event : `${event} (ack)`));
    const [ack, sync] = ['make-cohost (ack)', 'provider-sync'].map((event) => events.lastIndexOf(event));
    assert.ok(ack < sync, `${events}`);
  });
});
