// Tokens of LiveKit: every claim, as its own server library and two others read them.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { TokenVerifier } from 'livekit-server-sdk';
import { ONE } from './lib/clients.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { read } from './lib/jitsi-verifier.mjs';
import { afterwards, reclaimed, tampered, verified } from './lib/oracles.mjs';
import { ranked } from './lib/ranks.mjs';
import { suite } from './lib/stage.mjs';
import { RIGHTS, expectTicket, freshTicket, joinTicket, normalised } from './lib/tickets.mjs';

const livekit = await FakeLiveKit.start();
after(() => livekit.close());
// Clients are sent elsewhere than we call ourselves.
const PUBLIC_URL = 'wss://livekit.example.org';
const settings = { ...livekit.settings, LIVEKIT__URL: PUBLIC_URL, LIVEKIT__API_URL: livekit.url };
const LIFETIME_SECS = 1800;
const [KEY, SECRET] = [livekit.apiKey, livekit.apiSecret];
const keys = { key: SECRET, otherKey: 'another-secret-0123456789abcdef', alg: 'HS256', issuer: KEY };
const official = new TokenVerifier(KEY, SECRET);

const PEOPLE = { creator: 'ann', host: 'hal', 'co-host': 'cora', participant: 'paul' };

/** What a token of LiveKit says; what is absent there would mean yes, so nothing is. */
function golden(name, role, { admin = role === 'host', record = role === 'host' } = {}) {
  return {
    iss: KEY, sub: 'USER', name, iat: 0, nbf: 0, exp: LIFETIME_SECS,
    attributes: { 'usher.role': role },
    video: {
      roomJoin: true, room: 'ROOM',
      canPublish: true, canPublishSources: ['camera', 'microphone', 'screen_share', 'screen_share_audio'],
      canSubscribe: true, canPublishData: true, canUpdateOwnMetadata: false, canSubscribeMetrics: false,
      roomCreate: false, roomList: false, roomRecord: record, roomAdmin: admin,
      hidden: false, recorder: false, agent: false, ingressAdmin: false,
    },
  };
}

const claimsIn = (ticket) => normalised(read(ticket.token).claims, {
  ROOM: ticket.roomName, USER: ticket.providerUserId,
});

suite('a token of LiveKit', { variants: ONE, settings }, (scenario) => {
  for (const [rank, id] of Object.entries(PEOPLE)) {
    const role = rank === 'creator' ? 'host' : rank;
    scenario(`says what a ${rank} may do`, async (stage) => {
      const { [id]: user } = await ranked(stage, 'hal', 'cora', 'paul');
      const before = Math.floor(Date.now() / 1000);
      const ticket = await freshTicket(user, { provider: 'livekit', url: PUBLIC_URL, role });
      assert.deepEqual(read(ticket.token).header, { alg: 'HS256', typ: 'JWT' });
      assert.deepEqual(claimsIn(ticket), golden(user.name, role));
      const { iat, exp, video } = read(ticket.token).claims;
      assert.ok(iat >= before && iat <= Date.now() / 1000, 'issued now');
      assert.equal(Math.floor(Date.parse(ticket.expiresAt) / 1000), exp);
      assert.deepEqual([video.roomRecord, video.canPublish], [RIGHTS[role].record, RIGHTS[role].publishAudio]);
      const session = await livekit.enter(ticket.token);
      assert.deepEqual([session.room, session.identity, session.role], [ticket.roomName, ticket.providerUserId, role]);
    });
  }

  scenario('is the same in kind at the join', async (stage) => {
    const { roomId } = await stage.cast();
    const gus = await stage.joined('gus', roomId, { name: 'Gus "O\u2019Neil" \u{1f600}' });
    const ticket = joinTicket(gus, { provider: 'livekit', role: 'participant' });
    assert.deepEqual(claimsIn(ticket), golden('Gus "O\u2019Neil" \u{1f600}', 'participant'));
  });

  scenario('is believed by its own server library, and by others', async (stage) => {
    const { ann } = await stage.cast();
    const { token } = await freshTicket(ann);
    const claims = await verified(token, keys);
    assert.deepEqual(await official.verify(token, 0), claims, 'without any tolerance of clocks');
    const grown = reclaimed(token, (it) => ({ ...it, video: { ...it.video, room: 'elsewhere' } }));
    for (const bad of [...[0, 1, 2].map((part) => tampered(token, part)), grown]) {
      await assert.rejects(official.verify(bad), 'it refuses what was changed');
    }
    await assert.rejects(new TokenVerifier(KEY, keys.otherKey).verify(token), 'it refuses another secret');
    await assert.rejects(new TokenVerifier('APIother', SECRET).verify(token), 'it refuses another key');
    await afterwards(claims, () => assert.rejects(official.verify(token), { code: 'ERR_JWT_EXPIRED' }));
  });

  scenario('of two people differ in whom they are for, those of two rooms in where they lead', async (stage) => {
    const [here, there] = [await stage.cast('bob'), await stage.cast('bob')];
    const [bob, ann, elsewhere] = await Promise.all([here.bob, here.ann, there.bob].map((user) => freshTicket(user)));
    const { sub, video } = read(bob.token).claims;
    assert.notEqual(sub, read(ann.token).claims.sub);
    assert.equal(video.room, read(ann.token).claims.video.room);
    assert.equal(sub, read(elsewhere.token).claims.sub);
    assert.notEqual(video.room, read(elsewhere.token).claims.video.room);
  });
});

for (const [whose, admins] of Object.entries({ nobody: [], moderators: ['host', 'co-host'] })) {
  suite(`room_admin = ${whose}`, { variants: ONE, settings: { ...settings, LIVEKIT__ROOM_ADMIN: whose } }, (scenario) => {
    scenario('is in the token', async (stage) => {
      const { ann, cora, paul } = await ranked(stage, 'cora', 'paul');
      for (const user of [ann, cora, paul]) {
        const ticket = expectTicket((await user.ok('refresh-token')).provider);
        assert.deepEqual(claimsIn(ticket), golden(user.name, ticket.role, {
          admin: admins.includes(ticket.role), record: whose !== 'nobody' && ticket.role === 'host',
        }));
      }
    });
  });
}
