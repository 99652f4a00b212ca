// A LiveKit without media: RoomService over Twirp JSON, people who come in with tokens, webhooks. What can
// be done to it from outside (faults, the list of calls, `deliver`) is in fake-service.mjs.
//
//   const livekit = await FakeLiveKit.start();          { apiKey, apiSecret, revokes } if they matter
//   livekit.settings                                    for the server, to be spread
//   const session = await livekit.enter(token)          a Session, or throws NotLetIn with `why`
//   session.out                                         null while in, else why not: 'removed', 'deleted', 'duplicate', 'left'
//   session.role, session.rights                        what they are and may do there now
//   session.leave(), livekit.people(room), livekit.person(room, identity)
//   livekit.event('participant_joined', session)        a webhook's body, for `deliver`
//   'UpdateParticipant', 'RemoveParticipant', 'DeleteRoom', 'GetParticipant', 'ListParticipants'    names of calls
//
// Like the real one: a token needs `exp`, with 60 s of leeway; what a token leaves open about publishing and
// subscribing is allowed; a permission is replaced whole; an attribute set to nothing is gone; `roomAdmin` stays what
// the token said; a participant's token with roomAdmin is good for the API, too; whoever joins a room that is not
// there makes it; the same identity again puts the first one out; who is not there is `not_found`.
// `revokes: false` is an older server that does not know revoke_token_ts. Tokens of somebody who is not there are
// never revoked: of the two things that real servers do this is the worse one.
// Stricter than the real one: an unknown field is an error, since it would be a slip of ours.
import { createHash, randomUUID } from 'node:crypto';
import {
  DeleteRoomRequest, ListParticipantsRequest, ParticipantInfo, ParticipantPermission, RoomParticipantIdentity,
  TrackSource, UpdateParticipantRequest,
} from '@livekit/protocol';
import jwt from 'jsonwebtoken';
import { TokenVerifier } from 'livekit-server-sdk';
import { FakeService, NotLetIn, Refusal } from './fake-service.mjs';
import { keepSecret } from './secrets.mjs';

const ROUTE = /^\/twirp\/livekit\.RoomService\/(\w+)$/;
const LEEWAY_SECS = 60;
const STATUS = {
  not_found: 404, bad_route: 404, malformed: 400, invalid_argument: 400, unauthenticated: 401, permission_denied: 403,
  resource_exhausted: 429, unavailable: 503, internal: 500,
};

export { NotLetIn };

class Session {
  out = null;

  constructor(claims, sid) {
    const { video } = claims;
    Object.assign(this, { sid, identity: claims.sub, room: video.room, name: claims.name ?? '', claims });
    Object.assign(this, { metadata: claims.metadata ?? '', attributes: { ...claims.attributes }, joinedAt: Date.now() });
    this.admin = video.roomAdmin === true;
    this.permission = new ParticipantPermission({
      canPublish: video.canPublish ?? true,
      canSubscribe: video.canSubscribe ?? true,
      canPublishData: video.canPublishData ?? true,
      canPublishSources: (video.canPublishSources ?? []).map((name) => TrackSource[name.toUpperCase()]),
      canUpdateMetadata: video.canUpdateOwnMetadata ?? false,
      hidden: video.hidden ?? false,
      recorder: video.recorder ?? false,
      agent: video.agent ?? false,
    });
  }

  get role() {
    return this.attributes['usher.role'];
  }

  get rights() {
    const { canPublish, canPublishSources, canSubscribe } = this.permission;
    const may = (source) => canPublish && (canPublishSources.length === 0 || canPublishSources.includes(source));
    return {
      publishAudio: may(TrackSource.MICROPHONE),
      publishVideo: may(TrackSource.CAMERA),
      publishScreen: may(TrackSource.SCREEN_SHARE),
      subscribe: canSubscribe,
      admin: this.admin,
    };
  }

  leave() {
    this.out ??= 'left';
  }

  get info() {
    const { sid, identity, name, metadata, attributes, permission } = this;
    const joinedAt = BigInt(Math.floor(this.joinedAt / 1000));
    // 2: they are there, and may send and receive.
    return new ParticipantInfo({ sid, identity, name, metadata, attributes, permission, state: 2, joinedAt });
  }
}

export class FakeLiveKit extends FakeService {
  #sessions = [];
  #rooms = new Map();
  #revoked = new Map();

  static start(options = {}) {
    const livekit = new FakeLiveKit();
    const { apiKey = 'APIusher', apiSecret = 'livekit-secret-of-the-compatibility-suite', revokes = true } = options;
    Object.assign(livekit, { apiKey, apiSecret, revokes });
    keepSecret(apiSecret);
    return livekit.open();
  }

  /** What tokens for clients name. */
  get publicUrl() {
    return this.url.replace('http', 'ws');
  }

  get settings() {
    return {
      PROVIDERS__DEFAULT: 'livekit',
      LIVEKIT__URL: this.publicUrl,
      LIVEKIT__API_KEY: this.apiKey,
      LIVEKIT__API_SECRET: this.apiSecret,
    };
  }

  /** The same as a table of [[providers.tenants]]. */
  get credentials() {
    return { livekit: { url: this.publicUrl, api_key: this.apiKey, api_secret: this.apiSecret } };
  }

  async enter(token) {
    const claims = await this.#claims(token);
    const { sub, nbf = 0, video: { roomJoin, room } = {} } = claims;
    if (roomJoin !== true || !room || !sub) throw new NotLetIn('the token is not for joining a room');
    if (nbf < (this.#revoked.get(`${room}/${sub}`) ?? 0)) throw new NotLetIn('revoked');
    const before = this.person(room, sub);
    if (before) before.out = 'duplicate';
    if (!this.#rooms.has(room)) this.#rooms.set(room, `RM_${randomUUID()}`);
    const session = new Session(claims, `PA_${randomUUID()}`);
    this.#sessions.push(session);
    return session;
  }

  /** Everybody in a room now. */
  people(room) {
    return this.#sessions.filter((session) => session.room === room && session.out === null);
  }

  person(room, identity) {
    return this.people(room).find((session) => session.identity === identity);
  }

  hasRoom(room) {
    return this.#rooms.has(room);
  }

  /** The body of a webhook about somebody, who may be gone; `more` goes over it. */
  event(event, { room, info }, more = {}) {
    return {
      event,
      id: `EV_${randomUUID()}`,
      createdAt: String(this.now()),
      room: { sid: this.#rooms.get(room) ?? `RM_${randomUUID()}`, name: room, numParticipants: this.people(room).length },
      ...(info && { participant: info.toJson() }),
      ...more,
    };
  }

  /** The headers of a webhook: `as` may hold another's `apiKey` and `apiSecret`, or `hash`, or claims. */
  sign(raw, at, { apiKey = this.apiKey, apiSecret = this.apiSecret, hash = sha256(raw), claims = {} } = {}) {
    const token = jwt.sign({ iss: apiKey, nbf: at, exp: at + 300, sha256: hash, ...claims }, apiSecret, { noTimestamp: true });
    return { 'content-type': 'application/webhook+json', authorization: token };
  }

  nameOf(_, path) {
    return ROUTE.exec(path)?.[1] ?? path;
  }

  failure(status) {
    const code = Object.keys(STATUS).find((name) => STATUS[name] === status) ?? 'internal';
    return { code, msg: 'told to fail' };
  }

  async perform(call) {
    if (call.method !== 'POST' || !/^application\/json/.test(call.headers['content-type'] ?? '')) {
      refuse('bad_route', 'only POST with JSON');
    }
    const [Request, run] = this.#methods[call.name] ?? refuse('bad_route', call.path);
    call.claims = await this.#claims(/^Bearer (.+)$/.exec(call.headers.authorization ?? '')?.[1]).catch((error) => {
      refuse('unauthenticated', error.message);
    });
    let wanted;
    try {
      wanted = Request.fromJson(call.body);
    } catch (error) {
      refuse('malformed', error.message);
    }
    const { roomAdmin, roomCreate, room } = call.claims.video ?? {};
    const may = Request === DeleteRoomRequest ? roomCreate : roomAdmin && room === wanted.room;
    if (may !== true) refuse('unauthenticated', 'permissions denied');
    return { status: 200, body: run(wanted) ?? {} };
  }

  #methods = {
    UpdateParticipant: [UpdateParticipantRequest, (wanted) => {
      const session = this.#found(wanted);
      const { metadata, name, permission } = wanted;
      Object.assign(session, { ...(metadata && { metadata }), ...(name && { name }), ...(permission && { permission }) });
      Object.assign(session.attributes, wanted.attributes);
      for (const [key, value] of Object.entries(session.attributes)) if (value === '') delete session.attributes[key];
      return session.info.toJson();
    }],
    RemoveParticipant: [RoomParticipantIdentity, (wanted) => {
      const session = this.#found(wanted);
      session.out = 'removed';
      const until = Number(wanted.revokeTokenTs) || this.now() + LEEWAY_SECS;
      if (this.revokes) this.#revoked.set(`${wanted.room}/${wanted.identity}`, until);
    }],
    DeleteRoom: [DeleteRoomRequest, ({ room }) => {
      if (!this.#rooms.delete(room)) refuse('not_found', 'requested room does not exist');
      for (const session of this.people(room)) session.out = 'deleted';
    }],
    GetParticipant: [RoomParticipantIdentity, (wanted) => this.#found(wanted).info.toJson()],
    ListParticipants: [ListParticipantsRequest, ({ room }) => (
      { participants: this.people(room).map(({ info }) => info.toJson()) })],
  };

  #found({ room, identity }) {
    return this.person(room, identity) ?? refuse('not_found', 'participant does not exist');
  }

  async #claims(token) {
    try {
      // The official verifier goes by this machine's clock, and this service's may be ahead.
      const ours = { clockTimestamp: this.now(), clockTolerance: LEEWAY_SECS, algorithms: ['HS256'] };
      jwt.verify(token ?? '', this.apiSecret, ours);
      return await new TokenVerifier(this.apiKey, this.apiSecret).verify(token, LEEWAY_SECS);
    } catch (error) {
      throw new NotLetIn(error.message);
    }
  }
}

function refuse(code, msg) {
  throw new Refusal(STATUS[code], { code, msg });
}

function sha256(raw) {
  return createHash('sha256').update(raw).digest('base64');
}
