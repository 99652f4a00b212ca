// A change of role, a removal, an end: carried to the provider, and said so to those whom it concerns.
import assert from 'node:assert/strict';
import { ban, unban } from './lib/bans.mjs';
import { ONE } from './lib/clients.mjs';
import { FakeDaily } from './lib/fake-daily.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { eventually } from './lib/log.mjs';
import {
  FAST, applied, carried, enter, fits, nextTicket, putOut, seatedAt, syncsOf, tellOfJoin, ticketOf, ticketed,
} from './lib/providers.mjs';
import { suite } from './lib/stage.mjs';

const SERVICES = { livekit: await FakeLiveKit.start(), daily: await FakeDaily.start({ limits: null }) };

const CHANGES = [
  ['make-cohost', 'co-host', 'cohost-granted'], ['make-host', 'host', 'host-granted'],
  ['remove-host', 'co-host', 'host-revoked'], ['remove-cohost', 'participant', 'cohost-revoked'],
];
const position = (user, wanted) => user.log.entries.findIndex(({ event, args, answers }) => answers === undefined && wanted(event, args[0]));

for (const [name, fake] of Object.entries(SERVICES)) {
  suite(`roles at ${name}`, { variants: ONE, settings: { ...fake.settings, ...FAST } }, (scenario) => {
    scenario('follow those here, up and down', async (stage) => {
      const { ann, bob } = await seatedAt(fake, stage, 'bob', 'cy');
      for (const [event, role, notice] of CHANGES) {
        await ann.ok(event, { participantId: 'bob' });
        await bob.next(notice);
        const ticket = await nextTicket(bob);
        assert.equal(ticket.role, role);
        await carried(fake, bob, role);
        const news = await applied(bob, 'bob');
        assert.deepEqual([news.participantId, news.provider, news.state], ['bob', name, 'applied']);
      }
      assert.deepEqual(syncsOf(bob, 'bob'), CHANGES.map(() => 'applied'));
    });

    scenario('are told to every connection of the one and to the moderators, after the change itself', async (stage) => {
      const { roomId, ann, bob, cy, cora } = await seatedAt(fake, stage, 'bob', 'cy', 'cora');
      await ann.ok('make-cohost', { participantId: 'cora' });
      for (const user of [ann, cora]) await applied(user, 'cora');
      const tab = await stage.joined('bob', roomId);
      await ann.ok('make-host', { participantId: 'bob' });
      for (const user of [ann, cora, bob, tab]) await applied(user, 'bob');
      for (const user of [bob, tab]) {
        const order = [
          position(user, (event, it) => event === 'participant-updated' && it.updates.isHost === true),
          position(user, (event) => event === 'host-granted'),
          position(user, (event, it) => event === 'provider-token' && it.role === 'host'),
        ];
        assert.ok(order.every((at, i) => at >= 0 && (i === 0 || at > order[i - 1])), `${order}`);
        assert.ok(position(user, (event) => event === 'provider-sync') > order[0]);
      }
      await cy.noMore('provider-sync');
      await cy.noMore('provider-token');
    });

    scenario('stay as they are for the others', async (stage) => {
      const { ann, bob, cy } = await seatedAt(fake, stage, 'bob', 'cy');
      await ann.ok('make-host', { participantId: 'bob' });
      await applied(ann, 'bob');
      assert.deepEqual([ann.session.role, cy.session.role], ['host', 'participant']);
      assert.ok(fits(fake, ann.session, 'host') && fits(fake, cy.session, 'participant'));
    });

    scenario('of somebody who is not at the provider are applied, and wait in the ticket', async (stage) => {
      const { ann, bob } = await ticketed(stage, 'bob');
      await ann.ok('make-host', { participantId: 'bob' });
      const ticket = await nextTicket(bob);
      await applied(ann, 'bob');
      assert.equal((await enter(fake, bob, ticket)).role, 'host');
    });

    scenario('come in quick succession, and end as the last one', async (stage) => {
      const { ann, bob } = await seatedAt(fake, stage, 'bob');
      for (let round = 0; round < 5; round += 1) {
        for (const [event] of CHANGES) ann.emit(event, { roomId: ann.roomId, participantId: 'bob' });
        ann.emit('make-cohost', { roomId: ann.roomId, participantId: 'bob' });
        if (round % 2 === 0) ann.emit('remove-cohost', { roomId: ann.roomId, participantId: 'bob' });
        await ann.settle();
        await carried(fake, bob, round % 2 === 0 ? 'participant' : 'co-host');
      }
    });
  });

  suite(`removals at ${name}`, { variants: ONE, settings: { ...fake.settings, ...FAST } }, (scenario) => {
    scenario('a kick puts out, and who comes back gets in with the new ticket at once', async (stage) => {
      const { roomId, ann, bob, cy } = await seatedAt(fake, stage, 'bob', 'cy');
      await ann.ok('remove-participant', { participantId: 'bob' });
      await bob.next('kicked-from-room');
      await putOut(bob.session);
      await applied(ann, 'bob');
      const back = await stage.joined('bob', roomId);
      await enter(fake, back);
      for (const user of [bob, cy]) await user.noMore('provider-sync');
    });

    scenario('a ban puts out and keeps out', async (stage) => {
      const { ann, bob, cora } = await seatedAt(fake, stage, 'bob', 'cora');
      await ann.ok('make-cohost', { participantId: 'cora' });
      const old = ticketOf(bob);
      await ban(ann, 'bob');
      await putOut(bob.session);
      for (const user of [ann, cora]) await applied(user, 'bob');
      const again = await enter(fake, bob, old).catch(() => null);
      if (again) {
        // In the second of the ban LiveKit takes tokens of that second: then its webhook tells.
        assert.equal((await tellOfJoin(stage.server, fake, again)).status, 200);
        await putOut(again);
      }
      const tokens = bob.heard('provider-token').length;
      await bob.refused('refresh-token', {}, ['banned', 'not-joined']);
      assert.equal(bob.heard('provider-token').length, tokens);
    });

    scenario('a ban that is lifted lets in again', async (stage) => {
      const { roomId, ann, bob } = await seatedAt(fake, stage, 'bob');
      await ban(ann, 'bob');
      await putOut(bob.session);
      await applied(ann, 'bob');
      await unban(ann, 'bob');
      const back = await stage.joined('bob', roomId);
      // Daily has no way to lift a ban: it ends with the meeting there.
      if (fake instanceof FakeDaily) ann.session.leave();
      await eventually(async () => {
        const { provider } = await back.ok('refresh-token');
        return enter(fake, back, provider).then(() => true, () => false);
      }, 'a new ticket to be good');
    });

    scenario('a ban of several tabs puts all of them out', async (stage) => {
      const { roomId, ann, bob } = await seatedAt(fake, stage, 'bob');
      const tab = await stage.joined('bob', roomId);
      await enter(fake, tab);
      await ban(ann, 'bob');
      for (const user of [bob, tab]) await eventually(() => user.session.out !== null, 'both sessions to be out');
    });

    scenario('an end puts everybody out', async (stage) => {
      const { ann, everyone, room } = await seatedAt(fake, stage, 'bob', 'cy');
      await ann.ok('end-meeting');
      for (const { session } of everyone) await putOut(session);
      const isThere = () => (fake instanceof FakeDaily ? fake.room(room) !== undefined : fake.hasRoom(room));
      await eventually(() => !isThere(), 'the room to be gone');
      await ann.refused('refresh-token', {}, ['meeting-ended', 'not-joined']);
    });
  });
}

const OTHERS = {
  jitsi: { PROVIDERS__DEFAULT: 'jitsi', JITSI__URL: 'https://meet.example.org', JITSI__APP_ID: 'usher', JITSI__APP_SECRET: 'a-secret-for-jitsi-0123456789' },
  mesh: { MESH__STUN_URLS: 'stun:127.0.0.1:3478' },
};

for (const [name, settings] of Object.entries(OTHERS)) {
  suite(`${name}, which cannot be told`, { variants: ONE, settings }, (scenario) => {
    scenario('a change is unsupported, at once', async (stage) => {
      const { ann, bob, cy } = await stage.cast('bob', 'cy');
      await ann.ok('make-host', { participantId: 'bob' });
      for (const user of [ann, bob]) {
        const { participantId, provider, state } = await user.next('provider-sync');
        assert.deepEqual([participantId, provider, state], ['bob', name, 'unsupported']);
      }
      await ban(bob, 'cy');
      for (const user of [ann, bob]) assert.equal((await user.next('provider-sync')).participantId, 'cy');
      await cy.noMore('provider-sync');
    });
  });
}

suite('a fresh installation', { variants: ONE }, (scenario) => {
  scenario('has no provider to speak of', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await ann.ok('make-host', { participantId: 'bob' });
    await bob.next('host-granted');
    for (const user of [ann, bob]) for (const event of ['provider-token', 'provider-sync']) await user.noMore(event);
  });
});
