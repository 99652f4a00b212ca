// Kinds of Redis: users and TLS, a failover that Sentinels decide, and a cluster.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { RedisServers, until } from './lib/redis.mjs';
import { Server } from './lib/server.mjs';
import { perform } from './lib/stage.mjs';

const readiness = async (server) => {
  const response = await fetch(`${server.url}/readyz`);
  return { status: response.status, body: await response.json() };
};
const ready = (server) => until(async () => (await readiness(server)).status === 200, 'readiness');

describe('kinds of Redis', () => {
  const redis = new RedisServers();
  const servers = [];

  async function server(url, settings = {}) {
    const started = await Server.start({ STORE__REDIS_URL: url, STORE__KEY_PREFIX: 'usher', ...settings });
    servers.push(started);
    return started;
  }

  before(() => redis.certify());
  after(async () => {
    await Promise.all(servers.map((started) => started.stop()));
    await redis.stop();
  });

  test('a user with a password, over TLS with a private authority', async () => {
    const port = await redis.start([
      'port 0', 'tls-port %port', 'tls-auth-clients no',
      `tls-cert-file ${redis.path('redis.crt')}`, `tls-key-file ${redis.path('redis.key')}`,
      `tls-ca-cert-file ${redis.path('ca.crt')}`,
      'user default off', 'user ann on >correct-horse ~usher:* &usher:* +@all',
    ]);
    process.env.SSL_CERT_FILE = redis.path('ca.crt');
    const good = await server(`rediss://ann:correct-horse@localhost:${port}`);
    await ready(good);
    await perform(good, ONE[0], async (stage) => {
      const { ann } = await stage.cast('bob');
      await ann.ok('make-cohost', { participantId: 'bob' });
    });
    delete process.env.SSL_CERT_FILE;
  });

  test('a wrong password is a reason, never a line in the log', async () => {
    const port = await redis.start(['port %port', 'requirepass battery-staple']);
    const bad = await server(`redis://:wrong-horse@127.0.0.1:${port}`);
    const { status, body } = await until(async () => {
      const answer = await readiness(bad);
      return answer.status === 503 && /WRONGPASS|authentication/.test(JSON.stringify(answer.body)) && answer;
    }, 'the reason');
    assert.equal(status, 503);
    assert.equal(body.reasons[0].part, 'store');
    assert.doesNotMatch(bad.output + JSON.stringify(body), /wrong-horse/);
  });

  test('a failover of Sentinels loses nobody', async () => {
    const main = await redis.start(['port %port']);
    await redis.start(['port %port', `replicaof 127.0.0.1 ${main}`]);
    const watch = ['port %port', `sentinel monitor room 127.0.0.1 ${main} 1`,
      'sentinel down-after-milliseconds room 1000', 'sentinel failover-timeout room 5000'];
    const sentinel = await redis.start(watch, { sentinel: true });
    const started = await server(`redis+sentinel://127.0.0.1:${sentinel}/room`);
    await ready(started);
    await perform(started, ONE[0], async (stage) => {
      const { ann } = await stage.cast('bob');
      await ann.ok('make-cohost', { participantId: 'bob' });
      // Sentinel promotes nobody whom it has not seen yet.
      await until(() => knowsReplica(sentinel), 'the replica');
      await redis.kill(main);
      await until(async () => (await readiness(started)).status === 503, 'the loss to be noticed');
      await until(async () => (await readiness(started)).status === 200, 'the new master');
      const answer = await until(async () => {
        const given = await ann.ack('make-host', { roomId: ann.roomId, participantId: 'bob' });
        return given.ok && given;
      }, 'a command to be taken');
      assert.equal(answer.ok, true);
      const state = await ann.ok('room-state', {});
      const people = state.participants.map(({ id, isHost }) => [id, isHost]);
      assert.deepEqual(people.sort(), [['ann', true], ['bob', true]]);
    });
  });

  test('a cluster: rooms on every shard, told to both nodes, and one shard lost', async () => {
    const ports = await redis.cluster(3);
    const url = `redis+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
    const shared = { DATABASE__URL: `sqlite://${redis.path('usher.db')}?mode=rwc` };
    const one = await server(url, shared);
    const other = await server(url, shared);
    await Promise.all([ready(one), ready(other)]);
    await perform(one, ONE[0], async (stage) => {
      const meetings = await Promise.all(Array.from({ length: 12 }, () => acrossNodes(stage, other)));
      const held = ports.map((port) => redis.ask(port, 'DBSIZE'));
      assert.ok(held.every((count) => count > 0), `every shard holds rooms: ${held}`);

      // Without the leases, kept on one shard, no node would be ready.
      await redis.kill(ports.find((port) => String(redis.ask(port, 'EXISTS', 'usher:nodes')).startsWith('MOVED')));
      const answers = await Promise.all(meetings.map(({ bob }) => (
        bob.ack('update-my-state', { roomId: bob.roomId, isHandRaised: true }))));
      const refused = answers.filter(({ ok }) => !ok).map(({ error }) => error.code);
      assert.ok(refused.length > 0 && refused.length < meetings.length, `${refused.length} refused of 12`);
      assert.deepEqual([...new Set(refused)], ['unavailable']);
      await Promise.all(meetings.filter((_meeting, index) => answers[index].ok).map(({ ann }) => (
        ann.until(() => ann.seen('bob')?.isHandRaised, 'what was taken'))));
    });
  });
});

/** Ann's meeting with her on the stage's node and bob on the other; either has heard of the other. */
async function acrossNodes(stage, other) {
  const roomId = await stage.meeting('ann');
  const ann = await stage.joined('ann', roomId);
  const bob = await stage.joined('bob', roomId, { url: other.url });
  await ann.ok('make-cohost', { participantId: 'bob' });
  await bob.until(() => bob.seen('bob')?.isCoHost, 'the promotion');
  await bob.ok('update-my-state', { isAudioMuted: true });
  await ann.until(() => ann.seen('bob')?.isAudioMuted, 'the update');
  return { ann, bob };
}

async function knowsReplica(port) {
  const { default: net } = await import('node:net');
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write('SENTINEL MASTER room\r\n'));
    socket.on('data', (chunk) => {
      text += chunk;
      if (!/num-slaves/.test(text)) return;
      socket.destroy();
      resolve(/num-slaves\r\n\$\d+\r\n[1-9]/.test(text));
    });
    socket.once('error', () => resolve(false));
  });
}
