// Keys that an issuer publishes: fetched seldom, taken over when they change, and believed only as far
// as a stranger's answer can be.
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { WHY, ask, expectIn, expectOut, expectOutOfRest, expectUnavailable, isIn } from './lib/doors.mjs';
import { Key, base64url, claims, handmade } from './lib/idp.mjs';
import { KeyServer, bomb, dripping, hangUp, held, huge, keySet, redirect, silence, text } from './lib/jwks.mjs';
import { eventually } from './lib/log.mjs';
import { suite } from './lib/stage.mjs';
import { expectNoStart } from './lib/starting.mjs';
import { together } from './lib/together.mjs';

const idp = await KeyServer.start();
after(() => idp.close());

const [first, second] = [await Key.make('RS256', 'first'), await Key.make('ES256', 'second')];
const MEGABYTES = 10 << 20;
const HOUR = { 'cache-control': 'public, max-age=3600' };

/** An issuer per name, each with a set of keys of its own. */
function published(...names) {
  return Object.fromEntries(names.map((name) => [name, idp.endpoint(randomUUID(), [first])]));
}

function settingsOf(endpoints, more = {}) {
  const issuers = Object.values(endpoints).map(({ issuer, url }) => ({ issuer, jwks_url: url }));
  return { AUTH__ISSUERS: JSON.stringify(issuers), ...more };
}

const by = (key, endpoint, header) => key.token(claims(endpoint.issuer), header);

/** Runs `work` for each item, at most `width` of them at once. */
async function inParallel(items, width, work) {
  const left = [...items];
  const worker = async () => {
    while (left.length > 0) await work(left.shift());
  };
  await Promise.all(Array.from({ length: width }, worker));
}

const seldom = published('once', 'crowd', 'flood', 'cold', 'restless', 'silent', 'prompt');

suite('published keys', {
  variants: ONE,
  settings: settingsOf(seldom, { AUTH__JWKS_TIMEOUT_MS: 1_000 }),
}, (scenario) => {
  scenario('are fetched once for many logins, by nobody in particular', async (stage) => {
    const { once } = seldom;
    const token = await by(first, once);
    await inParallel(Array(200), 10, async () => assert.ok(await isIn(stage, token)));
    for (let i = 0; i < 5; i += 1) await expectIn(stage, token);
    assert.equal(once.fetches.length, 1);
    for (const name of ['authorization', 'cookie', 'referer']) assert.ok(!(name in once.fetches[0]), name);
  });

  scenario('are fetched once for a hundred who come at the same moment', async (stage) => {
    const { crowd } = seldom;
    const { release, answer } = held(crowd.answer);
    crowd.answer = answer;
    const token = await by(first, crowd);
    const over = Array.from({ length: 80 }, () => isIn(stage, token));
    const users = Array.from({ length: 20 }, (_, i) => stage.user(`u${i}`, { token }));
    await crowd.asked(1);
    await Promise.all(Array.from({ length: 5 }, () => ask(stage.server.url)));
    release();
    assert.deepEqual(await Promise.all(over), over.map(() => true));
    await Promise.all(users);
    assert.equal(crowd.fetches.length, 1);
  });

  for (const name of ['flood', 'cold']) {
    scenario(`a thousand tokens with keys that nobody knows cause no thousand fetches: ${name}`, async (stage) => {
      const endpoint = seldom[name];
      const began = Date.now();
      const good = await by(first, endpoint);
      if (name === 'flood') await expectIn(stage, good);
      const bad = Array.from({ length: 1_000 }, () => {
        const header = { alg: 'RS256', kid: randomUUID() };
        return `${handmade(header, claims(endpoint.issuer), null)}${base64url('no signature')}`;
      });
      await inParallel(bad, 20, (token) => expectOutOfRest(stage, token, WHY.key));
      await expectIn(stage, good);
      // One for the keys, one for the first unknown one, and one for each pause of ten seconds since.
      const most = 2 + Math.floor((Date.now() - began) / 10_000);
      assert.ok(endpoint.fetches.length <= most, `${endpoint.fetches.length} fetches, at most ${most}`);
    });
  }

  scenario('are kept for a while even if their issuer does not want it', async (stage) => {
    const { restless } = seldom;
    restless.answer = keySet([first.jwk], { 'cache-control': 'no-store, no-cache, max-age=0' });
    const token = await by(first, restless);
    await inParallel(Array(50), 10, async () => assert.ok(await isIn(stage, token)));
    assert.equal(restless.fetches.length, 1);
  });

  scenario('of an issuer that is silent hold up nobody else', async (stage) => {
    const { silent, prompt } = seldom;
    silent.answer = silence;
    const began = Date.now();
    const token = await by(first, silent);
    let waiting = true;
    const answers = Promise.all(Array.from({ length: 50 }, () => ask(stage.server.url, token)));
    const over = answers.then(() => { waiting = false; });
    await silent.asked(1);
    await expectIn(stage, await by(first, prompt));
    assert.ok(waiting, 'the others were served first');
    await over;
    for (const { status } of await answers) assert.equal(status, 503);
    await expectUnavailable(stage, token);
    assert.ok(Date.now() - began < 5_000, 'nobody waits for longer than for one fetch');
    assert.equal(silent.fetches.length, 1);
  });
});

const OUTAGES = {
  'answers 500': text('oops', {}, 500),
  'answers 404': text('{"keys": []}', {}, 404),
  'hangs up': hangUp,
  'says nothing': silence,
  'talks nonsense': text('<html>Please sign in</html>', { 'content-type': 'text/html' }),
  'has no end': huge([second.jwk], MEGABYTES, { says: false }),
  'sends elsewhere': redirect('/elsewhere', 302),
};
const ODD_AGES = {
  'a negative age': 'max-age=-1',
  'an age of no number': `max-age=${'9'.repeat(30)}`,
  'an age of nothing': 'max-age=',
  'an age in words': 'max-age=soon, max-age',
  'half an age': 'max-age=1.5e9',
  'signs only': '=,;;"',
  'a long header': 'x'.repeat(5_000),
};
/** It can be gone without the others. */
const remote = await KeyServer.start();
after(() => remote.close());
const changing = {
  ...published('rotated', 'reused', 'emptied', 'bounded', ...Object.keys(OUTAGES), ...Object.keys(ODD_AGES)),
  gone: remote.endpoint('gone', [first]),
};
const QUICK = { AUTH__JWKS_RETRY_SECS: 1, AUTH__JWKS_TIMEOUT_MS: 300, AUTH__JWKS_FRESH_MIN_SECS: 1 };

together('published keys that change', {
  settings: settingsOf(changing, { ...QUICK, AUTH__JWKS_FRESH_MAX_SECS: 1 }),
}, (scenario) => {
  const accepted = (stage, token) => eventually(() => isIn(stage, token), 'the token is accepted');
  const refused = (stage, token) => eventually(async () => !(await isIn(stage, token)), 'the token is refused');

  scenario('a new key is taken over, a removed one is given up', async (stage) => {
    const { rotated } = changing;
    const [old, fresh] = [await by(first, rotated), await by(second, rotated)];
    const ann = await expectIn(stage, old);
    await expectOut(stage, fresh, WHY.key);
    rotated.publish(first, second);
    await accepted(stage, fresh);
    await expectIn(stage, old);
    rotated.publish(second);
    await refused(stage, old);
    await expectOut(stage, old, WHY.key);
    await expectIn(stage, fresh);
    await ann.settle();
    assert.ok(ann.connected, 'who is in stays in');
  });

  scenario('another key under the same name takes the first one\'s place', async (stage) => {
    const { reused } = changing;
    const other = await Key.make('RS256', first.kid);
    const [old, fresh] = [await by(first, reused), await by(other, reused)];
    await expectIn(stage, old);
    await expectOut(stage, fresh, WHY.signature);
    reused.publish(other);
    await accepted(stage, fresh);
    await expectOut(stage, old, WHY.signature);
  });

  scenario('a set that is empty from now on takes all of them back', async (stage) => {
    const { emptied } = changing;
    const token = await by(first, emptied);
    await expectIn(stage, token);
    emptied.publish();
    await refused(stage, token);
  });

  scenario('those that cannot be fetched again serve on, whatever the reason, until they can', async (stage) => {
    const others = Object.keys(OUTAGES).map(async (name) => {
      const endpoint = changing[name];
      const token = await by(first, endpoint);
      assert.ok(await isIn(stage, token));
      endpoint.answer = OUTAGES[name];
      const seen = endpoint.fetches.length;
      await eventually(async () => {
        assert.ok(await isIn(stage, token), `the issuer ${name}`);
        return endpoint.fetches.length >= seen + 2;
      }, `another fetch although the issuer ${name}`);
      await expectIn(stage, token);
      endpoint.publish(first, second);
      await accepted(stage, await by(second, endpoint));
    });
    await Promise.all(others);
    assert.ok(!idp.strays.includes('/elsewhere'), 'a redirect was followed');
  });

  scenario('the same while nobody listens', async (stage) => {
    const { gone } = changing;
    const [old, fresh] = [await by(first, gone), await by(second, gone)];
    await expectIn(stage, old);
    await remote.pause();
    try {
      gone.publish(first, second);
      // An unknown key has them fetched: when it is refused, that has failed.
      await expectOut(stage, fresh, WHY.key);
      await expectIn(stage, old);
    } finally {
      await remote.resume();
    }
    await accepted(stage, fresh);
  });

  scenario('what the issuer says of their age has a ceiling', async (stage) => {
    const { bounded } = changing;
    bounded.answer = keySet([first.jwk], { 'cache-control': 'max-age=31536000, immutable' });
    const token = await by(first, bounded);
    await eventually(async () => {
      assert.ok(await isIn(stage, token));
      return bounded.fetches.length >= 2;
    }, 'a second fetch');
  });

  for (const [what, value] of Object.entries(ODD_AGES)) {
    scenario(`what it says need not make sense: ${what}`, async (stage) => {
      const endpoint = changing[what];
      endpoint.answer = keySet([first.jwk], { 'cache-control': value });
      await expectIn(stage, await by(first, endpoint));
      await expectIn(stage, await by(first, endpoint));
    });
  }
});

const ages = published('short', 'long');

suite('the age of published keys', { variants: ONE, settings: settingsOf(ages, QUICK) }, (scenario) => {
  scenario('is what their issuer says', async (stage) => {
    ages.short.answer = keySet([first.jwk], { 'cache-control': 'public, max-age=1, must-revalidate' });
    ages.long.answer = keySet([first.jwk], HOUR);
    const tokens = await Promise.all(Object.values(ages).map((endpoint) => by(first, endpoint)));
    await eventually(async () => {
      for (const token of tokens) assert.ok(await isIn(stage, token));
      return ages.short.fetches.length >= 3;
    }, 'a third fetch');
    assert.equal(ages.long.fetches.length, 1);
  });
});

const fading = published('faded');

suite('keys that nobody has seen for too long', {
  variants: ONE,
  settings: settingsOf(fading, { ...QUICK, AUTH__JWKS_FRESH_MAX_SECS: 1, AUTH__JWKS_STALE_SECS: 1 }),
}, (scenario) => {
  scenario('serve no more, until they can be fetched again', async (stage) => {
    const { faded } = fading;
    const token = await by(first, faded);
    await expectIn(stage, token);
    faded.answer = text('oops', {}, 500);
    await eventually(async () => (await ask(stage.server.url, token)).status === 503, 'the keys are given up');
    await expectUnavailable(stage, token);
    faded.publish(first);
    await eventually(() => isIn(stage, token), 'the token is accepted again');
  });
});

const good = JSON.stringify({ keys: [first.jwk] });
const { x, y, crv } = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' });
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
const oct = Key.shared('a-secret-that-is-no-secret-012345', 'first');
const elsewhere = idp.endpoint('elsewhere', [first]);
const named = (i) => ({ ...second.jwk, kid: `k${i}` });

/** What an issuer may answer in place of its keys; nothing of it lets anybody in. */
const LIES = {
  'no JSON': text('first'),
  'an empty answer': text(''),
  'a page': text('<!doctype html><title>Sign in</title>', { 'content-type': 'text/html' }),
  'half of it': text(good.slice(0, -20)),
  'a list': text(`[${JSON.stringify(first.jwk)}]`),
  null: text('null'),
  'no keys': text('{}'),
  'keys that are no list': text(JSON.stringify({ keys: { first: first.jwk } })),
  'no texts': text(Buffer.from([0xff, 0xfe, 0x00, 0x80])),
  'ten thousand brackets': text(`{"keys":${'['.repeat(10_000)}`),
  'ten thousand brackets in a key': text(`{"keys":[${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}]}`),
  'a server error with keys': text(good, {}, 500),
  'a refusal with keys': text(good, {}, 403),
  'a part with keys': text(good, {}, 206),
  'a permanent redirect': redirect(elsewhere.url, 301),
  'a redirect': redirect(elsewhere.url, 302),
  'a redirect to look at': redirect(elsewhere.url, 303),
  'a redirect of the same method': redirect(elsewhere.url, 307),
  'a permanent one of the same method': redirect(elsewhere.url, 308),
  'ten megabytes, as announced': huge([first.jwk], MEGABYTES, { says: true }),
  'ten megabytes, unannounced': huge([first.jwk], MEGABYTES, { says: false }),
  'ten megabytes, packed': bomb([first.jwk], MEGABYTES),
  'thousands of keys': keySet([first.jwk, ...Array.from({ length: 5_000 }, (_, i) => named(i))]),
  'a byte at a time': dripping(good),
  'nothing at all': silence,
  'a closed connection': hangUp,
};

/** Sets without a key for signatures: well formed, so what they lack is not believed. */
const USELESS = {
  'things that are no keys': text('{"keys":[5,null,"first",[],{},{"kty":"RSA"},{"kty":5,"kid":{}}]}'),
  'a key for encryption': keySet([{ ...first.jwk, use: 'enc' }]),
  'a key for other operations': keySet([{ ...first.jwk, use: undefined, key_ops: ['encrypt', 'wrapKey'] }]),
  'a key of no algorithm': keySet([{ ...first.jwk, alg: 'none' }]),
  'a key of an algorithm for secrets': keySet([{ ...first.jwk, alg: 'HS256' }]),
  'a key of another algorithm': keySet([{ ...first.jwk, alg: 'RS512' }]),
  'a key of another kind': keySet([{ ...first.jwk, kty: 'EC' }]),
  'a curve that is not ours': keySet([{ kty: 'EC', crv, x, y, kid: 'first' }]),
  'a number that is none': keySet([{ ...first.jwk, n: '!!!' }]),
};

/** Answers with something odd in them; the key is good all the same. */
const ODDITIES = {
  'a key among sixty': keySet([...Array.from({ length: 60 }, (_, i) => named(i)), first.jwk]),
  'a key among what is none': keySet([5, null, {}, { kty: 'oct', k: 'AAAA', kid: 'x' }, { kty: 'new' }, first.jwk]),
  'a key with more to it': keySet([{ ...first.jwk, x5c: ['AA'], x5t: 'AA', 'x-new': { a: [] } }], { 'x-new': 'b' }),
  'a key that says little of itself': keySet([{ ...first.jwk, alg: undefined, use: undefined }]),
  'a key that verifies': keySet([{ ...first.jwk, use: undefined, key_ops: ['verify'] }]),
  'a key without a name': keySet([{ ...first.jwk, kid: undefined }]),
  'no content type': text(good, { 'content-type': '' }),
};
const OTHERS = ['octets', 'shortness', 'curve', 'kinds', 'hmac'];
const lying = published(...Object.keys({ ...LIES, ...USELESS, ...ODDITIES }), ...OTHERS);
for (const [name, answer] of Object.entries({ ...LIES, ...USELESS, ...ODDITIES })) lying[name].answer = answer;

suite('published keys that are not what they should be', {
  variants: ONE,
  settings: settingsOf(lying, { AUTH__JWKS_TIMEOUT_MS: 500 }),
}, (scenario) => {
  for (const name of Object.keys(LIES)) {
    scenario(`believed by nobody: ${name}`, async (stage) => {
      await expectUnavailable(stage, await by(first, lying[name]));
      assert.equal(lying[name].fetches.length, 1, 'it is not asked again at once');
      assert.equal(elsewhere.fetches.length, 0, 'redirects are not followed');
    });
  }

  for (const name of Object.keys(USELESS)) {
    scenario(`no key in it: ${name}`, async (stage) => {
      await expectOut(stage, await by(first, lying[name]), WHY.key);
      assert.equal(lying[name].fetches.length, 1, 'it is not asked again at once');
    });
  }

  for (const name of Object.keys(ODDITIES)) {
    scenario(`good all the same: ${name}`, async (stage) => {
      await expectIn(stage, await by(first, lying[name]));
    });
  }

  scenario('secrets are not published, and are no keys if they are', async (stage) => {
    const { octets } = lying;
    octets.answer = keySet([oct.jwk, second.jwk]);
    await expectIn(stage, await by(second, octets));
    await expectOut(stage, await by(oct, octets), WHY.key);
    await expectOut(stage, await by(oct, octets, { kid: undefined }), [WHY.key, WHY.algorithm]);
  });

  scenario('a key that is too short to be safe', async (stage) => {
    const { shortness } = lying;
    const jwk = { ...weak.publicKey.export({ format: 'jwk' }), kid: 'weak', alg: 'RS256', use: 'sig' };
    shortness.answer = keySet([jwk, second.jwk]);
    const secretText = weak.privateKey.export({ format: 'pem', type: 'pkcs8' });
    const key = Object.assign(new Key(), { alg: 'RS256', secretText });
    const token = handmade({ alg: 'RS256', kid: 'weak' }, claims(shortness.issuer), key);
    await expectOut(stage, token, [WHY.key, WHY.signature]);
  });

  scenario('a point that is on no curve', async (stage) => {
    const { curve } = lying;
    const { x: across, y: up } = second.jwk;
    curve.answer = keySet([{ ...second.jwk, x: up, y: across }, first.jwk]);
    await expectOut(stage, await by(second, curve), [WHY.key, WHY.signature]);
    await expectIn(stage, await by(first, curve));
  });

  scenario('a key of one kind is no key of another, whatever the token says', async (stage) => {
    const { kinds, hmac } = lying;
    kinds.answer = keySet([{ ...second.jwk, kid: 'first' }]);
    await expectOut(stage, await by(first, kinds), WHY.algorithm);
    hmac.answer = keySet([{ ...first.jwk, alg: undefined }]);
    for (const secret of [first.pem, first.pem.trim(), first.jwk.n, JSON.stringify(first.jwk)]) {
      await expectOut(stage, await by(Key.shared(secret, 'first'), hmac), WHY.algorithm);
    }
    await expectOut(stage, handmade({ alg: 'none', kid: 'first' }, claims(hmac.issuer), null), WHY.algorithm);
  });
});

const HEAVY = {
  announced: huge([first.jwk], MEGABYTES, { says: true }),
  unannounced: huge([first.jwk], MEGABYTES, { says: false }),
  packed: bomb([first.jwk], MEGABYTES),
  'packed again': bomb([first.jwk], MEGABYTES),
};
const heavy = published(...Object.keys(HEAVY), 'light');

suite('the memory of the server', { variants: ONE, settings: settingsOf(heavy) }, (scenario) => {
  scenario('does not grow with what it is sent in place of keys', async (stage) => {
    await expectIn(stage, await by(first, heavy.light));
    for (const [name, answer] of Object.entries(HEAVY)) heavy[name].answer = answer;
    const tokens = await Promise.all(Object.keys(HEAVY).map((name) => by(first, heavy[name])));
    const before = stage.server.memory();
    for (const { status } of await Promise.all(tokens.map((token) => ask(stage.server.url, token)))) {
      assert.equal(status, 503);
    }
    const grown = stage.server.memory() - before;
    assert.ok(grown < MEGABYTES, `${grown} bytes more for 40 megabytes`);
  });
});

const URLS = {
  'plain HTTP to another machine': 'http://192.0.2.1/jwks',
  'plain HTTP to a name': 'http://idp.example/jwks',
  'a name that begins like this machine\'s': 'http://127.0.0.1.evil.example/jwks',
  'this machine as a user\'s name': 'http://127.0.0.1@192.0.2.1/jwks',
  'this machine as a user\'s name, over TLS': 'https://localhost@idp.example/jwks',
  'a backslash in the host': 'http://127.0.0.1\\@192.0.2.1/jwks',
  'a private network': 'http://10.0.0.1/jwks',
  'the metadata of the cloud': 'http://169.254.169.254/latest/meta-data',
  'a file': 'file:///etc/passwd',
  'another protocol': 'ftp://127.0.0.1/jwks',
  'no protocol': '127.0.0.1/jwks',
  'no host': 'https:///jwks',
  nothing: '',
};

describe('addresses of keys that are refused at the start', () => {
  for (const [what, url] of Object.entries(URLS)) {
    test(what, () => {
      const issuers = JSON.stringify([{ issuer: 'https://idp.example', jwks_url: url }]);
      expectNoStart({ AUTH__ISSUERS: issuers }, /auth\.issuers/);
    });
  }
});
