// Tokens of identity providers: whose keys count for which token, and what each kind of provider adds.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import jsonwebtoken from 'jsonwebtoken';
import { EVERY, ONE } from './lib/clients.mjs';
import { WHY, expectIn, expectOut } from './lib/doors.mjs';
import { ASYMMETRIC, Key, claims, now } from './lib/idp.mjs';
import { KeyServer } from './lib/jwks.mjs';
import { pyJwtTokens, withoutPyJwt } from './lib/pyjwt.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';

const files = mkdtempSync(join(tmpdir(), 'usher-keys-'));
const idp = await KeyServer.start();
after(async () => {
  await idp.close();
  rmSync(files, { recursive: true, force: true });
});

function file(name, content) {
  const path = join(files, name);
  writeFileSync(path, content);
  return path;
}

const [rsa, ec, ed] = await Promise.all(ASYMMETRIC.map((alg) => Key.make(alg)));
const published = await Key.make('RS256', 'published-1');
const evil = await Key.make('RS256');
const shared = Key.shared('a-secret-of-one-issuer-0123456789');
const filed = Key.shared('a-secret-in-a-file-0123456789abcdef');
const [acmeKey, betaKey] = await Promise.all(['EdDSA', 'EdDSA'].map((alg) => Key.make(alg)));

const site = 'https://app.example';
const endpoints = {
  oidc: idp.endpoint('oidc', [published], '/oidc/keys'),
  clerk: idp.endpoint('clerk', [published]),
  supabase: idp.endpoint('auth/v1', [published]),
};

/** Issuers by the name that tests call them, each with the key that its tokens are signed with. */
const ISSUERS = {
  pem: [rsa, { issuer: 'https://pem.example', public_keys: [rsa.pem] }],
  file: [ec, { issuer: 'https://file.example/', public_key_files: [file('ec.pem', ec.pem)] }],
  published: [published, { issuer: 'https://published.example', jwks_url: endpoints.oidc.url }],
  secret: [shared, { issuer: 'https://secret.example', hs256_secrets: [shared.secretText] }],
  secretFile: [filed, { issuer: 'secret-file', hs256_secret_files: [file('secret', filed.secretText)] }],
  mixture: [ed, {
    issuer: 'https://mixture.example',
    jwks_url: endpoints.oidc.url,
    public_keys: [rsa.pem, ed.pem],
    public_key_files: [join(files, 'ec.pem')],
    hs256_secrets: ['another-secret-that-comes-first', shared.secretText],
  }],
  oidc: [rsa, {
    issuer: 'https://oidc.example',
    preset: 'oidc',
    public_keys: [rsa.pem],
    audiences: ['usher', 'usher-2'],
  }],
  clerk: [published, {
    issuer: endpoints.clerk.issuer,
    preset: 'clerk',
    authorized_parties: [site, 'http://localhost:3000'],
  }],
  openClerk: [rsa, { issuer: 'https://clerk.example', preset: 'clerk', public_keys: [rsa.pem] }],
  supabase: [published, { issuer: endpoints.supabase.issuer, preset: 'supabase' }],
  oldSupabase: [shared, {
    issuer: 'https://old.supabase.example/auth/v1',
    preset: 'supabase',
    hs256_secrets: [shared.secretText],
  }],
  acme: [acmeKey, { issuer: 'https://acme.example', public_keys: [acmeKey.pem], tenant: 'acme' }],
  beta: [betaKey, { issuer: 'https://beta.example', public_keys: [betaKey.pem], tenant: 'beta' }],
  any: [ed, { issuer: 'https://any.example', public_keys: [ed.pem], tenant: 'fallback', tenant_claim: 'org.id' }],
  strict: [ed, {
    issuer: 'https://strict.example',
    public_keys: [ed.pem],
    tenant_claim: 'tenant',
    tenant_required: true,
  }],
  named: [ed, { issuer: 'https://named.example', public_keys: [ed.pem], name_claim: 'nickname' }],
};

const settings = { AUTH__ISSUERS: JSON.stringify(Object.values(ISSUERS).map(([, issuer]) => issuer)) };

/** A token of the issuer with this name, for Ann unless the claims say otherwise. */
function issued(name, more = {}, header = {}) {
  const [key, { issuer }] = ISSUERS[name];
  return key.token(claims(issuer, more), header);
}

const OF_CLERK = { azp: site, sid: 'sess_1', v: 2, sts: 'active', fva: [0, -1] };
const OF_SUPABASE = { aud: 'authenticated', role: 'authenticated', aal: 'aal1', session_id: 'a', is_anonymous: false };

suite('an issuer\'s token', { variants: EVERY, settings }, (scenario) => {
  scenario('opens the door, and somebody else\'s signature does not', async (stage) => {
    await expectIn(stage, await issued('pem'));
    await expectOut(stage, await evil.token(claims('https://pem.example')), WHY.signature);
  });
});

suite('several issuers', { variants: ONE, settings }, (scenario) => {
  for (const name of ['pem', 'file', 'published', 'secret', 'secretFile', 'mixture']) {
    scenario(`accepted: ${name}`, async (stage) => {
      await expectIn(stage, await issued(name));
    });
  }

  scenario('each key of a mixture', async (stage) => {
    for (const key of [rsa, ec, ed, shared, published]) {
      await expectIn(stage, await key.token(claims('https://mixture.example')));
    }
  });

  scenario('a key is its issuer\'s alone', async (stage) => {
    await expectOut(stage, await betaKey.token(claims('https://acme.example')), WHY.signature);
    await expectOut(stage, await acmeKey.token(claims('https://beta.example')), WHY.signature);
    await expectOut(stage, await filed.token(claims('https://secret.example')), WHY.signature);
    await expectOut(stage, await ec.token(claims('https://pem.example')), WHY.algorithm);
  });

  scenario('an issuer is known by its exact name', async (stage) => {
    const names = [
      undefined, '', 'https://pem.example/', 'https://file.example', 'HTTPS://pem.example', 'https://pem.example ',
      'https://pem.exam', 'https://pem.example.evil.example', 'pem', '*', 'https://p\u0435m.example',
    ];
    for (const iss of names) await expectOut(stage, await rsa.token(claims(iss)), WHY.issuer, `iss ${iss}`);
  });

  scenario('a name in the token is the person\'s name', async (stage) => {
    const roomId = stage.room();
    for (const [issuer, more] of [['pem', { name: 'Ann of P.' }], ['named', { name: 'no', nickname: 'Annie' }]]) {
      const user = await stage.user('ann', { token: await issued(issuer, more) });
      const { participant } = await user.ack('join-room', `${roomId}-${issuer}`);
      assert.equal(participant.name, more.nickname ?? more.name);
    }
  });
});

describe('two libraries', { skip: withoutPyJwt }, () => {
  suite('a token by PyJWT', { variants: ONE, settings }, (scenario) => {
    const mixture = 'https://mixture.example';

    scenario('is as good as one by jose or jsonwebtoken', async (stage) => {
      const keys = [rsa, ec, ed, shared, published];
      const header = ({ kid }) => (kid === undefined ? {} : { kid });
      const orders = keys.map((key) => ({ key, claims: claims(mixture), header: header(key) }));
      for (const [i, made] of pyJwtTokens(orders).entries()) {
        await expectIn(stage, made);
        if (keys[i] === ed) continue;
        const { secretText, alg, kid } = keys[i];
        const options = { algorithm: alg, ...(kid && { keyid: kid }) };
        await expectIn(stage, jsonwebtoken.sign(claims(mixture), secretText, options));
      }
    });

    scenario('is as bad', async (stage) => {
      const orders = [
        [WHY.expired, { exp: now() - 60 }], [WHY.early, { nbf: now() + 600 }], [WHY.noExp, { exp: undefined }],
        [WHY.issuer, { iss: 'https://nobody.example' }],
      ].map(([why, more]) => ({ key: rsa, claims: claims('https://pem.example', more), why }));
      const made = pyJwtTokens([...orders, { key: ed, claims: claims('https://pem.example') }]);
      for (const [i, { why }] of orders.entries()) await expectOut(stage, made[i], why);
      await expectOut(stage, made.at(-1), WHY.algorithm);
    });
  });
});

suite('the key of tokens without an issuer', {
  variants: ONE,
  settings: { ...settings, AUTH__HS256_SECRET: SECRET, AUTH__HS256_PREVIOUS_SECRET: 'the-secret-before-0123456789' },
}, (scenario) => {
  const previous = { secret: 'the-secret-before-0123456789' };

  scenario('is for tokens that name no listed issuer', async (stage) => {
    await expectIn(stage, token('ann'));
    await expectIn(stage, token('ann', { iss: 'https://nobody.example' }));
    await expectOut(stage, await rsa.token(claims('https://nobody.example')), WHY.algorithm);
  });

  scenario('is not for tokens of listed issuers', async (stage) => {
    await expectOut(stage, token('ann', { iss: 'https://pem.example' }), WHY.algorithm);
    await expectOut(stage, token('ann', { iss: 'https://secret.example' }), WHY.signature);
    await expectOut(stage, await shared.token(claims(undefined)), WHY.signature);
  });

  scenario('may be the previous one, too, and no older one', async (stage) => {
    await expectIn(stage, token('ann', previous));
    await expectOut(stage, token('ann', { secret: 'the-secret-before-that-0123456789' }), WHY.signature);
  });
});

suite('OpenID Connect', { variants: ONE, settings }, (scenario) => {
  const of = (more) => issued('oidc', more);

  scenario('the audience is ours', async (stage) => {
    for (const aud of ['usher', 'usher-2', ['usher'], ['usher-2', 'usher']]) {
      await expectIn(stage, await of({ aud, azp: 'usher' }));
    }
    await expectIn(stage, await of({ aud: 'usher' }));
  });

  scenario('somebody else\'s, or none at all', async (stage) => {
    for (const aud of [undefined, '', 'usher-3', 'Usher', 'usher ', ['a', 'b'], []]) {
      await expectOut(stage, await of({ aud }), WHY.audience, `aud ${JSON.stringify(aud)}`);
    }
  });

  scenario('with several, the token was made for us', async (stage) => {
    await expectIn(stage, await of({ aud: ['usher', 'billing'], azp: 'usher' }));
    for (const azp of ['billing', '', undefined]) {
      await expectOut(stage, await of({ aud: ['usher', 'billing'], azp }), WHY.party, `azp ${azp}`);
    }
  });
});

suite('Clerk', { variants: ONE, settings }, (scenario) => {
  const of = (more) => issued('clerk', { ...OF_CLERK, ...more });

  scenario('a session token', async (stage) => {
    const id = 'user_2abCdEfGhIjKlMnOpQrStUvWxYz';
    await expectIn(stage, await of({ sub: id }), id);
    await expectIn(stage, await of({ azp: 'http://localhost:3000' }));
    await expectIn(stage, await of({ sts: undefined }));
  });

  scenario('for a page that is not listed', async (stage) => {
    for (const azp of [undefined, '', `${site}/`, `${site}.evil.example`, 'null']) {
      await expectOut(stage, await of({ azp }), WHY.party, `azp ${azp}`);
    }
  });

  scenario('for any page, if none is listed', async (stage) => {
    for (const azp of [undefined, site]) await expectIn(stage, await issued('openClerk', { ...OF_CLERK, azp }));
  });

  scenario('of somebody who has not finished signing in', async (stage) => {
    await expectOut(stage, await of({ sts: 'pending' }), WHY.pending);
    await expectOut(stage, await issued('openClerk', { sts: 'pending' }), WHY.pending);
  });

  scenario('an organization is a tenant, in both versions of the claims', async (stage) => {
    await expectTenant(stage, await of({ o: { id: 'org_1', slg: 'acme', rol: 'admin' } }), 'org_1');
    await expectTenant(stage, await of({ v: undefined, org_id: 'org_1', org_role: 'org:admin' }), 'org_1');
    await expectTenant(stage, await of({ o: { id: 'org_1' }, org_id: 'org_2' }), 'org_1');
    await expectTenant(stage, await of({}), 'default');
    await expectOut(stage, await of({ o: { id: 'org 1' } }), WHY.tenant);
  });
});

suite('Supabase', { variants: ONE, settings }, (scenario) => {
  const of = (more) => issued('supabase', { ...OF_SUPABASE, ...more });

  scenario('a user\'s token', async (stage) => {
    const id = 'd0a1b2c3-0000-4000-8000-123456789abc';
    await expectIn(stage, await of({ sub: id }), id);
    await expectIn(stage, await of({ aud: ['authenticated'] }));
    await expectIn(stage, await issued('oldSupabase', OF_SUPABASE));
  });

  scenario('the keys of a project are no users', async (stage) => {
    for (const role of ['anon', 'service_role', 'supabase_admin', '', undefined]) {
      await expectOut(stage, await of({ role }), WHY.role, `role ${role}`);
      await expectOut(stage, await issued('oldSupabase', { ...OF_SUPABASE, role }), WHY.role, `role ${role}`);
    }
    for (const aud of [undefined, 'anon', []]) await expectOut(stage, await of({ aud }), WHY.audience, `aud ${aud}`);
  });

  scenario('the tenant comes from what users cannot write', async (stage) => {
    await expectTenant(stage, await of({ app_metadata: { provider: 'email', tenant_id: 'acme' } }), 'acme');
    await expectTenant(stage, await of({ user_metadata: { tenant_id: 'acme' } }), 'default');
    await expectTenant(stage, await of({ tenant_id: 'acme', app_metadata: {} }), 'default');
    await expectOut(stage, await of({ app_metadata: { tenant_id: '../acme' } }), WHY.tenant);
  });
});

/** A token of some tenant whose name is in the token: it sees what is that tenant's. */
const ofTenant = (id, more = {}) => issued('any', { org: { id }, ...more });

async function expectTenant(stage, given, tenant) {
  await expectIn(stage, given);
  const roomId = stage.room();
  assert.equal((await stage.rest(given).post('/api/meetings', { roomId })).status, 201);
  for (const [seen, by] of [[200, tenant], [404, `not-${tenant}`]]) {
    const { status } = await stage.rest(await ofTenant(by, { sub: 'eve' })).get(`/api/meetings/${roomId}`);
    assert.equal(status, seen, `by ${by}`);
  }
}

/** Every route of one meeting, as a function of its id. */
const ROUTES = {
  read: (rest, id) => rest.get(`/api/meetings/${id}`),
  change: (rest, id) => rest.patch(`/api/meetings/${id}`, { description: 'Mine' }),
  move: (rest, id) => rest.patch(`/api/meetings/${id}`, { createdBy: 'ann' }),
  end: (rest, id) => rest.post(`/api/meetings/${id}/end`, {}),
  participants: (rest, id) => rest.get(`/api/meetings/${id}/participants`),
  audit: (rest, id) => rest.get(`/api/meetings/${id}/audit`),
  delete: (rest, id) => rest.delete(`/api/meetings/${id}`),
};

suite('tenants', { variants: ONE, settings }, (scenario) => {
  scenario('come from the issuer, from a claim, or from neither', async (stage) => {
    await expectTenant(stage, await issued('acme'), 'acme');
    await expectTenant(stage, await issued('acme', { tenant: 'beta', org: { id: 'beta' } }), 'acme');
    await expectTenant(stage, await ofTenant('acme'), 'acme');
    await expectTenant(stage, await issued('any'), 'fallback');
    await expectTenant(stage, await issued('any', { org: {} }), 'fallback');
    await expectTenant(stage, await issued('strict', { tenant: 'acme' }), 'acme');
    await expectTenant(stage, await issued('pem', { tenant: 'acme' }), 'default');
  });

  scenario('a token that has to name one does', async (stage) => {
    await expectOut(stage, await issued('strict'), WHY.noTenant);
  });

  scenario('a name that is no id is no tenant', async (stage) => {
    for (const id of ['a b', 'a/b', '{a}', '*', 'a\nb', 'ä', 'x'.repeat(129), 5, true, ['acme'], { id: 'acme' }]) {
      await expectOut(stage, await ofTenant(id), WHY.tenant, `tenant ${JSON.stringify(id)}`);
    }
  });

  scenario('the same room id in two of them is two rooms', async (stage) => {
    const roomId = stage.room();
    const people = {};
    for (const tenant of ['acme', 'beta']) {
      const mine = await issued(tenant);
      const { status, body } = await stage.rest(mine).post('/api/meetings', { roomId, description: tenant });
      assert.equal(status, 201, JSON.stringify(body));
      people[tenant] = await stage.joined('ann', roomId, { token: mine });
      people[`bob of ${tenant}`] = await stage.joined('bob', roomId, { token: await issued(tenant, { sub: 'bob' }) });
    }
    await people.acme.ok('make-cohost', { participantId: 'bob' });
    await people['bob of acme'].next('cohost-granted');
    await people['bob of beta'].noMore('cohost-granted');
    await people.acme.ok('end-meeting');
    await people['bob of acme'].next('meeting-ended');
    for (const user of [people.beta, people['bob of beta']]) await user.noMore('meeting-ended');
    const { body } = await stage.rest(await issued('beta')).get(`/api/meetings/${roomId}`);
    assert.deepEqual([body.description, body.status], ['beta', 'open']);
    assert.equal(people.beta.view().length, 2);
  });

  scenario('another one\'s host is nobody here', async (stage) => {
    const roomId = stage.room();
    for (const tenant of ['acme', 'beta']) {
      const creator = tenant === 'acme' ? 'ann' : 'cy';
      await stage.rest(await issued(tenant, { sub: creator })).post('/api/meetings', { roomId });
    }
    await stage.joined('bob', roomId, { token: await issued('beta', { sub: 'bob' }) });
    const ann = await stage.joined('ann', roomId, { token: await issued('beta') });
    assert.equal(ann.seen('ann').isHost, false);
    await ann.refused('make-host', { participantId: 'bob' }, 'not-host');
    await ann.refused('end-meeting', {}, 'not-host');
  });

  for (const [what, call] of Object.entries(ROUTES)) {
    scenario(`to ${what} another one's meeting is what it is for one that is not there`, async (stage) => {
      const roomId = stage.room();
      const owner = stage.rest(await issued('acme'));
      assert.equal((await owner.post('/api/meetings', { roomId, description: 'Before' })).status, 201);
      const stranger = stage.rest(await issued('beta'));
      const [other, unknown] = [await call(stranger, roomId), await call(stranger, stage.room())];
      assert.deepEqual(other, unknown);
      assert.equal(other.status, 404);
      assert.equal(other.body.code, 'meeting-not-found');
      const { body } = await owner.get(`/api/meetings/${roomId}`);
      assert.deepEqual([body.description, body.createdBy, body.status], ['Before', 'ann', 'open']);
    });
  }

  scenario('a list has one tenant\'s meetings', async (stage) => {
    const sub = stage.room();
    const made = {};
    for (const tenant of ['acme', 'beta']) {
      const rest = stage.rest(await issued(tenant, { sub }));
      made[tenant] = (await rest.post('/api/meetings', {})).body.id;
      assert.equal(typeof made[tenant], 'string');
    }
    for (const tenant of ['acme', 'beta']) {
      const { body } = await stage.rest(await issued(tenant, { sub })).get('/api/meetings');
      assert.deepEqual(body.items.map(({ id }) => id), [made[tenant]]);
    }
  });
});

suite('tenants of tokens without an issuer', {
  variants: ONE,
  settings: { ...settings, AUTH__HS256_SECRET: SECRET, AUTH__TENANT_CLAIM: 'org.id' },
}, (scenario) => {
  scenario('come from the claim', async (stage) => {
    await expectTenant(stage, token('ann', { org: { id: 'acme' } }), 'acme');
    await expectTenant(stage, token('ann'), 'default');
    await expectOut(stage, token('ann', { org: { id: 'a b' } }), WHY.tenant);
  });
});

suite('no tenant claim', { variants: ONE, settings: { ...settings, AUTH__HS256_SECRET: SECRET } }, (scenario) => {
  scenario('is one tenant for all', async (stage) => {
    await expectTenant(stage, token('ann', { tenant: 'acme', org: { id: 'acme' }, org_id: 'acme' }), 'default');
  });
});
