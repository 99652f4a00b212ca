// Two nodes on one Redis and one database: REST at any of them, and ends that nobody can undo.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { expectParticipant } from './lib/expect.mjs';
import { RedisServers, until } from './lib/redis.mjs';
import { Rest } from './lib/rest.mjs';
import { Server } from './lib/server.mjs';
import { perform } from './lib/stage.mjs';

const ready = (server) => until(async () => (await fetch(`${server.url}/readyz`)).status === 200, 'readiness');

describe('two nodes', () => {
  const redis = new RedisServers();
  const servers = [];
  let one;
  let other;
  let shared;

  async function node(port, name = 'usher.db') {
    const server = await Server.start({
      STORE__REDIS_URL: `redis://127.0.0.1:${port}`,
      STORE__KEY_PREFIX: 'usher',
      DATABASE__URL: `sqlite://${redis.path(name)}?mode=rwc`,
      ROOMS__IDLE_CLOSE_MS: 100,
    });
    servers.push(server);
    await ready(server);
    return server;
  }

  const scenario = (name, run) => test(name, { timeout: 60_000 }, () => (
    perform(one, ONE[0], (stage) => run(stage, new Rest(other.url)))));

  before(async () => {
    shared = await redis.start(['port %port']);
    one = await node(shared);
    other = await node(shared);
  });
  after(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await redis.stop();
  });

  scenario('people are listed by the node that has none of them', async (stage, elsewhere) => {
    const { roomId } = await stage.cast('bob');
    const { status, body } = await elsewhere.get(`/api/meetings/${roomId}/participants`);
    assert.equal(status, 200);
    assert.deepEqual(body.participants.map(({ id }) => id).sort(), ['ann', 'bob']);
  });

  scenario('a new owner is the host of the live room', async (stage, elsewhere) => {
    const { roomId, bob } = await stage.cast('bob');
    const { status } = await elsewhere.patch(`/api/meetings/${roomId}`, { createdBy: 'bob', userId: 'ann' });
    assert.equal(status, 200);
    await bob.until(() => bob.seen('bob')?.isHost, 'to be host');
    await bob.ok('make-cohost', { participantId: 'ann' });
  });

  scenario('owners that cross each other end in the room as in the record', async (stage, elsewhere) => {
    const { roomId, ann } = await stage.cast('bob');
    const here = new Rest(one.url);
    const path = `/api/meetings/${roomId}`;
    for (let round = 0; round < 100; round += 1) {
      await Promise.all(['bob', 'ann', 'bob', 'ann', 'bob', 'ann', 'bob', 'ann'].map(async (createdBy, i) => {
        const { status } = await (i % 2 === 0 ? here : elsewhere).patch(path, { createdBy });
        assert.equal(status, 200);
      }));
      const { body } = await here.get(path);
      const { participants } = await ann.ok('room-state');
      const hosts = participants.filter(({ isHost }) => isHost).map(({ id }) => id);
      assert.deepEqual(hosts, [body.createdBy], `round ${round}`);
    }
  });

  scenario('a meeting that is deleted elsewhere is over, everywhere', async (stage, elsewhere) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const { status } = await elsewhere.delete(`/api/meetings/${roomId}?userId=ann`);
    assert.equal(status, 204);
    await Promise.all([ann, bob].map((user) => user.next('meeting-ended')));
    for (const url of [one.url, other.url]) {
      const dan = await stage.user('dan', { url });
      await dan.refused('join-room', dan.joinPayload(roomId), 'meeting-ended');
    }
  });

  scenario('an end is heard of by a node that had seen the meeting before', async (stage, elsewhere) => {
    const roomId = await stage.meeting('ann');
    assert.equal((await elsewhere.get(`/api/meetings/${roomId}`)).body.endedAt, null);
    const ann = await stage.joined('ann', roomId);
    await ann.ok('end-meeting');
    await until(() => redis.ask(shared, 'EXISTS', `usher:{default/${roomId}}:state`) === 0, 'Redis to forget the room');
    const dan = await stage.user('dan', { url: other.url });
    await dan.refused('join-room', dan.joinPayload(roomId), 'meeting-ended');
  });

  test('while Redis is away an end is refused and not half done', { timeout: 60_000 }, async () => {
    const port = await redis.start(['port %port']);
    const alone = await node(port, 'alone.db');
    await perform(alone, ONE[0], async (stage) => {
      const { roomId, bob } = await stage.cast('bob');
      redis.freeze(port);
      const refused = await stage.rest().post(`/api/meetings/${roomId}/end`, { userId: 'ann' });
      assert.equal(refused.status, 503);
      redis.thaw(port);
      await ready(alone);
      assert.equal((await stage.rest().get(`/api/meetings/${roomId}`)).body.endedAt, null);
      const { status } = await stage.rest().post(`/api/meetings/${roomId}/end`, { userId: 'ann' });
      assert.equal(status, 200);
      await bob.next('meeting-ended');
    });
  });

  test('a Redis that comes back older than SQL decides nothing', { timeout: 60_000 }, async () => {
    const port = await redis.start(['port %port', 'dbfilename older.rdb']);
    const first = await node(port, 'older.db');
    const rooms = {};
    await perform(first, ONE[0], async (stage) => {
      const { roomId, ann } = await stage.cast('bob', 'carl');
      rooms.changed = roomId;
      rooms.ended = await stage.meeting('ann');
      const host = await stage.joined('ann', rooms.ended);
      await ann.ok('make-host', { participantId: 'carl' });
      redis.ask(port, 'SAVE');
      await ann.ok('remove-host', { participantId: 'carl' });
      await ann.ok('make-host', { participantId: 'bob' });
      await host.ok('end-meeting');
      await first.kill9();
    });
    await redis.kill(port);
    const again = await node(await redis.start(['port %port', 'dbfilename older.rdb']), 'older.db');
    await perform(again, ONE[0], async (stage) => {
      const carl = await stage.joined('carl', rooms.changed);
      expectParticipant(carl.seen('carl'), { isHost: false });
      await carl.refused('make-cohost', { participantId: 'bob' }, 'not-host');
      const bob = await stage.joined('bob', rooms.changed);
      expectParticipant(bob.seen('bob'), { isHost: true });
      const dan = await stage.user('dan');
      await dan.refused('join-room', dan.joinPayload(rooms.ended), 'meeting-ended');
    });
  });
});
