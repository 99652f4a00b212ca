// How long a ticket is good: as the settings say, and never beyond the end of the meeting.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { suite } from './lib/stage.mjs';
import { JITSI, MESH, claimsOf, freshTicket, joinTicket } from './lib/tickets.mjs';

const livekit = await FakeLiveKit.start();
after(() => livekit.close());

const MINUTE_SECS = 60;
const HOUR_SECS = 3600;
/** At the longest that a test may take from asking to looking. */
const SLACK_SECS = 30;
const PROVIDERS = ['jitsi', 'livekit', 'mesh'];
const everywhere = { ...livekit.settings, ...JITSI, ...MESH };

const now = () => Date.now() / 1000;

/** When it ends, by the ticket and by the token or user name in it, which agree; and when it began. */
function times(ticket) {
  const end = Math.floor(Date.parse(ticket.expiresAt) / 1000);
  if (ticket.provider === 'mesh') {
    const { username } = ticket.iceServers.find((ice) => ice.username !== undefined);
    assert.equal(Number(username.split(':')[0]), end);
    return { end };
  }
  const { iat, exp } = claimsOf(ticket);
  for (const time of [iat, exp]) assert.ok(Number.isInteger(time), 'whole seconds');
  assert.equal(exp, end);
  return { iat, end };
}

/** Ann's meeting at this provider, and Ann's ticket for it. */
async function given(stage, provider, settings = {}) {
  const roomId = await stage.meeting('ann', { settings: { provider, ...settings } });
  const ann = await stage.joined('ann', roomId);
  return { roomId, ann, ticket: joinTicket(ann, { provider }) };
}

for (const [what, setting, secs] of [
  ['of the defaults', {}, 30 * MINUTE_SECS],
  ['of the settings, ten minutes', { PROVIDERS__TOKEN_LIFETIME_MS: 600_000 }, 10 * MINUTE_SECS],
  ['of the settings, an hour', { PROVIDERS__TOKEN_LIFETIME_MS: 3_600_000 }, HOUR_SECS],
]) {
  suite(`the lifetime ${what}`, { variants: ONE, settings: { ...everywhere, ...setting } }, (scenario) => {
    for (const provider of PROVIDERS) {
      scenario(`counts from now at ${provider}`, async (stage) => {
        const { ticket, ann } = await given(stage, provider);
        for (const one of [ticket, await freshTicket(ann)]) {
          const { iat, end } = times(one);
          assert.ok(end <= now() + secs && end >= now() + secs - SLACK_SECS, `ends in ${end - now()} s`);
          if (iat !== undefined) assert.equal(end - iat, secs);
        }
      });
    }
  });
}

suite('the end of the meeting', { variants: ONE, settings: everywhere }, (scenario) => {
  for (const provider of PROVIDERS) {
    scenario(`is the end of a ticket of ${provider}`, async (stage) => {
      const notAfter = Date.now() + 5 * MINUTE_SECS * 1000;
      const { ticket, ann, roomId } = await given(stage, provider, { notAfter });
      assert.equal(times(ticket).end, Math.floor(notAfter / 1000));
      assert.equal(times(await freshTicket(ann)).end, Math.floor(notAfter / 1000));
      const later = { settings: { provider, notAfter: notAfter + 2 * HOUR_SECS * 1000 } };
      assert.equal((await stage.rest().patch(`/api/meetings/${roomId}`, later)).status, 200);
      const { end } = times(await freshTicket(ann));
      assert.ok(end > now() + 25 * MINUTE_SECS, 'a meeting that goes on longer has longer tickets');
    });

    scenario(`does not make a ticket of ${provider} longer`, async (stage) => {
      const { ticket } = await given(stage, provider, { notAfter: Date.now() + 2 * HOUR_SECS * 1000 });
      assert.ok(times(ticket).end <= now() + 30 * MINUTE_SECS);
    });
  }

  scenario('that follows from the longest duration counts as well', async (stage) => {
    const { ticket } = await given(stage, 'jitsi', { maxDurationMs: 5 * MINUTE_SECS * 1000 });
    assert.ok(times(ticket).end <= now() + 5 * MINUTE_SECS);
  });

  scenario('that was moved closer is in the next ticket', async (stage) => {
    const { ann, roomId } = await given(stage, 'jitsi');
    const notAfter = Date.now() + 5 * MINUTE_SECS * 1000;
    const sooner = { settings: { provider: 'jitsi', notAfter } };
    assert.equal((await stage.rest().patch(`/api/meetings/${roomId}`, sooner)).status, 200);
    assert.equal(times(await freshTicket(ann)).end, Math.floor(notAfter / 1000));
  });
});
