// One real server process: free port, own SQLite file, settings given as USHER__ names.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RATES_OFF } from './rates.mjs';
import { expectNoSecret, keepSecretsOf } from './secrets.mjs';

/** Every server keeps its rooms under a prefix of its own: the tests use the same room ids. */
function roomsInRedis(url) {
  if (!url) return {};
  return {
    USHER__STORE__REDIS_URL: url,
    USHER__STORE__KEY_PREFIX: `test-${randomUUID()}`,
  };
}

const DEFAULT_BIN = fileURLToPath(new URL('../../../target/debug/usher', import.meta.url));
const START_DEADLINE_MS = 15_000;
const STOP_DEADLINE_MS = 5_000;
const KEPT_LINES = 60;

export class Server {
  #env;
  #port;
  #dir;
  #through;
  #child = null;
  #exited = null;
  #output = [];
  #logged = '';
  #heard;

  constructor(settings, through, heard) {
    this.#dir = mkdtempSync(join(tmpdir(), 'usher-compat-'));
    this.#through = through;
    this.#heard = heard;
    keepSecretsOf(settings);
    keepSecretsOf(process.env);
    this.#env = {
      ...withoutUsher(process.env),
      USHER__DATABASE__URL:
        process.env.USHER_TEST_DATABASE_URL ?? `sqlite://${join(this.#dir, 'usher.db')}?mode=rwc`,
      // At the end of a test there is nobody to be gentle with.
      USHER__HTTP__DRAIN_MS: '0',
      // Everything that we log ourselves is searched for secrets.
      USHER__LOG__LEVEL: 'info,usher=trace',
      ...roomsInRedis(process.env.USHER_TEST_ROOMS_REDIS_URL),
      ...prefixed({ ...RATES_OFF, SOCKET__MAX_CONNECTIONS_PER_USER: 100_000, ...settings }),
    };
  }

  /**
   * Settings are written without their prefix: `{ ROOMS__DEVICES: 'newest-wins' }`. `through(bin, dir)`
   * is the command line that becomes the server in the end; the database's file is in `dir`. What it
   * writes is given to `heard`, before it is ready, too.
   */
  static async start(settings = {}, through = (bin) => [bin], heard = () => {}) {
    const server = new Server(settings, through, heard);
    for (let attempt = 1; ; attempt += 1) {
      server.#port = await freePort();
      try {
        await server.#launch();
        return server;
      } catch (error) {
        const taken = /address (already )?in use/i.test(error.message);
        if (!taken || attempt === 3) {
          await server.stop();
          throw error;
        }
      }
    }
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  get pid() {
    return this.#child.pid;
  }

  get dir() {
    return this.#dir;
  }

  /** Bytes of memory that the server holds now. */
  memory() {
    return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1]);
  }

  /** The processor's time that the server has used, in milliseconds; the clock ticks at 10. */
  cpu() {
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return 10 * (Number(fields[11]) + Number(fields[12]));
  }

  /** The last lines that the server wrote, for failure messages. */
  get output() {
    return this.#output.join('\n');
  }

  async stop() {
    if (this.#child) {
      const late = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_DEADLINE_MS);
      this.#child.kill('SIGTERM');
      await this.#exited;
      clearTimeout(late);
    }
    rmSync(this.#dir, { recursive: true, force: true });
    const logged = this.#logged;
    this.#logged = '';
    expectNoSecret(logged, 'the log');
  }

  /** Asks it to stop, as a service manager does: how it ended (`exited with 0`) and after how long. */
  async terminate() {
    const began = Date.now();
    this.#child.kill('SIGTERM');
    const how = await this.#exited;
    return { how, ms: Date.now() - began };
  }

  /** The process gets no chance to write anything more. */
  async kill9() {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Starts again on the same port and database. */
  async restart() {
    if (this.#child) await this.kill9();
    await this.#launch();
  }

  async #launch() {
    const bin = process.env.USHER_BIN ?? DEFAULT_BIN;
    const env = { ...this.#env, USHER__HTTP__LISTEN: `127.0.0.1:${this.#port}` };
    const [program, ...args] = this.#through(bin, this.#dir);
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const reap = () => child.kill('SIGKILL');
    process.once('exit', reap);
    let failure = null;
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      const over = (why) => {
        failure ??= why;
        this.#child = null;
        process.off('exit', reap);
        resolve(why);
      };
      child.once('error', (error) => over(error.message));
      child.once('exit', (code, signal) => over(`exited with ${signal ?? code}`));
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.#heard(text);
        this.#logged += text;
        this.#output.push(...text.trimEnd().split('\n'));
        this.#output.splice(0, this.#output.length - KEPT_LINES);
      });
    }
    const deadline = Date.now() + START_DEADLINE_MS;
    while (!(await this.#healthy())) {
      if (failure || Date.now() > deadline) {
        if (!failure) await this.kill9();
        throw new Error(`${bin} did not start: ${failure ?? 'not healthy in time'}\n${this.output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // Another server may have taken the port, and answered in its stead.
    if (failure) throw new Error(`${bin} did not start: ${failure}\n${this.output}`);
  }

  async #healthy() {
    try {
      const response = await fetch(`${this.url}/healthz`);
      await response.arrayBuffer();
      return response.status === 200;
    } catch {
      return false;
    }
  }
}

function withoutUsher(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('USHER')));
}

function prefixed(settings) {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`USHER__${name}`, String(value)]),
  );
}

// Below the ephemeral range, so that no outgoing connection takes it in between.
export async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await new Promise((resolve) => {
      const probe = net.createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
