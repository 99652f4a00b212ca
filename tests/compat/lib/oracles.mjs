// What other people's libraries make of our tokens: those that are good, and those that somebody changed.
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { mock } from 'node:test';
import { jwtVerify } from 'jose';
import { pyJwtReads, withoutPyJwt } from './pyjwt.mjs';

/** The longest tolerance of clocks among those who verify. */
const LEEWAY_SECS = 60;

/** With one letter of one part (0 header, 1 claims, 2 signature) replaced by another. */
export function tampered(token, part) {
  const parts = token.split('.');
  // Not the last letter: some of its bits may mean nothing.
  const at = Math.floor(parts[part].length / 2);
  const letter = parts[part][at] === 'A' ? 'B' : 'A';
  parts[part] = parts[part].slice(0, at) + letter + parts[part].slice(at + 1);
  return parts.join('.');
}

/** The same signature under other claims. */
export function reclaimed(token, change) {
  const [header, claims, signature] = token.split('.');
  const text = JSON.stringify(change(JSON.parse(Buffer.from(claims, 'base64url'))));
  return [header, Buffer.from(text).toString('base64url'), signature].join('.');
}

/**
 * The claims as jose and, where it is installed, PyJWT read them, which are the same. `key` is text: a secret or a
 * public key in PEM. Both refuse changed tokens and another key, and jose a time after `exp`.
 */
export async function verified(token, { key, otherKey, alg, audience, issuer }) {
  const keyFor = (text) => (alg === 'HS256' ? Buffer.from(text) : createPublicKey(text));
  const expected = { algorithms: [alg], ...(audience && { audience }), ...(issuer && { issuer }) };
  const jose = (given, text = key, more = {}) => jwtVerify(given, keyFor(text), { ...expected, ...more });
  const { payload } = await jose(token);

  const changed = [0, 1, 2].map((part) => tampered(token, part));
  const older = reclaimed(token, (claims) => ({ ...claims, exp: claims.exp + 3600 }));
  for (const bad of [...changed, older]) await assert.rejects(jose(bad), 'jose refuses what was changed');
  await assert.rejects(jose(token, otherKey), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
  const late = new Date(payload.exp * 1000);
  await assert.rejects(jose(token, key, { currentDate: late }), { code: 'ERR_JWT_EXPIRED' });

  if (!withoutPyJwt) {
    const order = { token, key, alg, ...(audience && { audience }), ...(issuer && { issuer }) };
    const bad = [...changed, older].map((it) => ({ ...order, token: it }));
    const [read, another, ...refusals] = pyJwtReads([order, { ...order, key: otherKey }, ...bad]);
    assert.deepEqual(read, payload, 'PyJWT reads the same');
    for (const { refused } of [another, ...refusals]) assert.match(refused, /Error$/, 'PyJWT refuses what was changed');
  }
  return payload;
}

/** `check` as if it were so many seconds after the end of this token, tolerance included. */
export async function afterwards({ exp }, check) {
  mock.timers.enable({ apis: ['Date'], now: (exp + LEEWAY_SECS + 1) * 1000 });
  try {
    await check();
  } finally {
    mock.timers.reset();
  }
}
