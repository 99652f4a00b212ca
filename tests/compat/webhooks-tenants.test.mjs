// Tenants with credentials of their own: whoever signs for one has nothing to say about another.
import assert from 'node:assert/strict';
import { api } from './lib/api.mjs';
import { ban } from './lib/bans.mjs';
import { ONE } from './lib/clients.mjs';
import { FakeDaily, PROBE } from './lib/fake-daily.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { settings as authenticated } from './lib/hosted.mjs';
import { eventually } from './lib/log.mjs';
import { FAST, enter, hooksOf, putOut, ticketOf } from './lib/providers.mjs';
import { suite } from './lib/stage.mjs';
import { token } from './lib/token.mjs';

const secret = (text) => Buffer.from(text).toString('base64');
/** Everybody’s, and those of two tenants. */
const LIVEKIT = {
  everybody: await FakeLiveKit.start({ revokes: false }),
  acme: await FakeLiveKit.start({ apiKey: 'APIacme', apiSecret: 'livekit-secret-of-acme-0123456789', revokes: false }),
};
const DAILY = {
  everybody: await FakeDaily.start({ limits: null }),
  blue: await FakeDaily.start({
    apiKey: 'daily-key-of-blue-0123456789', domain: 'blue', webhookSecret: secret('daily-webhooks-of-blue'), limits: null,
  }),
};

const settings = {
  ...authenticated,
  ...DAILY.everybody.settings,
  ...LIVEKIT.everybody.settings,
  ...FAST,
  PROVIDERS__TENANTS: JSON.stringify([
    { tenant: 'acme', default: 'livekit', ...LIVEKIT.acme.credentials },
    { tenant: 'blue', default: 'daily', ...DAILY.blue.credentials },
  ]),
};

suite('tenants with providers of their own', { variants: ONE, settings }, (scenario) => {
  /** Ann's meeting in this tenant, and Bob, who is banned and comes in at the provider with an old token. */
  async function intruder(stage, fake, tenant) {
    const as = (id) => ({ token: token(id, { tenant }) });
    const roomId = stage.room();
    const { status, body } = await api(stage.server.url, as('ann').token)('POST', 'meetings', { roomId });
    assert.equal(status, 201, JSON.stringify(body));
    const ann = await stage.joined('ann', roomId, as('ann'));
    const bob = await stage.joined('bob', roomId, as('bob'));
    const ticket = await bob.until(() => ticketOf(bob), 'a ticket');
    await ban(ann, 'bob');
    await eventually(() => ann.heard('provider-sync').some(({ state }) => state === 'applied'), 'the ban to be carried');
    const session = await enter(fake, bob, ticket);
    return { session, hook: fake.event(fake instanceof FakeDaily ? 'participant.joined' : 'participant_joined', session) };
  }

  scenario('each tenant’s tickets are for its own', async (stage) => {
    for (const [tenant, fake, others] of [
      ['acme', LIVEKIT.acme, LIVEKIT.everybody], ['blue', DAILY.blue, DAILY.everybody], ['any', LIVEKIT.everybody, LIVEKIT.acme],
    ]) {
      const as = (id) => ({ token: token(id, { tenant }) });
      const ann = await stage.joined('ann', stage.room(), as('ann'));
      const ticket = await ann.until(() => ticketOf(ann), 'a ticket');
      await assert.rejects(others.enter(ticket.token), undefined, tenant);
      assert.equal((await enter(fake, ann)).out, null, tenant);
    }
  });

  for (const [name, { everybody, ...own }] of Object.entries({ livekit: LIVEKIT, daily: DAILY })) {
    const [[tenant, fake]] = Object.entries(own);

    scenario(`${name}: what one signs is nothing at the other’s address`, async (stage) => {
      const { session, hook } = await intruder(stage, fake, tenant);
      const [itsOwn, shared] = [hooksOf(stage.server, fake, tenant), hooksOf(stage.server, fake)];
      assert.equal((await everybody.deliver(itsOwn, hook)).status, 401);
      assert.equal((await fake.deliver(shared, hook)).status, 401);
      assert.equal(session.out, null);
      assert.equal((await fake.deliver(itsOwn, hook)).status, 200);
      await putOut(session);
    });

    scenario(`${name}: well signed, about a room of somebody else: passed over`, async (stage) => {
      const { session, hook } = await intruder(stage, fake, tenant);
      const calls = everybody.calls.length;
      assert.equal((await everybody.deliver(hooksOf(stage.server, everybody), hook)).status, 200);
      assert.deepEqual(everybody.calls.slice(calls).map(({ name: call }) => call), []);
      assert.equal(session.out, null);
      // And it does not count as heard.
      assert.equal((await fake.deliver(hooksOf(stage.server, fake, tenant), hook)).status, 200);
      await putOut(session);
    });
  }

  scenario('tenants without credentials of their own have no address, nor have the unknown', async (stage) => {
    for (const [fake, tenants] of [[LIVEKIT.everybody, ['blue', 'any', '..', 'acme%2F', '']], [DAILY.everybody, ['acme', 'any', 'BLUE']]]) {
      for (const tenant of tenants) {
        const { status, body } = await fake.deliver(hooksOf(stage.server, fake, tenant), PROBE);
        assert.equal(status, 404, `${tenant}: ${body}`);
      }
    }
    assert.equal((await DAILY.blue.deliver(hooksOf(stage.server, DAILY.blue, 'blue'), PROBE)).status, 200);
  });
});
