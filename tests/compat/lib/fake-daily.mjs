// A Daily domain without media: its REST API, people who come in with tokens, webhooks. What can be done
// to it from outside (faults, the list of calls, `deliver`) is in fake-service.mjs.
//
//   const daily = await FakeDaily.start();       { apiKey, domain, domainId, webhookSecret, presenceDelayMs, limits }
//   daily.settings                               for the server, to be spread
//   const session = await daily.enter(token)     a Session, or throws NotLetIn with `why`
//   session.out                                  null while in, else why not: 'ejected', 'duplicate', 'left'
//   session.role, session.rights                 what they are and may do there now
//   session.leave(), daily.people(room), daily.sessionsOf(room, userId), daily.room(name), daily.banned(room)
//   daily.event('participant.joined', session)   a webhook's body, for `deliver`; PROBE is the one without a signature
//   'POST /rooms', 'GET /rooms/:name', 'POST /rooms/:name', 'DELETE /rooms/:name', 'POST /meeting-tokens', 'GET /',
//   'GET /rooms/:name/presence', 'POST /rooms/:name/eject', 'POST /rooms/:name/update-permissions'     names of calls
//
// Like the real one: a taken name is a 400 and changes nothing; a private room needs a token; a user may be there
// several times; owners have all rights, and none can be taken from them; when somebody is put out for being late is
// fixed when they join; bans are of user ids, for as long as the meeting has somebody in it; presence comes after
// `presenceDelayMs` and stays as long; deleting a room puts nobody out; 20 requests and 2 deletions a second.
// `p.ca` counts only in tokens that came from POST /meeting-tokens: nobody knows its form in others.
// Stricter than the real one: an unknown property anywhere is a 400, since it would be a slip of ours.
import { createHmac, randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { ROOM_PROPERTIES, TOKEN_PROPERTIES, claimsOf, listed } from './fake-daily-forms.mjs';
import { Session } from './fake-daily-session.mjs';
import { FakeService, NotLetIn, Refusal } from './fake-service.mjs';
import { keepSecret } from './secrets.mjs';

const NAME = /^[A-Za-z0-9_-]{1,128}$/;
const MOST_IDS = 100;

export { NotLetIn };

/** What an address has to answer before Daily sends anything there. */
export const PROBE = { test: 'test' };

export class FakeDaily extends FakeService {
  #rooms = new Map();
  #sessions = [];
  #bans = new Map();
  #issued = new Set();
  #buckets = new Map();

  static start(options = {}) {
    const daily = new FakeDaily();
    const {
      apiKey = 'daily-key-of-the-compatibility-suite', domain = 'usher-tests', domainId = randomUUID(),
      webhookSecret = Buffer.from('daily-webhooks-of-the-suite').toString('base64'), presenceDelayMs = 0,
      limits = { requests: 20, deletions: 2 },
    } = options;
    Object.assign(daily, { apiKey, domain, domainId, webhookSecret, presenceDelayMs, limits });
    [apiKey, webhookSecret].forEach(keepSecret);
    return daily.open();
  }

  get settings() {
    return {
      PROVIDERS__DEFAULT: 'daily',
      DAILY__API_KEY: this.apiKey,
      DAILY__DOMAIN: this.domain,
      DAILY__API_URL: this.url,
      DAILY__WEBHOOK_SECRET: this.webhookSecret,
    };
  }

  /** The same as a table of [[providers.tenants]]. */
  get credentials() {
    const { apiKey, domain, url, webhookSecret } = this;
    return { daily: { api_key: apiKey, domain, api_url: url, webhook_secret: webhookSecret } };
  }

  room(name) {
    return this.#rooms.get(name);
  }

  people(room) {
    return this.#sessions.filter((session) => session.room === room && session.out === null);
  }

  sessionsOf(room, userId) {
    return this.people(room).filter((session) => session.userId === userId);
  }

  banned(room) {
    return [...(this.#bans.get(room) ?? [])];
  }

  /** The meeting is over when nobody is in it, and with it the bans. */
  emptied(room) {
    if (this.people(room).length === 0) this.#bans.delete(room);
  }

  async enter(token) {
    let claims;
    try {
      claims = jwt.verify(token, this.apiKey, { algorithms: ['HS256'], clockTimestamp: this.now() });
    } catch (error) {
      throw new NotLetIn(error.message);
    }
    if (!Number.isInteger(claims.iat) || claims.d !== this.domainId) throw new NotLetIn('not a token of this domain');
    const room = this.room(claims.r);
    if (!room) throw new NotLetIn(claims.r ? 'no such room' : 'a token for every room');
    if (room.config.exp <= this.now()) throw new NotLetIn('the room has expired');
    if (this.banned(room.name).includes(claims.ud)) throw new NotLetIn('banned');
    const { hp = true, cs = true, ca = false } = claims.p ?? {};
    const canSend = typeof cs === 'string' ? listed(cs) : cs;
    const canAdmin = this.#issued.has(token) ? ca : false;
    const session = new Session(this, room, claims, { hasPresence: hp, canSend, canAdmin });
    if (room.config.enforce_unique_user_ids) for (const other of this.sessionsOf(room.name, session.userId)) other.leave('duplicate');
    this.#sessions.push(session);
    return session;
  }

  /** The body of a webhook about somebody, who may be gone; `more` goes over its payload. */
  event(type, session, more = {}) {
    const { id, room, userId, name, owner, permissions, joinedAt, willEjectAt } = session;
    const duration = type === 'participant.left' ? { duration: (Date.now() - joinedAt) / 1000 } : {};
    return {
      version: '1.0.0',
      type,
      id: randomUUID(),
      payload: {
        room, user_id: userId, user_name: name, session_id: id, joined_at: joinedAt / 1000,
        ...(willEjectAt && { will_eject_at: willEjectAt }), owner, permissions, networkQualityState: 'unknown', ...duration, ...more,
      },
      event_ts: Date.now() / 1000 + this.skewSecs,
    };
  }

  /** The headers of a webhook: `as` may hold another's `webhookSecret`. */
  sign(raw, at, { webhookSecret = this.webhookSecret } = {}) {
    const hmac = createHmac('sha256', Buffer.from(webhookSecret, 'base64')).update(`${at}.`).update(raw);
    return {
      'content-type': 'application/json',
      'x-webhook-timestamp': String(at),
      'x-webhook-signature': hmac.digest('base64'),
    };
  }

  nameOf(method, path) {
    return `${method} ${path.replace(/^\/rooms\/[^/]+/, '/rooms/:name')}`;
  }

  failure(status) {
    const error = { 400: 'invalid-request-error', 401: 'authentication-error', 429: 'rate-limit-error' }[status] ?? 'server-error';
    return { error, info: 'told to fail' };
  }

  async perform(call) {
    const { authorization } = call.headers;
    if (!/^Bearer .+/.test(authorization ?? '')) refuse(400, 'authorization-header-error', 'no bearer');
    if (authorization !== `Bearer ${this.apiKey}`) throw new Refusal(401, { error: 'authentication-error' });
    const isDeletion = call.name === 'DELETE /rooms/:name';
    this.#spend(isDeletion ? 'deletions' : 'requests');
    const run = this.#routes[call.name] ?? refuse(404, 'not-found', call.path);
    if (call.method === 'POST' && (call.body === null || typeof call.body !== 'object')) {
      refuse(400, 'json-parsing-error', 'the body is no JSON');
    }
    const name = call.path.split('/')[2];
    const room = this.room(name);
    if (call.name.includes(':name') && !room) refuse(404, 'not-found', `room ${name} not found`);
    return { status: 200, body: run(call.body, room, call.query) };
  }

  #routes = {
    'GET /': () => ({ domain_name: this.domain, domain_id: this.domainId, config: {} }),
    'POST /rooms': (body) => {
      only(body, ['name', 'privacy', 'properties']);
      const { name = randomUUID(), privacy = 'public', properties = {} } = body;
      if (!NAME.test(name)) invalid(`the room name ${name} contains invalid characters`);
      if (!['public', 'private'].includes(privacy)) invalid('privacy');
      this.#check(properties, ROOM_PROPERTIES);
      if (this.#rooms.has(name)) invalid(`a room named ${name} already exists`);
      const url = `https://${this.domain}.daily.co/${name}`;
      const created = { id: randomUUID(), name, api_created: true, privacy, url, created_at: new Date().toISOString() };
      this.#rooms.set(name, { ...created, config: properties });
      return this.#rooms.get(name);
    },
    'GET /rooms/:name': (_, room) => room,
    'POST /rooms/:name': ({ privacy = undefined, properties = {} }, room) => {
      this.#check(properties, ROOM_PROPERTIES);
      return Object.assign(room, { privacy: privacy ?? room.privacy, config: { ...room.config, ...properties } });
    },
    'DELETE /rooms/:name': (_, { name }) => {
      this.#rooms.delete(name);
      return { deleted: true, name };
    },
    'POST /meeting-tokens': (body) => {
      only(body, ['properties']);
      const { properties = {} } = body;
      this.#check(properties, TOKEN_PROPERTIES);
      if ((properties.user_id ?? '').length > 36) invalid('user_id is longer than 36 characters');
      const claims = { ...claimsOf(properties), d: this.domainId, iat: this.now() };
      const token = jwt.sign(claims, this.apiKey, { algorithm: 'HS256' });
      this.#issued.add(token);
      return { token };
    },
    'GET /rooms/:name/presence': (_, { name }, { userId, userName, limit }) => {
      const from = Date.now() - this.presenceDelayMs;
      const shown = this.#sessions.filter((it) => it.room === name && it.joinedAt <= from && it.leftAt > from)
        .filter((it) => (userId ?? it.userId) === it.userId && (userName ?? it.name) === it.name);
      const data = shown.slice(0, Number(limit ?? MOST_IDS)).map((it) => ({
        room: name, id: it.id, userId: it.userId, userName: it.name, mtgSessionId: name,
        joinTime: new Date(it.joinedAt).toISOString(), duration: Math.floor((Date.now() - it.joinedAt) / 1000),
      }));
      return { total_count: shown.length, data };
    },
    'POST /rooms/:name/eject': (body, { name }) => {
      only(body, ['ids', 'user_ids', 'ban']);
      const { ids = [], user_ids: userIds = [], ban = false } = body;
      if (![ids, userIds].every((list) => Array.isArray(list) && list.length <= MOST_IDS)) invalid('at most 100 ids');
      if (typeof ban !== 'boolean') invalid('ban');
      const meeting = this.people(name);
      if (ban && meeting.length > 0) this.#bans.set(name, new Set([...this.banned(name), ...userIds]));
      const ejected = meeting.filter((it) => ids.includes(it.id) || userIds.includes(it.userId));
      for (const session of ejected) session.leave('ejected');
      return { ejectedIds: ejected.map(({ id }) => id) };
    },
    'POST /rooms/:name/update-permissions': (body, { name }) => {
      only(body, ['data']);
      for (const update of Object.values(body.data ?? invalid('data'))) {
        only(update, ['hasPresence', 'canSend', 'canReceive', 'canAdmin']);
      }
      for (const session of this.people(name)) {
        Object.assign(session.permissions, body.data[session.id] ?? body.data['*'] ?? {});
      }
      return {};
    },
  };

  #check(properties, known) {
    only(properties, known);
    const { exp } = properties;
    if (exp !== undefined && !Number.isInteger(exp)) invalid('exp is not a time in seconds');
    if (exp <= this.now()) invalid('exp was in the past');
  }

  /** A bucket that holds what one second brings. */
  #spend(kind) {
    const rate = this.limits?.[kind];
    if (rate === undefined) return;
    const { left = rate, at = Date.now() } = this.#buckets.get(kind) ?? {};
    const now = Date.now();
    const full = Math.min(rate, left + (rate * (now - at)) / 1000);
    this.#buckets.set(kind, { left: full < 1 ? full : full - 1, at: now });
    if (full < 1) refuse(429, 'rate-limit-error', 'too many requests');
  }
}

function only(object, known) {
  const unknown = Object.keys(object).find((key) => !known.includes(key));
  if (unknown) invalid(`unknown property ${unknown}`);
}

function invalid(info) {
  refuse(400, 'invalid-request-error', info);
}

function refuse(status, error, info) {
  throw new Refusal(status, { error, info });
}
