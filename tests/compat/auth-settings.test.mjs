// The settings of [auth]: those with which the server does not start, and those that it takes over while
// it runs.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { WHY, expectIn, expectOut, isIn } from './lib/doors.mjs';
import { Key, claims, now } from './lib/idp.mjs';
import { KeyServer } from './lib/jwks.mjs';
import { eventually } from './lib/log.mjs';
import { suite } from './lib/stage.mjs';
import { expectNoStart } from './lib/starting.mjs';
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

const [rsa, ec] = [await Key.make('RS256'), await Key.make('ES256')];
const published = await Key.make('RS256', 'published-1');

const pem = { issuer: 'https://pem.example', public_keys: [rsa.pem] };
const NO_KEY = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----';
const pemOf = (kind, options) => generateKeyPairSync(kind, options).publicKey.export({ format: 'pem', type: 'spki' });
const FAULTS = {
  'a tenant that users write themselves': [/tenant/, { ...pem, tenant_claim: 'user_metadata.tenant_id' }],
  'the same, for Supabase': [/tenant/, { ...pem, preset: 'supabase', tenant_claim: 'user_metadata.tenant_id' }],
  'all that users write': [/tenant/, { ...pem, tenant_claim: 'user_metadata' }],
  'OpenID Connect without an audience': [/audiences/, { ...pem, preset: 'oidc' }],
  'OpenID Connect with an audience that is none': [/audiences/, { ...pem, preset: 'oidc', audiences: [''] }],
  'a short secret': [/16 bytes/, { issuer: 'a', hs256_secrets: ['fifteen-bytes-0'] }],
  'a short secret in a file': [/16 bytes/, { issuer: 'a', hs256_secret_files: [file('short', 'short')] }],
  'no key at all': [/key/, { issuer: 'a' }],
  'a key that is none': [/PEM/, { issuer: 'a', public_keys: [NO_KEY] }],
  'a private key': [/PEM/, { issuer: 'a', public_keys: [rsa.secretText] }],
  'a curve that is not ours': [/PEM/, { issuer: 'a', public_keys: [pemOf('ec', { namedCurve: 'P-384' })] }],
  'a key that is too short': [/PEM|bit/, { issuer: 'a', public_keys: [pemOf('rsa', { modulusLength: 1024 })] }],
  'a file that is not there': [/nothing\.pem/, { issuer: 'a', public_key_files: [join(files, 'nothing.pem')] }],
  'an unknown preset': [/preset/, { ...pem, preset: 'auth1' }],
  'an unknown option': [/issuer_url/, { ...pem, issuer_url: 'a' }],
  'no name': [/issuer/, { public_keys: [rsa.pem] }],
  'an empty name': [/issuer/, { ...pem, issuer: '' }],
  'a tenant that is no id': [/tenant/, { ...pem, tenant: 'a b' }],
};

describe('issuers that are refused at the start', () => {
  for (const [what, [named, issuer]] of Object.entries(FAULTS)) {
    test(what, () => expectNoStart({ AUTH__ISSUERS: JSON.stringify([issuer]) }, named));
  }

  test('two of one name', () => {
    const issuers = [pem, { ...pem, public_keys: [ec.pem] }];
    expectNoStart({ AUTH__ISSUERS: JSON.stringify(issuers) }, /issuer/);
  });

  test('a tenant that users write themselves, without an issuer', () => {
    const claim = { AUTH__HS256_SECRET: SECRET, AUTH__TENANT_CLAIM: 'user_metadata.tenant_id' };
    expectNoStart(claim, /tenant_claim/);
  });
});

const CONFIG = 'usher.toml';

/** TOML reads JSON's texts and lists of them as they are. */
function toml({ auth = {}, issuers = [] }) {
  const lines = (table) => Object.entries(table).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  const tables = issuers.map((issuer) => ['[[auth.issuers]]', ...lines(issuer)]);
  return [['[auth]', ...lines(auth)], ...tables].flat().join('\n');
}

const through = (bin, dir) => {
  writeFileSync(join(dir, CONFIG), toml({ auth: { hs256_secret: SECRET } }));
  return [bin, '--config', join(dir, CONFIG)];
};

function reload(server, config) {
  writeFileSync(join(server.dir, CONFIG), typeof config === 'string' ? config : toml(config));
  process.kill(server.pid, 'SIGHUP');
}

suite('SIGHUP', { variants: ONE, through }, (scenario) => {
  const accepted = (stage, given) => eventually(() => isIn(stage, given), 'the token is accepted');

  scenario('takes over a key file that was rewritten; who is in stays in', async (stage) => {
    const [before, next] = [await Key.make('ES256'), await Key.make('ES256')];
    const issuer = { issuer: 'https://file.example', public_key_files: [file('rotated.pem', before.pem)] };
    const [old, fresh] = await Promise.all([before, next].map((key) => key.token(claims(issuer.issuer))));
    reload(stage.server, { issuers: [issuer] });
    await accepted(stage, old);
    const ann = await expectIn(stage, old);
    await expectOut(stage, fresh, WHY.signature);
    file('rotated.pem', next.pem);
    reload(stage.server, { issuers: [issuer] });
    await accepted(stage, fresh);
    await expectOut(stage, old, WHY.signature);
    const kept = await ann.ack('refresh-auth', { token: old });
    await ann.expectRefusal('refresh-auth', kept, 'unauthorized', WHY.signature);
    assert.ok(ann.connected);
  });

  scenario('takes over a secret, its predecessor, and the end of that', async (stage) => {
    const next = 'the-next-secret-0123456789abcdef';
    reload(stage.server, { auth: { hs256_secret: SECRET } });
    await accepted(stage, token('ann'));
    reload(stage.server, { auth: { hs256_secret: next, hs256_previous_secret: SECRET } });
    await accepted(stage, token('ann', { secret: next }));
    await expectIn(stage, token('ann'));
    reload(stage.server, { auth: { hs256_secret: next } });
    await eventually(async () => !(await isIn(stage, token('ann'))), 'the old secret is no longer accepted');
    await expectIn(stage, token('ann', { secret: next }));
    await expectOut(stage, token('ann'), WHY.signature);
  });

  scenario('takes over issuers that come and go, and the rest of [auth]', async (stage) => {
    const [one, two] = [pem, { issuer: 'https://new.example', public_keys: [ec.pem] }];
    const [ofOne, ofTwo] = [await rsa.token(claims(one.issuer)), await ec.token(claims(two.issuer))];
    const stale = await rsa.token(claims(one.issuer, { exp: now() - 120 }));
    reload(stage.server, { issuers: [one] });
    await accepted(stage, ofOne);
    await expectOut(stage, ofTwo, WHY.issuer);
    await expectOut(stage, stale, WHY.expired);
    reload(stage.server, { auth: { leeway_secs: 300 }, issuers: [one, two] });
    await accepted(stage, ofTwo);
    assert.ok(await isIn(stage, stale), 'clocks may differ by more now');
    reload(stage.server, { issuers: [two] });
    await eventually(async () => !(await isIn(stage, ofOne)), 'the issuer is gone');
    await expectOut(stage, ofOne, WHY.issuer);
    await expectIn(stage, ofTwo);
  });

  scenario('takes over how published keys are fetched, too', async (stage) => {
    const next = await Key.make('ES256', 'published-2');
    const endpoint = idp.endpoint('signalled', [published]);
    const issuer = { issuer: endpoint.issuer, jwks_url: endpoint.url };
    const [old, fresh] = await Promise.all([published, next].map((key) => key.token(claims(issuer.issuer))));
    reload(stage.server, { auth: { jwks_retry_secs: 3600 }, issuers: [issuer] });
    await accepted(stage, old);
    endpoint.publish(published, next);
    await expectOut(stage, fresh, WHY.key);
    assert.equal(endpoint.fetches.length, 1);
    reload(stage.server, { auth: { jwks_retry_secs: 1 }, issuers: [issuer] });
    await accepted(stage, fresh);
    await expectIn(stage, old);
  });

  for (const [what, config, named] of [
    ['an unknown option', { auth: { a_faulty_option: 1 }, issuers: [pem] }, /a_faulty_option/],
    ['what is no TOML', '[auth]\nthis is no TOML', /this is no TOML|line 2/],
    ['a key that is none', { issuers: [{ ...pem, public_keys: ['no-key'] }] }, /PEM/],
  ]) {
    scenario(`logs ${what}, and changes nothing`, async (stage) => {
      reload(stage.server, { issuers: [pem] });
      const good = await rsa.token(claims(pem.issuer));
      await accepted(stage, good);
      reload(stage.server, config);
      await eventually(() => named.test(stage.server.output), `a line that matches ${named}`);
      await expectIn(stage, good);
    });
  }
});
