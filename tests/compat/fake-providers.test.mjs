// The fakes do what is known of the real services: other tests believe them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import jwt from 'jsonwebtoken';
import { AccessToken, RoomServiceClient, TrackSource, WebhookReceiver } from 'livekit-server-sdk';
import { FakeDaily, PROBE } from './lib/fake-daily.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { expectSignedByDaily, listener } from './lib/hooked.mjs';

const ROOM = 'd2b1f6a0-room';
const now = () => Math.floor(Date.now() / 1000);
const notLetIn = (why) => ({ name: 'Error', why });

describe('the fake LiveKit', () => {
  let livekit;
  let admin;
  before(async () => {
    livekit = await FakeLiveKit.start();
    admin = new RoomServiceClient(livekit.url, livekit.apiKey, livekit.apiSecret, { failover: false });
  });
  after(() => livekit.close());

  /** As the official SDK makes it. */
  function token(identity, grant = {}, more = {}) {
    const made = new AccessToken(livekit.apiKey, livekit.apiSecret, { identity, ttl: 600, ...more });
    made.addGrant({ roomJoin: true, room: ROOM, ...grant });
    return made.toJwt();
  }

  function handmade(claims, secret = livekit.apiSecret) {
    const video = { roomJoin: true, room: ROOM };
    const whole = { iss: livekit.apiKey, sub: 'hand', nbf: now(), exp: now() + 60, video, ...claims };
    return jwt.sign(JSON.parse(JSON.stringify(whole)), secret, { noTimestamp: true });
  }

  test('lets in whom the official SDK made a token for, with the rights that it carries', async () => {
    const ann = await livekit.enter(await token('ann', {}, { name: 'Ann', attributes: { 'usher.role': 'host' } }));
    assert.deepEqual([ann.identity, ann.room, ann.name, ann.role, ann.out], ['ann', ROOM, 'Ann', 'host', null]);
    const all = { publishAudio: true, publishVideo: true, publishScreen: true, subscribe: true, admin: false };
    assert.deepEqual(ann.rights, all, 'what is left open is allowed');
    const bob = await livekit.enter(await token('bob', { canPublishSources: [TrackSource.MICROPHONE], canSubscribe: false }));
    assert.deepEqual(bob.rights, { ...all, publishVideo: false, publishScreen: false, subscribe: false });
    const cy = await livekit.enter(await token('cy', { canPublish: false, roomAdmin: true }));
    assert.deepEqual([cy.rights.publishAudio, cy.rights.admin], [false, true]);
    assert.deepEqual(livekit.people(ROOM).map(({ identity }) => identity), ['ann', 'bob', 'cy']);
  });

  test('refuses tokens that are no good', async () => {
    await assert.rejects(livekit.enter(handmade({}, 'another-secret-0123456789')), /signature/);
    await assert.rejects(livekit.enter(handmade({ iss: 'APIother' })), /iss/);
    await assert.rejects(livekit.enter(handmade({ exp: undefined })), /exp/);
    await assert.rejects(livekit.enter(handmade({ exp: now() - 61 })), /exp/);
    await assert.rejects(livekit.enter(handmade({ nbf: now() + 120 })), /not active|nbf/);
    await assert.rejects(livekit.enter(handmade({ sub: '' })), notLetIn('the token is not for joining a room'));
    await assert.rejects(livekit.enter(handmade({ video: { room: ROOM } })), /joining/);
    assert.equal((await livekit.enter(handmade({ exp: now() - 5 }))).out, null, 'a minute of leeway');
  });

  test('goes by its own clock', async () => {
    const made = handmade({});
    livekit.skewSecs = 200;
    await assert.rejects(livekit.enter(made), /expired/);
    livekit.skewSecs = 0;
    await livekit.enter(made);
  });

  test('puts out the first one when the same identity comes again', async () => {
    const [first, again] = [await livekit.enter(await token('dup')), await livekit.enter(await token('dup'))];
    assert.deepEqual([first.out, again.out, livekit.person(ROOM, 'dup')], ['duplicate', null, again]);
  });

  test('replaces a permission whole, merges attributes, and keeps roomAdmin', async () => {
    const eve = await livekit.enter(await token('eve', { roomAdmin: true }, { attributes: { a: '1', b: '2' } }));
    const permission = { canPublish: true, canPublishSources: [TrackSource.CAMERA] };
    const info = await admin.updateParticipant(ROOM, 'eve', { permission, attributes: { a: '', c: '3' }, name: 'Eve' });
    assert.deepEqual([info.name, info.attributes], ['Eve', { b: '2', c: '3' }]);
    const left = { publishAudio: false, publishVideo: true, publishScreen: false, subscribe: false, admin: true };
    assert.deepEqual(eve.rights, left);
    const same = await admin.getParticipant(ROOM, 'eve');
    assert.deepEqual(same.permission.canPublishSources, [TrackSource.CAMERA]);
  });

  test('removes, and takes no older token from then on', async () => {
    const old = handmade({ sub: 'fay', nbf: now() - 10 });
    const fay = await livekit.enter(old);
    await admin.removeParticipant(ROOM, 'fay', { revokeTokenTs: BigInt(now()) });
    assert.equal(fay.out, 'removed');
    await assert.rejects(livekit.enter(old), notLetIn('revoked'));
    await livekit.enter(handmade({ sub: 'fay', nbf: now() }));
    await admin.removeParticipant(ROOM, 'fay');
    await assert.rejects(livekit.enter(handmade({ sub: 'fay', nbf: now() + 50 })), notLetIn('revoked'), 'a minute ahead by default');
  });

  test('knows nobody who is not there, and no room without people', async () => {
    for (const ask of [
      () => admin.updateParticipant(ROOM, 'zoe', { name: 'Zoe' }), () => admin.removeParticipant(ROOM, 'zoe'),
      () => admin.getParticipant('elsewhere', 'ann'), () => admin.deleteRoom('elsewhere'),
    ]) await assert.rejects(ask(), { status: 404, code: 'not_found' });
    assert.deepEqual(await admin.listParticipants('elsewhere'), []);
  });

  test('deletes a room, and makes it anew for the next who comes', async () => {
    const made = handmade({ sub: 'gus', video: { roomJoin: true, room: 'short-lived' } });
    const gus = await livekit.enter(made);
    await admin.deleteRoom('short-lived');
    assert.deepEqual([gus.out, livekit.hasRoom('short-lived')], ['deleted', false]);
    assert.equal((await livekit.enter(made)).out, null);
  });

  /** A call by hand: `[status, code]`. */
  async function call(method, body, grant, text = JSON.stringify(body)) {
    const bearer = handmade({ video: grant });
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${bearer}` };
    const response = await fetch(`${livekit.url}/twirp/livekit.RoomService/${method}`, { method: 'POST', headers, body: text });
    return [response.status, (await response.json()).code];
  }

  test('asks for the right grant, and takes only what it knows', async () => {
    const target = { room: ROOM, identity: 'ann' };
    assert.deepEqual(await call('GetParticipant', target, { roomAdmin: true, room: ROOM }), [200, undefined]);
    for (const grant of [{}, { roomAdmin: true }, { roomAdmin: true, room: 'other' }, { roomCreate: true }]) {
      assert.deepEqual(await call('GetParticipant', target, grant), [401, 'unauthenticated'], JSON.stringify(grant));
    }
    assert.deepEqual(await call('DeleteRoom', { room: ROOM }, { roomAdmin: true, room: ROOM }), [401, 'unauthenticated']);
    const grant = { roomAdmin: true, room: ROOM };
    assert.deepEqual(await call('RemoveParticipant', { ...target, revokeTokens: 1 }, grant), [400, 'malformed']);
    const lowerCase = { ...target, permission: { can_publish_sources: ['camera'] } };
    assert.deepEqual(await call('UpdateParticipant', lowerCase, grant), [400, 'malformed']);
    assert.deepEqual(await call('GetParticipant', null, grant, '{'), [400, 'malformed']);
    assert.deepEqual(await call('NoSuch', target, grant), [404, 'bad_route']);
    assert.equal(livekit.called('GetParticipant').at(-1).claims.video.room, ROOM);
  });

  test('signs webhooks as the official receiver wants them, and wrongly when told to', async () => {
    const heard = await listener();
    const receiver = new WebhookReceiver(livekit.apiKey, livekit.apiSecret);
    const hal = await livekit.enter(await token('hal', {}, { attributes: { 'usher.role': 'host' } }));
    const hook = livekit.event('participant_joined', hal);
    assert.equal((await livekit.deliver(heard.url, hook)).status, 200);
    const [{ text, headers }] = heard.requests;
    assert.equal(headers['content-type'], 'application/webhook+json');
    const event = await receiver.receive(text, headers.authorization);
    assert.deepEqual([event.event, event.room.name, event.participant.identity], ['participant_joined', ROOM, 'hal']);
    assert.equal(event.participant.attributes['usher.role'], 'host');
    for (const wrong of [{ tamper: (raw) => raw.replace('hal', 'gus') }, { at: now() - 400 }, { as: { apiSecret: 'other' } }]) {
      await livekit.deliver(heard.url, hook, wrong);
      const last = heard.requests.at(-1);
      await assert.rejects(receiver.receive(last.text, last.headers.authorization), JSON.stringify(wrong));
    }
    heard.close();
  });

  test('an older one takes revoked tokens, and a participant may call what their token allows', async () => {
    const older = await FakeLiveKit.start({ revokes: false });
    const made = handmade({ sub: 'ian', video: { roomJoin: true, roomAdmin: true, room: ROOM } });
    await older.enter(made);
    const ian = new RoomServiceClient(older.url, undefined, undefined, { token: made, failover: false });
    await ian.removeParticipant(ROOM, 'ian');
    assert.equal((await older.enter(made)).out, null);
    await older.close();
  });
});

describe('the fake Daily', () => {
  let daily;
  before(async () => {
    daily = await FakeDaily.start({ limits: null });
  });
  after(() => daily.close());

  async function call(method, path, body, { key = daily.apiKey, at = daily } = {}) {
    const headers = { ...(key && { authorization: `Bearer ${key}` }), 'content-type': 'application/json' };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(at.url + path, { method, headers, body: text });
    return { status: response.status, body: await response.json() };
  }
  const post = (path, body, options) => call('POST', path, body, options);
  const expectError = ({ status, body }, wanted, error) => assert.deepEqual([status, body.error], [wanted, error]);
  const room = async (name, properties = {}) => assert.equal((await post('/rooms', { name, privacy: 'private', properties })).status, 200);
  const selfSigned = (r, more = {}, key = daily.apiKey) => (
    jwt.sign({ r, d: daily.domainId, ud: 'u-1', u: 'Una', iat: now(), exp: now() + 60, ...more }, key));

  test('asks for its key', async () => {
    expectError(await call('GET', '/', undefined, { key: null }), 400, 'authorization-header-error');
    expectError(await call('GET', '/', undefined, { key: 'another' }), 401, 'authentication-error');
    assert.equal((await call('GET', '/')).body.domain_id, daily.domainId);
  });

  test('makes a room once', async () => {
    const replies = await Promise.all([...Array(6)].map((_, i) => post('/rooms', { name: 'once', properties: { lang: `l${i}` } })));
    const made = replies.filter(({ status }) => status === 200);
    assert.equal(made.length, 1);
    for (const reply of replies.filter((it) => it !== made[0])) {
      expectError(reply, 400, 'invalid-request-error');
      assert.match(reply.body.info, /a room named once already exists/);
    }
    const { body } = await call('GET', '/rooms/once');
    assert.deepEqual(body, made[0].body, 'and nothing of the others is in it');
    assert.equal(body.url, `https://${daily.domain}.daily.co/once`);
  });

  test('refuses what is wrong about a room', async () => {
    for (const body of [
      { name: 'not good' }, { name: 'x'.repeat(129) }, { privacy: 'secret' }, { properties: { exp: now() - 1 } },
      { properties: { exp: String(now() + 60) } }, { properties: { expp: 1 } }, { nme: 'x' },
    ]) expectError(await post('/rooms', body), 400, 'invalid-request-error');
    expectError(await post('/rooms', '{'), 400, 'json-parsing-error');
    for (const [method, path] of [['GET', ''], ['DELETE', ''], ['POST', '/eject'], ['GET', '/presence']]) {
      expectError(await call(method, `/rooms/nowhere${path}`, method === 'POST' ? {} : undefined), 404, 'not-found');
    }
  });

  test('forgets a room that is deleted', async () => {
    await room('brief');
    const session = await daily.enter(selfSigned('brief'));
    assert.deepEqual(await call('DELETE', '/rooms/brief'), { status: 200, body: { deleted: true, name: 'brief' } });
    expectError(await call('GET', '/rooms/brief'), 404, 'not-found');
    assert.equal(session.out, null, 'who is in stays');
    await assert.rejects(daily.enter(selfSigned('brief')), notLetIn('no such room'));
  });

  test('lets in by tokens signed here and there', async () => {
    await room('both', { exp: now() + 100, eject_at_room_exp: true });
    const una = await daily.enter(selfSigned('both', { o: true, er: 'cloud' }));
    assert.deepEqual([una.userId, una.name, una.role, una.rights.record], ['u-1', 'Una', 'host', true]);
    const ejected = daily.room('both').config.exp;
    assert.equal(una.willEjectAt, ejected);
    await post('/rooms/both', { properties: { exp: now() + 200 } });
    assert.equal(una.willEjectAt, ejected, 'fixed when they join');
    assert.equal((await daily.enter(selfSigned('both', { ejt: true }))).willEjectAt, null);
    const permissions = { hasPresence: true, canSend: ['audio'], canAdmin: ['participants'] };
    const { body } = await post('/meeting-tokens', { properties: { room_name: 'both', user_id: 'u-2', exp: now() + 60, permissions } });
    const bea = await daily.enter(body.token);
    assert.deepEqual([bea.role, bea.rights.publishAudio, bea.rights.publishVideo], ['co-host', true, false]);
    const claims = jwt.decode(body.token);
    assert.deepEqual([claims.r, claims.ud, claims.d, claims.p], ['both', 'u-2', daily.domainId, { hp: true, cs: 'a', ca: ['participants'] }]);
    const cal = await daily.enter(selfSigned('both', { p: { ca: ['participants'] } }));
    assert.equal(cal.role, 'participant', 'nobody knows how that is written');
    assert.equal((await daily.enter(selfSigned('both', { ss: false }))).rights.publishScreen, false);
  });

  test('refuses tokens that are no good', async () => {
    await room('strict');
    for (const more of [{ exp: now() - 1 }, { nbf: now() + 60 }, { d: 'another' }, { r: undefined }]) {
      await assert.rejects(daily.enter(selfSigned('strict', more)), notLetIn(/./), JSON.stringify(more));
    }
    await assert.rejects(daily.enter(selfSigned('strict', {}, 'another-key')), /signature/);
    for (const properties of [{ exp: now() - 1 }, { user_id: 'x'.repeat(37) }, { roomName: 'strict' }]) {
      expectError(await post('/meeting-tokens', { properties }), 400, 'invalid-request-error');
    }
    await room('over', { exp: now() + 100 });
    daily.skewSecs = 101;
    await assert.rejects(daily.enter(selfSigned('over', { exp: now() + 500 })), notLetIn('the room has expired'));
    daily.skewSecs = 0;
  });

  test('puts out by session and by user, and remembers bans while somebody is there', async () => {
    await room('bans');
    const enter = (ud) => daily.enter(selfSigned('bans', { ud }));
    const [stays, one, tab, other] = [await enter('stays'), await enter('one'), await enter('one'), await enter('other')];
    const { body } = await post('/rooms/bans/eject', { ids: [other.id, 'nobody'], user_ids: ['one', 'never'] });
    assert.deepEqual(body.ejectedIds.sort(), [one.id, tab.id, other.id].sort());
    assert.deepEqual([one.out, stays.out], ['ejected', null]);
    await enter('one');
    await post('/rooms/bans/eject', { user_ids: ['one'], ban: true });
    await assert.rejects(enter('one'), notLetIn('banned'));
    stays.leave();
    await enter('one');
    for (const wrong of [{ user_ids: Array(101).fill('x') }, { user_ids: 'one' }, { ban: 'yes' }, { userIds: ['one'] }]) {
      expectError(await post('/rooms/bans/eject', wrong), 400, 'invalid-request-error');
    }
  });

  test('changes permissions by session, but not those of owners', async () => {
    await room('rights');
    const [owner, guest, tab] = [{ o: true }, {}, {}].map((more) => daily.enter(selfSigned('rights', more)));
    const [ann, bob, again] = await Promise.all([owner, guest, tab]);
    const data = { [ann.id]: { canSend: false }, [bob.id]: { canAdmin: ['participants'] }, [bob.userId]: { canSend: false } };
    assert.equal((await post('/rooms/rights/update-permissions', { data })).status, 200);
    assert.deepEqual([ann.role, ann.rights.publishAudio], ['host', true]);
    assert.deepEqual([bob.role, again.role, bob.rights.publishAudio], ['co-host', 'participant', true]);
    await post('/rooms/rights/update-permissions', { data: { '*': { canSend: false }, [bob.id]: { canAdmin: false } } });
    assert.deepEqual([bob.role, bob.rights.publishAudio, again.rights.publishAudio], ['participant', true, false]);
    expectError(await post('/rooms/rights/update-permissions', { data: { [bob.id]: { can_send: true } } }), 400, 'invalid-request-error');
  });

  test('shows presence late', async () => {
    const late = await FakeDaily.start({ limits: null, presenceDelayMs: 60 });
    await post('/rooms', { name: 'seen' }, { at: late });
    const session = await late.enter(jwt.sign({ r: 'seen', d: late.domainId, ud: 'u-1', iat: now() }, late.apiKey));
    const seen = async (query = '') => (await call('GET', `/rooms/seen/presence${query}`, undefined, { at: late })).body;
    assert.deepEqual(await seen(), { total_count: 0, data: [] });
    while ((await seen('?userId=u-1')).total_count === 0) await new Promise(setImmediate);
    const { data: [entry] } = await seen('?userId=u-1');
    assert.deepEqual([entry.room, entry.id, entry.userId], ['seen', session.id, 'u-1']);
    assert.equal((await seen('?userId=u-2')).total_count, 0);
    session.leave();
    assert.equal((await seen()).total_count, 1, 'a ghost for as long');
    while ((await seen()).total_count === 1) await new Promise(setImmediate);
    await late.close();
  });

  test('limits how often it is asked', async () => {
    const busy = await FakeDaily.start();
    const statuses = async (times, method, path) => (await Promise.all(
      [...Array(times)].map(() => call(method, path, undefined, { at: busy })))).map(({ status }) => status);
    const asked = await statuses(60, 'GET', '/');
    assert.ok(asked.filter((status) => status === 200).length >= 20);
    assert.ok(asked.includes(429));
    const deleted = await statuses(10, 'DELETE', '/rooms/nowhere');
    assert.ok(deleted.filter((status) => status === 404).length <= 4, 'two a second');
    assert.ok(deleted.includes(429));
    await busy.close();
  });

  test('signs webhooks by the decoded secret, and wrongly when told to', async () => {
    const heard = await listener();
    await room('hooks');
    const session = await daily.enter(selfSigned('hooks', { o: true }));
    await daily.deliver(heard.url, daily.event('participant.joined', session));
    const [request] = heard.requests;
    expectSignedByDaily(request, daily.webhookSecret);
    const { type, payload } = JSON.parse(request.text);
    assert.deepEqual([type, payload.room, payload.user_id, payload.owner], ['participant.joined', 'hooks', 'u-1', true]);
    assert.equal(payload.session_id, session.id);
    for (const wrong of [{ tamper: (raw) => `${raw} ` }, { as: { webhookSecret: 'b3RoZXI=' } }]) {
      await daily.deliver(heard.url, PROBE, wrong);
      assert.throws(() => expectSignedByDaily(heard.requests.at(-1), daily.webhookSecret));
    }
    await daily.deliver(heard.url, PROBE, { headers: { 'x-webhook-signature': null } });
    assert.ok(!('x-webhook-signature' in heard.requests.at(-1).headers));
    const [one, two] = ['participant.joined', 'participant.left'].map((name) => daily.event(name, session));
    heard.requests.length = 0;
    await daily.deliverAll(heard.url, [one, two], { times: 2, reversed: true });
    assert.deepEqual(heard.requests.map(({ text }) => JSON.parse(text).id), [two.id, two.id, one.id, one.id]);
    heard.close();
  });
});

describe('faults of a fake', () => {
  let daily;
  const ask = async (path = '/', signal = undefined) => {
    try {
      const response = await fetch(daily.url + path, { headers: { authorization: `Bearer ${daily.apiKey}` }, signal });
      return [response.status, (await response.json()).error];
    } catch (error) {
      return [error.cause?.code ?? error.name];
    }
  };
  const remove = () => fetch(`${daily.url}/rooms/kept`, { method: 'DELETE', headers: { authorization: `Bearer ${daily.apiKey}` } });
  const make = async () => {
    const headers = { authorization: `Bearer ${daily.apiKey}`, 'content-type': 'application/json' };
    const response = await fetch(`${daily.url}/rooms`, { method: 'POST', headers, body: '{"name":"kept"}' });
    return response.status;
  };
  before(async () => {
    daily = await FakeDaily.start({ limits: null });
  });
  after(() => daily.close());

  test('as many failures as were asked for, of the calls that were named', async () => {
    daily.fail(2, { only: 'GET /' });
    daily.fail(1, { only: ['POST /rooms'], status: 429 });
    assert.deepEqual([await ask(), await ask(), await ask()], [[503, 'server-error'], [503, 'server-error'], [200, undefined]]);
    assert.deepEqual(await ask('/rooms/nowhere'), [404, 'not-found']);
    assert.deepEqual([await make(), await make()], [429, 200]);
    assert.deepEqual(daily.called('GET /').map(({ status, fault }) => [status, fault]), [[503, 'failed'], [503, 'failed'], [200, undefined]]);
    assert.ok(daily.calls.every(({ at, ms }) => Math.abs(Date.now() - at) < 10_000 && ms >= 0));
    assert.deepEqual(daily.called((call) => call.body?.name === 'kept').length, 2);
  });

  test('an answer that is lost after the deed', async () => {
    daily.lose(1, { only: 'DELETE /rooms/:name' });
    await assert.rejects(remove());
    assert.equal(daily.room('kept'), undefined);
    assert.equal(daily.called('DELETE /rooms/:name').at(-1).status, null);
  });

  test('slowness: nothing is done for who has hung up, unless it is only the answer that is late', async () => {
    daily.slow(100, { only: 'POST /rooms' });
    const impatient = { method: 'POST', headers: { authorization: `Bearer ${daily.apiKey}` }, body: '{"name":"late"}' };
    await assert.rejects(fetch(`${daily.url}/rooms`, { ...impatient, signal: AbortSignal.timeout(20) }));
    const began = Date.now();
    assert.equal(await make(), 200);
    assert.ok(Date.now() - began >= 95);
    assert.equal(daily.room('late'), undefined);
    await daily.heal();
    daily.slow(100, { only: 'POST /rooms', early: true });
    await assert.rejects(fetch(`${daily.url}/rooms`, { ...impatient, signal: AbortSignal.timeout(20) }));
    assert.ok(daily.room('late'));
    await daily.heal();
  });

  test('held until it is let go', async () => {
    const letGo = daily.hold({ only: 'GET /' });
    const held = ask();
    assert.deepEqual(await ask('/rooms/nowhere'), [404, 'not-found']);
    letGo();
    assert.deepEqual([await held, await ask()], [[200, undefined], [200, undefined]]);
  });

  test('down in three ways, and up at the same address', async () => {
    for (const [how, codes] of Object.entries({
      reset: ['UND_ERR_SOCKET', 'ECONNRESET'], refused: ['ECONNREFUSED'], silent: ['TimeoutError'],
    })) {
      await daily.down(how);
      const [code] = await ask('/', AbortSignal.timeout(100));
      assert.ok(codes.includes(code), `${how}: ${code}`);
      await daily.up();
      assert.deepEqual(await ask(), [200, undefined], how);
    }
  });
});
