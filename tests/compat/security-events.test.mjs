// What was refused is kept for whoever guards the server: of their own tenant, and of no other.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';

const settings = {
  AUTH__HS256_SECRET: SECRET,
  AUTH__TENANT_CLAIM: 'tenant',
  SECURITY__WINDOW_MS: 10,
  RATES__REQUESTS_PER_USER: '50/1h',
};

const as = (sub, tenant, claims = {}) => token(sub, { tenant, ...claims });
const guard = (tenant) => as(`guard-${tenant}`, tenant, { scope: 'meetings:admin' });

let tenants = 0;
function newTenant() {
  tenants += 1;
  return `tenant-${process.pid}-${tenants}`;
}

/** The first event for which `where` holds; they are written a moment after what they tell of. */
async function event(stage, tenant, where) {
  for (;;) {
    const { status, body } = await stage.rest(guard(tenant)).get('/api/security-events?limit=100');
    if (status === 429) throw new Error('the event did not come');
    assert.equal(status, 200, JSON.stringify(body));
    const found = body.items.find(where);
    if (found) return found;
  }
}

suite('security events', { variants: ONE, settings }, (scenario) => {
  scenario('another tenant\'s meeting was asked for', async (stage) => {
    const [ours, theirs] = [newTenant(), newTenant()];
    const roomId = stage.room();
    const nobodys = stage.room();
    assert.equal((await stage.rest(as('ann', theirs)).post('/api/meetings', { roomId })).status, 201);
    const eve = stage.rest(as('eve', ours));
    const answers = [];
    for (const id of [nobodys, roomId]) answers.push(await eve.get(`/api/meetings/${id}`));
    assert.deepEqual(answers[0], answers[1], 'no answer tells which of them exists');
    assert.equal(answers[0].status, 404);
    const found = await event(stage, ours, (it) => it.kind === 'foreign-tenant');
    assert.equal(found.userId, 'eve');
    assert.equal(found.meetingId, roomId);
    const { body } = await stage.rest(guard(ours)).get('/api/security-events');
    assert.ok(body.items.every((it) => it.meetingId !== nobodys), 'an id that nobody has is no event');
    const others = await stage.rest(guard(theirs)).get('/api/security-events');
    assert.deepEqual(others.body.items, [], 'what eve tried is her own tenant\'s affair');
  });

  scenario('somebody else\'s id was claimed, over both doors', async (stage) => {
    const tenant = newTenant();
    const mallory = as('mallory', tenant);
    await stage.rest(mallory).post('/api/meetings', { roomId: stage.room(), userId: 'ann' });
    const rest = await event(stage, tenant, (it) => it.kind === 'forged-id');
    assert.deepEqual([rest.userId, rest.reason], ['mallory', 'user-id']);
    assert.match(rest.requestId, /^[\w.:@-]+$/);
    const socket = await stage.user('mallory', { token: as('mallory-2', tenant) });
    const reply = await socket.ack('join-room', { roomId: stage.room(), userId: 'ann', userName: 'Ann' });
    assert.equal(reply.error.code, 'unauthorized');
    await event(stage, tenant, (it) => it.kind === 'forged-id' && it.userId === 'mallory-2');
    await socket.ack('refresh-auth', { token: as('ann', tenant) });
    await event(stage, tenant, (it) => it.reason === 'refresh-auth' && it.userId === 'mallory-2');
  });

  scenario('a meeting was to be changed by a guest', async (stage) => {
    const tenant = newTenant();
    const roomId = stage.room();
    await stage.rest(as('ann', tenant)).post('/api/meetings', { roomId });
    const answer = await stage.rest(as('bob', tenant)).delete(`/api/meetings/${roomId}`);
    assert.equal(answer.status, 403);
    const { userId, reason, meetingId } = await event(stage, tenant, (it) => it.kind === 'forbidden');
    assert.deepEqual({ userId, reason, meetingId }, { userId: 'bob', reason: 'delete', meetingId: roomId });
  });

  scenario('a limit was hit, and a flood of it is one row', async (stage) => {
    const tenant = newTenant();
    const eager = stage.rest(as('eager', tenant));
    const calls = Array.from({ length: 80 }, () => eager.get('/api/meetings'));
    const refused = (await Promise.all(calls)).filter(({ status }) => status === 429).length;
    assert.ok(refused >= 30, `${refused}`);
    let rows = [];
    for (;;) {
      const { body } = await stage.rest(guard(tenant)).get('/api/security-events?limit=100');
      rows = body.items.filter((it) => it.kind === 'limit-hit' && it.userId === 'eager');
      if (rows.reduce((sum, it) => sum + it.count, 0) === refused) break;
    }
    assert.ok(rows.length < refused / 2, `${rows.length} rows for ${refused} refusals`);
    assert.equal(rows[0].reason, 'request');
  });

  scenario('bad tokens are nobody\'s: they are in the log', async (stage) => {
    await assert.rejects(stage.user('eve', { token: as('eve', 'x', { exp: 1 }) }), { refused: true });
    while (!/security event.*token-expired/.test(stage.server.output)) {
      await stage.rest(guard(newTenant())).get('/api/security-events');
    }
  });

  scenario('are for back ends that administer', async (stage) => {
    const tenant = newTenant();
    for (const [who, status] of [
      [as('ann', tenant), 403],
      [as('writer', tenant, { scope: 'meetings:write' }), 403],
      [undefined, 401],
      [guard(tenant), 200],
    ]) {
      assert.equal((await stage.rest(who).get('/api/security-events')).status, status);
    }
  });

  scenario('are read page by page, newest first', async (stage) => {
    const tenant = newTenant();
    const roomId = stage.room();
    await stage.rest(as('ann', tenant)).post('/api/meetings', { roomId });
    for (const user of ['bob', 'cy', 'dan']) {
      await stage.rest(as(user, tenant)).get(`/api/meetings/${roomId}/audit`);
      await event(stage, tenant, (it) => it.userId === user);
    }
    const seen = [];
    for (let after = ''; after !== null;) {
      const { body } = await stage.rest(guard(tenant)).get(`/api/security-events?limit=1${after && `&after=${after}`}`);
      seen.push(...body.items.map((it) => it.userId));
      after = body.next;
    }
    assert.deepEqual(seen, ['dan', 'cy', 'bob']);
  });
});
