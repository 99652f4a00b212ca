// Keys and tokens of every kind, by jose.
import { SignJWT, exportSPKI, generateKeyPair } from 'jose';

const SECRET = 'a-secret-for-measurements-only-0123456789';

/** What signs, and what an issuer's setting needs to verify. */
export async function makeKey(algorithm) {
  if (algorithm === 'HS256') {
    return { algorithm, secret: new TextEncoder().encode(SECRET), setting: { hs256_secrets: [SECRET] } };
  }
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return { algorithm, secret: privateKey, setting: { public_keys: [await exportSPKI(publicKey)] } };
}

export function mint({ algorithm, secret }, issuer, subject) {
  return new SignJWT({ name: subject }).setProtectedHeader({ alg: algorithm }).setIssuer(issuer).setSubject(subject)
    .setIssuedAt().setExpirationTime('1h').sign(secret);
}
