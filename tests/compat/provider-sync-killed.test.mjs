// What is still to be carried to the provider outlives the process that took it on.
import assert from 'node:assert/strict';
import { ban } from './lib/bans.mjs';
import { ONE } from './lib/clients.mjs';
import { FakeDaily } from './lib/fake-daily.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { PATIENT, placed, threeNodes } from './lib/killing.mjs';
import { bePatient, eventually } from './lib/log.mjs';
import { healed } from './lib/pending.mjs';
import { FAST, carried, enter, fits, putOut, seatedAt, ticketOf } from './lib/providers.mjs';
import { suite } from './lib/stage.mjs';

bePatient(20_000);

const SERVICES = { livekit: await FakeLiveKit.start(), daily: await FakeDaily.start({ limits: null }) };

/** What a killed server leaves behind: Bob was host, Cy is banned, Dee was kicked, all of it acked, nothing carried. */
async function leaveWork(fake, ann) {
  await fake.down();
  await ann.ok('remove-host', { participantId: 'bob' });
  await ban(ann, 'cy');
  await ann.ok('remove-participant', { participantId: 'dee' });
}

/** A host at the provider as well, by a ticket that says so. */
async function promoted(fake, ann, bob) {
  await ann.ok('make-host', { participantId: 'bob' });
  await bob.until(() => ticketOf(bob)?.role === 'host', 'a host’s ticket');
  bob.session.leave();
  await enter(fake, bob);
}

/** A demoted host is one no more: put out, where that is the only way. */
function isNoHost(fake, session) {
  return ['ejected', 'removed'].includes(session.out) || fits(fake, session, 'participant');
}

for (const [name, fake] of Object.entries(SERVICES)) {
  const healing = healed(fake);

  suite(`kill -9 before ${name} has heard`, { variants: ONE, settings: { ...fake.settings, ...FAST } }, (scenario) => {
    const play = healing(scenario);

    play('what was acked is carried after the restart, though nobody is there', async (stage) => {
      const { ann, bob, cy, dee } = await seatedAt(fake, stage, 'bob', 'cy', 'dee');
      await promoted(fake, ann, bob);
      await leaveWork(fake, ann);
      await stage.server.kill9();
      await fake.up();
      assert.deepEqual([bob.session.out, cy.session.out, dee.session.out], [null, null, null]);
      await stage.server.restart();
      await eventually(() => isNoHost(fake, bob.session), 'Bob to be no host');
      for (const { session } of [cy, dee]) await putOut(session);
      assert.equal(ann.session.out, null);
    });

    play('and when the provider is away still, later', async (stage) => {
      const { ann, bob, cy, dee } = await seatedAt(fake, stage, 'bob', 'cy', 'dee');
      await promoted(fake, ann, bob);
      await leaveWork(fake, ann);
      await stage.server.restart();
      await stage.server.restart();
      const calls = fake.calls.length;
      await fake.up();
      for (const { session } of [cy, dee]) await putOut(session);
      await eventually(() => isNoHost(fake, bob.session), 'Bob to be no host');
      assert.ok(fake.calls.length > calls);
    });

    play('an end is carried, too', async (stage) => {
      const { ann, everyone } = await seatedAt(fake, stage, 'bob');
      await fake.down();
      await ann.ok('end-meeting');
      await stage.server.restart();
      await fake.up();
      for (const { session } of everyone) await putOut(session);
    });

    play('what has been undone before the restart is never carried', async (stage) => {
      const { roomId, ann, bob } = await seatedAt(fake, stage, 'bob');
      await fake.down();
      await ann.ok('make-host', { participantId: 'bob' });
      await ann.ok('remove-host', { participantId: 'bob' });
      await stage.server.restart();
      const from = fake.calls.length;
      await fake.up();
      const host = await stage.joined('ann', roomId);
      const back = await stage.joined('bob', roomId);
      back.session = bob.session;
      await host.ok('make-cohost', { participantId: 'bob' });
      await carried(fake, back, 'co-host');
      const told = fake.calls.slice(from).map(({ body }) => body?.attributes?.['usher.role']);
      assert.ok(!told.includes('host'), `${told}`);
    });

    play('is not done twice to somebody who has become a host again', async (stage) => {
      const { roomId, ann, bob } = await seatedAt(fake, stage, 'bob');
      await promoted(fake, ann, bob);
      await fake.down();
      await ann.ok('remove-host', { participantId: 'bob' });
      await ann.ok('make-host', { participantId: 'bob' });
      await stage.server.restart();
      const back = await stage.joined('bob', roomId);
      await fake.up();
      await back.until(() => ticketOf(back)?.role === 'host', 'a host’s ticket');
      const session = await enter(fake, back);
      const host = await stage.joined('ann', roomId);
      await host.ok('make-cohost', { participantId: 'bob' });
      await host.next('provider-sync', ({ state }) => state === 'applied');
      assert.ok(fits(fake, session, 'host'));
    });
  });

  threeNodes(`one of three nodes is killed before ${name} has heard`, { settings: { ...PATIENT, ...fake.settings, ...FAST } }, (scenario) => {
    healing(scenario)('another one carries it', async (stage, nodes, round) => {
      const people = await placed(stage, nodes, { ann: 0, bob: 1, cy: 0, dee: 2 });
      const { ann, bob, cy, dee } = people;
      for (const user of people.everyone) await enter(fake, user);
      await promoted(fake, ann, bob);
      await leaveWork(fake, ann);
      // Before the others look, or after they have tried.
      if (round % 2 === 1) await ann.next('provider-sync', ({ state }) => state === 'pending');
      await nodes.kill(0);
      await fake.up();
      await eventually(() => isNoHost(fake, bob.session), 'Bob to be no host');
      for (const { session } of [cy, dee]) await putOut(session);
      if (bob.session.out !== null) await enter(fake, bob);
      assert.equal(bob.session.role, 'participant');
    });

    scenario('nobody is told twice that it is done', async (stage, nodes) => {
      const { ann, bob, everyone } = await placed(stage, nodes, { ann: 0, bob: 1, cy: 2 });
      for (const user of everyone) await enter(fake, user);
      for (const event of ['make-cohost', 'remove-cohost', 'make-cohost']) {
        await ann.ok(event, { participantId: 'bob' });
        for (const user of [ann, bob]) await user.next('provider-sync', ({ state }) => state === 'applied');
      }
      for (const user of [ann, bob]) await user.noMore('provider-sync');
      await carried(fake, bob, 'co-host');
    }, 1);
  });
}
