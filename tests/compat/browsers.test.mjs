// One list decides whose pages may use the server: over REST, polling and the WebSocket handshake.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { ONE } from './lib/clients.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';

const LISTED = 'https://app.example';
const EVIL = 'https://app.example.evil.example';

/** What a browser would send for a page of `origin`; `Origin` is a header that `fetch` keeps for itself. */
function ask(url, { method = 'GET', path, origin, headers = {} }) {
  return new Promise((resolve, reject) => {
    const all = { ...headers, ...(origin !== undefined && { origin }) };
    const sent = request(new URL(path, url), { method, headers: all }, (response) => {
      let body = '';
      response.on('data', (chunk) => { body += chunk; });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    sent.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode, headers: response.headers, body: '' });
    });
    sent.on('error', reject);
    sent.end();
  });
}

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** The doors by which a page comes in, and the status of each when it may. */
const DOORS = {
  REST: [{ path: '/api/meetings', headers: { authorization: `Bearer ${token('ann')}` } }, 200],
  polling: [{ path: '/socket.io/?EIO=4&transport=polling' }, 200],
  'the WebSocket handshake': [{ path: '/socket.io/?EIO=4&transport=websocket', headers: UPGRADE }, 101],
};

suite('pages, with a key', {
  variants: ONE,
  settings: { AUTH__HS256_SECRET: SECRET, HTTP__ALLOWED_ORIGINS: `${LISTED}, http://localhost:3000` },
}, (scenario) => {
  for (const [door, [how, served]] of Object.entries(DOORS)) {
    scenario(`${door}: of listed sites, of the server itself, and no page at all`, async ({ server }) => {
      for (const origin of [LISTED, 'http://localhost:3000', server.url, undefined]) {
        const { status } = await ask(server.url, { ...how, origin });
        assert.equal(status, served, origin);
      }
    });

    scenario(`${door}: of no other site`, async ({ server }) => {
      for (const origin of [EVIL, 'http://app.example', 'http://localhost:3001', 'null', '']) {
        const { status, body } = await ask(server.url, { ...how, origin });
        assert.equal(status, 403, origin);
        assert.equal(JSON.parse(body).code, 'foreign-origin');
      }
    });
  }

  for (const path of ['/api/meetings', '/socket.io/?EIO=4&transport=polling']) {
    scenario(`a browser that asks first is told what it may send to ${path}`, async ({ server }) => {
      const preflight = {
        method: 'OPTIONS',
        path,
        headers: {
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        },
      };
      const { status, headers } = await ask(server.url, { ...preflight, origin: LISTED });
      assert.equal(status, 200);
      assert.equal(headers['access-control-allow-origin'], LISTED);
      assert.equal(headers['access-control-allow-credentials'], 'true');
      assert.match(headers['access-control-allow-methods'], /PATCH/);
      assert.match(headers['access-control-allow-headers'], /authorization/i);
      assert.match(headers.vary, /origin/i);
      const refused = await ask(server.url, { ...preflight, origin: EVIL });
      assert.equal(refused.status, 403);
      assert.equal(refused.headers['access-control-allow-origin'], undefined);
    });
  }

  scenario('every answer of REST says what may not be done with it', async ({ server }) => {
    for (const path of ['/api/meetings', '/nothing', '/healthz']) {
      const { headers } = await ask(server.url, { path, origin: LISTED });
      assert.equal(headers['x-content-type-options'], 'nosniff', path);
      assert.match(headers['content-security-policy'], /default-src 'none'/);
      assert.equal(headers['referrer-policy'], 'no-referrer');
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal(headers['access-control-allow-origin'], LISTED);
    }
  });
});

suite('pages, without a key', { variants: ONE }, (scenario) => {
  for (const [door, [how, served]] of Object.entries(DOORS)) {
    scenario(`${door}: of this machine only`, async ({ server }) => {
      for (const origin of ['http://localhost:3000', 'http://127.0.0.1:8000', 'http://[::1]:3000', undefined]) {
        const { status, headers } = await ask(server.url, { ...how, origin });
        assert.equal(status, served, origin);
        if (served === 200) assert.equal(headers['access-control-allow-origin'], origin);
      }
      assert.equal((await ask(server.url, { ...how, origin: EVIL })).status, 403);
    });

    scenario(`${door}: not of a site that has taken this machine's address for its name`, async ({ server }) => {
      const host = 'evil.example';
      const { status } = await ask(server.url, { ...how, origin: `http://${host}`, headers: { ...how.headers, host } });
      assert.equal(status, 403);
    });
  }
});
