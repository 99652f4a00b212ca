// Two nodes on one database that both keep their rooms in their own memory.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { RedisServers } from './lib/redis.mjs';
import { Server } from './lib/server.mjs';

const REDIS = process.env.USHER_TEST_ROOMS_REDIS_URL && 'rooms are in Redis';

describe('a second node without Redis', { skip: REDIS }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'usher-sole-'));
  const database = process.env.USHER_TEST_DATABASE_URL ?? `sqlite://${join(folder, 'usher.db')}?mode=rwc`;
  after(() => rmSync(folder, { recursive: true }));

  test('does not start, and says what to do', async () => {
    const first = await Server.start({ DATABASE__URL: database });
    const second = Server.start({ DATABASE__URL: database, STORE__TAKEOVER_TIMEOUT_MS: 0 });
    await assert.rejects(second, /exited with 1[^]*set store\.redis_url on both/);
    await first.stop();
  });

  test('does not start beside a node whose rooms are in Redis', async () => {
    const redis = new RedisServers();
    const port = await redis.start(['port %port']);
    const first = await Server.start({ DATABASE__URL: database, STORE__REDIS_URL: `redis://127.0.0.1:${port}` });
    const second = Server.start({ DATABASE__URL: database, STORE__TAKEOVER_TIMEOUT_MS: 0 });
    await assert.rejects(second, /exited with 1[^]*set store\.redis_url on both/);
    await first.stop();
    await redis.stop();
  });

  test('starts as soon as the first has ended', async () => {
    const first = await Server.start({ DATABASE__URL: database });
    let waits;
    const waiting = new Promise((resolve) => {
      waits = resolve;
    });
    const starting = Server.start({ DATABASE__URL: database }, undefined, (text) => {
      if (text.includes('waiting until it ends')) waits();
    });
    await waiting;
    await first.kill9();
    await (await starting).stop();
    await first.stop();
  });
});
