// Which provider a meeting is at: as it says itself, else the default; with the credentials of its tenant.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { expectProblem } from './lib/expect.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { settings as auth, service } from './lib/hosted.mjs';
import { enter } from './lib/jitsi-verifier.mjs';
import { keepSecret } from './lib/secrets.mjs';
import { suite } from './lib/stage.mjs';
import { JITSI, MESH, SECRETS, WITH_JITSI, claimsOf, freshTicket, joinTicket } from './lib/tickets.mjs';
import { token } from './lib/token.mjs';

const livekit = await FakeLiveKit.start();
const ofAcme = await FakeLiveKit.start({ apiKey: 'APIacme', apiSecret: 'livekit-secret-of-acme-0123456789' });
after(() => [livekit, ofAcme].forEach((fake) => fake.close()));

const ACME_SECRET = 'a-secret-of-the-jitsi-of-acme-0123456789';
keepSecret(ACME_SECRET);

const PROVIDERS = ['jitsi', 'livekit', 'mesh'];
const everywhere = { ...livekit.settings, ...JITSI, ...MESH, PROVIDERS__DEFAULT: 'jitsi' };

/** Ann's meeting with these settings, and her ticket for it. */
async function ticketFor(stage, settings) {
  const ann = await stage.joined('ann', await stage.meeting('ann', settings && { settings }));
  return joinTicket(ann);
}

suite('several providers', { variants: ONE, settings: everywhere }, (scenario) => {
  scenario('are each the one of a meeting that names it; others are at the default', async (stage) => {
    for (const provider of PROVIDERS) assert.equal((await ticketFor(stage, { provider })).provider, provider);
    for (const settings of [undefined, {}]) assert.equal((await ticketFor(stage, settings)).provider, 'jitsi');
    const gus = await stage.joined('gus', stage.room());
    joinTicket(gus, { provider: 'jitsi' });
  });

  scenario('may be those of one person at the same time', async (stage) => {
    const ann = await stage.user('ann');
    const rooms = {};
    for (const provider of PROVIDERS) {
      rooms[provider] = await stage.meeting('ann', { settings: { provider } });
      await ann.join(rooms[provider]);
      joinTicket(ann, { provider });
    }
    for (const provider of PROVIDERS) {
      ann.roomId = rooms[provider];
      await freshTicket(ann, { provider });
    }
  });

  scenario('can be changed; the next ticket is for the new one', async (stage) => {
    const roomId = await stage.meeting('ann', { settings: { provider: 'mesh' } });
    const ann = await stage.joined('ann', roomId);
    const { status, body } = await stage.rest().patch(`/api/meetings/${roomId}`, { settings: { provider: 'livekit' } });
    assert.deepEqual([status, body.settings?.provider], [200, 'livekit'], JSON.stringify(body));
    await freshTicket(ann, { provider: 'livekit' });
    joinTicket(await stage.joined('bob', roomId), { provider: 'livekit' });
  });

  scenario('are shown in the meeting\'s record, and outlive the server', async (stage) => {
    const roomId = await stage.meeting('ann', { settings: { provider: 'livekit' } });
    assert.equal((await stage.rest().get(`/api/meetings/${roomId}`)).body.settings.provider, 'livekit');
    await stage.server.restart();
    joinTicket(await stage.joined('ann', roomId), { provider: 'livekit' });
  });

  scenario('have names, and nothing else does', async (stage) => {
    const roomId = await stage.meeting('ann');
    for (const provider of ['zoom', '', 'Jitsi', ' jitsi', 0, true, [], ['jitsi'], {}, 'x'.repeat(10_000)]) {
      const settings = { provider };
      const made = await stage.rest().post('/api/meetings', { roomId: stage.room(), userId: 'ann', settings });
      const changed = await stage.rest().patch(`/api/meetings/${roomId}`, { settings });
      for (const reply of [made, changed]) expectProblem(reply, [400, 422], ['invalid-payload', 'malformed-json']);
    }
    joinTicket(await stage.joined('ann', roomId), { provider: 'jitsi' });
  });
});

suite('a provider that is not configured', { variants: ONE, settings: WITH_JITSI }, (scenario) => {
  for (const provider of ['livekit', 'daily']) {
    scenario(`cannot be chosen: ${provider}`, async (stage) => {
      const settings = { provider };
      const roomId = stage.room();
      const made = await stage.rest().post('/api/meetings', { roomId, userId: 'ann', settings });
      expectProblem(made, 422, 'invalid-payload');
      expectProblem(await stage.rest().get(`/api/meetings/${roomId}`), 404, 'meeting-not-found');
      const other = await stage.meeting('ann');
      expectProblem(await stage.rest().patch(`/api/meetings/${other}`, { settings }), 422, 'invalid-payload');
      joinTicket(await stage.joined('ann', other), { provider: 'jitsi' });
    });
  }

  scenario('is never mesh, which may have nothing to hand out', async (stage) => {
    const roomId = await stage.meeting('ann', { settings: { provider: 'mesh' } });
    const ann = await stage.joined('ann', roomId);
    assert.equal(ann.joinReply.provider, null);
    await ann.noMore('provider-token');
  });
});

/** Acme has a LiveKit and a Jitsi of its own, Beta nothing but a default. */
const tenants = [
  {
    tenant: 'acme',
    default: 'livekit',
    ...ofAcme.credentials,
    jitsi: { url: 'https://meet.acme.example', app_id: 'acme', app_secret: ACME_SECRET },
  },
  { tenant: 'beta', default: 'mesh' },
];
const withTenants = { ...auth, ...WITH_JITSI, ...MESH, PROVIDERS__TENANTS: JSON.stringify(tenants) };

suite('tenants', { variants: ONE, settings: withTenants }, (scenario) => {
  /** Somebody's meeting in their tenant, made and entered by them. */
  async function meetingOf(stage, tenant, provider) {
    const bearer = token('ann', { tenant });
    const roomId = stage.room();
    const settings = provider && { settings: { provider } };
    const made = await stage.rest(bearer).post('/api/meetings', { roomId, ...settings });
    if (made.status !== 201) return { made };
    const ann = await stage.joined('ann', roomId, { token: bearer });
    return { made, roomId, ticket: joinTicket(ann, { role: 'host' }) };
  }

  scenario('have their own default', async (stage) => {
    for (const [tenant, provider] of [['acme', 'livekit'], ['beta', 'mesh'], ['gamma', 'jitsi'], [undefined, 'jitsi']]) {
      const { ticket } = await meetingOf(stage, tenant);
      assert.equal(ticket.provider, provider, tenant);
    }
  });

  scenario('have tickets that their own credentials have signed', async (stage) => {
    const { ticket: own } = await meetingOf(stage, 'acme', 'livekit');
    assert.equal(claimsOf(own).iss, 'APIacme');
    assert.equal(own.url, ofAcme.publicUrl);
    await ofAcme.enter(own.token);
    await assert.rejects(livekit.enter(own.token));

    const servers = {
      acme: { alg: 'HS256', secret: ACME_SECRET, issuer: 'acme', audience: 'jitsi', domain: 'meet.acme.example' },
      gamma: { alg: 'HS256', secret: SECRETS.jitsi, issuer: 'usher-tests', audience: 'jitsi', domain: 'meet.example.org' },
    };
    for (const tenant of ['acme', 'gamma']) {
      const { ticket: { token: signed, roomName } } = await meetingOf(stage, tenant, 'jitsi');
      for (const [whose, server] of Object.entries(servers)) {
        assert.equal(enter(signed, roomName, server).join, whose === tenant, `${tenant}'s ticket at ${whose}'s server`);
      }
    }
  });

  scenario('without credentials of their own have those of the installation', async (stage) => {
    const { ticket } = await meetingOf(stage, 'beta', 'jitsi');
    assert.equal(claimsOf(ticket).iss, 'usher-tests');
  });

  scenario('cannot choose what another tenant has', async (stage) => {
    for (const tenant of ['beta', 'gamma', undefined]) {
      expectProblem((await meetingOf(stage, tenant, 'livekit')).made, 422, 'invalid-payload');
    }
    for (const [tenant, status] of [['acme', 201], ['beta', 422]]) {
      const body = { roomId: stage.room(), userId: 'ann', settings: { provider: 'livekit' } };
      const made = await stage.rest(service('meetings:write', { tenant })).post('/api/meetings', body);
      assert.equal(made.status, status, tenant);
    }
  });
});
