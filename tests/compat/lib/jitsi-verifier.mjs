// What a Jitsi server makes of a token, as it was measured with Prosody 0.12 and Jitsi's plugins, and what we ask of
// our own tokens beyond that. It shares no code with the libraries that sign or read tokens elsewhere.
import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';
import { luaMatches } from './lua-pattern.mjs';

/** What clients know by name. One that is missing from a token counts as off. */
export const FEATURES = [
  'branding', 'calendar', 'create-polls', 'file-upload', 'flip', 'inbound-call', 'livestreaming', 'live-translation',
  'lobby', 'moderation', 'outbound-call', 'recording', 'room', 'screen-sharing', 'send-groupchat',
  'send-private-message', 'list-visitors', 'sip-inbound-call', 'sip-outbound-call', 'transcription',
];

/** What tokens of JaaS may name. */
export const JAAS_FEATURES = [
  'file-upload', 'inbound-call', 'list-visitors', 'livestreaming', 'outbound-call', 'recording', 'sip-inbound-call',
  'sip-outbound-call', 'transcription',
];

const CLAIMS = ['iss', 'aud', 'sub', 'room', 'iat', 'nbf', 'exp', 'context'];
const OF_USERS = ['id', 'name', 'email', 'avatar', 'affiliation', 'moderator', 'hidden-from-recorder', 'lobby_bypass'];
const ROOM = /^[a-z0-9_-]+$/;
/** The plugins look at the clock of the server, and allow for no other one. */
const BACK_DATED_SECS = 30;
const LONGEST_SECS = 3600;

export const clock = () => Date.now() / 1000;

/** `{ header, claims }`, believed or not; null when it is no token. */
export function read(token) {
  try {
    const parts = token.split('.');
    if (parts.length !== 3) return null;
    const [header, claims] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
    return isObject(header) && isObject(claims) ? { header, claims } : null;
  } catch {
    return null;
  }
}

/**
 * A login at this server, and a join of this room there: `{ login, join, affiliation, why }`. `join` is `hangs` when
 * no answer ever comes. `server`: `{ alg, secret }` or `{ alg, keys: { kid: PEM } }`, and `issuer`, `audience`, `domain`;
 * with `affiliations: false` it lacks the module that reads roles, as it does after installation.
 */
export function enter(token, room, server, now = clock()) {
  const why = noLogin(token, server, now);
  if (why !== null) return { login: false, join: false, why };
  const { claims } = read(token);
  const refused = noJoin(claims, room, server);
  if (refused === 'hangs') return { login: true, join: 'hangs', why: 'sub' };
  if (refused !== null) return { login: true, join: false, why: refused };
  return { login: true, join: true, why: null, affiliation: affiliation(claims, server) };
}

function noLogin(token, server, now) {
  if (token === undefined || token === '') return server.allowsEmpty ? null : 'token';
  const { header, claims } = read(token) ?? {};
  if (!claims) return 'token';
  if (header.typ !== 'JWT') return 'typ';
  if (header.alg !== server.alg) return 'alg';
  if (server.keys && typeof server.keys[header.kid] !== 'string') return 'kid';
  if (!isSigned(token, server, header)) return 'signature';
  if (claims.iss !== server.issuer) return 'iss';
  // An array is not looked into.
  if (typeof claims.aud !== 'string' || claims.aud !== server.audience) return 'aud';
  if (claims.exp !== undefined && !(typeof claims.exp === 'number' && claims.exp > now)) return 'exp';
  if (claims.nbf !== undefined && !(typeof claims.nbf === 'number' && claims.nbf <= now)) return 'nbf';
  return typeof claims.room === 'string' ? null : 'room';
}

function isSigned(token, { alg, secret, keys }, { kid }) {
  const [input, signature] = [token.slice(0, token.lastIndexOf('.')), token.slice(token.lastIndexOf('.') + 1)];
  const given = Buffer.from(signature, 'base64url');
  if (alg === 'HS256') {
    const right = createHmac('sha256', secret).update(input).digest();
    return given.length === right.length && timingSafeEqual(given, right);
  }
  return alg === 'RS256' && verify('sha256', Buffer.from(input), createPublicKey(keys[kid]), given);
}

function noJoin({ sub, room: allowed, context }, room, { domain }) {
  if (typeof sub !== 'string') return 'hangs';
  if (sub !== '*' && sub.toLowerCase() !== domain) return 'sub';
  if (allowed === '*') return null;
  const wanted = room.toLowerCase();
  if (context?.room?.regex === true) return luaMatches(allowed, wanted) ? null : 'room';
  return allowed.toLowerCase() === wanted ? null : 'room';
}

/** Only what stands under `context.user` counts. */
function affiliation({ context }, { affiliations = true }) {
  // Without that module whoever has logged in is made a moderator.
  if (!affiliations) return 'owner';
  const { moderator, affiliation: named } = context?.user ?? {};
  const owns = ['owner', 'moderator', 'teacher'].includes(named) || moderator === true || moderator === 'true';
  return owns ? 'owner' : 'member';
}

/** Why a token should not have been made for this room at an own server: all of it, by short names. */
export function faults(token, room, server, now = clock()) {
  const entered = enter(token, room, server, now);
  const found = entered.join === true ? [] : [`refused: ${entered.why}`];
  const { header, claims } = read(token) ?? {};
  if (!claims) return found;
  const headers = server.keys ? ['alg', 'typ', 'kid'] : ['alg', 'typ'];
  return [...found, ...unknown('header', header, headers), ...common(claims), ...userFaults(claims.context, 'boolean'),
    ...featureFaults(claims.context?.features, FEATURES, 'boolean')];
}

/** The same for JaaS: by the names of its client's own check, and what we ask beyond that. */
export function jaasFaults(token, { appId, keyId, publicKey, room }, now = clock()) {
  const { header, claims } = read(token) ?? {};
  if (!claims) return ['token'];
  const kid = `${appId}/${keyId}`;
  const found = selfCheck(header, claims, now);
  if (header.typ !== 'JWT') found.push('typ');
  if (header.kid !== kid || claims.sub !== appId) found.push('app');
  const server = { alg: 'RS256', keys: { [kid]: publicKey } };
  if (header.alg !== 'RS256' || !isSigned(token, server, { kid })) found.push('signature');
  if (claims.room !== room) found.push('room');
  return [...found, ...unknown('header', header, ['alg', 'typ', 'kid']), ...common(claims),
    ...userFaults(claims.context, 'text'), ...featureFaults(claims.context?.features, JAAS_FEATURES, 'text')];
}

/** What the client of JaaS itself says of a token before it uses it. */
export function selfCheck(header, { aud, iss, sub, nbf, exp, context }, now = clock()) {
  const found = [];
  if (!header.kid) found.push('kidNotFound');
  else if (!String(header.kid).startsWith(sub)) found.push('kidMismatch');
  if (aud !== 'jitsi') found.push('audInvalid');
  if (iss !== 'chat') found.push('issInvalid');
  if (!isTime(nbf)) found.push('nbfInvalid');
  else if (nbf > now) found.push('nbfFuture');
  if (!isTime(exp)) found.push('expInvalid');
  else if (exp <= now) found.push('tokenExpired');
  if (!isObject(context)) return [...found, 'contextNotFound'];
  if (!isObject(context.features)) return [...found, 'featuresNotFound'];
  for (const [feature, value] of Object.entries(context.features)) {
    if (!JAAS_FEATURES.includes(feature)) found.push('featureInvalid');
    else if (![true, false, 'true', 'false'].includes(value)) found.push('featureValueInvalid');
  }
  return found;
}

/** What holds for every token of ours, wherever it goes. */
function common(claims) {
  const { sub, aud, room, iat, nbf, exp, context } = claims;
  const found = [...unknown('claim', claims, CLAIMS), ...nulls(claims).map((path) => `null: ${path}`)];
  const rules = {
    sub: typeof sub === 'string' && sub !== '' && sub !== '*',
    aud: typeof aud === 'string',
    room: ROOM.test(room),
    iat: Number.isInteger(iat),
    nbf: Number.isInteger(nbf) && nbf === iat - BACK_DATED_SECS,
    exp: Number.isInteger(exp) && exp > iat && exp - iat <= LONGEST_SECS,
    // One token is for one room, by its name.
    'context.room': context?.room === undefined,
  };
  return [...found, ...broken(rules)];
}

function userFaults(context, kind) {
  const user = context?.user;
  if (!isObject(user)) return ['context.user'];
  const rules = {
    'user.id': typeof user.id === 'string' && user.id !== '',
    'user.name': typeof user.name === 'string',
    'user.moderator': isSwitch(user.moderator, kind),
    'user.affiliation': user.affiliation === (String(user.moderator) === 'true' ? 'owner' : 'member'),
  };
  return [...unknown('user', user, OF_USERS), ...broken(rules)];
}

function featureFaults(features, known, kind) {
  if (!isObject(features)) return ['context.features'];
  const wrong = known.filter((name) => !isSwitch(features[name], kind)).map((name) => `feature: ${name}`);
  return [...unknown('feature', features, known), ...wrong];
}

/** An own server reads booleans, JaaS reads words. */
function isSwitch(value, kind) {
  return (kind === 'boolean' ? [true, false] : ['true', 'false']).includes(value);
}

const broken = (rules) => Object.keys(rules).filter((name) => !rules[name]);

function unknown(what, object, known) {
  return Object.keys(object).filter((name) => !known.includes(name)).map((name) => `unknown ${what}: ${name}`);
}

/** Paths at which there is a null: clients break on them. */
function nulls(value, path = []) {
  if (value === null) return [path.join('.')];
  if (typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) => nulls(inner, [...path, key]));
}

const isTime = (value) => Number.isInteger(value) && value > 0;

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
