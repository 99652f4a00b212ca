// Two nodes on one Redis and one database.
import { after, before, describe, test } from 'node:test';
import { ONE } from './clients.mjs';
import { RedisServers, until } from './redis.mjs';
import { Server } from './server.mjs';
import { perform } from './stage.mjs';

/** Scenarios on the stage of the first node; `run(stage, url, server)` gets the other one. */
export function twoNodes(title, { settings = {} } = {}, body) {
  describe(title, () => {
    const redis = new RedisServers();
    const servers = [];
    before(async () => {
      const port = await redis.start(['port %port']);
      for (let i = 0; i < 2; i += 1) {
        const server = await Server.start({
          STORE__REDIS_URL: `redis://127.0.0.1:${port}`,
          STORE__KEY_PREFIX: 'usher',
          DATABASE__URL: `sqlite://${redis.path('usher.db')}?mode=rwc`,
          ...settings,
        });
        servers.push(server);
        await until(async () => (await fetch(`${server.url}/readyz`)).status === 200, 'readiness');
      }
    });
    after(async () => {
      await Promise.all(servers.map((server) => server.stop()));
      await redis.stop();
    });
    body((name, run) => test(name, { timeout: 60_000 }, () => (
      perform(servers[0], ONE[0], (stage) => run(stage, servers[1].url, servers[1])))));
  });
}
