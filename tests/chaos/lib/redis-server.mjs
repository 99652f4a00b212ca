// A private redis-server on loopback. It keeps nothing on disk unless `save` is called.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './ports.mjs';
import { Process } from './process.mjs';
import { RespClient } from './resp.mjs';
import { until } from './wait.mjs';

const START_MS = 10_000;
const DUMP = 'dump.rdb';

export class RedisServer {
  #process;
  #client = null;
  #dir;

  constructor(dir, port, args, name) {
    this.#dir = dir;
    this.port = port;
    const command = process.env.USHER_TEST_REDIS_BIN ?? 'redis-server';
    const settings = {
      port,
      bind: '127.0.0.1',
      save: '',
      appendonly: 'no',
      dir,
      dbfilename: `${name}-${DUMP}`,
      'maxmemory-policy': 'noeviction',
      // For DEBUG SLEEP, which blocks the server as another tenant's slow script would.
      'enable-debug-command': 'local',
    };
    this.#process = new Process({
      name,
      command,
      args: [...Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]), ...args],
      log: join(dir, `${name}.log`),
    });
    this.dump = join(dir, `${name}-${DUMP}`);
  }

  static async start({ dir, port, args = [], name = 'redis' }) {
    const server = new RedisServer(dir, port ?? (await freePort()), args, name);
    await server.launch();
    return server;
  }

  get running() {
    return this.#process.running;
  }

  get pid() {
    return this.#process.pid;
  }

  async launch() {
    this.#process.spawn();
    await until(() => this.#answers(), { within: START_MS, what: () => `redis-server answers\n${this.#process.tail()}` });
  }

  async command(...words) {
    if (!this.#client) this.#client = await RespClient.connect(this.port);
    try {
      return await this.#client.command(...words);
    } catch (error) {
      // An answer that says no leaves the connection usable; everything else does not.
      if (/ended|ECONN|EPIPE/.test(error.message)) this.#forget();
      throw error;
    }
  }

  /** Answers nobody for `ms`; connections stay, and what they send waits. */
  pause(ms) {
    return this.command('CLIENT', 'PAUSE', ms, 'ALL');
  }

  /** Does nothing at all for `ms`, as under somebody's slow script. */
  async block(ms) {
    const client = await RespClient.connect(this.port);
    return client.command('DEBUG', 'SLEEP', ms / 1000).finally(() => client.close());
  }

  freeze() {
    this.#process.signal('SIGSTOP');
  }

  thaw() {
    this.#process.signal('SIGCONT');
  }

  async kill() {
    await this.#process.kill();
    this.#forget();
  }

  /** Starts again on the same port: empty, or with what the last `save` has written. */
  async restart({ empty = true } = {}) {
    await this.kill();
    if (empty) rmSync(this.dump, { force: true });
    await this.launch();
  }

  save() {
    return this.command('SAVE');
  }

  async keys(pattern = '*') {
    const found = new Set();
    let cursor = '0';
    do {
      const [next, keys] = await this.command('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000);
      for (const key of keys) found.add(key);
      cursor = next;
    } while (cursor !== '0');
    return [...found].sort();
  }

  /** How often each command has run, inside of scripts, too. */
  async commandCounts() {
    const info = await this.command('INFO', 'commandstats');
    const lines = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
    return new Map(lines.map(([, name, calls]) => [name, Number(calls)]));
  }

  async stop() {
    await this.kill();
    rmSync(this.dump, { force: true });
  }

  get folder() {
    return this.#dir;
  }

  #forget() {
    this.#client?.close();
    this.#client = null;
  }

  async #answers() {
    if (!this.#process.running) throw new Error(`redis-server has ended: ${JSON.stringify(this.#process.ending)}\n${this.#process.tail()}`);
    try {
      return (await this.command('PING')) === 'PONG';
    } catch {
      this.#forget();
      return false;
    }
  }
}
