// Ways to take the database away from a running server and to give it back.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { eventually } from './log.mjs';

const FILES = ['usher.db', 'usher.db-wal', 'usher.db-shm'];
const IS_ROOT = process.getuid() === 0;
const AS_NOBODY = IS_ROOT ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
const DISK_BYTES = 1 << 20;

function run(program, ...args) {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? null : `${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`;
}

/** The permissions of the files, as for root alone they would stop nobody: the server is not root. */
export const READ_ONLY = {
  through(bin, dir) {
    chmodSync(dir, 0o777);
    const own = join(dir, 'usher');
    copyFileSync(bin, own);
    // A file limit ends a process unless it says beforehand that it can live with one.
    return [...AS_NOBODY, 'sh', '-c', 'trap "" XFSZ; exec "$0"', own];
  },

  begin(server) {
    for (const file of FILES) chmodSync(join(server.dir, file), 0o444);
    chmodSync(server.dir, 0o555);
    // What is open stays writable. So it fails once, as on a disk that the kernel has given up, and
    // whoever opens the files again finds them read-only.
    limitFiles(server, '0');
  },

  async settled(server) {
    limitFiles(server, 'unlimited');
    await eventually(() => /read-only \(SQLite/.test(server.output), 'SQLite finds the database read-only');
  },

  end(server) {
    chmodSync(server.dir, 0o777);
    for (const file of FILES) chmodSync(join(server.dir, file), 0o666);
  },
};

function limitFiles(server, bytes) {
  assert.equal(run(...AS_NOBODY, 'prlimit', '--pid', server.pid, `--fsize=${bytes}:`), null);
}

/** A disk of its own, which nobody but the server sees and which goes with it. */
const OWN_DISK = [
  'unshare', '--mount', ...(IS_ROOT ? [] : ['--map-root-user']),
  'sh', '-c', `mount -t tmpfs -o size=${DISK_BYTES} usher-test "$0" && exec "$@"`,
];

export const FULL = {
  /** Why there cannot be such a disk here; `false` when there can. */
  skip: run(...OWN_DISK, '/mnt', 'true') ?? false,

  through(bin, dir) {
    return [...OWN_DISK, dir, bin];
  },

  async begin(server, stage) {
    // SQLite's log would start anew, in the room that it has, once all of it is in the file. With this
    // in it the file has to grow for that, and cannot.
    for (let i = 0; i < 3; i += 1) await stage.meeting('ann', { description: 'd'.repeat(2_000) });
    assert.throws(() => writeFileSync(ballast(server), Buffer.alloc(2 * DISK_BYTES)), { code: 'ENOSPC' });
  },

  settled() {},

  end(server) {
    rmSync(ballast(server));
  },
};

function ballast(server) {
  return join(`/proc/${server.pid}/root`, server.dir, 'ballast');
}

/** Between a server and its database: forwards, or holds everything back without a word. */
export class Passage {
  #pairs = new Set();
  #held = false;

  static async to(url) {
    const passage = new Passage();
    const { hostname, port } = new URL(url);
    passage.door = net.createServer((near) => passage.#enter(near, { host: hostname, port: Number(port || 5432) }));
    await new Promise((resolve) => passage.door.listen(0, '127.0.0.1', resolve));
    passage.door.unref();
    passage.url = Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(passage.door.address().port) }).href;
    return passage;
  }

  #enter(near, target) {
    const far = net.connect(target);
    const pair = [near, far];
    this.#pairs.add(pair);
    for (const [from, to] of [pair, [far, near]]) {
      from.on('data', (bytes) => to.write(bytes));
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => this.#pairs.delete(pair));
      if (this.#held) from.pause();
    }
  }

  hold() {
    this.#held = true;
    for (const socket of [...this.#pairs].flat()) socket.pause();
  }

  release() {
    this.#held = false;
    for (const socket of [...this.#pairs].flat()) socket.resume();
  }
}
