// Tokens that were forged, or that try to choose how they are checked: each is refused for its own
// reason, over Socket.IO and REST alike.
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { after } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { WHY, ask, expectIn, expectOut, refusal } from './lib/doors.mjs';
import {
  EC, ED, PUBLISHED, RSA, SHARED, claiming, ec, ed, evil, forged, good, headed, idp, other, rsa, saying, settings,
  shared, text, trap,
} from './lib/forge.mjs';
import { Key, base64url, claims, handmade } from './lib/idp.mjs';
import { suite } from './lib/stage.mjs';
import { token } from './lib/token.mjs';

after(() => idp.close());

const json = (value) => JSON.stringify(value);
const whole = claiming({});
const [head, body, signature] = whole.split('.');
const DEEP = `${'['.repeat(2_000)}${']'.repeat(2_000)}`;

const unsigned = (alg, iss = RSA, kid = undefined) => handmade({ alg, typ: 'JWT', kid }, claims(iss), null);
const NONE = [
  ...['none', 'None', 'NONE', 'nOnE', ''].map((alg) => [WHY.algorithm, unsigned(alg), alg]),
  [WHY.algorithm, unsigned('none', PUBLISHED, 'good-1'), 'where keys are published'],
  [WHY.algorithm, unsigned('none', SHARED), 'where secrets are the keys'],
  [WHY.algorithm, `${unsigned('none')}${signature}`, 'with a signature'],
  [WHY.malformed, headed({ alg: undefined }), 'no algorithm at all'],
  ...[null, 5, ['RS256'], {}].map((alg) => [WHY.malformed, headed({ alg }), `alg ${json(alg)}`]),
];

const der = createPublicKey(rsa.pem).export({ format: 'der', type: 'spki' });
const CONFUSION = [
  ...[rsa.pem, rsa.pem.trim(), `${rsa.pem}\n`, rsa.pem.replaceAll('\n', ''), der, json(rsa.jwk), rsa.jwk.n, '']
    .map((secret, i) => [WHY.algorithm, forged(Key.shared(secret), RSA), `form ${i} of the key`]),
  [WHY.algorithm, forged(Key.shared(good.pem, 'good-1'), PUBLISHED), 'a published one'],
  [WHY.algorithm, forged(Key.shared(ec.pem), EC), 'of ES256'],
  [WHY.algorithm, forged(Key.shared(ed.pem), ED), 'of EdDSA'],
];

const OTHERS = [
  'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA', 'HS256', 'HS384', 'HS512', 'rs256', 'RS256 ', 'RSA-OAEP', 'dir',
];
const ALGORITHMS = [
  ...OTHERS.map((alg) => [WHY.algorithm, headed({ alg }), alg]),
  [WHY.algorithm, forged(rsa, SHARED), 'RS256 where secrets are the keys'],
  [WHY.algorithm, forged(other, PUBLISHED, { kid: 'good-1' }), 'with the name of another kind of key'],
  [WHY.algorithm, token('ann', { iss: SHARED, secret: shared.secretText, algorithm: 'HS512' }), 'HS512 in earnest'],
];

const KIDS = [
  '../../../../../../dev/null', '/dev/null', 'file:///dev/null', 'good-1/../good-1', '..\\good-1', '%2e%2e%2fgood-1',
  'good-1\u0000', ' good-1', 'good-1 ', 'GOOD-1', '\' OR \'1\'=\'1', '\' UNION SELECT \'\' --',
  'x; DROP TABLE meetings', '$(touch /tmp/x)', '{{7*7}}', '*', 'good-?', '', '__proto__', 'x'.repeat(5_000),
  '\nFORGED LINE of the log',   trap.url, `${idp.url}/stray`,
];
// Were the name a file that is empty, or a row that is not there, the key would be empty, too.
const empty = Key.shared('');
const NAMES = [
  ...KIDS.map((kid) => [WHY.key, forged(good, PUBLISHED, { kid }), `kid ${kid.slice(0, 60)}`]),
  ...KIDS.map((kid) => [WHY.key, forged(empty, PUBLISHED, { kid }), `an empty key, kid ${kid.slice(0, 60)}`]),
  ...[5, ['good-1'], { id: 'good-1' }, true].map((kid) => [WHY.malformed, forged(good, PUBLISHED, { kid }), json(kid)]),
];

const BAIT = { jku: trap.url, x5u: trap.url, jwk: evil.jwk, x5c: [base64url(evil.pem)] };
const BROUGHT = [
  ...Object.entries(BAIT).flatMap(([name, value]) => [
    [WHY.signature, forged(evil, RSA, { [name]: value }), name],
    [WHY.signature, forged(evil, PUBLISHED, { [name]: value }), `${name}, with a good name`],
    [WHY.key, forged(evil, PUBLISHED, { kid: 'evil', [name]: value }), `${name}, with a name of its own`],
  ]),
  [WHY.issuer, forged(evil, trap.issuer, BAIT), 'and an issuer, too'],
];

const TYPES = ['JWS', 'JOSE', 'dpop+jwt', 'logout+jwt', 'secevent+jwt', 'JWT ', ''];
const CRITICAL = [['exp'], ['b64'], ['x-unknown'], [], 'exp', {}, 5];
const HEADERS = [
  ...CRITICAL.map((crit) => [WHY.header, headed({ crit }), `crit ${json(crit)}`]),
  [WHY.header, headed({ crit: ['b64'], b64: false }), 'an unencoded payload'],
  ...TYPES.map((typ) => [WHY.header, headed({ typ }), `typ ${typ}`]),
  [WHY.malformed, handmade('{"alg":"none","alg":"RS256"}', claims(RSA), rsa), 'two algorithms'],
  [WHY.malformed, handmade('{"alg":"RS256","kid":"a","kid":"b"}', claims(RSA), rsa), 'two names'],
  [WHY.malformed, handmade(`{"alg":"RS256","x":${DEEP}}`, claims(RSA), rsa), 'depth'],
];

/** The same token with another signature. */
const resigned = (made, bytes) => made.replace(/[^.]*$/, base64url(bytes));
const zeros = (length) => Buffer.alloc(length);
const [ofEc, ofEd, ofShared] = [forged(ec, EC), forged(ed, ED), forged(shared, SHARED)];
const signatureOf = (made) => Buffer.from(made.split('.')[2], 'base64url');
const asn1 = (tag, ...parts) => Buffer.concat([Buffer.from([tag, Buffer.concat(parts).length]), ...parts]);
const integers = [0, 32].map((at) => asn1(2, zeros(1), signatureOf(ofEc).subarray(at, at + 32)));
const SIGNATURES = [
  [WHY.signature, resigned(whole, ''), 'RS256, none'],
  [WHY.signature, resigned(whole, zeros(256)), 'RS256, zeros'],
  [WHY.signature, resigned(whole, signatureOf(whole).subarray(1)), 'RS256, a part'],
  [WHY.signature, resigned(whole, [...signatureOf(whole), 0]), 'RS256, with more behind it'],
  [WHY.signature, resigned(claiming({ sub: 'bob' }), signatureOf(whole)), 'RS256, of another token'],
  [WHY.signature, forged(evil, RSA), 'RS256, of another key'],
  [WHY.signature, forged(evil, PUBLISHED), 'RS256, of another key with a good name'],
  [WHY.signature, resigned(ofEc, ''), 'ES256, none'],
  [WHY.signature, resigned(ofEc, zeros(64)), 'ES256, r and s of zero'],
  [WHY.signature, resigned(ofEc, asn1(0x30, ...integers)), 'ES256, as DER'],
  [WHY.signature, resigned(ofEc, [...signatureOf(ofEc), 0]), 'ES256, with more behind it'],
  [WHY.signature, resigned(ofEd, zeros(64)), 'EdDSA, zeros'],
  [WHY.signature, resigned(ofEd, [1, ...zeros(63)]), 'EdDSA, the neutral point'],
  [WHY.signature, resigned(ofShared, ''), 'HS256, none'],
  [WHY.signature, resigned(ofShared, signatureOf(ofShared).subarray(0, 16)), 'HS256, half'],
];

const TEXTS = [
  'x', '.', '..', '...', '%00', '{}', '[]', 'null', '5', 'a'.repeat(8_000), '.'.repeat(8_000),
  `${head}.${body}`, `${whole}.x`, `${whole}.`, `.${whole}`, `${head}..${signature}`, `.${body}.${signature}`,
  whole.replaceAll('.', ' '), `${whole},${whole}`, json({ payload: body, protected: head, signature }),
  `${head}.${body}==.${signature}`, `${head}.*${body}.${signature}`,
];
const NO_OBJECTS = [
  '', 'null', '"ann"', '5', '{', '\u00ff', '{"sub":"ann",}', '{\'sub\':\'ann\'}', `${json(claims(RSA))}x`,
];
const MALFORMED = [
  ...TEXTS.map((bad) => [WHY.malformed, bad, bad.slice(0, 60)]),
  ...NO_OBJECTS.map((bad) => [WHY.malformed, saying(bad), `payload ${bad.slice(0, 60)}`]),
  ...NO_OBJECTS.map((bad) => [WHY.malformed, handmade(bad, claims(RSA), rsa), `header ${bad.slice(0, 60)}`]),
  [WHY.malformed, saying(Buffer.from(text('"x":"\u00ff"'), 'latin1')), 'a payload that is no UTF-8'],
  // As a list of the claims that somebody expects, in their order.
  [[WHY.malformed, WHY.issuer], saying(json([RSA, 'ann', 9e9])), 'a list for a payload'],
  [WHY.malformed, handmade('["RS256","kid","JWT"]', claims(RSA), rsa), 'a list for a header'],
];

const LONG = [
  [WHY.long, claiming({ x: 'x'.repeat(8_192) }), 'a long claim'],
  [WHY.long, saying(text(`"x":${DEEP}${DEEP}`)), 'depth in a long token'],
  [WHY.long, headed({ kid: 'x'.repeat(8_192) }), 'a long header'],
  [WHY.long, `${whole}${'A'.repeat(8_193 - whole.length)}`, 'one byte too many'],
  [WHY.long, '.'.repeat(60_000), 'as long as a message may be'],
  [WHY.malformed, saying(text(`"x":${DEEP}`)), 'lists in lists'],
  [WHY.malformed, saying(text(`"x":${'{"a":'.repeat(700)}1${'}'.repeat(700)}`)), 'objects in objects'],
  [WHY.malformed, saying('['.repeat(5_000)), 'nothing but brackets'],
];

suite('hostile tokens', { variants: ONE, settings }, (scenario) => {
  scenario('what they are made from is good', async (stage) => {
    for (const made of [whole, ofEc, ofEd, ofShared, forged(good, PUBLISHED), forged(other, PUBLISHED)]) {
      await expectIn(stage, made);
    }
    for (const typ of [undefined, 'JWT', 'at+jwt']) await expectIn(stage, headed({ typ }));
    await expectIn(stage, headed({ kid: 'a key from the settings has no name' }));
    await expectIn(stage, saying(text('"extra":{"a":[1,{"b":null}]},"jti":"x"')));
  });

  for (const [what, table] of Object.entries({
    'algorithm none': NONE,
    'a public key in place of a secret': CONFUSION,
    'another algorithm than the key\'s': ALGORITHMS,
    'the name of a key that is something else': NAMES,
    'keys that the token brings along': BROUGHT,
    'a header that asks for more': HEADERS,
    'a signature that is none': SIGNATURES,
    'texts that are no tokens': MALFORMED,
    'too much of it': LONG,
  })) {
    scenario(`refused: ${what}`, async (stage) => {
      for (const [why, bad, how] of table) await expectOut(stage, bad, why, how);
      assert.equal(trap.fetches.length, 0, 'keys that a token names were fetched');
      assert.deepEqual(idp.strays, [], 'addresses that a token names were asked');
      assert.doesNotMatch(stage.server.output, /^FORGED LINE/m);
      await expectIn(stage, whole);
    });
  }

  scenario('a token may be as long as it may be', async (stage) => {
    // Three bytes are four characters.
    const fill = Math.floor(((8_192 - claiming({ x: '' }).length) * 3) / 4) - 1;
    const long = claiming({ x: 'x'.repeat(fill) });
    assert.ok(long.length > 8_188 && long.length <= 8_192, `${long.length}`);
    await expectIn(stage, long);
  });

  scenario('a token counts where it belongs, and the first one is the one', async (stage) => {
    const query = await fetch(`${stage.server.url}/api/meetings?token=${whole}`);
    assert.deepEqual([query.status, (await query.json()).detail], [401, WHY.missing]);
    assert.equal(query.headers.get('www-authenticate'), 'Bearer');
    assert.equal((await ask(stage.server.url, undefined, { authorization: `bearer ${whole}` })).status, 200);
    for (const authorization of [`Basic ${whole}`, whole, `Token ${whole}`, `Bearer${whole}`, '']) {
      assert.equal((await ask(stage.server.url, undefined, { authorization })).status, 401, authorization);
    }
    const extraHeaders = { Authorization: `Bearer ${whole}` };
    assert.equal(await refusal(stage, 'not-a-token', { extraHeaders }), `unauthorized: ${WHY.malformed}`);
    assert.equal(await refusal(stage, undefined), `unauthorized: ${WHY.missing}`);
  });

  scenario('what is no text is no token', async (stage) => {
    for (const bad of [5, true, {}, [], [whole], { token: whole }, { toString: whole }]) {
      const said = await refusal(stage, bad);
      assert.ok([WHY.missing, WHY.malformed].map((why) => `unauthorized: ${why}`).includes(said), said);
    }
  });
});
