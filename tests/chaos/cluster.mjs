// N nodes, one Redis, one database, and a fault proxy on every link between them.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Database } from './lib/database.mjs';
import { environment, usherBin, UsherNode } from './lib/node.mjs';
import { freePort } from './lib/ports.mjs';
import { Random } from './lib/random.mjs';
import { RedisServer } from './lib/redis-server.mjs';
import { FaultProxy } from './proxy.mjs';

const run = promisify(execFile);

export class Cluster {
  #database;
  #keep = false;

  constructor(dir, settings) {
    this.dir = dir;
    this.settings = settings;
    this.nodes = [];
    this.redis = null;
  }

  /**
   * `settings` without their prefix: `{ ROOMS__ROLE_GRACE_MS: 500 }`. `redis: false` is one node
   * with its rooms in memory and a SQLite file.
   */
  static async start({ nodes = 3, settings = {}, redis = true, random = new Random('cluster') } = {}) {
    const cluster = new Cluster(mkdtempSync(join(tmpdir(), 'usher-chaos-')), settings);
    try {
      await cluster.#start(nodes, redis, random);
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  async #start(count, redis, random) {
    if (!redis && count > 1) throw new Error('several nodes need Redis');
    if (redis) {
      this.redis = await RedisServer.start({ dir: this.dir });
      this.#database = await Database.create();
      // Once, before all nodes find an empty database at the same moment.
      await run(usherBin(), ['migrate'], { env: environment({ DATABASE__URL: this.#database.url() }), cwd: this.dir });
    }
    for (let index = 0; index < count; index += 1) this.nodes.push(await this.#node(index, random.fork(`node ${index}`)));
    await Promise.all(this.nodes.map((node) => node.start()));
  }

  async #node(index, random) {
    const common = { index, dir: this.dir, port: await freePort(), readiness: this.redis !== null };
    const sqlite = `sqlite://${join(this.dir, 'usher.db')}?mode=rwc`;
    if (!this.redis) return new UsherNode({ ...common, settings: { DATABASE__URL: sqlite, ...this.settings } });
    const redis = await this.proxy(this.redis.port, { random: random.fork('redis'), resp: true });
    const database = await this.proxy(this.#database.port, { random: random.fork('database') });
    const settings = {
      DATABASE__URL: this.#database.url(database.port),
      STORE__REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      ...this.settings,
    };
    return new UsherNode({ ...common, redis, database, settings });
  }

  /** Another proxy, which `heal` and `stop` know of. */
  async proxy(target, options) {
    const proxy = await FaultProxy.start({ target, port: await freePort(), ...options });
    this.proxies.push(proxy);
    return proxy;
  }

  proxies = [];

  get database() {
    return this.#database;
  }

  get running() {
    return this.nodes.filter((node) => node.running && !node.frozen);
  }

  urls() {
    return this.nodes.map(({ url }) => url);
  }

  /** Ends every fault of the links and wakes whoever is frozen; dead processes stay dead. */
  async heal() {
    for (const node of this.nodes) if (node.frozen && node.running) node.thaw();
    for (const proxy of this.proxies) await proxy.heal();
  }

  /** Everything as at the start: processes too. */
  async mend() {
    await this.heal();
    if (!this.redis.running) await this.redis.launch();
    await Promise.all(this.nodes.filter((node) => !node.running).map((node) => node.start()));
    await this.ready();
  }

  async ready(within) {
    await Promise.all(this.running.map((node) => node.ready(within)));
  }

  /** Whether another scenario may use it: nothing is dead, frozen or unready. */
  async isWhole() {
    if (!this.redis?.running) return false;
    const ready = await Promise.all(this.nodes.map((node) => node.isReady()));
    return ready.every(Boolean);
  }

  /** The folder with the logs stays when the cluster stops; says where it is. */
  keepLogs() {
    this.#keep = true;
    return this.dir;
  }

  /** Stops what was started here, by process, and nothing else. */
  async stop() {
    await Promise.all(this.nodes.map((node) => node.kill()));
    await Promise.all(this.proxies.map((proxy) => proxy.stop()));
    await this.redis?.stop();
    await this.#database?.drop();
    if (!this.#keep) rmSync(this.dir, { recursive: true, force: true });
  }
}
