// The same scenarios on one node that keeps its rooms in memory, and on three nodes that share a Redis.
import { after, before, describe, test } from 'node:test';
import { ONE } from './clients.mjs';
import { RedisServers, until } from './redis.mjs';
import { Server } from './server.mjs';
import { perform } from './stage.mjs';

const COUNTS = { 'one node': 1, 'three nodes': 3 };
const FLAGS = { host: 'isHost', cohost: 'isCoHost' };

class Nodes {
  #servers;

  constructor(servers) {
    this.#servers = servers;
  }

  get urls() {
    return this.#servers.map(({ url }) => url);
  }

  /** Where to connect: the nodes by turns. */
  at(i) {
    return { url: this.urls[i % this.urls.length] };
  }
}

/** `body(scenario, count)`; the stage is that of the first node, `run(stage, nodes)` has them all. */
export function onOneAndThree(title, { settings = {} } = {}, body) {
  for (const [where, count] of Object.entries(COUNTS)) {
    describe(`${title}, on ${where}`, () => {
      const redis = new RedisServers();
      const servers = [];
      before(async () => {
        const shared = count === 1 ? {} : await sharing(redis);
        while (servers.length < count) servers.push(await ready({ ...shared, ...settings }));
      });
      after(async () => {
        await Promise.all(servers.map((server) => server.stop()));
        await redis.stop();
      });
      const scenario = (name, run) => test(name, { timeout: 120_000 }, () => (
        perform(servers[0], ONE[0], (stage) => run(stage, new Nodes(servers)))));
      body(scenario, count);
    });
  }
}

/** A Redis and a database for several nodes. */
async function sharing(redis) {
  return {
    STORE__REDIS_URL: `redis://127.0.0.1:${await redis.start(['port %port'])}`,
    STORE__KEY_PREFIX: 'usher',
    DATABASE__URL: `sqlite://${redis.path('usher.db')}?mode=rwc`,
  };
}

async function ready(settings) {
  const server = await Server.start(settings);
  await until(async () => (await fetch(`${server.url}/readyz`)).status === 200, 'readiness');
  return server;
}

/** Ann's meeting, with Ann at the first node and each guest at the next one; everyone sees everyone. */
export async function spread(stage, nodes, ...guests) {
  return seated(stage, nodes, await stage.meeting('ann'), ['ann', ...guests]);
}

/** The same in a room that is there already. */
export async function seated(stage, nodes, roomId, ids, optionsOf = () => ({})) {
  const people = {};
  for (const [i, id] of ids.entries()) {
    people[id] = await stage.joined(id, roomId, { ...nodes.at(i), ...optionsOf(id) });
  }
  const everyone = Object.values(people);
  for (const user of everyone) {
    await user.until(() => user.view()?.length === ids.length, `${ids.length} people in the view`);
    user.log.readAll();
  }
  return { roomId, everyone, ...people };
}

/** They have the role and know it, on whatever node. */
export async function appoint(host, role, ...users) {
  for (const user of users) {
    await host.ok(`make-${role}`, { participantId: user.id });
    await user.until(() => user.seen(user.id)?.[FLAGS[role]], `${user.id} to be ${role}`);
  }
}

/** One connection for each id, the nodes by turns; nobody has joined yet. */
export function arrivals(stage, nodes, ids) {
  return Promise.all(ids.map((id, i) => stage.user(id, nodes.at(i))));
}
