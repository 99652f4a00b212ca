// What happens to people while Daily still owes them a ticket: the one that comes is for what they are by then.
import assert from 'node:assert/strict';
import { ban } from './lib/bans.mjs';
import { ONE } from './lib/clients.mjs';
import { FakeDaily } from './lib/fake-daily.mjs';
import { bePatient } from './lib/log.mjs';
import { askingFor, expectPending, healed, joins } from './lib/pending.mjs';
import { expectNoneOutside, expectNoneWider } from './lib/provider-rights.mjs';
import { enter, nextTicket, ticketOf } from './lib/providers.mjs';
import { suite } from './lib/stage.mjs';

bePatient(15_000);

const daily = await FakeDaily.start();
const TOKENS = 'POST /meeting-tokens';
const healing = healed(daily);

suite('while a ticket is pending', { variants: ONE, settings: askingFor(daily) }, (plain) => {
  const scenario = healing(plain);

  for (const [what, go] of Object.entries({
    'who leaves': ({ bob }) => bob.ok('leave-room'),
    'who is kicked': ({ ann, bob }) => ann.ok('remove-participant', { participantId: 'bob' }).then(() => bob.next('kicked-from-room')),
    'who is banned': ({ ann, bob }) => ban(ann, 'bob').then(() => bob.next('kicked-from-room')),
  })) {
    scenario(`${what} gets none any more`, async (stage) => {
      const { roomId, ann } = await stage.cast();
      const letGo = daily.hold({ only: TOKENS });
      const bob = await joins(stage, 'bob', roomId);
      await expectPending(bob);
      await go({ ann, bob });
      const cy = await joins(stage, 'cy', roomId);
      await expectPending(cy);
      letGo();
      // His would have come before that of somebody who came later.
      await nextTicket(cy);
      await bob.settle().catch(() => {});
      expectNoneOutside(bob);
      assert.equal(bob.heard('provider-token').length, 0);
    });
  }

  scenario('who disconnects costs nothing', async (stage) => {
    const { roomId } = await stage.cast();
    const letGo = daily.hold({ only: TOKENS });
    for (let i = 0; i < 5; i += 1) (await joins(stage, `gone-${i}`, roomId)).disconnect();
    letGo();
    const bob = await joins(stage, 'bob', roomId);
    await bob.until(() => ticketOf(bob), 'a ticket');
  });

  scenario('who is promoted gets the ticket of the new role', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const letGo = daily.hold({ only: TOKENS });
    const bob = await joins(stage, 'bob', roomId);
    await ann.ok('make-cohost', { participantId: 'bob' });
    await bob.next('cohost-granted');
    letGo();
    await bob.until(() => ticketOf(bob)?.role === 'co-host', 'a co-host’s ticket');
    await bob.settle();
    assert.equal((await enter(daily, bob)).role, 'co-host');
    expectNoneWider(ann, [bob]);
  });

  scenario('who is demoted gets none of the old role', async (stage) => {
    const { roomId, ann, bob: before } = await stage.cast('bob');
    await ann.ok('make-host', { participantId: 'bob' });
    await before.ok('leave-room');
    const letGo = daily.hold({ only: TOKENS });
    const bob = await joins(stage, 'bob', roomId);
    await ann.ok('remove-host', { participantId: 'bob' });
    await bob.next('host-revoked');
    letGo();
    await bob.until(() => ticketOf(bob), 'a ticket');
    await bob.settle();
    assert.deepEqual(bob.heard('provider-token').map(({ role }) => role).filter((role) => role !== 'participant'), []);
    assert.equal((await enter(daily, bob)).role, 'participant');
    expectNoneWider(ann, [bob]);
  });
});
