// The verifier of Jitsi tokens, tried with tokens made by hand: every row of what was measured at a real server.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Key, handmade } from './lib/idp.mjs';
import { FEATURES, JAAS_FEATURES, enter, faults, jaasFaults, read, selfCheck } from './lib/jitsi-verifier.mjs';
import { luaMatches } from './lib/lua-pattern.mjs';
import { reclaimed } from './lib/oracles.mjs';

const NOW = 1_800_000_000;
const ROOM = '0190f0a2-room';
const secret = Key.shared('a-secret-of-a-jitsi-server-0123456789');
const other = Key.shared('a-secret-of-another-server-0123456789');
const rsa = await Key.make('RS256', 'key-1');
const stranger = await Key.make('RS256', 'key-1');

const server = { alg: 'HS256', secret: secret.secretText, issuer: 'usher', audience: 'jitsi', domain: 'meet.example.org' };
const rsaServer = { ...server, alg: 'RS256', secret: undefined, keys: { 'key-1': rsa.pem } };

const features = (value, names = FEATURES) => Object.fromEntries(names.map((name) => [name, value]));
const user = { id: 'u-1', name: 'Ann', moderator: true, affiliation: 'owner' };
const good = {
  iss: 'usher', aud: 'jitsi', sub: 'meet.example.org', room: ROOM, iat: NOW, nbf: NOW - 30, exp: NOW + 1800,
  context: { user, features: features(false) },
};

/** The good token but for these; `undefined` leaves one out. */
const made = (claims = {}, header = {}, key = secret) => (
  handmade({ alg: key.alg, typ: 'JWT', ...(key.kid && { kid: key.kid }), ...header }, { ...good, ...claims }, key));
const withUser = (more) => ({ context: { ...good.context, user: { id: 'u-1', name: 'Ann', ...more } } });
const outcome = (token, where = server, room = ROOM) => enter(token, room, where, NOW);
const said = (token, where = server, room = ROOM) => faults(token, room, where, NOW);

describe('what a server makes of a token', () => {
  test('a valid one without a role joins as a member', () => {
    assert.deepEqual(outcome(made(withUser({}))), { login: true, join: true, why: null, affiliation: 'member' });
  });

  const ROLES = {
    'moderator: true': [{ moderator: true }, 'owner'],
    'moderator: "true"': [{ moderator: 'true' }, 'owner'],
    'affiliation: owner': [{ affiliation: 'owner' }, 'owner'],
    'affiliation: teacher': [{ affiliation: 'teacher' }, 'owner'],
    'moderator: false': [{ moderator: false, affiliation: 'member' }, 'member'],
    'moderator: "false"': [{ moderator: 'false' }, 'member'],
    'moderator: 1': [{ moderator: 1 }, 'member'],
  };
  for (const [what, [fields, affiliation]] of Object.entries(ROLES)) {
    test(`${what} makes a ${affiliation}`, () => {
      assert.equal(outcome(made(withUser(fields))).affiliation, affiliation);
    });
  }

  test('a moderator beside the context is a plain member', () => {
    assert.equal(outcome(made({ ...withUser({}), moderator: true })).affiliation, 'member');
  });

  test('without the module that reads roles everybody is a moderator', () => {
    assert.equal(outcome(made(withUser({ moderator: false })), { ...server, affiliations: false }).affiliation, 'owner');
  });

  const PATTERN = { room: { regex: true } };
  const JOINS = {
    'another room is refused at the join': [{ room: 'elsewhere' }, false],
    'any room': [{ room: '*' }, true],
    'upper case is the same room': [{ room: ROOM.toUpperCase() }, true],
    'another domain is refused at the join': [{ sub: 'other.example.org' }, false],
    'any domain': [{ sub: '*' }, true],
    'no sub is never answered': [{ sub: undefined }, 'hangs'],
    'a pattern in which - repeats does not match': [{ room: '0190f0a2-[a-z]+', context: PATTERN }, false],
    'the same pattern, escaped': [{ room: '0190f0a2%-[a-z]+', context: PATTERN }, true],
  };
  for (const [what, [claims, join]] of Object.entries(JOINS)) {
    test(what, () => {
      const { login, join: joined } = outcome(made(claims));
      assert.deepEqual([login, joined], [true, join]);
    });
  }

  test('the room that is asked for is lower-cased, too', () => {
    assert.equal(outcome(made(), server, ROOM.toUpperCase()).join, true);
  });

  const LOGINS = {
    'no audience': [made({ aud: undefined }), 'aud'],
    'another audience': [made({ aud: 'other' }), 'aud'],
    'a list with the audience': [made({ aud: ['jitsi'] }), 'aud'],
    'another issuer': [made({ iss: 'other' }), 'iss'],
    'another secret': [made({}, {}, other), 'signature'],
    'a token that was changed': [reclaimed(made(), (claims) => ({ ...claims, sub: '*' })), 'signature'],
    'no signature': [made().replace(/[^.]+$/, ''), 'signature'],
    'no type': [made({}, { typ: undefined }), 'typ'],
    'another type': [made({}, { typ: 'jwt' }), 'typ'],
    'no algorithm': [made({}, { alg: 'none' }), 'alg'],
    'the algorithm of another kind of server': [made({}, {}, rsa), 'alg'],
    'expired a second ago': [made({ exp: NOW - 1 }), 'exp'],
    'expires now': [made({ exp: NOW }), 'exp'],
    'expires at a text': [made({ exp: String(NOW + 60) }), 'exp'],
    'begins in a second': [made({ nbf: NOW + 1 }), 'nbf'],
    'begins at a text': [made({ nbf: String(NOW - 60) }), 'nbf'],
    'no room': [made({ room: undefined }), 'room'],
    'nothing at all': ['', 'token'],
    'no token': [undefined, 'token'],
    'something else': ['a.b.c', 'token'],
  };
  for (const [what, [token, why]] of Object.entries(LOGINS)) {
    test(`refused at the login: ${what}`, () => {
      assert.deepEqual(outcome(token), { login: false, join: false, why });
    });
  }

  test('an expiry with a fraction is accepted, and none at all lasts for ever', () => {
    for (const exp of [NOW + 0.5, undefined]) assert.equal(outcome(made({ exp })).join, true);
  });

  test('RS256 needs a key that the server has', () => {
    assert.equal(outcome(made({}, {}, rsa), rsaServer).join, true);
    assert.equal(outcome(made({}, {}, stranger), rsaServer).why, 'signature');
    assert.equal(outcome(made({}, { kid: 'key-2' }, rsa), rsaServer).why, 'kid');
    assert.equal(outcome(made({}, { kid: undefined }, rsa), rsaServer).why, 'kid');
    const confused = handmade({ alg: 'HS256', typ: 'JWT', kid: 'key-1' }, good, Key.shared(rsa.pem));
    assert.equal(outcome(confused, rsaServer).why, 'alg');
  });
});

describe('what we ask of our own tokens', () => {
  test('a good one has no fault', () => {
    assert.deepEqual(said(made()), []);
    assert.deepEqual(said(made({}, {}, rsa), rsaServer), []);
    const guest = { context: { user: { ...user, moderator: false, affiliation: 'member' }, features: features(true) } };
    assert.deepEqual(said(made(guest)), []);
  });

  const context = (more) => ({ context: { ...good.context, ...more } });
  const FAULTS = {
    'a server refuses it': [{ iss: 'other' }, 'refused: iss'],
    'any room': [{ room: '*' }, 'room'],
    'upper case': [{ room: ROOM.toUpperCase() }, 'room'],
    'a pattern': [context({ room: { regex: true } }), 'context.room'],
    'any domain': [{ sub: '*' }, 'sub'],
    'no sub': [{ sub: undefined }, 'sub'],
    'a list of audiences': [{ aud: ['jitsi'] }, 'aud'],
    'no iat': [{ iat: undefined }, 'iat'],
    'no nbf': [{ nbf: undefined }, 'nbf'],
    'nbf that is not back-dated': [{ nbf: NOW }, 'nbf'],
    'no expiry': [{ exp: undefined }, 'exp'],
    'an expiry with a fraction': [{ exp: NOW + 60.5 }, 'exp'],
    'an expiry that is far away': [{ exp: NOW + 3601 }, 'exp'],
    'a moderator beside the context': [{ moderator: true }, 'unknown claim: moderator'],
    'a null': [withUser({ ...user, avatar: null }), 'null: context.user.avatar'],
    'no user': [context({ user: undefined }), 'context.user'],
    'no id': [withUser({ ...user, id: undefined }), 'user.id'],
    'moderator as a text': [withUser({ ...user, moderator: 'true' }), 'user.moderator'],
    'a role that is not said': [withUser({ affiliation: 'member' }), 'user.moderator'],
    'two roles': [withUser({ ...user, affiliation: 'member' }), 'user.affiliation'],
    'a field that nobody reads': [withUser({ ...user, role: 'host' }), 'unknown user: role'],
    'no features': [context({ features: undefined }), 'context.features'],
    'a feature that is missing': [context({ features: { ...features(true), lobby: undefined } }), 'feature: lobby'],
    'a feature as a text': [context({ features: { ...features(true), lobby: 'true' } }), 'feature: lobby'],
    'a feature that nobody knows': [context({ features: { ...features(true), nonsense: true } }), 'unknown feature: nonsense'],
  };
  for (const [what, [claims, fault]] of Object.entries(FAULTS)) {
    test(what, () => assert.ok(said(made(claims)).includes(fault), `${said(made(claims))}`));
  }

  test('a header that says more than it should', () => {
    assert.ok(said(made({}, { jku: 'https://evil.example' })).includes('unknown header: jku'));
  });
});

describe('what JaaS asks', () => {
  const words = (value) => features(value, JAAS_FEATURES);
  const APP = 'vpaas-magic-cookie-0123456789abcdef';
  const key = Object.assign(Object.create(Object.getPrototypeOf(rsa)), rsa, { kid: `${APP}/k1` });
  const jaas = {
    ...good, iss: 'chat', sub: APP, context: { user: { ...user, moderator: 'true' }, features: words('false') },
  };
  const signed = (claims = {}, header = {}) => (
    handmade({ alg: 'RS256', typ: 'JWT', kid: key.kid, ...header }, { ...jaas, ...claims }, key));
  const check = (token) => jaasFaults(token, { appId: APP, keyId: 'k1', publicKey: rsa.pem, room: ROOM }, NOW);

  test('a good one has no fault', () => assert.deepEqual(check(signed()), []));

  const context = (more) => ({ context: { ...jaas.context, ...more } });
  const NAMES = {
    kidNotFound: [{}, { kid: undefined }],
    kidMismatch: [{}, { kid: 'vpaas-magic-cookie-other/k1' }],
    audInvalid: [{ aud: 'usher' }],
    issInvalid: [{ iss: APP }],
    nbfInvalid: [{ nbf: 'now' }],
    nbfFuture: [{ nbf: NOW + 1 }],
    expInvalid: [{ exp: undefined }],
    tokenExpired: [{ exp: NOW - 1 }],
    contextNotFound: [{ context: undefined }],
    featuresNotFound: [context({ features: undefined })],
    featureInvalid: [context({ features: { ...words('true'), lobby: 'true' } })],
    featureValueInvalid: [context({ features: { ...words('true'), recording: 'yes' } })],
  };
  for (const [name, [claims, header]] of Object.entries(NAMES)) {
    test(name, () => {
      const token = signed(claims, header);
      const { header: given, claims: said } = read(token);
      assert.ok(selfCheck(given, said, NOW).includes(name));
      assert.ok(check(token).includes(name), `${check(token)}`);
    });
  }

  test('roles and features are words there', () => {
    assert.ok(check(signed(context({ user }))).includes('user.moderator'));
    assert.ok(check(signed(context({ features: words(true) }))).includes('feature: recording'));
  });

  test('another app, another key, another room', () => {
    assert.ok(check(signed({ sub: 'vpaas-magic-cookie-other' })).includes('app'));
    assert.ok(check(signed({}, { kid: `${APP}/k2` })).includes('app'));
    assert.ok(check(handmade({ alg: 'RS256', typ: 'JWT', kid: key.kid }, jaas, stranger)).includes('signature'));
    assert.ok(check(signed({ room: '*' })).includes('room'));
  });
});

test('patterns of Lua', () => {
  for (const [pattern, text, found] of [
    ['class-[0-9]+', 'class-12', false], ['class%-[0-9]+', 'class-12', true], ['^a.c$', 'abc', true], ['a-c', 'c', true],
    ['%d%d', 'a12', true], ['[%d_]+x', '1_2x', true], ['a%.c', 'abc', false], ['{x}', '{x}', true], ['[^a]', 'a', false],
  ]) assert.equal(luaMatches(pattern, text), found, `${pattern} in ${text}`);
});
