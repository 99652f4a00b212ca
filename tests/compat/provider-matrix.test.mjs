// What reaches each provider, found out by trying, and compared with the table in docs/PROVIDERS.md.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after } from 'node:test';
import { decodeJwt } from 'jose';
import { ONE } from './lib/clients.mjs';
import { FakeDaily } from './lib/fake-daily.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { eventually } from './lib/log.mjs';
import { FAST, fits, nextTicket, putOut, seatedAt, tellOfJoin, ticketed } from './lib/providers.mjs';
import { suite } from './lib/stage.mjs';
import { WITH_JITSI } from './lib/tickets.mjs';

const FAKES = { daily: await FakeDaily.start({ limits: null }), livekit: await FakeLiveKit.start({ revokes: false }) };
const SETTINGS = {
  daily: FAKES.daily.settings,
  jitsi: WITH_JITSI,
  livekit: FAKES.livekit.settings,
  mesh: { MESH__STUN_URLS: 'stun:127.0.0.1:3478' },
};
const CAPABILITIES = ['live revoke', 'remote mute', 'kick', 'ban', 'end for all', 'roles by token'];
const found = Object.fromEntries(CAPABILITIES.map((capability) => [capability, {}]));

/** What a token says, without what differs from one to the next. */
function claims({ token }) {
  if (token === null) return null;
  const { iat, nbf, exp, ud, u, sub, name, context: { user: { id, name: called, ...user } = {}, ...context } = {}, ...rest } = decodeJwt(token);
  return JSON.stringify({ ...rest, context, user });
}

/** The provider cannot be told: it is said so, and that is all. */
async function unsupported(stage) {
  const { ann, bob } = await ticketed(stage, 'bob', 'cy');
  for (const [event, payload] of [['make-cohost', {}], ['remove-cohost', {}], ['remove-participant', { ban: true }]]) {
    await ann.ok(event, { participantId: 'bob', ...payload });
    const news = await ann.next('provider-sync', ({ participantId }) => participantId === 'bob');
    assert.equal(news.state, 'unsupported');
  }
  assert.ok(bob.heard('kicked-from-room').length === 1);
}

for (const [provider, settings] of Object.entries(SETTINGS)) {
  const fake = FAKES[provider];
  const note = (capability, is) => {
    found[capability][provider] = is ? 'yes' : 'no';
  };
  suite(`${provider}, tried`, { variants: ONE, settings: { ...settings, PROVIDERS__DEFAULT: provider, ...FAST } }, (scenario) => {
    scenario('roles by token', async (stage) => {
      const { ann, bob } = await ticketed(stage, 'bob');
      const plain = (await bob.ok('refresh-token')).provider;
      await ann.ok('make-host', { participantId: 'bob' });
      note('roles by token', claims(plain) !== claims(await nextTicket(bob, ({ role }) => role === 'host')));
    });

    if (!fake) {
      scenario('nothing but that can be done', async (stage) => {
        await unsupported(stage);
        for (const capability of CAPABILITIES.slice(0, -1)) note(capability, false);
      });
      return;
    }

    scenario('live revoke', async (stage) => {
      const { ann, bob } = await seatedAt(fake, stage, 'bob');
      for (const [event, role] of [['make-cohost', 'co-host'], ['remove-cohost', 'participant']]) {
        await ann.ok(event, { participantId: 'bob' });
        await eventually(() => fits(fake, bob.session, role), `Bob to be ${role} where he is`);
      }
      note('live revoke', true);
    });

    scenario('remote mute', async (stage) => {
      const { ann, bob } = await seatedAt(fake, stage, 'bob');
      const calls = fake.calls.length;
      await ann.ok('mute-participant', { participantId: 'bob', kind: 'audio' });
      await bob.next('force-mute');
      // What comes after it has been carried: a mute would have been, too.
      await ann.ok('make-cohost', { participantId: 'bob' });
      await eventually(() => fits(fake, bob.session, 'co-host'), 'Bob to be co-host');
      note('remote mute', fake.calls.slice(calls).some(({ name }) => /mute/i.test(name)));
    });

    for (const [capability, ban] of [['kick', false], ['ban', true]]) {
      scenario(capability, async (stage) => {
        const { ann, bob } = await seatedAt(fake, stage, 'bob', 'cy');
        const { token } = bob.heard('provider-token').at(-1);
        await ann.ok('remove-participant', { participantId: 'bob', ban });
        await putOut(bob.session);
        const again = await fake.enter(token).catch(() => null);
        if (again) {
          await tellOfJoin(stage.server, fake, again);
          await putOut(again);
        }
        note(capability, true);
      });
    }

    scenario('end for all', async (stage) => {
      const { ann, everyone } = await seatedAt(fake, stage, 'bob', 'cy');
      await ann.ok('end-meeting');
      for (const { session } of everyone) await putOut(session);
      note('end for all', true);
    });
  });
}

after(() => {
  const providers = Object.keys(SETTINGS);
  const row = (cells) => `| ${cells.join(' | ')} |`;
  const table = [
    row(['capability', ...providers]),
    `|${'---|'.repeat(providers.length + 1)}`,
    ...CAPABILITIES.map((capability) => row([capability, ...providers.map((it) => found[capability][it] ?? 'not tried')])),
  ].join('\n');
  console.log(table);
  const docs = readFileSync(new URL('../../docs/PROVIDERS.md', import.meta.url), 'utf8');
  const [, written] = /<!-- matrix:providers -->\n([^]*?)\n<!-- \/matrix -->/.exec(docs);
  assert.equal(written, table, 'put the printed table into docs/PROVIDERS.md');
});
