// Tokens of Daily: every claim of those that are signed here, and every property of those that its API makes.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { FakeDaily } from './lib/fake-daily.mjs';
import { read } from './lib/jitsi-verifier.mjs';
import { verified } from './lib/oracles.mjs';
import { ranked } from './lib/ranks.mjs';
import { suite } from './lib/stage.mjs';
import { RIGHTS, freshTicket, joinTicket, normalised } from './lib/tickets.mjs';

const daily = await FakeDaily.start({ limits: {} });
after(() => daily.close());
const settings = { ...daily.settings, DAILY__DOMAIN_ID: daily.domainId };
const LIFETIME_SECS = 1800;
const DAY_SECS = 86_400;
const BACK_DATED_SECS = 30;
const keys = { key: daily.apiKey, otherKey: 'another-key-0123456789abcdef', alg: 'HS256' };
const PEOPLE = { creator: 'ann', host: 'hal', 'co-host': 'cora', participant: 'paul' };

/** What a token says that we have signed; what is absent leaves ejection to the room. */
function golden(name, role) {
  return {
    r: 'ROOM', d: daily.domainId, ud: 'USER', u: name, o: role === 'host', ss: true,
    iat: 0, nbf: -BACK_DATED_SECS, exp: LIFETIME_SECS,
  };
}

/** What is asked of the API, with times as they are after now. */
function goldenProperties(name, role) {
  const canAdmin = { host: true, 'co-host': ['participants'], participant: false }[role];
  return {
    room_name: 'ROOM', user_id: 'USER', user_name: name, is_owner: role === 'host', enable_screenshare: true,
    nbf: -BACK_DATED_SECS, exp: LIFETIME_SECS, permissions: { hasPresence: true, canSend: true, canAdmin },
  };
}

const namesOf = (ticket) => ({ ROOM: ticket.roomName, USER: ticket.providerUserId });

/** The last request for a token in this room. */
function asked({ roomName }) {
  const calls = daily.called('POST /meeting-tokens').map(({ body }) => body);
  return calls.findLast(({ properties }) => properties.room_name === roomName);
}

/** It opens the door, with the rights of the role. */
async function entersAs(ticket, role) {
  const session = await daily.enter(ticket.token);
  const { publishAudio, publishVideo, publishScreen, moderate } = session.rights;
  const { roomName, providerUserId } = ticket;
  assert.deepEqual([session.room, session.userId, session.role], [roomName, providerUserId, role]);
  const { subscribe, record, ...rest } = RIGHTS[role];
  assert.deepEqual({ publishAudio, publishVideo, publishScreen, moderate }, rest);
  assert.equal(session.willEjectAt, daily.room(roomName).config.exp, 'the end of the room is not switched off');
}

/** A ticket whose token the API has made. */
function expectMade(ticket, name, role) {
  const { properties, ...more } = asked(ticket);
  assert.deepEqual(more, {});
  const now = properties.nbf + BACK_DATED_SECS;
  assert.ok(now <= Date.now() / 1000 && now >= Date.now() / 1000 - 30, 'issued now');
  assert.deepEqual(normalised({ ...properties, iat: now }, namesOf(ticket)), { ...goldenProperties(name, role), iat: 0 });
  assert.equal(Math.floor(Date.parse(ticket.expiresAt) / 1000), read(ticket.token).claims.exp);
}

suite('a token of Daily', { variants: ONE, settings }, (scenario) => {
  for (const [rank, id] of Object.entries(PEOPLE)) {
    const role = rank === 'creator' ? 'host' : rank;
    scenario(`says what a ${rank} may do`, async (stage) => {
      const { [id]: user } = await ranked(stage, 'hal', 'cora', 'paul');
      const ticket = await freshTicket(user, { provider: 'daily', role });
      assert.equal(ticket.url, `https://${daily.domain}.daily.co/${ticket.roomName}`);
      assert.deepEqual(read(ticket.token).header, { alg: 'HS256', typ: 'JWT' });
      if (role === 'co-host') {
        expectMade(ticket, user.name, role);
      } else {
        assert.deepEqual(normalised(read(ticket.token).claims, namesOf(ticket)), golden(user.name, role));
        assert.equal(Math.floor(Date.parse(ticket.expiresAt) / 1000), read(ticket.token).claims.exp);
      }
      await entersAs(ticket, role);
    });
  }

  scenario('is signed here for all but co-hosts', async (stage) => {
    const before = daily.called('POST /meeting-tokens').length;
    const { ann, paul } = await ranked(stage, 'paul');
    for (const user of [ann, paul]) await freshTicket(user);
    assert.equal(daily.called('POST /meeting-tokens').length, before);
  });

  scenario('is believed by other libraries, and not once it was changed', async (stage) => {
    const { ann } = await stage.cast();
    const { token } = await freshTicket(ann);
    await verified(token, keys);
    const other = await FakeDaily.start({ apiKey: keys.otherKey, domainId: daily.domainId });
    await assert.rejects(other.enter(token), { why: 'invalid signature' });
    await other.close();
  });

  scenario('is for one room, which is private and ends', async (stage) => {
    const before = Math.floor(Date.now() / 1000);
    const { roomId, ann } = await stage.cast();
    const { roomName } = joinTicket(ann, { provider: 'daily' });
    const { privacy, config } = daily.room(roomName);
    assert.equal(privacy, 'private');
    assert.equal(config.eject_at_room_exp, true);
    assert.ok(config.exp >= before + DAY_SECS && config.exp <= Date.now() / 1000 + DAY_SECS, 'within its lifetime');
    assert.ok(!JSON.stringify(daily.room(roomName)).includes(roomId), 'our own id is not told');
  });

  scenario('needs its room made once, however many come', async (stage) => {
    const roomId = await stage.meeting('ann');
    const users = await Promise.all(['ann', 'bob', 'cy', 'dee'].map((id) => stage.user(id)));
    await Promise.all(users.map((user) => user.join(roomId)));
    const [{ roomName }, ...others] = users.map((user) => joinTicket(user, { provider: 'daily' }));
    for (const ticket of others) assert.equal(ticket.roomName, roomName);
    const made = daily.called(({ name, body }) => name === 'POST /rooms' && body.name === roomName);
    assert.equal(made.length, 1);
  });

  scenario('is for a room that is there already, after a restart', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const { roomName, url } = joinTicket(ann);
    const { config } = daily.room(roomName);
    await stage.server.restart();
    const ticket = joinTicket(await stage.joined('ann', roomId), { provider: 'daily', roomName, url, role: 'host' });
    const calls = daily.called(({ body, path }) => body?.name === roomName || path === `/rooms/${roomName}`);
    assert.deepEqual(calls.map(({ name, status }) => `${name} ${status}`).slice(0, 3), [
      'POST /rooms 200', 'POST /rooms 400', 'GET /rooms/:name 200',
    ]);
    assert.deepEqual(daily.room(roomName).config, config, 'it is left as it was');
    await entersAs(ticket, 'host');
  });
});

suite('tokens from Daily\'s API', { variants: ONE, settings: { ...settings, DAILY__TOKENS: 'rest' } }, (scenario) => {
  for (const [rank, id] of Object.entries(PEOPLE)) {
    const role = rank === 'creator' ? 'host' : rank;
    scenario(`are asked for with what a ${rank} may do`, async (stage) => {
      const { [id]: user } = await ranked(stage, 'hal', 'cora', 'paul');
      const ticket = await freshTicket(user, { provider: 'daily', role });
      expectMade(ticket, user.name, role);
      await entersAs(ticket, role);
    });
  }
});

suite('a domain whose id is not known', { variants: ONE, settings: daily.settings }, (scenario) => {
  scenario('is asked for it, once', async (stage) => {
    const before = daily.called('GET /').length;
    const { ann, bob } = await stage.cast('bob');
    for (const user of [ann, bob]) {
      const ticket = await freshTicket(user, { provider: 'daily' });
      assert.equal(read(ticket.token).claims.d, daily.domainId);
      await entersAs(ticket, ticket.role);
    }
    assert.equal(daily.called('GET /').length, before + 1);
  });
});
