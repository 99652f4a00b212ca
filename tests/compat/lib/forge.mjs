// What tokens are forged from: issuers that the server knows, with their keys, and keys that it should
// not know. The tokens are made by hand, since no library would make most of them.
import { Key, claims, handmade } from './idp.mjs';
import { KeyServer } from './jwks.mjs';

export const idp = await KeyServer.start();

export const rsa = await Key.make('RS256');
export const ec = await Key.make('ES256');
export const ed = await Key.make('EdDSA');
export const shared = Key.shared('a-secret-of-one-issuer-0123456789');
/** Two published keys of different kinds. */
export const good = await Key.make('RS256', 'good-1');
export const other = await Key.make('ES256', 'good-2');
/** An attacker's, with a good one's name. */
export const evil = await Key.make('RS256', 'good-1');

export const published = idp.endpoint('published', [good, other]);
/** Whoever follows an address in a token ends up here, or among `idp.strays`. */
export const trap = idp.endpoint('trap', [evil]);

export const RSA = 'https://rsa.example';
export const EC = 'https://ec.example';
export const ED = 'https://ed.example';
export const SHARED = 'https://secret.example';
export const PUBLISHED = published.issuer;
export const OIDC = 'https://oidc.example';
export const CLERK = 'https://clerk.example';
export const TRUSTED = 'https://trusted.example';

export const settings = {
  AUTH__LEEWAY_SECS: 10,
  AUTH__ISSUERS: JSON.stringify([
    { issuer: RSA, public_keys: [rsa.pem] },
    { issuer: EC, public_keys: [ec.pem] },
    { issuer: ED, public_keys: [ed.pem] },
    { issuer: SHARED, hs256_secrets: [shared.secretText] },
    { issuer: PUBLISHED, jwks_url: published.url },
    { issuer: OIDC, preset: 'oidc', public_keys: [rsa.pem], audiences: ['usher'] },
    { issuer: CLERK, preset: 'clerk', public_keys: [rsa.pem] },
    { issuer: TRUSTED, public_keys: [ed.pem], services: true },
  ]),
};

/** What `key` would sign for `iss`, with these fields of the header and of the payload. */
export function forged(key, iss, header = {}, payload = {}) {
  return handmade({ alg: key.alg, typ: 'JWT', kid: key.kid, ...header }, claims(iss, payload), key);
}

/** A good token of `RSA` but for these claims. */
export const claiming = (payload) => forged(rsa, RSA, {}, payload);

/** A good token of `RSA` but for these fields of its header. */
export const headed = (header) => forged(rsa, RSA, header);

/** A good token of `RSA` but for its payload, which is this text. */
export const saying = (payload) => handmade({ alg: 'RS256', typ: 'JWT' }, payload, rsa);

/** Good claims as JSON text, and `more` at their end. */
export function text(more, iss = RSA) {
  return `${JSON.stringify(claims(iss)).slice(0, -1)},${more}}`;
}

/** The same with `value`, which is text, in place of a claim's. */
export function withText(name, value) {
  return JSON.stringify(claims(RSA, { [name]: null })).replace(`"${name}":null`, `"${name}":${value}`);
}
