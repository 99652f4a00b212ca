// Tokens of Jitsi, for an own server with a secret or a key pair: every claim, as our strict verifier and two
// libraries read them.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { Key } from './lib/idp.mjs';
import { expectHints, jitsiFeatures } from './lib/jitsi-claims.mjs';
import { FEATURES, enter, faults, read } from './lib/jitsi-verifier.mjs';
import { verified } from './lib/oracles.mjs';
import { ranked } from './lib/ranks.mjs';
import { keepSecret } from './lib/secrets.mjs';
import { suite } from './lib/stage.mjs';
import { RIGHTS, SECRETS, WITH_JITSI, freshTicket, joinTicket, normalised } from './lib/tickets.mjs';

const LIFETIME_SECS = 1800;
const APP_ID = WITH_JITSI.JITSI__APP_ID;
const rsa = await Key.make('RS256', 'usher-1');
const other = await Key.make('RS256', 'usher-1');
keepSecret(rsa.secretText.split('\n')[1]);

const SERVER = { issuer: APP_ID, audience: 'jitsi', domain: 'meet.example.org' };
/** How tokens are signed: settings, the header, and who verifies them. */
const WAYS = {
  hs256: {
    settings: WITH_JITSI,
    header: { alg: 'HS256', typ: 'JWT' },
    server: { ...SERVER, alg: 'HS256', secret: SECRETS.jitsi },
    keys: { alg: 'HS256', key: SECRETS.jitsi, otherKey: 'another-secret-0123456789abcdef' },
  },
  rs256: {
    settings: {
      ...WITH_JITSI,
      JITSI__MODE: 'rs256',
      JITSI__APP_SECRET: '',
      JITSI__PRIVATE_KEY: rsa.secretText,
      JITSI__KEY_ID: 'usher-1',
    },
    header: { alg: 'RS256', typ: 'JWT', kid: 'usher-1' },
    server: { ...SERVER, alg: 'RS256', keys: { 'usher-1': rsa.pem } },
    keys: { alg: 'RS256', key: rsa.pem, otherKey: other.pem },
  },
};
const PEOPLE = { creator: 'ann', host: 'hal', 'co-host': 'cora', participant: 'paul' };

function golden(name, role) {
  const { moderate } = RIGHTS[role];
  return {
    iss: APP_ID, aud: 'jitsi', sub: 'meet.example.org', room: 'ROOM', iat: 0, nbf: -30, exp: LIFETIME_SECS,
    context: {
      user: { id: 'USER', name, moderator: moderate, affiliation: moderate ? 'owner' : 'member' },
      features: jitsiFeatures(role),
    },
  };
}

const claimsIn = (ticket) => normalised(read(ticket.token).claims, { ROOM: ticket.roomName, USER: ticket.providerUserId });

for (const [way, { settings, header, server, keys }] of Object.entries(WAYS)) {
  suite(`a token of Jitsi, ${way}`, { variants: ONE, settings }, (scenario) => {
    for (const [rank, id] of Object.entries(PEOPLE)) {
      const role = rank === 'creator' ? 'host' : rank;
      scenario(`says what a ${rank} may do`, async (stage) => {
        const { [id]: user } = await ranked(stage, 'hal', 'cora', 'paul');
        const before = Math.floor(Date.now() / 1000);
        const ticket = await freshTicket(user, { provider: 'jitsi', role });
        assert.equal(ticket.url, `https://meet.example.org/${ticket.roomName}`);
        assert.deepEqual(read(ticket.token).header, header);
        assert.deepEqual(claimsIn(ticket), golden(user.name, role));
        const { iat, exp } = read(ticket.token).claims;
        assert.ok(iat >= before && iat <= Date.now() / 1000, 'issued now');
        assert.equal(Math.floor(Date.parse(ticket.expiresAt) / 1000), exp);
        assert.deepEqual(faults(ticket.token, ticket.roomName, server), []);
        const { affiliation } = enter(ticket.token, ticket.roomName, server);
        assert.equal(affiliation, RIGHTS[role].moderate ? 'owner' : 'member', 'as what a server lets them in');
      });
    }

    scenario('is believed by other libraries, and not once it was changed', async (stage) => {
      const { ann } = await stage.cast();
      const { token, roomName } = await freshTicket(ann);
      const claims = await verified(token, { ...keys, audience: 'jitsi', issuer: APP_ID });
      assert.deepEqual(enter(token, roomName, server, claims.exp).why, 'exp', 'without tolerance at its end');
      assert.equal(enter(token, roomName, server, claims.nbf).join, true, 'and for clocks that are late');
    });

    scenario('is for one room', async (stage) => {
      const [here, there] = [await stage.cast('bob'), await stage.cast('bob')];
      const [one, another] = [await freshTicket(here.bob), await freshTicket(there.bob)];
      assert.equal(enter(one.token, another.roomName, server).join, false);
      assert.equal(enter(another.token, another.roomName, server).join, true);
    });
  });
}

suite('a token of Jitsi', { variants: ONE, settings: WITH_JITSI }, (scenario) => {
  scenario('has a picture where there is one, and no null where there is none', async (stage) => {
    const { roomId } = await stage.cast();
    const userImageUrl = 'https://img.example/gus.png';
    const gus = await stage.joined('gus', roomId, { join: { userImageUrl } });
    const { context } = read(joinTicket(gus).token).claims;
    assert.equal(context.user.avatar, userImageUrl);
    assert.ok(!JSON.stringify(context).includes('null'));
  });

  scenario('has a name, whatever is in it or not', async (stage) => {
    const { roomId } = await stage.cast();
    for (const [id, name] of [['gus', 'Gus "O\u2019Neil" \u{1f600}'], ['noname', '']]) {
      const user = await stage.joined(id, roomId, { name });
      const ticket = joinTicket(user);
      assert.equal(read(ticket.token).claims.context.user.name, name);
      assert.deepEqual(faults(ticket.token, ticket.roomName, WAYS.hs256.server), []);
    }
  });

  scenario('comes with what clients may show', async (stage) => {
    const { ann, cora, paul } = await ranked(stage, 'cora', 'paul');
    for (const user of [ann, cora, paul]) expectHints(await freshTicket(user));
  });

  scenario('names every feature', async (stage) => {
    const { ann } = await stage.cast();
    const { features } = read((await freshTicket(ann)).token).claims.context;
    assert.deepEqual(Object.keys(features).sort(), [...FEATURES].sort());
  });
});

const named = {
  ...WITH_JITSI,
  JITSI__AUDIENCE: 'our-meetings',
  JITSI__XMPP_DOMAIN: 'xmpp.example.org',
  JITSI__URL: 'https://meet.example.org:8443/',
};
suite('audience, domain and a port', { variants: ONE, settings: named }, (scenario) => {
  scenario('are those of the settings', async (stage) => {
    const { ann } = await stage.cast();
    const ticket = await freshTicket(ann);
    const server = { ...WAYS.hs256.server, audience: 'our-meetings', domain: 'xmpp.example.org' };
    assert.deepEqual(faults(ticket.token, ticket.roomName, server), []);
    assert.equal(ticket.url, `https://meet.example.org:8443/${ticket.roomName}`);
  });
});
