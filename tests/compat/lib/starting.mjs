// Settings with which the server must not start.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = process.env.USHER_BIN ?? fileURLToPath(new URL('../../../target/debug/usher', import.meta.url));
const DEADLINE_MS = 3_000;

/** A start that fails, and says what is wrong: gives back what it says. */
export function expectNoStart(settings, named) {
  const { status, output } = start(settings);
  assert.equal(status, 1, status === null ? `it serves\n${output}` : output);
  assert.match(output, named);
  return output;
}

/** The settings in force, as they are printed. */
export function checkConfig(settings) {
  const { status, output } = start(settings, 'check-config');
  assert.equal(status, 0, output);
  return output;
}

/** `status` is `null` when it had to be killed. */
function start(settings, ...args) {
  const dir = mkdtempSync(join(tmpdir(), 'usher-faulty-'));
  const env = {
    PATH: process.env.PATH,
    USHER__DATABASE__URL: `sqlite://${join(dir, 'usher.db')}?mode=rwc`,
    USHER__HTTP__LISTEN: '127.0.0.1:0',
  };
  for (const [name, value] of Object.entries(settings)) env[`USHER__${name}`] = String(value);
  const options = { env, timeout: DEADLINE_MS, killSignal: 'SIGKILL', encoding: 'utf8' };
  const { status, stdout, stderr } = spawnSync(BIN, args, options);
  rmSync(dir, { recursive: true, force: true });
  return { status, output: stdout + stderr };
}
