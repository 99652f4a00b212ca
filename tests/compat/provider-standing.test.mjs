// Who stands at the provider otherwise than a moment ago, although no command named them; and changes that come late.
import assert from 'node:assert/strict';
import { api } from './lib/api.mjs';
import { ONE } from './lib/clients.mjs';
import { FakeDaily } from './lib/fake-daily.mjs';
import { FakeLiveKit, NotLetIn } from './lib/fake-livekit.mjs';
import { eventually } from './lib/log.mjs';
import { FAST, applied, carried, enter, nextTicket, seatedAt, ticketed } from './lib/providers.mjs';
import { suite } from './lib/stage.mjs';

const SERVICES = { livekit: await FakeLiveKit.start(), daily: await FakeDaily.start({ limits: null }) };
const SOON = { ROOMS__ROLE_GRACE_MS: 300, PRESENCE__LEAVE_AFTER_LOST_MS: 50, PRESENCE__LEAVE_AFTER_CLOSE_MS: 50 };

const WAYS = {
  'another is made host over REST': ({ stage, roomId }) => api(stage.server.url)('PUT', `meetings/${roomId}/roles/cy/host`),
  'they make another host': ({ bob }) => bob.ok('make-host', { participantId: 'cy' }),
  'they are no co-host any more': ({ stage, roomId }) => api(stage.server.url)('DELETE', `meetings/${roomId}/roles/bob/co-host`),
};

for (const [name, fake] of Object.entries(SERVICES)) {
  suite(`an acting host at ${name}`, { variants: ONE, settings: { ...fake.settings, ...FAST, ...SOON } }, (scenario) => {
    for (const [way, happens] of Object.entries(WAYS)) {
      scenario(`is none there either when ${way}`, async (stage) => {
        const { roomId, ann, bob } = await seatedAt(fake, stage, 'bob', 'cy');
        await ann.ok('make-cohost', { participantId: 'bob' });
        await nextTicket(bob);
        await carried(fake, bob, 'co-host');
        await ann.ok('leave-room');
        const acting = await nextTicket(bob);
        assert.equal(acting.role, 'host');
        await applied(bob, 'bob');
        bob.session.leave();
        await enter(fake, bob, acting);
        await happens({ stage, roomId, bob });
        const { role } = await nextTicket(bob);
        assert.notEqual(role, 'host');
        await eventually(() => bob.session.out !== null, 'Bob to be put out');
        await carried(fake, bob, role);
      });
    }
  });
}

suite('livekit is told late', { variants: ONE, settings: { ...SERVICES.livekit.settings, ...FAST } }, (scenario) => {
  scenario('and revokes what was issued before the last change, not before the first', async (stage) => {
    const livekit = SERVICES.livekit;
    const { ann, bob } = await seatedAt(livekit, stage, 'bob');
    livekit.fail(Infinity);
    await ann.ok('make-host', { participantId: 'bob' });
    const { token } = await nextTicket(bob);
    const issued = Date.now();
    // Tokens tell their beginning in whole seconds, and clocks of nodes may differ by one.
    await eventually(() => Date.now() > issued + 2_100, 'two seconds to pass');
    await ann.ok('remove-host', { participantId: 'bob' });
    await livekit.heal();
    await eventually(() => bob.session.out === 'removed', 'Bob to be put out');
    await assert.rejects(livekit.enter(token), NotLetIn);
    await carried(livekit, bob, 'participant');
  });
});

suite('daily has not seen somebody', { variants: ONE, settings: { ...SERVICES.daily.settings, ...FAST } }, (scenario) => {
  scenario('who was demoted meanwhile and comes in with the new ticket: they stay', async (stage) => {
    const daily = SERVICES.daily;
    const { ann, bob } = await ticketed(stage, 'bob');
    await ann.ok('make-host', { participantId: 'bob' });
    await nextTicket(bob);
    await ann.ok('remove-host', { participantId: 'bob' });
    const ticket = await nextTicket(bob, ({ role }) => role === 'participant');
    await applied(ann, 'bob');
    await enter(daily, bob, ticket);
    // A later change has been carried: whatever there was to do about the earlier one is over.
    await ann.ok('make-cohost', { participantId: 'bob' });
    await carried(daily, bob, 'co-host');
    assert.equal(bob.session.out, null);
  });
});
