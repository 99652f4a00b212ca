// Redis servers of a test's own: with TLS, with users, watched by Sentinels.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './server.mjs';

const DEADLINE_MS = 15_000;

export class RedisServers {
  #dir = mkdtempSync(join(tmpdir(), 'usher-redis-'));
  #running = new Map();

  path(name) {
    return join(this.#dir, name);
  }

  /**
   * Starts one with these lines of configuration (`%port` is its port) and waits until it listens. In a
   * cluster it needs a second port, 10,000 above, which somebody else may have: then another is tried.
   */
  async start(lines, { sentinel = false } = {}) {
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const port = await freePort();
      const file = this.path(`redis-${port}.conf`);
      const text = lines.map((line) => line.replaceAll('%port', port)).join('\n');
      writeFileSync(file, `${text}\nbind 127.0.0.1\n${sentinel ? '' : 'save ""\n'}`);
      const args = sentinel ? [file, '--sentinel'] : [file];
      const child = spawn('redis-server', args, { cwd: this.#dir, stdio: 'ignore' });
      const ended = () => child.exitCode !== null;
      await until(async () => ended() || listens(port), `a Redis on port ${port}`);
      if (!ended()) {
        this.#running.set(port, child);
        return port;
      }
    }
    throw new Error('no Redis could be started');
  }

  /** Masters without replicas that share the slots; each goes on without the others. */
  async cluster(size) {
    const lines = ['port %port', 'cluster-enabled yes', 'cluster-config-file nodes-%port.conf',
      'cluster-node-timeout 2000', 'cluster-require-full-coverage no'];
    const ports = await Promise.all(Array.from({ length: size }, () => this.start(lines)));
    const servers = ports.map((port) => `127.0.0.1:${port}`);
    execFileSync('redis-cli', ['--cluster', 'create', ...servers, '--cluster-yes'], { stdio: 'ignore' });
    const isWhole = (port) => this.ask(port, 'CLUSTER', 'INFO').includes('cluster_state:ok');
    await until(() => ports.every(isWhole), 'the cluster');
    return ports;
  }

  /** What a server answers to a command, as text; a number for DBSIZE. */
  ask(port, ...command) {
    const text = execFileSync('redis-cli', ['-p', port, ...command], { encoding: 'utf8' }).trim();
    return /^\d+$/.test(text) ? Number(text) : text;
  }

  /** It answers nothing any more, and keeps its connections. */
  freeze(port) {
    this.#running.get(port).kill('SIGSTOP');
  }

  thaw(port) {
    this.#running.get(port).kill('SIGCONT');
  }

  async kill(port) {
    const child = this.#running.get(port);
    this.#running.delete(port);
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  async stop() {
    await Promise.all([...this.#running.keys()].map((port) => this.kill(port)));
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** A certificate authority and a certificate for localhost. */
  certify() {
    const openssl = (...args) => execFileSync('openssl', args, { cwd: this.#dir, stdio: 'ignore' });
    const key = ['-newkey', 'rsa:2048', '-nodes'];
    openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=test');
    openssl('req', ...key, '-keyout', 'redis.key', '-out', 'redis.csr', '-subj', '/CN=localhost');
    writeFileSync(this.path('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    openssl('x509', '-req', '-in', 'redis.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial',
      '-out', 'redis.crt', '-days', '2', '-extfile', 'names');
  }
}

/** Polls until `found` gives something true. */
export async function until(found, what) {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await found();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function listens(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
