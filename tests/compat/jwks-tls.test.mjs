// Keys over HTTPS: from whom the machine's authorities vouch for, and from nobody else.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { expectIn, expectUnavailable } from './lib/doors.mjs';
import { Key, claims } from './lib/idp.mjs';
import { KeyServer } from './lib/jwks.mjs';
import { suite } from './lib/stage.mjs';

const dir = mkdtempSync(join(tmpdir(), 'usher-tls-'));
const key = await Key.make('ES256', 'first');

/** An authority of that name, and a certificate for 127.0.0.1 that it has signed. */
function certify(name) {
  const path = (suffix) => join(dir, `${name}.${suffix}`);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' });
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...fresh, '-keyout', path('ca.key'), '-out', path('ca'), '-days', '2',
    '-subj', `/CN=${name}`);
  openssl('req', ...fresh, '-keyout', path('key'), '-out', path('csr'), '-subj', '/CN=127.0.0.1');
  writeFileSync(path('names'), 'subjectAltName=IP:127.0.0.1\n');
  openssl('x509', '-req', '-in', path('csr'), '-CA', path('ca'), '-CAkey', path('ca.key'), '-CAcreateserial',
    '-out', path('crt'), '-days', '2', '-extfile', path('names'));
  return { authority: path('ca'), tls: { key: readFileSync(path('key')), cert: readFileSync(path('crt')) } };
}

const trusted = certify('trusted');
const stranger = certify('stranger');
const servers = {
  good: await KeyServer.start({ tls: trusted.tls }),
  'somebody nobody vouches for': await KeyServer.start({ tls: stranger.tls }),
  // This machine, too, but not who the certificate is for.
  'somebody else\'s certificate': await KeyServer.start({ tls: trusted.tls, host: '127.0.0.2' }),
};
after(async () => {
  await Promise.all(Object.values(servers).map((server) => server.close()));
  rmSync(dir, { recursive: true, force: true });
});

const endpoints = Object.fromEntries(
  Object.entries(servers).map(([name, server]) => [name, server.endpoint('idp', [key])]),
);
const issuers = Object.values(endpoints).map(({ issuer, url }) => ({ issuer, jwks_url: url }));

suite('keys over HTTPS', {
  variants: ONE,
  settings: { AUTH__ISSUERS: JSON.stringify(issuers) },
  through: (bin) => ['env', `SSL_CERT_FILE=${trusted.authority}`, bin],
}, (scenario) => {
  scenario('from somebody whom an authority of the machine vouches for', async (stage) => {
    await expectIn(stage, await key.token(claims(endpoints.good.issuer)));
  });

  for (const name of Object.keys(servers).filter((it) => it !== 'good')) {
    scenario(`not with ${name}`, async (stage) => {
      await expectUnavailable(stage, await key.token(claims(endpoints[name].issuer)));
    });
  }
});
