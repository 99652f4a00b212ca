// The audit tells who did what to whom, by which request; its fold gives the roles that people have.
import assert from 'node:assert/strict';
import { Random } from '../chaos/lib/random.mjs';
import { ONE } from './lib/clients.mjs';
import { twoNodes } from './lib/nodes.mjs';
import { until } from './lib/redis.mjs';
import { Rest } from './lib/rest.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';
import { trail } from './lib/trail.mjs';

const COMMANDS = ['make-host', 'remove-host', 'make-cohost', 'remove-cohost'];

/** `user/role` of every role that somebody has, by what the audit says alone. */
function fold(entries) {
  const latest = new Map();
  let creator = null;
  const say = (user, role, granted, stamp) => {
    const key = `${user}/${role}`;
    if (!(latest.get(key)?.stamp > stamp)) latest.set(key, { granted, stamp });
  };
  for (const { action, target, role, stamp, after: changes } of entries) {
    if (action === 'meeting-created' || action === 'ownership-moved') creator = target;
    if (action === 'role-granted' || action === 'role-revoked') say(target, role, action === 'role-granted', stamp);
    if (action === 'grants-restored') for (const it of changes) say(it.user, it.role, it.since !== null, it.stamp);
  }
  const held = [...latest].filter(([, { granted }]) => granted).map(([key]) => key);
  return [...new Set([...held, `${creator}/host`])].sort();
}

function shown(people) {
  return people.flatMap(({ id, isHost, isCoHost }) => [isHost && `${id}/host`, isCoHost && `${id}/co-host`])
    .filter(Boolean).sort();
}

/** Roles changed at random by whoever may and may not; several at once. */
async function changeRoles(people, random, rounds) {
  const users = Object.values(people);
  for (let round = 0; round < rounds; round += 1) {
    const asked = Array.from({ length: 3 }, () => {
      const [actor, target] = [random.pick(users), random.pick(users)];
      return actor.ack(random.pick(COMMANDS), { roomId: actor.roomId, participantId: target.id });
    });
    await Promise.all(asked);
  }
}

/** All have seen the same revision, and the audit at it folds to what they show. */
async function foldsToTheRoles(rest, roomId, people) {
  const entries = await trail(rest, roomId);
  const states = await Promise.all(people.map((user) => user.ok('room-state')));
  for (const { participants } of states) {
    assert.deepEqual(fold(entries), shown(participants), JSON.stringify(entries, null, 1));
  }
  return entries;
}

suite('the audit of a meeting', { variants: ONE, settings: { AUTH__HS256_SECRET: SECRET } }, (scenario) => {
  const as = (stage, id) => stage.rest(token(id));

  async function cast(stage, ...ids) {
    const roomId = stage.room();
    await as(stage, 'ann').post('/api/meetings', { roomId });
    const people = {};
    for (const id of ['ann', ...ids]) people[id] = await stage.joined(id, roomId, { token: token(id) });
    return { roomId, people };
  }

  scenario('folds to the roles that people have', async (stage) => {
    const { roomId, people } = await cast(stage, 'bob', 'cy', 'dan');
    const random = new Random(`${process.env.USHER_TEST_SEED ?? 1}`);
    for (let part = 0; part < 4; part += 1) {
      await changeRoles(people, random, 10);
      await foldsToTheRoles(as(stage, 'ann'), roomId, Object.values(people));
    }
  });

  scenario('names the actor, the target, what was before, and the request', async (stage) => {
    const { roomId, people: { ann } } = await cast(stage, 'bob');
    const { rev } = await ann.ok('make-cohost', { participantId: 'bob' });
    const id = 'my-request.7';
    const headers = { authorization: `Bearer ${token('ann')}`, 'x-request-id': id, 'content-type': 'application/json' };
    const patched = await fetch(`${stage.server.url}/api/meetings/${roomId}`, {
      method: 'PATCH', headers, body: JSON.stringify({ createdBy: 'bob' }),
    });
    assert.equal(patched.headers.get('x-request-id'), id);
    const entries = await trail(as(stage, 'bob'), roomId);
    const granted = entries.find(({ action }) => action === 'role-granted');
    const { actor, target, role, before: was, after: is, cause } = granted;
    assert.deepEqual(
      { actor, target, role, was, is, cause, rev: granted.rev },
      { actor: 'user:ann', target: 'bob', role: 'co-host', was: false, is: true, cause: 'command', rev },
    );
    assert.match(granted.requestId, /^[0-9a-f]{16}-\d+$/);
    const moved = entries.find(({ action }) => action === 'ownership-moved');
    assert.deepEqual([moved.actor, moved.target, moved.requestId], ['user:ann', 'bob', id]);
  });

  scenario('names back ends and for whom they act', async (stage) => {
    const roomId = stage.room();
    const service = stage.rest(token('billing', { scope: 'meetings:admin' }));
    assert.equal((await service.post('/api/meetings', { roomId, userId: 'ann' })).status, 201);
    assert.equal((await service.post(`/api/meetings/${roomId}/end`)).status, 200);
    const actors = (await trail(service, roomId)).map(({ action, actor }) => `${action} ${actor}`);
    assert.deepEqual(actors.slice(0, 1), ['meeting-created service:billing/user:ann']);
    const ended = () => trail(service, roomId).then((all) => all.find(({ action }) => action === 'meeting-ended'));
    await until(async () => (await ended()) !== undefined, 'the entry of the end');
    assert.equal((await ended()).actor, 'service:billing');
  });

  scenario('a request\'s name that nobody should keep is replaced', async (stage) => {
    for (const bad of ['', 'a b', 'x'.repeat(129), '<script>', 'a/b']) {
      const response = await fetch(`${stage.server.url}/healthz`, { headers: { 'x-request-id': bad } });
      assert.match(response.headers.get('x-request-id'), /^[0-9a-f-]{36}$/);
    }
  });

  scenario('cannot be changed by anybody', async (stage) => {
    const { roomId } = await cast(stage);
    const admin = token('admin', { scope: 'meetings:admin' });
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const headers = { authorization: `Bearer ${admin}` };
      const { status } = await fetch(`${stage.server.url}/api/meetings/${roomId}/audit`, { method, headers });
      assert.equal(status, 405, method);
    }
  });
});

twoNodes('the audit of a meeting on two nodes', {}, (scenario) => {
  scenario('folds to the roles, whichever node wrote first', async (stage, other) => {
    const roomId = await stage.meeting('ann');
    const people = {};
    for (const [i, id] of ['ann', 'bob', 'cy', 'dan'].entries()) {
      people[id] = await stage.joined(id, roomId, i % 2 ? { url: other } : {});
    }
    const random = new Random(`${process.env.USHER_TEST_SEED ?? 2}`);
    await changeRoles(people, random, 40);
    await foldsToTheRoles(new Rest(other), roomId, Object.values(people));
  });
});
