// Three nodes on one Redis and one database, any of which may be killed and is started again afterwards.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Database } from '../../chaos/lib/database.mjs';
import { api } from './api.mjs';
import { ONE } from './clients.mjs';
import { queueBecomes } from './doors-of-rooms.mjs';
import { knock } from './knocks.mjs';
import { bePatient, eventually } from './log.mjs';
import { RedisServers, until } from './redis.mjs';
import { Server } from './server.mjs';
import { perform } from './stage.mjs';

const COUNT = 3;
/** After this long the others know. */
const LEASE_MS = 1_500;

// When most nodes are dead, that is believed only after three leases.
bePatient(20_000);

/** Long enough that nobody is given up. */
export const PATIENT = { PRESENCE__LEAVE_AFTER_LOST_MS: 60_000, PRESENCE__LEAVE_AFTER_CLOSE_MS: 60_000 };

class Nodes {
  #servers;
  #first = 0;
  /** The dead, and what keeps their ports for them. */
  #dead = new Map();

  constructor(servers) {
    this.#servers = servers;
  }

  server(i) {
    return this.#servers[(this.#first + i) % COUNT];
  }

  /** Where to connect. */
  at(i) {
    return { url: this.server(i).url };
  }

  /** Where to connect now: those that live, by turns. */
  elsewhere(i = 0) {
    const living = this.living;
    return living[i % living.length];
  }

  get living() {
    return this.#servers.map((_, i) => i).filter((i) => !this.#dead.has(this.server(i))).map((i) => this.at(i));
  }

  async kill(i) {
    const server = this.server(i);
    this.#dead.set(server, null);
    await server.kill9();
    this.#dead.set(server, await keepPort(server));
  }

  /** The killed are started again, and ready. */
  async mend() {
    await Promise.all([...this.#dead].map(async ([server, keeper]) => {
      keeper?.close();
      await server.restart();
      await ready(server);
    }));
    this.#dead.clear();
  }

  /** What happened to one node happens to another one next. */
  turn() {
    this.#first = (this.#first + 1) % COUNT;
  }
}

/** Nobody else on this machine starts there meanwhile; who connects is cut off. */
function keepPort({ url }) {
  const keeper = net.createServer((socket) => socket.destroy());
  return new Promise((resolve) => {
    keeper.once('error', () => resolve(null));
    keeper.unref();
    keeper.listen(Number(new URL(url).port), '127.0.0.1', () => resolve(keeper));
  });
}

/** Each scenario, `run(stage, nodes, round)`, is played so many times, the nodes taking turns. */
export function threeNodes(title, { settings = {}, rounds = 3 } = {}, body) {
  describe(title, () => {
    const redis = new RedisServers();
    const servers = [];
    let database = null;
    let nodes;
    before(async () => {
      if (process.env.USHER_TEST_POSTGRES_URL) database = await Database.create();
      const shared = {
        STORE__REDIS_URL: `redis://127.0.0.1:${await redis.start(['port %port'])}`,
        STORE__KEY_PREFIX: 'usher',
        STORE__LEASE_MS: LEASE_MS,
        // Several files of tests may share one PostgreSQL.
        DATABASE__MAX_CONNECTIONS: 2,
        DATABASE__URL: database?.url() ?? `sqlite://${redis.path('usher.db')}?mode=rwc`,
        ...settings,
      };
      while (servers.length < COUNT) servers.push(await Server.start(shared));
      for (const server of servers) await ready(server);
      nodes = new Nodes(servers);
    });
    after(async () => {
      await Promise.all(servers.map((server) => server.stop()));
      await database?.drop();
      await redis.stop();
    });
    body((name, run, times = rounds) => test(name, { timeout: 60_000 * times }, async () => {
      for (let round = 0; round < times; round += 1) {
        try {
          await perform(nodes.server(0), ONE[0], (stage) => run(stage, nodes, round));
        } catch (error) {
          error.message = `round ${round}: ${error.message}`;
          throw error;
        } finally {
          await nodes.mend();
          nodes.turn();
        }
      }
    }));
  });
}

const ready = (server) => until(async () => (await fetch(`${server.url}/readyz`)).status === 200, 'readiness');

/** Ann's meeting; `places` says at which node each is. Everyone sees everyone. */
export async function placed(stage, nodes, places) {
  const roomId = await stage.meeting('ann');
  const people = {};
  for (const [id, i] of Object.entries(places)) people[id] = await stage.joined(id, roomId, nodes.at(i));
  const everyone = Object.values(people);
  for (const user of everyone) {
    await user.until(() => user.view()?.length === everyone.length, `${everyone.length} people in the view`);
    user.log.readAll();
  }
  return { roomId, everyone, ...people };
}

/** The same with people who wait, in this order, each at their node. */
export async function lined(stage, nodes, places, queue) {
  const people = await placed(stage, nodes, places);
  await people.ann.ok('update-room', { lobby: true });
  for (const [id, i] of Object.entries(queue)) people[id] = await knock(stage, id, people.roomId, nodes.at(i));
  await queueBecomes(people.ann, ...Object.keys(queue));
  return people;
}

/** The others know that these have lost their node. */
export function noticed(nodes, roomId, ...ids) {
  return eventually(async () => {
    const { people, waiting } = await look(nodes.living[0], roomId);
    const lost = [...people, ...waiting].filter(({ isReconnecting }) => isReconnecting).map(({ id }) => id);
    return ids.every((id) => lost.includes(id));
  }, `${ids} to be reconnecting`);
}

/** In every other round the others know already when people come back from their dead node. */
export function mayNotice(round, nodes, roomId, ...ids) {
  return round % 2 === 1 ? noticed(nodes, roomId, ...ids) : undefined;
}

/** The ids of who is in and of who waits, in order: the same at every node that lives. */
export async function standing(nodes, roomId) {
  let found = [];
  await eventually(async () => {
    found = await Promise.all(nodes.living.map((node) => look(node, roomId)));
    return new Set(found.flatMap(({ revs }) => revs)).size === 1;
  }, 'one revision at every node');
  const said = found.map(({ people, waiting }) => ({ people: ids(people), waiting: ids(waiting) }));
  for (const other of said) assert.deepEqual(other, said[0], 'what the nodes say');
  return said[0];
}

const ids = (people) => people.map(({ id }) => id);

async function look({ url }, roomId) {
  const get = async (what) => {
    const { status, body } = await api(url)('GET', `meetings/${roomId}/${what}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };
  const [inside, lobby] = [await get('participants'), await get('lobby')];
  return { revs: [inside.rev, lobby.rev], people: inside.participants, waiting: lobby.waiting };
}
