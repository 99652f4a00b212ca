// What the providers send: believed when it is signed by the right one and fresh, answered at once, acted upon once.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { ban } from './lib/bans.mjs';
import { ONE } from './lib/clients.mjs';
import { FakeDaily, PROBE } from './lib/fake-daily.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { eventually } from './lib/log.mjs';
import { FAST, callsOf, enter, hooksOf, putOut, ticketOf, ticketed } from './lib/providers.mjs';
import { expectNoSecret } from './lib/secrets.mjs';
import { suite } from './lib/stage.mjs';

const SERVICES = { livekit: await FakeLiveKit.start({ revokes: false }), daily: await FakeDaily.start({ limits: null }) };
const JOINED = { livekit: 'participant_joined', daily: 'participant.joined' };
const LEFT = { livekit: 'participant_left', daily: 'participant.left' };
const now = () => Math.floor(Date.now() / 1000);

/** Bodies that are signed well, and are no events. */
const MALFORMED = {
  'nothing': '',
  'no JSON': '{"event":',
  'two objects': '{}{}',
  'not UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  'a NUL': '{"event":"a\u0000b","type":"a\u0000b"',
  'deep nesting': '['.repeat(20_000),
  'an open string': '{"type":"participant.joined',
};
/** JSON, but not what the fields should be: refused or passed over, as it may come. */
const STRANGE = [
  [], null, 17, '"participant_joined"', {}, { event: 17, type: 17 }, { event: null, type: null, id: null }, { event: 'participant_joined', type: 'participant.joined' },
  { event: 'participant_joined', id: 'x', room: 'text', participant: [] }, { type: 'participant.joined', id: 'x', payload: 17 },
  { event: 'participant_joined', id: 'x', room: { name: 1 }, participant: { identity: {} } },
  { type: 'participant.joined', id: 'x', payload: { room: null, user_id: 3, session_id: [], owner: 'yes' } },
  { event: 'x'.repeat(10_000), type: 'x'.repeat(10_000), id: 'y'.repeat(10_000) },
  { event: 'participant_joined', id: '\u0000', room: { name: '\u0000' }, participant: { identity: '\u0000\ud800' } },
  { type: 'participant.joined', id: '\u0000', payload: { room: '\u0000', user_id: '\u0000', session_id: '\u0000' } },
];

for (const [name, fake] of Object.entries(SERVICES)) {
  const { removal } = callsOf(fake);

  suite(`webhooks of ${name}`, { variants: ONE, settings: { ...fake.settings, ...FAST } }, (scenario) => {
    const send = (stage, hook, options) => fake.deliver(hooksOf(stage.server, fake), hook, options);

    async function answered(stage, statuses, hook, options, what = '') {
      const { status, body } = await send(stage, hook, options);
      assert.ok([statuses].flat().includes(status), `${what} is answered ${status}, not ${statuses}: ${body}`);
      expectNoSecret(body, 'the answer');
    }

    /** Somebody banned who comes in at the provider with an old token: `session`, and the hook that tells of it. */
    async function intruder(stage) {
      const { ann, bob } = await ticketed(stage, 'bob');
      const ticket = ticketOf(bob);
      await ban(ann, 'bob');
      await eventually(() => ann.heard('provider-sync').some(({ state }) => state === 'applied'), 'the ban to be carried');
      const session = await enter(fake, bob, ticket);
      return { ann, session, hook: fake.event(JOINED[name], session) };
    }

    const about = ({ identity, userId }) => (call) => removal.includes(call.name) && JSON.stringify(call.body).includes(identity ?? userId);

    for (const [what, options] of Object.entries({
      'without a signature': { headers: name === 'livekit' ? { authorization: null } : { 'x-webhook-signature': null } },
      'with an empty signature': { headers: name === 'livekit' ? { authorization: '' } : { 'x-webhook-signature': '' } },
      'with another signature': { headers: name === 'livekit' ? { authorization: 'eyJhbGciOiJub25lIn0.e30.' } : { 'x-webhook-signature': 'AAAA' } },
      'with a signature that is no base64': { headers: name === 'livekit' ? { authorization: '%%%' } : { 'x-webhook-signature': 'ä%%' } },
      'signed by another secret': { as: { apiSecret: 'another-secret-0123456789', webhookSecret: 'YW5vdGhlcg==' } },
      'changed by a byte': { tamper: (raw) => raw.replace('"', ' "') },
      'with something at its end': { tamper: (raw) => `${raw}\n` },
    })) {
      scenario(`${what} is nothing`, async (stage) => {
        const { session, hook } = await intruder(stage);
        const before = fake.called(about(session)).length;
        // Its header cannot hold just anything; then it is not sent at all.
        const { status } = await send(stage, hook, options);
        assert.ok([401, null].includes(status), `answered ${status}`);
        // What comes after it is believed, so that by then it would have had its effect.
        assert.equal(fake.called(about(session)).length, before);
        await answered(stage, 200, hook, {}, 'the right one');
        await putOut(session);
      });
    }

    scenario('in the window of time are believed, outside they are not', async (stage) => {
      const { session, hook } = await intruder(stage);
      const stale = name === 'livekit' ? [400, 401] : 400;
      for (const seconds of [-3_600, -700, 700, 3_600]) {
        await answered(stage, stale, hook, { at: now() + seconds }, `signed ${seconds} s from now`);
      }
      assert.equal(session.out, null);
      await answered(stage, 200, hook, { at: now() - 200 }, 'signed a while ago');
      await putOut(session);
    });

    scenario('that come twice, at once and later, act once and are answered each time', async (stage) => {
      const { ann, session, hook } = await intruder(stage);
      const before = fake.called(about(session)).length;
      const url = hooksOf(stage.server, fake);
      const replies = await fake.deliverAll(url, [hook], { times: 8, together: true });
      replies.push(...await fake.deliverAll(url, [hook], { times: 3 }));
      assert.deepEqual(replies.map(({ status }) => status), Array(11).fill(200));
      await putOut(session);
      await ann.settle();
      assert.equal(fake.called(about(session)).length, before + 1);
    });

    scenario('in another order than things happened are answered, and come to the same', async (stage) => {
      const { session, hook } = await intruder(stage);
      const left = { ...fake.event(LEFT[name], session), id: 'left-before' };
      const replies = await fake.deliverAll(hooksOf(stage.server, fake), [hook, left], { reversed: true });
      assert.deepEqual(replies.map(({ status }) => status), [200, 200]);
      await putOut(session);
    });

    scenario('about rooms, people and things that nobody knows are answered and passed over', async (stage) => {
      const { session, hook } = await intruder(stage);
      const known = JSON.stringify(hook);
      const [somebody, connection] = [session.identity ?? session.userId, session.sid ?? session.id];
      /** With one thing in it another, at another time. */
      const instead = (from, to) => {
        const id = randomUUID();
        return { ...JSON.parse(known.replaceAll(from, to).replaceAll(connection, id)), id };
      };
      const calls = fake.calls.length;
      for (const strange of [
        instead(session.room, randomUUID()), instead(session.room, '../../etc'), instead(somebody, randomUUID()),
        { ...instead(), event: 'room_exploded', type: 'room.exploded' },
        { ...instead(), event: 'egress_started', type: 'recording.started' },
      ]) await answered(stage, 200, strange, {}, JSON.stringify(strange).slice(0, 200));
      assert.equal(session.out, null);
      assert.deepEqual(fake.calls.slice(calls).filter(({ path, body }) => /etc/.test(path + JSON.stringify(body))), []);
      await answered(stage, 200, { ...hook, more: { of: ['it'] }, version: '9.9.9' }, {}, 'one with more in it');
      await putOut(session);
    });

    for (const [what, text] of Object.entries(MALFORMED)) {
      scenario(`whose body is ${what} are refused`, async (stage) => {
        await answered(stage, 400, text, {}, what);
        assert.equal((await stage.rest().get('/healthz')).status, 200);
      });
    }

    scenario('whose fields are not what they should be do no harm', async (stage) => {
      const { session, hook } = await intruder(stage);
      for (const strange of STRANGE) await answered(stage, [200, 400], strange, {}, JSON.stringify(strange).slice(0, 200));
      await answered(stage, 200, hook, {}, 'a good one after all these');
      await putOut(session);
    });

    scenario('that are too long are cut off, however they are signed', async (stage) => {
      for (const length of [70_000, 1_000_000, 20_000_000]) {
        const hook = { event: 'participant_joined', type: 'participant.joined', id: 'long', filling: 'x'.repeat(length) };
        await answered(stage, [413, null], hook, {}, `${length} bytes`);
        await answered(stage, [413, 401, null], hook, { as: { apiSecret: 'another-secret', webhookSecret: 'YQ==' } }, `${length} bytes`);
      }
      assert.equal((await stage.rest().get('/healthz')).status, 200);
    });

    scenario('come by POST only', async (stage) => {
      for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) await answered(stage, 405, PROBE, { method }, method);
    });

    scenario('are answered at once, though the provider is away', async (stage) => {
      const { session, hook } = await intruder(stage);
      await fake.down('silent');
      try {
        const began = Date.now();
        await answered(stage, 200, hook);
        const ms = Date.now() - began;
        assert.ok(ms < FAST.PROVIDERS__REQUEST_TIMEOUT_MS, `${ms} ms`);
      } finally {
        await fake.heal();
      }
      await putOut(session);
    });
  });
}

suite('Daily’s probe', { variants: ONE, settings: { ...SERVICES.daily.settings, ...FAST } }, (scenario) => {
  scenario('is answered without a signature, and nothing else is', async (stage) => {
    const url = hooksOf(stage.server, SERVICES.daily);
    const unsigned = { headers: { 'x-webhook-signature': null, 'x-webhook-timestamp': null } };
    const send = async (hook) => (await SERVICES.daily.deliver(url, hook, unsigned)).status;
    assert.equal(await send(PROBE), 200);
    assert.equal(await send('{ "test" : "test" }'), 200);
    for (const other of [{ test: 'other' }, { ...PROBE, type: 'participant.joined' }, {}, { test: true }]) {
      assert.equal(await send(other), 401, JSON.stringify(other));
    }
  });
});

suite('webhooks of what is not configured', {
  variants: ONE, settings: { ...SERVICES.daily.settings, DAILY__WEBHOOK_SECRET: '' },
}, (scenario) => {
  scenario('are not found', async (stage) => {
    const { daily, livekit } = SERVICES;
    const hook = { event: 'room_started', type: 'meeting.started', id: 'x' };
    for (const path of ['livekit', 'daily', 'livekit/acme', 'daily/acme', 'jitsi', 'mesh', 'zoom']) {
      for (const fake of [daily, livekit]) {
        const { status, body } = await fake.deliver(`${stage.server.url}/api/webhooks/${path}`, hook);
        assert.equal(status, 404, `${path}: ${body}`);
      }
    }
    assert.equal((await daily.deliver(hooksOf(stage.server, daily), PROBE)).status, 404);
  });
});
