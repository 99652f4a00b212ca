// Tokens as an identity provider would issue them.
import jwt from 'jsonwebtoken';
import { keepSecret } from './secrets.mjs';

export const SECRET = 'a-secret-for-the-compatibility-suite-only-0123456789';
keepSecret(SECRET);

export function token(sub, { secret = SECRET, algorithm = 'HS256', ...claims } = {}) {
  const now = Math.floor(Date.now() / 1000);
  return jwt.sign({ sub, iat: now, exp: now + 3600, ...claims }, algorithm === 'none' ? '' : secret, { algorithm });
}
