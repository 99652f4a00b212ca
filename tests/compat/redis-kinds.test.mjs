// Kinds of Redis: users and TLS, and a failover that Sentinels decide.
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

  async function server(url) {
    const started = await Server.start({ STORE__REDIS_URL: url });
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
});

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
