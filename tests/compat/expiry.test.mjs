// Tokens that expire while somebody is connected: a warning, time to bring another one, and the end.
import assert from 'node:assert/strict';
import { EVERY } from './lib/clients.mjs';
import { WHY, refusal } from './lib/doors.mjs';
import { together } from './lib/together.mjs';
import { Key, claims, handmade } from './lib/idp.mjs';
import { SECRET } from './lib/token.mjs';

const key = Key.shared(SECRET);
const WARNING_MS = 1_000;
const GRACE_MS = 1_000;
/** What the clocks of one machine and its timers may differ by. */
const SLACK_MS = 50;
const LATE_MS = 2_000;

const settings = {
  AUTH__HS256_SECRET: SECRET,
  AUTH__TENANT_CLAIM: 'tenant',
  AUTH__LEEWAY_SECS: 0,
  AUTH__EXPIRY_WARNING_SECS: WARNING_MS / 1_000,
  AUTH__EXPIRY_GRACE_SECS: GRACE_MS / 1_000,
  PRESENCE__LEAVE_AFTER_LOST_MS: 100,
  PRESENCE__LEAVE_AFTER_CLOSE_MS: 100,
};

/** A token that expires after so many milliseconds: times in tokens may have fractions. */
function lasting(ms, sub = 'ann', more = {}) {
  return handmade({ alg: 'HS256' }, claims(undefined, { sub, exp: (Date.now() + ms) / 1_000, ...more }), key);
}

const expiryOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).exp * 1_000;

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

function expectTime(text, ms) {
  assert.match(text, RFC3339);
  assert.ok(Math.abs(new Date(text) - ms) <= 1, `${text} is ${new Date(ms).toISOString()}`);
}

/** No earlier than it may be, and soon after it should be. */
function expectNow(ms, what) {
  const late = Date.now() - ms;
  assert.ok(late >= -SLACK_MS && late < LATE_MS, `${what} came ${late} ms late`);
}

async function expectWarning(user, token) {
  const { expiresAt, disconnectsAt } = await user.next('token-expiring');
  expectTime(expiresAt, expiryOf(token));
  expectTime(disconnectsAt, expiryOf(token) + GRACE_MS);
}

async function expectEnd(user, token) {
  assert.equal(await user.next('disconnect'), 'io server disconnect');
  expectNow(expiryOf(token) + GRACE_MS, 'the end');
}

const refresh = (user, token) => user.ack('refresh-auth', { token });

async function expectRefreshed(user, token) {
  const reply = await refresh(user, token);
  assert.equal(reply.ok, true, JSON.stringify(reply));
  expectTime(reply.expiresAt, expiryOf(token));
}

/** A meeting of Ann's, of the tenant `default`. */
async function meeting(stage) {
  const roomId = stage.room();
  assert.equal((await stage.rest(lasting(60_000)).post('/api/meetings', { roomId })).status, 201);
  return roomId;
}

together('a token that expires', { settings }, (scenario) => {
  for (const variant of EVERY) {
    scenario(`is warned of in time, and ends the connection in the end: ${variant.label}`, async (stage) => {
      const token = lasting(1_500);
      const ann = await stage.user('ann', { token, variant });
      await expectWarning(ann, token);
      expectNow(expiryOf(token) - WARNING_MS, 'the warning');
      await expectEnd(ann, token);
      assert.equal(ann.heard('token-expiring').length, 1);
    });
  }

  scenario('is warned of at once when little is left', async (stage) => {
    const token = lasting(700);
    const ann = await stage.user('ann', { token });
    await expectWarning(ann, token);
    assert.ok(Date.now() < expiryOf(token), 'it has not expired yet');
    await expectEnd(ann, token);
  });

  scenario('opens no new connection', async (stage) => {
    const token = lasting(700);
    const ann = await stage.user('ann', { token });
    await expectEnd(ann, token);
    assert.equal(await refusal(stage, token), `unauthorized: ${WHY.expired}`);
  });

  scenario('takes its owner out of the room', async (stage) => {
    const roomId = await meeting(stage);
    const bob = await stage.joined('bob', roomId, { token: lasting(60_000, 'bob') });
    const token = lasting(700);
    const ann = await stage.joined('ann', roomId, { token });
    await bob.next('participant-joined');
    await ann.ok('update-my-state', { isAudioMuted: false });
    await expectEnd(ann, token);
    const left = await bob.next('participant-left');
    assert.equal(left.participantId, 'ann');
    assert.deepEqual(bob.view().map(({ id }) => id), ['bob']);
  });

  scenario('ends its own connection and no other one of the same user', async (stage) => {
    const roomId = await meeting(stage);
    const bob = await stage.joined('bob', roomId, { token: lasting(60_000, 'bob') });
    const [token, longer] = [lasting(1_500), lasting(60_000)];
    const tab = await stage.joined('ann', roomId, { token });
    const other = await stage.joined('ann', roomId, { token: longer });
    await bob.next('participant-joined');
    await expectEnd(tab, token);
    await other.settle();
    await bob.noMore('participant-left');
    assert.deepEqual(other.heard('token-expiring'), []);
  });
});

together('refresh-auth', { settings }, (scenario) => {
  scenario('keeps the connection, the room and the role', async (stage) => {
    const roomId = await meeting(stage);
    const token = lasting(1_400);
    const bob = await stage.joined('bob', roomId, { token: lasting(60_000, 'bob') });
    const ann = await stage.joined('ann', roomId, { token });
    const zoe = await stage.user('zoe', { token: lasting(1_500, 'zoe') });
    await bob.next('participant-joined');
    await expectWarning(ann, token);
    await expectRefreshed(ann, lasting(60_000));
    // By then Ann's first token would have ended her connection.
    await zoe.next('disconnect');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await bob.next('cohost-granted');
    await bob.noMore('participant-left');
    await bob.noMore('participant-updated', ({ participantId }) => participantId === 'ann');
    assert.equal(ann.heard('token-expiring').length, 1);
  });

  scenario('may be used again and again, by every client', async (stage) => {
    const users = await Promise.all(EVERY.map((variant) => stage.user('ann', { token: lasting(1_500), variant })));
    await Promise.all(users.map(async (user) => {
      for (const ms of [60_000, 1_700, 120_000]) await expectRefreshed(user, lasting(ms));
    }));
    const zoe = await stage.user('zoe', { token: lasting(1_800, 'zoe') });
    await zoe.next('disconnect');
    await Promise.all(users.map((user) => user.settle()));
    for (const user of users) assert.ok(user.connected);
  });

  scenario('with a token that ends sooner ends the connection sooner', async (stage) => {
    const ann = await stage.user('ann', { token: lasting(60_000) });
    const sooner = lasting(800);
    await expectRefreshed(ann, sooner);
    await expectWarning(ann, sooner);
    await expectEnd(ann, sooner);
  });

  scenario('is warned of again for the next token', async (stage) => {
    const [first, second] = [lasting(800), lasting(2_000)];
    const ann = await stage.user('ann', { token: first });
    await expectWarning(ann, first);
    await expectRefreshed(ann, second);
    await expectWarning(ann, second);
    expectNow(expiryOf(second) - WARNING_MS, 'the warning');
    await expectEnd(ann, second);
  });

  scenario('with a token that is not hers is refused, and the first one counts', async (stage) => {
    const token = lasting(1_500, 'ann', { tenant: 'acme' });
    const ann = await stage.user('ann', { token });
    const mine = { tenant: 'acme' };
    const stranger = Key.shared('a-secret-of-somebody-else-0123456789');
    const bad = [
      ['somebody else\'s', lasting(60_000, 'bob', mine)],
      ['another tenant\'s', lasting(60_000, 'ann', { tenant: 'beta' })],
      ['of no tenant', lasting(60_000, 'ann')],
      ['a back end\'s', lasting(60_000, 'ann', { ...mine, scope: 'meetings:admin' })],
      ['expired', lasting(-1_000, 'ann', mine), WHY.expired],
      ['not valid yet', lasting(60_000, 'ann', { ...mine, nbf: Date.now() / 1_000 + 30 }), WHY.early],
      ['too long', lasting(60_000, 'ann', { ...mine, x: 'x'.repeat(9_000) }), WHY.long],
      ['forged', handmade({ alg: 'HS256' }, claims(undefined, mine), stranger), WHY.signature],
      ['unsigned', handmade({ alg: 'none' }, claims(undefined, mine), null), WHY.algorithm],
      ['garbage', 'not-a-token', WHY.malformed],
    ];
    for (const [what, given, why] of bad) {
      const reply = await refresh(ann, given);
      assert.equal(reply.ok, false, what);
      await ann.expectRefusal('refresh-auth', reply, 'unauthorized', why);
    }
    await expectWarning(ann, token);
    await expectEnd(ann, token);
  });

  scenario('without a token says what is wrong, and changes nothing', async (stage) => {
    const token = lasting(1_500);
    const ann = await stage.user('ann', { token });
    const codes = ['invalid-payload', 'unauthorized'];
    for (const payload of [{}, { token: null }, { token: '' }, { token: 5 }, { token: {} }, null, 5, [], 'x']) {
      await ann.expectRefusal('refresh-auth', await ann.ack('refresh-auth', payload), codes);
    }
    await ann.expectRefusal('refresh-auth', await ann.ack('refresh-auth'), codes);
    await expectEnd(ann, token);
  });

  scenario('gives nobody a role, whatever the token claims', async (stage) => {
    const roomId = await meeting(stage);
    const bob = await stage.joined('bob', roomId, { token: lasting(60_000, 'bob') });
    const claimed = { isHost: true, role: 'host', roles: ['host'], moderator: true };
    await expectRefreshed(bob, lasting(60_000, 'bob', claimed));
    await bob.refused('end-meeting', {}, 'not-host');
    assert.equal((await bob.ok('room-state')).participants[0].isHost, false);
  });

  scenario('is refused where the role was taken away: the room decides, not the token', async (stage) => {
    const roomId = await meeting(stage);
    const ann = await stage.joined('ann', roomId, { token: lasting(60_000) });
    const bob = await stage.joined('bob', roomId, { token: lasting(60_000, 'bob') });
    await ann.ok('make-host', { participantId: 'bob' });
    await ann.ok('remove-host', { participantId: 'bob' });
    await expectRefreshed(bob, lasting(120_000, 'bob'));
    await bob.refused('make-cohost', { participantId: 'ann' }, 'not-host');
  });
});

together('the time between a token\'s end and the connection\'s', {
  settings: { ...settings, AUTH__EXPIRY_WARNING_SECS: 0 },
}, (scenario) => {
  scenario('is time to bring another one, and the room is still there', async (stage) => {
    const roomId = await meeting(stage);
    const token = lasting(500);
    const ann = await stage.joined('ann', roomId, { token });
    await ann.next('token-expiring');
    expectNow(expiryOf(token), 'the warning');
    await ann.ok('update-my-state', { isAudioMuted: false });
    const zoe = await stage.user('zoe', { token: lasting(700, 'zoe') });
    await expectRefreshed(ann, lasting(60_000));
    await zoe.next('disconnect');
    await ann.ok('update-my-state', { isAudioMuted: true });
  });

  scenario('ends all the same without one', async (stage) => {
    const token = lasting(700);
    const ann = await stage.user('ann', { token });
    await expectWarning(ann, token);
    await expectEnd(ann, token);
  });
});
