// The provider fails, is slow, or is away while roles change: nobody here waits for it, and in the end it is equal.
import assert from 'node:assert/strict';
import { ban, unban } from './lib/bans.mjs';
import { ONE } from './lib/clients.mjs';
import { FakeDaily } from './lib/fake-daily.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { bePatient, eventually } from './lib/log.mjs';
import { healed } from './lib/pending.mjs';
import { expectNoneWider } from './lib/provider-rights.mjs';
import {
  FAST, SLOW_MS, applied, callsOf, carried, enter, putOut, roleOf, seatedAt, syncsOf,
} from './lib/providers.mjs';
import { suite } from './lib/stage.mjs';

// A service that is back is tried again only after a while.
bePatient(15_000);

const SERVICES = { livekit: await FakeLiveKit.start(), daily: await FakeDaily.start({ limits: null }) };
const CROWD = ['bob', 'cy', 'dee', 'eve'];
/** Much longer than an answer takes here, much shorter than the service does. */
const AT_ONCE_MS = SLOW_MS / 2;

async function atOnce(run, what) {
  const began = Date.now();
  await run();
  const ms = Date.now() - began;
  assert.ok(ms < AT_ONCE_MS, `${what} took ${ms} ms`);
}

/** Commands that may all be given by Ann, from a seed. */
function* commands(seed, count) {
  let state = seed;
  const pick = (list) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return list[Math.floor((state / 2_147_483_648) * list.length)];
  };
  for (let i = 0; i < count; i += 1) {
    yield [pick(['make-host', 'remove-host', 'make-cohost', 'remove-cohost']), pick(CROWD)];
  }
}

for (const [name, fake] of Object.entries(SERVICES)) {
  const { role } = callsOf(fake);
  suite(`${name} in trouble`, { variants: ONE, settings: { ...fake.settings, ...FAST } }, (scenario) => {
    const troubled = healed(fake)(scenario);

    for (const status of [500, 503, 429]) {
      troubled(`fails three times with ${status}: pending once, then applied`, async (stage) => {
        const { ann, bob } = await seatedAt(fake, stage, 'bob');
        const before = fake.called(role).length;
        fake.fail(3, { only: role, status });
        await ann.ok('make-cohost', { participantId: 'bob' });
        await carried(fake, bob, 'co-host');
        for (const user of [ann, bob]) await applied(user, 'bob');
        for (const user of [ann, bob]) assert.deepEqual(syncsOf(user, 'bob'), ['pending', 'applied']);
        assert.equal(fake.called(role).slice(before).filter(({ fault }) => fault === 'failed').length, 3);
      });
    }

    troubled('hangs up after it did it: done once more, and no harm', async (stage) => {
      const { ann, bob } = await seatedAt(fake, stage, 'bob');
      fake.lose(2, { only: role });
      await ann.ok('make-cohost', { participantId: 'bob' });
      await applied(ann, 'bob');
      await carried(fake, bob, 'co-host');
    });

    troubled('is slow by ten times what we wait: the command is answered at once', async (stage) => {
      const { ann, bob } = await seatedAt(fake, stage, 'bob');
      fake.slow(SLOW_MS, { only: role });
      await atOnce(() => ann.ok('make-cohost', { participantId: 'bob' }), 'the command');
      await atOnce(() => ann.ok('remove-participant', { participantId: 'nobody' }).catch(() => {}), 'a refused one');
      await bob.next('cohost-granted');
      await ann.next('provider-sync', ({ state }) => state === 'pending');
      await fake.heal();
      await carried(fake, bob, 'co-host');
      await applied(ann, 'bob');
      assert.deepEqual(syncsOf(ann, 'bob'), ['pending', 'applied']);
    });

    troubled('never answers a demotion: the new ticket comes, the old rights go as soon as it listens', async (stage) => {
      const { ann, bob } = await seatedAt(fake, stage, 'bob');
      await ann.ok('make-host', { participantId: 'bob' });
      await applied(ann, 'bob');
      const letGo = fake.hold({ only: role });
      await atOnce(() => ann.ok('remove-host', { participantId: 'bob' }), 'the command');
      await bob.next('provider-token', (ticket) => ticket.role === 'participant');
      letGo();
      await carried(fake, bob, 'participant');
    });

    for (const how of ['reset', 'refused', 'silent']) {
      troubled(`is away (${how}) in the middle of role changes: converges`, async (stage) => {
        const { roomId, ann, everyone, ...people } = await seatedAt(fake, stage, ...CROWD);
        let i = 0;
        for (const [event, participantId] of commands(how.length, 60)) {
          if (i === 15) await fake.down(how);
          if (i === 45) await fake.up();
          // Whether or not there is something to change.
          await ann.ack(event, { roomId, participantId });
          if (i % 7 === 0) people[participantId].emit('refresh-token', { roomId });
          i += 1;
        }
        const { participants } = await ann.ok('room-state');
        for (const user of CROWD.map((id) => people[id])) {
          const wanted = roleOf(participants.find(({ id }) => id === user.id));
          await carried(fake, user, wanted);
          await user.settle();
        }
        assert.ok(expectNoneWider(ann, everyone) > CROWD.length);
      });
    }

    troubled('is away at a kick, and they are back before it is: they stay', async (stage) => {
      const { roomId, ann, bob } = await seatedAt(fake, stage, 'bob', 'cy');
      await fake.down();
      await ann.ok('remove-participant', { participantId: 'bob' });
      await ann.next('provider-sync', ({ state }) => state === 'pending');
      const back = await stage.joined('bob', roomId);
      await fake.up();
      await applied(ann, 'bob');
      await back.until(() => back.heard('provider-token').length > 0, 'a ticket');
      await enter(fake, back);
      await back.settle();
      assert.equal(back.session.out, null);
      assert.ok(bob.heard('kicked-from-room').length === 1);
    });

    troubled('is away at a ban: they are put out when it is back', async (stage) => {
      const { ann, bob } = await seatedAt(fake, stage, 'bob', 'cy');
      await fake.down();
      await atOnce(() => ban(ann, 'bob'), 'the ban');
      await ann.next('provider-sync', ({ state }) => state === 'pending');
      assert.equal(bob.session.out, null);
      await fake.up();
      await putOut(bob.session);
      await applied(ann, 'bob');
    });

    troubled('is away at a ban, and the ban is lifted before it is back: nobody is put out for it later', async (stage) => {
      const { roomId, ann, bob } = await seatedAt(fake, stage, 'bob', 'cy');
      await fake.down();
      await ban(ann, 'bob');
      await unban(ann, 'bob');
      const back = await stage.joined('bob', roomId);
      await fake.up();
      await applied(ann, 'bob');
      await back.until(() => back.heard('provider-token').length > 0, 'a ticket');
      await enter(fake, back);
      assert.equal(back.session.out, null);
      assert.ok(bob.heard('kicked-from-room').length === 1);
    });

    troubled('is away at the end: everybody is out when it is back', async (stage) => {
      const { ann, everyone } = await seatedAt(fake, stage, 'bob', 'cy');
      await fake.down();
      await atOnce(() => ann.ok('end-meeting'), 'the end');
      await fake.up();
      for (const { session } of everyone) await putOut(session);
    });

    troubled('refuses one change for good: the others, and the next one of the same person, are carried', async (stage) => {
      const { ann, bob, cy } = await seatedAt(fake, stage, 'bob', 'cy');
      fake.fail(1, { only: role, status: 400 });
      await ann.ok('make-cohost', { participantId: 'bob' });
      await eventually(() => fake.called(role).some(({ status }) => status === 400), 'a refusal');
      await ann.ok('make-cohost', { participantId: 'cy' });
      await carried(fake, cy, 'co-host');
      await ann.ok('make-host', { participantId: 'bob' });
      await ann.ok('remove-host', { participantId: 'bob' });
      await carried(fake, bob, 'co-host');
    });
  });
}
