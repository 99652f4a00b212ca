// One usher process, with a fault proxy on each of its ways out.
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { RATES_OFF } from '../../compat/lib/rates.mjs';
import { Process } from './process.mjs';
import { now, soon, until } from './wait.mjs';

const DEFAULT_BIN = fileURLToPath(new URL('../../../target/debug/usher', import.meta.url));
const START_MS = 30_000;
const PROBE_MS = 500;
const DRAIN_MS = 45_000;

export const usherBin = () => process.env.USHER_BIN ?? DEFAULT_BIN;

/** The environment without settings of whoever started us. */
export function environment(settings) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('USHER'));
  return Object.fromEntries([...own, ...Object.entries({ ...RATES_OFF, ...settings }).map(([name, value]) => [`USHER__${name}`, String(value)])]);
}

export class UsherNode {
  #process;

  /** `redis` and `database` are proxies, or null where there is none. */
  constructor({ index, port, dir, settings, redis = null, database = null, readiness = true }) {
    this.index = index;
    this.name = `node-${index}`;
    this.url = `http://127.0.0.1:${port}`;
    this.redis = redis;
    this.database = database;
    this.frozen = false;
    this.readiness = readiness ? '/readyz' : '/healthz';
    this.#process = new Process({
      name: this.name,
      command: usherBin(),
      env: environment({ ...settings, HTTP__LISTEN: `127.0.0.1:${port}` }),
      cwd: dir,
      log: join(dir, `${this.name}.log`),
    });
  }

  get running() {
    return this.#process.running;
  }

  get pid() {
    return this.#process.pid;
  }

  tail(lines) {
    return this.#process.tail(lines);
  }

  async start() {
    this.#process.spawn();
    await this.ready(START_MS);
  }

  /** SIGKILL: no chance to say anything. */
  async kill() {
    this.frozen = false;
    await this.#process.kill();
  }

  freeze() {
    this.frozen = true;
    this.#process.signal('SIGSTOP');
  }

  thaw() {
    this.#process.signal('SIGCONT');
    this.frozen = false;
  }

  /** SIGTERM; resolves with the exit code and how long it took. */
  async terminate() {
    const began = now();
    this.#process.signal('SIGTERM');
    const { code, signal, error } = await soon(this.#process.exited(), DRAIN_MS, `${this.name} has ended after SIGTERM`);
    return { code: code ?? signal ?? error, ms: now() - began };
  }

  async restart() {
    await this.kill();
    await this.start();
  }

  /** `{ status, body }` of the readiness route; status 0 when nothing answers. */
  async probe() {
    try {
      const response = await fetch(this.url + this.readiness, { signal: AbortSignal.timeout(PROBE_MS) });
      const text = await response.text();
      return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
    } catch {
      return { status: 0, body: '' };
    }
  }

  async isReady() {
    return this.running && !this.frozen && (await this.probe()).status === 200;
  }

  async ready(within = START_MS) {
    let last = null;
    await until(async () => {
      if (!this.running) throw new Error(`${this.name} has ended: ${JSON.stringify(this.#process.ending)}\n${this.tail()}`);
      last = await this.probe();
      return last.status === 200;
    }, { within, what: () => `${this.name} is ready; it says ${last?.status} ${JSON.stringify(last?.body)}\n${this.tail(15)}` });
  }
}
