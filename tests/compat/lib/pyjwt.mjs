// PyJWT as a second opinion: tokens that it makes (pyjwt_tokens.py), and what it reads (pyjwt_reads.py).
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// The distribution's own interpreter has the distribution's packages; the first in PATH may be another.
const INTERPRETERS = [process.env.USHER_TEST_PYTHON, '/usr/bin/python3', 'python3'].filter(Boolean);

const python = INTERPRETERS.find((program) => spawnSync(program, ['-c', 'import jwt, cryptography']).status === 0);

/** Why it cannot be used here; `false` when it can. */
export const withoutPyJwt = python === undefined && 'needs the packages python3-jwt and python3-cryptography';

/** One token for each `{ key, claims, header }`, with `key` of idp.mjs. */
export function pyJwtTokens(orders) {
  return run('pyjwt_tokens.py', orders.map(({ key, ...rest }) => ({ key: key.secretText, alg: key.alg, ...rest })));
}

/** The claims of each `{ token, key, alg, audience?, issuer? }`, or `{ refused }`; `key` is text. */
export function pyJwtReads(orders) {
  return run('pyjwt_reads.py', orders);
}

function run(script, orders) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { status, stdout, stderr } = spawnSync(python, [path], { input: JSON.stringify(orders), encoding: 'utf8' });
  if (status !== 0) throw new Error(`PyJWT: ${stderr}`);
  return JSON.parse(stdout);
}
