// Tokens of JaaS: every claim, by the client's own check and as two libraries read them.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { Key } from './lib/idp.mjs';
import { expectHints, jaasFeatures } from './lib/jitsi-claims.mjs';
import { jaasFaults, read } from './lib/jitsi-verifier.mjs';
import { verified } from './lib/oracles.mjs';
import { ranked } from './lib/ranks.mjs';
import { keepSecret } from './lib/secrets.mjs';
import { suite } from './lib/stage.mjs';
import { RIGHTS, freshTicket, normalised } from './lib/tickets.mjs';

const APP_ID = 'vpaas-magic-cookie-0123456789abcdef0123456789abcdef';
const LIFETIME_SECS = 1800;
const rsa = await Key.make('RS256');
const other = await Key.make('RS256');
keepSecret(rsa.secretText.split('\n')[1]);

const files = mkdtempSync(join(tmpdir(), 'usher-keys-'));
after(() => rmSync(files, { recursive: true, force: true }));
const file = join(files, 'jaas.pem');
writeFileSync(file, rsa.secretText);

const jaas = { PROVIDERS__DEFAULT: 'jitsi', JITSI__MODE: 'jaas', JITSI__APP_ID: APP_ID, JITSI__KEY_ID: 'k1' };
const WAYS = {
  'a key in the settings': { ...jaas, JITSI__PRIVATE_KEY: rsa.secretText },
  'a key in a file': { ...jaas, JITSI__PRIVATE_KEY_FILE: file },
};
const PEOPLE = { creator: 'ann', host: 'hal', 'co-host': 'cora', participant: 'paul' };
const app = { appId: APP_ID, keyId: 'k1', publicKey: rsa.pem };

function golden(name, role) {
  const { moderate } = RIGHTS[role];
  return {
    iss: 'chat', aud: 'jitsi', sub: APP_ID, room: 'ROOM', iat: 0, nbf: -30, exp: LIFETIME_SECS,
    context: {
      user: { id: 'USER', name, moderator: String(moderate), affiliation: moderate ? 'owner' : 'member' },
      features: jaasFeatures(role),
    },
  };
}

for (const [way, settings] of Object.entries(WAYS)) {
  suite(`a token of JaaS, ${way}`, { variants: ONE, settings }, (scenario) => {
    for (const [rank, id] of Object.entries(PEOPLE)) {
      const role = rank === 'creator' ? 'host' : rank;
      scenario(`says what a ${rank} may do`, async (stage) => {
        const { [id]: user } = await ranked(stage, 'hal', 'cora', 'paul');
        const ticket = await freshTicket(user, { provider: 'jitsi', role });
        const { token, roomName, providerUserId } = ticket;
        assert.equal(ticket.url, `https://8x8.vc/${APP_ID}/${roomName}`);
        assert.deepEqual(read(token).header, { alg: 'RS256', typ: 'JWT', kid: `${APP_ID}/k1` });
        const claims = normalised(read(token).claims, { ROOM: roomName, USER: providerUserId });
        assert.deepEqual(claims, golden(user.name, role));
        assert.deepEqual(jaasFaults(token, { ...app, room: roomName }), []);
        expectHints(ticket);
      });
    }

    scenario('is believed by other libraries, and not once it was changed', async (stage) => {
      const { ann } = await stage.cast();
      const { token, roomName } = await freshTicket(ann);
      const keys = { alg: 'RS256', key: rsa.pem, otherKey: other.pem, audience: 'jitsi', issuer: 'chat' };
      const { exp } = await verified(token, keys);
      assert.deepEqual(jaasFaults(token, { ...app, room: roomName }, exp), ['tokenExpired']);
      assert.deepEqual(jaasFaults(token, { ...app, room: roomName, publicKey: other.pem }), ['signature']);
    });
  });
}
