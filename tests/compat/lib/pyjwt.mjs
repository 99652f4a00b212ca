// Tokens by PyJWT: see pyjwt_tokens.py.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('pyjwt_tokens.py', import.meta.url));
// The distribution's own interpreter has the distribution's packages; the first in PATH may be another.
const INTERPRETERS = [process.env.USHER_TEST_PYTHON, '/usr/bin/python3', 'python3'].filter(Boolean);

const python = INTERPRETERS.find((program) => spawnSync(program, ['-c', 'import jwt, cryptography']).status === 0);

/** Why it cannot be used here; `false` when it can. */
export const withoutPyJwt = python === undefined && 'needs the packages python3-jwt and python3-cryptography';

/** One token for each `{ key, claims, header }`, with `key` of idp.mjs. */
export function pyJwtTokens(orders) {
  const input = JSON.stringify(orders.map(({ key, ...rest }) => ({ key: key.secretText, alg: key.alg, ...rest })));
  const { status, stdout, stderr } = spawnSync(python, [SCRIPT], { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`PyJWT: ${stderr}`);
  return JSON.parse(stdout);
}
