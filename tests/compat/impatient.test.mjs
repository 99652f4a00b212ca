// Whoever goes away while their token is verified leaves nothing behind.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after } from 'node:test';
import { EVERY } from './lib/clients.mjs';
import { Key, claims } from './lib/idp.mjs';
import { KeyServer, held } from './lib/jwks.mjs';
import { eventually } from './lib/log.mjs';
import { suite } from './lib/stage.mjs';

const idp = await KeyServer.start();
after(() => idp.close());
const key = await Key.make('ES256', 'first');
const issuers = EVERY.map(({ label }) => ({ label, endpoint: idp.endpoint(randomUUID(), [key]) }));
const PLACES = 2;

suite('clients that do not wait for keys', {
  variants: EVERY,
  settings: {
    AUTH__ISSUERS: JSON.stringify(issuers.map(({ endpoint }) => ({ issuer: endpoint.issuer, jwks_url: endpoint.url }))),
    AUTH__JWKS_TIMEOUT_MS: 5_000,
    SOCKET__MAX_CONNECTIONS_PER_USER: PLACES,
  },
}, (scenario) => {
  scenario('give their places back', async (stage) => {
    const { endpoint } = issuers.find(({ label }) => label === stage.variant.label);
    const { release, answer } = held(endpoint.answer);
    endpoint.answer = answer;
    const token = await key.token(claims(endpoint.issuer, { sub: `ann-${stage.variant.label.replace(/\W/g, '-')}` }));
    const gone = Array.from({ length: 2 * PLACES }, (_, i) => stage.arriving(`gone-${i}`, { token }));
    await eventually(() => endpoint.fetches.length === 1, 'the fetch');
    await Promise.all(gone.map((user) => user.opened()));
    for (const user of gone) user.close();
    // What the server is told after their end it hears after it.
    for (let i = 0; i < 20; i += 1) await stage.rest().get('/healthz');
    release();
    const staying = [];
    for (;;) {
      const user = await stage.user('ann', { token }).catch((error) => error);
      if (user instanceof Error) {
        assert.match(user.message, /rate-limited/);
        continue;
      }
      staying.push(user);
      if (staying.length === PLACES) break;
    }
    assert.ok(staying.every((user) => user.connected));
  });
});
