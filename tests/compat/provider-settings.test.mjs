// The settings of media providers: those with which the server does not start, and says which option is at fault.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Key } from './lib/idp.mjs';
import { expectNoSecret, keepSecret } from './lib/secrets.mjs';
import { Server } from './lib/server.mjs';
import { checkConfig, expectNoStart } from './lib/starting.mjs';
import { JITSI, MESH } from './lib/tickets.mjs';

const LIVEKIT = {
  LIVEKIT__URL: 'wss://livekit.example.org',
  LIVEKIT__API_KEY: 'APIusher',
  LIVEKIT__API_SECRET: 'livekit-secret-0123456789abcdef',
};
const DAILY = {
  DAILY__API_KEY: 'daily-key-0123456789abcdef',
  DAILY__DOMAIN: 'usher-tests',
  DAILY__DOMAIN_ID: '0190f0a2-0000-4000-8000-000000000000',
  DAILY__WEBHOOK_SECRET: Buffer.from('daily-webhooks-of-the-suite').toString('base64'),
};
const rsa = await Key.make('RS256', 'k1');
const PAIR = {
  ...JITSI, JITSI__APP_SECRET: '', JITSI__MODE: 'rs256', JITSI__KEY_ID: 'k1', JITSI__PRIVATE_KEY: rsa.secretText,
};
const JAAS = { ...PAIR, JITSI__URL: '', JITSI__MODE: 'jaas', JITSI__APP_ID: 'vpaas-magic-cookie-0123456789abcdef' };

const OF_ACME = 'a-secret-of-acme-0123456789abcdef';
const secrets = [OF_ACME, LIVEKIT.LIVEKIT__API_SECRET, DAILY.DAILY__API_KEY, DAILY.DAILY__WEBHOOK_SECRET];
[...secrets, rsa.secretText.split('\n')[1]].forEach(keepSecret);

const files = mkdtempSync(join(tmpdir(), 'usher-keys-'));
after(() => rmSync(files, { recursive: true, force: true }));

function file(name, content) {
  const path = join(files, name);
  writeFileSync(path, content);
  return path;
}

const privatePem = (kind, options) => (
  generateKeyPairSync(kind, options).privateKey.export({ format: 'pem', type: 'pkcs8' }));
const EC_KEY = privatePem('ec', { namedCurve: 'P-256' });
const SHORT_KEY = privatePem('rsa', { modulusLength: 1024 });
const NO_KEY = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----';

const tenants = (...list) => ({ PROVIDERS__TENANTS: JSON.stringify(list) });
const acme = { tenant: 'acme', default: 'mesh' };

/** Each fault, the option that is named, and what else is said, by what is set. */
const FAULTS = {
  'meet.jit.si with a secret': [/jitsi\.url: .*meet\.jit\.si/, { ...JITSI, JITSI__URL: 'https://meet.jit.si' }],
  'meet.jit.si in other letters': [/jitsi\.url: .*meet\.jit\.si/, { ...JITSI, JITSI__URL: 'https://Meet.Jit.SI/' }],
  'meet.jit.si with a port': [/jitsi\.url: .*meet\.jit\.si/, { ...JITSI, JITSI__URL: 'https://meet.jit.si:443/x' }],
  'meet.jit.si with a key': [/jitsi\.url: .*meet\.jit\.si/, { ...PAIR, JITSI__URL: 'https://meet.jit.si' }],
  'meet.jit.si as the domain': [/jitsi\.\w+: .*meet\.jit\.si/, { ...JITSI, JITSI__XMPP_DOMAIN: 'meet.jit.si' }],
  'the same for a tenant': [
    /providers\.tenants\[0\]\.jitsi\.url: .*meet\.jit\.si/,
    tenants({ ...acme, jitsi: { url: 'https://meet.jit.si', app_id: 'a', app_secret: OF_ACME } }),
  ],

  'a default without credentials: jitsi': [/providers\.default: .*jitsi/, { PROVIDERS__DEFAULT: 'jitsi' }],
  'a default without credentials: livekit': [/providers\.default: .*livekit/, { PROVIDERS__DEFAULT: 'livekit', ...JITSI }],
  'a default without credentials: daily': [/providers\.default: .*daily/, { PROVIDERS__DEFAULT: 'daily' }],
  'a default that there is not': [/providers\.default/, { PROVIDERS__DEFAULT: 'zoom' }],
  'a tenant\'s default without credentials': [
    /providers\.tenants\[0\]\.default/, tenants({ ...acme, default: 'livekit' }),
  ],

  'Jitsi without a secret': [/jitsi\.app_secret/, { ...JITSI, JITSI__APP_SECRET: '' }],
  'Jitsi without an app': [/jitsi\.app_id/, { ...JITSI, JITSI__APP_ID: '' }],
  'Jitsi without an address': [/jitsi\.url/, { ...JITSI, JITSI__URL: '' }],
  'Jitsi without an audience': [/jitsi\.audience/, { ...JITSI, JITSI__AUDIENCE: '' }],
  'Jitsi with a pair and no key': [/jitsi\.private_key/, { ...PAIR, JITSI__PRIVATE_KEY: '' }],
  'Jitsi with two keys': [/jitsi\.private_key/, { ...PAIR, JITSI__PRIVATE_KEY_FILE: file('rsa.pem', rsa.secretText) }],
  'a key without a name': [/jitsi\.key_id/, { ...PAIR, JITSI__KEY_ID: '' }],
  'JaaS without a key': [/jitsi\.private_key/, { ...JAAS, JITSI__PRIVATE_KEY: '' }],
  'JaaS without the key\'s id': [/jitsi\.key_id/, { ...JAAS, JITSI__KEY_ID: '' }],
  'LiveKit without a secret': [/livekit\.api_secret/, { ...LIVEKIT, LIVEKIT__API_SECRET: '' }],
  'LiveKit without a key': [/livekit\.api_key/, { ...LIVEKIT, LIVEKIT__API_KEY: '' }],
  'LiveKit without an address': [/livekit\.url/, { ...LIVEKIT, LIVEKIT__URL: '' }],
  'Daily without a key': [/daily\.api_key/, { ...DAILY, DAILY__API_KEY: '' }],
  'Daily without a domain': [/daily\.domain/, { ...DAILY, DAILY__DOMAIN: '' }],
  'TURN without a secret': [/mesh\.turn_secret/, { ...MESH, MESH__TURN_SECRET: '' }],

  'an address of Jitsi without a scheme': [/jitsi\.url/, { ...JITSI, JITSI__URL: 'meet.example.org' }],
  'an address of Jitsi that is not safe': [/jitsi\.url/, { ...JITSI, JITSI__URL: 'http://meet.example.org' }],
  'an address of Jitsi with a password': [/jitsi\.url/, { ...JITSI, JITSI__URL: 'https://user:word@meet.example.org' }],
  'an address of LiveKit without a scheme': [/livekit\.url/, { ...LIVEKIT, LIVEKIT__URL: 'livekit.example.org' }],
  'an address of LiveKit without a host': [/livekit\.url/, { ...LIVEKIT, LIVEKIT__URL: 'wss://' }],
  'an address of LiveKit\'s API that is none': [/livekit\.api_url/, { ...LIVEKIT, LIVEKIT__API_URL: 'ftp://a.example' }],
  'an address of Daily\'s API that is not safe': [/daily\.api_url/, { ...DAILY, DAILY__API_URL: 'http://api.daily.co/v1' }],
  'a domain of Daily that is an address': [/daily\.domain/, { ...DAILY, DAILY__DOMAIN: 'https://usher.daily.co' }],
  'an address of TURN that is none': [/mesh\.turn_urls/, { ...MESH, MESH__TURN_URLS: 'https://turn.example.org' }],
  'one of several': [/mesh\.turn_urls/, { ...MESH, MESH__TURN_URLS: 'turn:turn.example.org, turn:' }],
  'an address of STUN that is TURN\'s': [/mesh\.stun_urls/, { ...MESH, MESH__STUN_URLS: 'turn:turn.example.org' }],

  'a key that is none': [/jitsi\W+private_key /, { ...PAIR, JITSI__PRIVATE_KEY: NO_KEY }],
  'a key that is no PEM': [/jitsi\W+private_key /, { ...PAIR, JITSI__PRIVATE_KEY: 'nonsense' }],
  'a public key': [/jitsi\W+private_key /, { ...PAIR, JITSI__PRIVATE_KEY: rsa.pem }],
  'a key of another kind': [/jitsi\W+private_key /, { ...PAIR, JITSI__PRIVATE_KEY: EC_KEY }],
  'a key that is too short': [/jitsi\W+private_key /, { ...PAIR, JITSI__PRIVATE_KEY: SHORT_KEY }],
  'a file that is not there': [
    /jitsi\W+private_key_file.*nothing\.pem/,
    { ...PAIR, JITSI__PRIVATE_KEY: '', JITSI__PRIVATE_KEY_FILE: join(files, 'nothing.pem') },
  ],
  'a file that holds no key': [
    /jitsi\W+private_key_file/, { ...PAIR, JITSI__PRIVATE_KEY: '', JITSI__PRIVATE_KEY_FILE: file('no.pem', NO_KEY) },
  ],

  'a lifetime that is too short': [/providers\.token_lifetime_ms/, { PROVIDERS__TOKEN_LIFETIME_MS: 599_999 }],
  'a lifetime that is too long': [/providers\.token_lifetime_ms/, { PROVIDERS__TOKEN_LIFETIME_MS: 3_600_001 }],
  'no lifetime at all': [/providers\.token_lifetime_ms/, { PROVIDERS__TOKEN_LIFETIME_MS: 0 }],
  'a negative lifetime': [/providers\.token_lifetime_ms/, { PROVIDERS__TOKEN_LIFETIME_MS: -1 }],
  'a lifetime that is no number': [/providers\.token_lifetime_ms/, { PROVIDERS__TOKEN_LIFETIME_MS: 'an hour' }],

  'a tenant twice': [/providers\.tenants/, tenants(acme, { ...acme, default: undefined })],
  'a tenant that is no id': [/providers\.tenants/, tenants({ tenant: 'a b' })],
  'a tenant without a name': [/providers\.tenants/, tenants({ default: 'mesh' })],
  'a tenant with an unknown option': [/providers\.tenants/, tenants({ ...acme, provider: 'mesh' })],
  'a tenant with credentials that are not complete': [
    /providers\.tenants\[0\]\.livekit\.api_secret/, tenants({ ...acme, livekit: { url: 'wss://a.example', api_key: 'a' } }),
  ],
  'a tenant with a key that is none': [
    /providers\.tenants.*jitsi\W+private_key /,
    tenants({ ...acme, jitsi: { mode: 'rs256', url: 'https://a.example', app_id: 'a', key_id: 'k', private_key: NO_KEY } }),
  ],
  'tenants that are no JSON': [/providers\.tenants/i, { PROVIDERS__TENANTS: 'acme' }],

  'a secret of webhooks that is not base64': [/daily\.webhook_secret/, { ...DAILY, DAILY__WEBHOOK_SECRET: 'not base64!' }],
  'a mode that there is not': [/jitsi\.mode/, { ...JITSI, JITSI__MODE: 'hs512' }],
  'a way of making tokens that there is not': [/daily\.tokens/, { ...DAILY, DAILY__TOKENS: 'guessed' }],
  'administrators that there are not': [/livekit\.room_admin/, { ...LIVEKIT, LIVEKIT__ROOM_ADMIN: 'everybody' }],
};

describe('providers that are refused at the start', () => {
  for (const [what, [named, settings]] of Object.entries(FAULTS)) {
    test(what, () => {
      const output = expectNoStart(settings, named);
      expectNoSecret(output, 'what it says');
    });
  }

  test('all faults are said at once', () => {
    const output = expectNoStart({ ...PAIR, JITSI__APP_ID: '', ...LIVEKIT, LIVEKIT__URL: 'x' }, /jitsi\.app_id/);
    assert.match(output, /livekit\.url/);
  });
});

describe('providers that are accepted', () => {
  const everything = {
    ...LIVEKIT, ...DAILY, ...MESH, ...PAIR, PROVIDERS__DEFAULT: 'livekit',
    ...tenants({ ...acme, default: 'jitsi', jitsi: { url: 'https://a.example', app_id: 'a', app_secret: OF_ACME } }),
  };
  const GOOD = {
    'nothing at all': {},
    'all of them at once': everything,
    'JaaS, whose address is known': JAAS,
    'a key in a file': { ...PAIR, JITSI__PRIVATE_KEY: '', JITSI__PRIVATE_KEY_FILE: file('good.pem', rsa.secretText) },
    'addresses on this machine': {
      ...JITSI, JITSI__URL: 'http://127.0.0.1:8000', ...LIVEKIT, LIVEKIT__URL: 'ws://127.0.0.1:7880',
    },
    'STUN alone': { MESH__STUN_URLS: 'stun:stun.example.org' },
  };
  for (const [what, settings] of Object.entries(GOOD)) {
    test(what, { timeout: 60_000 }, async () => {
      const server = await Server.start(settings);
      await server.stop();
    });
  }

  test('are printed without their secrets', () => {
    const output = checkConfig(everything);
    assert.match(output, /\[livekit\]/);
    expectNoSecret(output, 'the printed settings');
  });
});
