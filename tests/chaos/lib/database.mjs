// A database of its own for each run, in the PostgreSQL that USHER_TEST_POSTGRES_URL names.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MINUTE_MS = 60_000;

export class Database {
  #admin;
  #name;

  constructor(admin, name) {
    this.#admin = admin;
    this.#name = name;
  }

  static async create() {
    const admin = process.env.USHER_TEST_POSTGRES_URL;
    if (!admin) {
      throw new Error('several nodes need a PostgreSQL: run `scripts/services postgres` and set USHER_TEST_POSTGRES_URL to what it prints');
    }
    // Names only have to differ; no fault and no choice of a run depends on this.
    const database = new Database(admin, `usher_chaos_${randomBytes(6).toString('hex')}`);
    await database.#execute(admin, `CREATE DATABASE ${database.#name}`);
    return database;
  }

  /** Where the server itself listens, for a proxy in front of it. */
  get port() {
    return Number(new URL(this.#admin).port || 5432);
  }

  /** `port`: of a proxy on loopback. */
  url(port = this.port) {
    const url = new URL(this.#admin);
    url.pathname = `/${this.#name}`;
    if (port !== this.port) url.host = `127.0.0.1:${port}`;
    return url.href;
  }

  query(sql) {
    return this.#execute(this.url(), sql);
  }

  async drop() {
    await this.#execute(this.#admin, `DROP DATABASE IF EXISTS ${this.#name} WITH (FORCE)`);
  }

  async #execute(url, sql) {
    try {
      const { stdout } = await run('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', sql, url], { timeout: MINUTE_MS });
      return stdout.trim();
    } catch (error) {
      // The address holds a password, and execFile puts all arguments into its message.
      throw new Error(`psql: ${(error.stderr || error.code || 'failed').toString().trim()}`);
    }
  }
}
