// A coturn of a test's own on loopback, and its client that tries credentials there. Debian's package is coturn.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listens, until } from './redis.mjs';
import { freePort } from './server.mjs';

const ATTEMPTS = 3;
const CLIENT_TIMEOUT_MS = 30_000;

/** Why it cannot be used here; `false` when it can. */
export const withoutCoturn = ['turnserver', 'turnutils_uclient'].some((program) => spawnSync(program, ['-h']).error)
  && 'needs the package coturn';

export class Coturn {
  #dir = mkdtempSync(join(tmpdir(), 'usher-coturn-'));
  #child = null;
  #output = '';

  /** With the secret that credentials are made from. */
  static async start(secret) {
    const server = new Coturn();
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      if (await server.#launch(secret)) return server;
    }
    server.stop();
    throw new Error(`no coturn could be started\n${server.#output}`);
  }

  async #launch(secret) {
    this.port = await freePort();
    const path = (name) => join(this.#dir, name);
    const lines = [
      'listening-ip=127.0.0.1', 'relay-ip=127.0.0.1', `listening-port=${this.port}`, 'realm=usher.test',
      'use-auth-secret', `static-auth-secret=${secret}`, 'allow-loopback-peers', 'no-tls', 'no-dtls', 'no-cli',
      `pidfile=${path('pid')}`, `userdb=${path('userdb')}`, 'log-file=stdout', 'simple-log',
    ];
    writeFileSync(path('turnserver.conf'), `${lines.join('\n')}\n`, { mode: 0o600 });
    const child = spawn('turnserver', ['-c', path('turnserver.conf')], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { this.#output += text; });
    const ended = () => child.exitCode !== null || child.signalCode !== null;
    await until(async () => ended() || listens(this.port), `a coturn on port ${this.port}`);
    if (ended()) return false;
    process.once('exit', () => child.kill('SIGKILL'));
    this.#child = child;
    return true;
  }

  /**
   * Whether somebody with these credentials gets a relay, and packets through it; `over` is `udp` or `tcp`. A good one
   * takes the client some seconds.
   */
  async relays(username, credential, over = 'udp') {
    const transport = over === 'tcp' ? ['-t'] : [];
    const args = [...transport, '-y', '-c', '-n', '1', '-u', username, '-w', credential, '-p', this.port, '127.0.0.1'];
    const { code, output } = await run('turnutils_uclient', args.map(String));
    if (code === 0 && /Total lost packets 0 /.test(output)) return true;
    if (/Cannot complete Allocation/.test(output)) return false;
    throw new Error(`turnutils_uclient ended with ${code}\n${output}`);
  }

  /** Whether it tells somebody without credentials how they are seen from outside. */
  async reflects() {
    const { code, output } = await run('turnutils_stunclient', ['-p', String(this.port), '127.0.0.1']);
    return code === 0 && /reflexive addr: 127\.0\.0\.1/.test(output);
  }

  stop() {
    this.#child?.kill('SIGKILL');
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** The password of a user name, as the server with this secret works it out. */
export function credentialOf(secret, username) {
  return createHmac('sha1', secret).update(username).digest('base64');
}

function run(program, args) {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: CLIENT_TIMEOUT_MS }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code ?? error.signal : 0, output: stdout + stderr });
    });
  });
}
