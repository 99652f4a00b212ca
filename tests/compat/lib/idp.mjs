// A stand-in identity provider: keys of every kind, and the tokens that it signs with them. What it
// publishes over HTTP is in jwks.mjs.
import { createHmac, createPrivateKey, sign } from 'node:crypto';
import { SignJWT, exportJWK, exportPKCS8, exportSPKI, generateKeyPair } from 'jose';

/** What providers sign with. */
export const ASYMMETRIC = ['RS256', 'ES256', 'EdDSA'];

export const now = () => Math.floor(Date.now() / 1000);

/** A key pair. `jwk` and `pem` are its public half; `secretText` is what others may sign with. */
export class Key {
  static async make(alg, kid) {
    const pair = await generateKeyPair(alg, { extractable: true });
    const jwk = { ...(await exportJWK(pair.publicKey)), alg, use: 'sig', ...(kid !== undefined && { kid }) };
    const [pem, secretText] = [await exportSPKI(pair.publicKey), await exportPKCS8(pair.privateKey)];
    return Object.assign(new Key(), { alg, kid, jwk, pem, secretText, signer: pair.privateKey });
  }

  /** What both sides know. `kid` is only what a header says then. */
  static shared(secretText, kid) {
    const jwk = { kty: 'oct', k: Buffer.from(secretText).toString('base64url'), alg: 'HS256', use: 'sig', kid };
    return Object.assign(new Key(), { alg: 'HS256', kid, jwk, secretText, signer: Buffer.from(secretText) });
  }

  /** A token as jose makes it: fields of the header win over those of the key, `undefined` leaves one out. */
  token(claims, header = {}) {
    const whole = { alg: this.alg, typ: 'JWT', kid: this.kid, ...header };
    return new SignJWT(plain(claims)).setProtectedHeader(plain(whole)).sign(this.signer);
  }

  /** The signature alone, for tokens that no library would make. */
  signature(text, alg = this.alg) {
    const bytes = Buffer.from(text);
    if (alg === 'HS256') return createHmac('sha256', this.secretText).update(bytes).digest();
    const key = createPrivateKey(this.secretText);
    if (alg === 'EdDSA') return sign(null, bytes, key);
    return sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' });
  }
}

/** Claims that any issuer would make: for an hour, for Ann. */
export function claims(iss, more = {}) {
  return { iss, sub: 'ann', iat: now(), exp: now() + 3600, ...more };
}

/** Signs whatever it is given: objects, or text and bytes that no library would take. Without a key: nothing. */
export function handmade(header, payload, key, alg) {
  const text = (part) => (typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part));
  const signed = [header, payload].map((part) => base64url(text(part))).join('.');
  return `${signed}.${key === null ? '' : base64url(key.signature(signed, alg))}`;
}

export function base64url(bytes) {
  return Buffer.from(bytes).toString('base64url');
}

function plain(object) {
  return JSON.parse(JSON.stringify(object));
}
