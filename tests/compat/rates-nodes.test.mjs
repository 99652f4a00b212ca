// Limits hold over all nodes: they tell one another, through Redis, of whoever does much.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { RedisServers, until } from './lib/redis.mjs';
import { Server } from './lib/server.mjs';
import { perform } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';

const JOINS = 12;

describe('limits on three nodes', () => {
  const redis = new RedisServers();
  const servers = [];
  before(async () => {
    const port = await redis.start(['port %port']);
    for (let i = 0; i < 3; i += 1) {
      const server = await Server.start({
        AUTH__HS256_SECRET: SECRET,
        RATES__JOINS_PER_USER: `${JOINS}/1h`,
        STORE__REDIS_URL: `redis://127.0.0.1:${port}`,
        STORE__KEY_PREFIX: 'usher',
        STORE__COMMAND_TIMEOUT_MS: 200,
        DATABASE__URL: `sqlite://${redis.path('rates.db')}?mode=rwc`,
      });
      servers.push(server);
      await until(async () => (await fetch(`${server.url}/readyz`)).status === 200, 'readiness');
    }
  });
  after(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await redis.stop();
  });

  const scenario = (name, run) => test(name, { timeout: 60_000 }, () => perform(servers[0], ONE[0], run));

  /** One connection of the user on each node, and how many of `times` joins each by turns pass. */
  async function joins(stage, user, times) {
    const tabs = [];
    for (const { url } of servers) tabs.push(await stage.user(user, { url, token: token(user) }));
    let passed = 0;
    for (let i = 0; i < times; i += 1) {
      const reply = await tabs[i % 3].ack('join-room', { roomId: stage.room() });
      if (reply.ok) passed += 1;
      else assert.equal(reply.error.code, 'rate-limited', JSON.stringify(reply));
    }
    return passed;
  }

  scenario('one user, by turns', async (stage) => {
    const passed = await joins(stage, 'ann', 4 * JOINS);
    // Each of the other two lets a quarter pass before it asks, and one while it asks.
    assert.ok(passed >= JOINS && passed <= JOINS + 2 * (JOINS / 4 + 1), `${passed} of ${4 * JOINS}`);
    assert.ok(await joins(stage, 'bob', 3) === 3, 'nobody else waits');
  });
});
