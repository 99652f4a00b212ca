// `refresh-token`: a fresh ticket for whoever is in the room, and for nobody else.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EVERY, ONE } from './lib/clients.mjs';
import { waiting } from './lib/doors-of-rooms.mjs';
import { heardBy } from './lib/hearing.mjs';
import { NOT_IDS } from './lib/payloads.mjs';
import { RedisServers, until } from './lib/redis.mjs';
import { Server } from './lib/server.mjs';
import { perform, suite } from './lib/stage.mjs';
import { WITH_JITSI, claimsOf, expectTicket, freshTicket } from './lib/tickets.mjs';

const settings = { ...WITH_JITSI, PRESENCE__LEAVE_AFTER_CLOSE_MS: 60_000, PRESENCE__LEAVE_AFTER_LOST_MS: 60_000 };

/** Refused with this code, and no ticket comes. */
async function noTicket(user, codes, roomId = user.roomId) {
  user.log.readAll();
  await user.refused('refresh-token', { roomId }, codes);
  await user.noMore('provider-token');
}

suite('refresh-token', { variants: EVERY, settings }, (scenario) => {
  scenario('brings a fresh ticket, in the answer and as an event before it', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    const { roomName, providerUserId } = bob.joinReply.provider;
    const ticket = await freshTicket(bob, { provider: 'jitsi', role: 'participant', roomName, providerUserId });
    assert.ok(claimsOf(ticket).exp >= claimsOf(bob.joinReply.provider).exp);
    await freshTicket(ann, { role: 'host', roomName });
  });
});

suite('refresh-token', { variants: ONE, settings }, (scenario) => {
  scenario('is between one connection and the server', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const tab = await stage.joined('bob', roomId);
    tab.log.readAll();
    const heard = await heardBy([ann, bob], () => freshTicket(tab));
    assert.deepEqual(heard, []);
    bob.log.readAll();
    assert.deepEqual((await heardBy([bob], () => freshTicket(bob))).map(([, event]) => event), ['provider-token']);
  });

  scenario('changes nothing in the room', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    const { rev } = await ann.ok('room-state');
    for (let i = 0; i < 5; i += 1) assert.equal((await bob.ok('refresh-token')).rev, rev);
    assert.equal((await ann.ok('room-state')).rev, rev);
  });

  scenario('has the role of this moment', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    for (const [event, role] of [
      ['make-cohost', 'co-host'], ['make-host', 'host'], ['remove-host', 'co-host'], ['remove-cohost', 'participant'],
    ]) {
      await ann.ok(event, { participantId: 'bob' });
      await freshTicket(bob, { role });
    }
  });

  scenario('needs no name but that of the room', async (stage) => {
    const { roomId, bob } = await stage.cast('bob');
    const claims = { userId: 'ann', participantId: 'ann', role: 'host', provider: 'livekit', roomName: 'other' };
    const reply = await bob.ack('refresh-token', { roomId, ...claims });
    if (reply.ok) expectTicket(reply.provider, { participantId: 'bob', role: 'participant', provider: 'jitsi' });
    else assert.ok(['unauthorized', 'invalid-payload'].includes(reply.error.code), JSON.stringify(reply));
  });

  const REFUSED = {
    'somebody who was never there': ['not-joined', async ({ stage }) => stage.user('eve')],
    'somebody who has left': ['not-joined', async ({ bob }) => {
      await bob.ok('leave-room');
      return bob;
    }],
    'somebody in another room': ['not-joined', async ({ stage }) => stage.joined('eve', await stage.meeting('eve'))],
    'who was kicked': ['not-joined', async ({ ann, bob }) => {
      await ann.ok('remove-participant', { participantId: 'bob' });
      return bob;
    }],
    'who was banned': ['banned', async ({ ann, bob }) => {
      await ann.ok('remove-participant', { participantId: 'bob', ban: true });
      return bob;
    }],
    'a meeting that is over': [['meeting-ended', 'room-not-found'], async ({ ann, bob }) => {
      await ann.ok('end-meeting');
      await bob.next('meeting-ended');
      return bob;
    }],
  };
  for (const [what, [codes, whom]] of Object.entries(REFUSED)) {
    scenario(`is refused: ${what}`, async (stage) => {
      const people = await stage.cast('bob');
      const user = await whom({ stage, ...people });
      await noTicket(user, codes, people.roomId);
      await people.ann.noMore('provider-token');
    });
  }

  scenario('is refused while they wait in the lobby, and after they were denied', async (stage) => {
    const { ann, dan } = await waiting(stage, [], 'dan');
    await noTicket(dan, 'not-joined');
    await ann.ok('deny-participant', { participantId: 'dan' });
    await dan.next('lobby-denied');
    await noTicket(dan, 'not-joined');
  });

  scenario('is refused in a room that there is not', async (stage) => {
    const { bob } = await stage.cast('bob');
    await noTicket(bob, 'room-not-found', stage.room());
  });

  scenario('is refused to a connection that a newer one has replaced', async (stage) => {
    const roomId = await stage.meeting('ann', { settings: { devices: 'newest-wins' } });
    const [old, fresh] = [await stage.joined('bob', roomId), await stage.joined('bob', roomId)];
    await old.next('session-replaced');
    await noTicket(old, 'not-joined');
    await freshTicket(fresh);
  });

  scenario('is refused without a room that could be one', async (stage) => {
    const { bob } = await stage.cast('bob');
    const payloads = [...[undefined, ...NOT_IDS].map((roomId) => ({ roomId })), null, true, 0, [], [[]]];
    for (const payload of payloads) {
      await bob.expectRefusal('refresh-token', await bob.ack('refresh-token', payload), 'invalid-payload');
    }
    bob.log.readAll();
    await bob.noMore('provider-token');
  });

  scenario('works again for who was kicked and is back', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('remove-participant', { participantId: 'bob' });
    await noTicket(bob, 'not-joined');
    await bob.join(roomId);
    await freshTicket(bob, { role: 'participant' });
  });
});

describe('refresh-token while Redis is away', () => {
  const redis = new RedisServers();
  let port;
  let server;
  const ready = () => until(async () => (await fetch(`${server.url}/readyz`)).status === 200, 'readiness');
  before(async () => {
    port = await redis.start(['port %port']);
    const store = { STORE__REDIS_URL: `redis://127.0.0.1:${port}`, STORE__KEY_PREFIX: 'usher' };
    server = await Server.start({ ...store, ...settings });
    await ready();
  });
  after(async () => {
    await server.stop();
    await redis.stop();
  });

  test('is unavailable, and works when it is back', { timeout: 60_000 }, () => perform(server, ONE[0], async (stage) => {
    const { bob } = await stage.cast('bob');
    redis.freeze(port);
    try {
      bob.log.readAll();
      const error = await bob.refused('refresh-token', {}, 'unavailable');
      assert.equal(error.retryable, true);
    } finally {
      redis.thaw(port);
    }
    await ready();
    await until(async () => (await bob.ack('refresh-token', { roomId: bob.roomId })).ok, 'a ticket');
    await freshTicket(bob, { role: 'participant' });
  }));
});
