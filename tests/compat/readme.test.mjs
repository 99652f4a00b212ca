// The README's transcript: its code, run as it stands there, prints what stands there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ONE } from './lib/clients.mjs';
import { suite } from './lib/stage.mjs';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const HERE = fileURLToPath(new URL('.', import.meta.url));
const PATIENCE_MS = 20_000;

/** The fenced block that follows `<!-- transcript:name -->`. */
function block(name) {
  const [, text] = new RegExp(`<!-- transcript:${name} -->\n\`\`\`\\w+\n([^]*?)\`\`\`\n`).exec(README) ?? [];
  assert.ok(text, `README.md has a block marked transcript:${name}`);
  return text;
}

/** `socket.io-client` of the README is installed here as `sio4`, beside the older ones. */
function runnable(code) {
  const name = 'from "socket.io-client"';
  assert.equal(code.split(name).length, 2, `the code imports ${name} once`);
  return code.replace(name, 'from "sio4"');
}

/** Runs a module given as text; its imports are looked up from this folder. */
function run(code, url) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module', '-'], {
      cwd: HERE,
      env: { ...process.env, USHER_URL: url },
      timeout: PATIENCE_MS,
    });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (output[name] += text));
    child.once('error', reject);
    child.once('close', (exit, signal) => resolve({ ...output, exit: signal ?? exit }));
    child.stdin.end(code);
  });
}

suite('README', { variants: ONE }, (scenario) => {
  scenario('the transcript is what happens', async (stage) => {
    const { stdout, stderr, exit } = await run(runnable(block('code')), stage.server.url);
    assert.equal(exit, 0, `${stderr}\nprinted so far:\n${stdout}`);
    assert.equal(stdout, block('output'));
  });
});
