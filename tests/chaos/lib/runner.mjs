// Performs scenarios one after the other, on one cluster as long as it stays whole, and keeps the
// evidence of those that fail.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { Cluster } from '../cluster.mjs';
import { Random } from './random.mjs';
import { World } from './world.mjs';
import { now, soon } from './wait.mjs';

const OUT = process.env.USHER_CHAOS_OUT ?? fileURLToPath(new URL('../out', import.meta.url));

export class Runner {
  #cluster = null;
  #needs = null;
  #log;

  constructor({ log = () => {} } = {}) {
    this.#log = log;
  }

  /** `{ name, seed, ok, ms, measured, remarks, error, evidence }`; never throws because of a breach. */
  async perform(scenario, seed) {
    const began = now();
    const random = new Random(`${seed}/${scenario.name}`);
    const result = { name: scenario.name, seed, ok: true, measured: {}, remarks: [], error: null, evidence: null };
    let world = null;
    try {
      const cluster = await this.#clusterFor(scenario, random);
      world = new World({ cluster, random, log: this.#log });
      await soon(scenario.run(world), scenario.timeoutMs, `${scenario.name} is done`);
      // A scenario that has judged has thrown; this is for what it objected to without doing so.
      if (world.objections.size > 0) throw new Error([...world.objections].join('\n'));
    } catch (error) {
      result.ok = false;
      const before = [...(world?.objections ?? [])].map((text) => `before that: ${text}`);
      result.error = [error.stack?.includes(error.message) ? error.stack : `${error.message}\n${error.stack}`, ...before].join('\n');
      result.evidence = this.#keepEvidence(scenario, seed, world, result.error);
    }
    Object.assign(result, { ms: Math.round(now() - began), measured: world?.measured ?? {}, remarks: world?.remarks ?? [] });
    // A load may still wait for answers of a node that is frozen; it is not to hold up the next one.
    await soon(world?.close() ?? Promise.resolve(), 10_000, 'the people have gone').catch(() => this.#drop());
    if (!result.ok || !(await this.#cluster?.isWhole())) await this.#drop();
    return result;
  }

  async close() {
    await this.#drop();
  }

  async #clusterFor(scenario, random) {
    const needs = { nodes: scenario.nodes, settings: scenario.settings, redis: scenario.redis };
    if (this.#cluster && isDeepStrictEqual(needs, this.#needs)) return this.#cluster;
    await this.#drop();
    this.#needs = needs;
    this.#cluster = await Cluster.start({ ...needs, random: random.fork('cluster') });
    return this.#cluster;
  }

  async #drop() {
    const cluster = this.#cluster;
    this.#cluster = null;
    await cluster?.stop();
  }

  #keepEvidence(scenario, seed, world, error) {
    const folder = join(OUT, `${scenario.name}-${String(seed).replaceAll(/[^\w-]/g, '_')}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'verdict.txt'), `scenario ${scenario.name}, seed ${seed}\n\n${error}\n`);
    for (const room of world?.rooms ?? []) room.history.save(join(folder, `${room.id}.jsonl`));
    // The histories name the faults; the logs say what the nodes made of them.
    if (this.#cluster) cpSync(this.#cluster.dir, folder, { recursive: true, filter: (path) => !/\.db/.test(path) });
    return folder;
  }
}

const DEFAULTS = { nodes: 3, settings: {}, redis: true };
const MARGIN_MS = 90_000;

/** `seconds`: about how long it takes, from which its time-out follows. */
const define = (group) => (run, { seconds = group === 'quick' ? 10 : 60, ...options } = {}) => ({
  ...DEFAULTS, ...options, name: run.name, group, seconds, timeoutMs: seconds * 3_000 + MARGIN_MS, run,
});

/** In every `scripts/test`. */
export const quick = define('quick');
/** In `scripts/chaos` only. */
export const long = define('long');
