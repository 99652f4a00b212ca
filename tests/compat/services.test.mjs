// Who may do what over REST: people of a meeting, strangers, and back ends with a scope each.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { expectProblem } from './lib/expect.mjs';
import { eventually } from './lib/log.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';

const settings = { AUTH__HS256_SECRET: SECRET, AUTH__TENANT_CLAIM: 'tenant' };

const service = (scope, more = {}) => token('back-end', { scope, ...more });
const WRITE = service('meetings:write');
const ADMIN = service('meetings:admin');

const rests = (stage) => ({
  /** People, by name. */
  as: (id, more) => stage.rest(token(id, more)),
  write: stage.rest(WRITE),
  admin: stage.rest(ADMIN),
});

/** Ann's meeting with all kinds of people: Hal and Cora have roles and are away, Lea was there. */
async function populated(stage) {
  const roomId = stage.room();
  const created = await stage.rest(token('ann')).post('/api/meetings', { roomId, description: 'Before' });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  const people = {};
  for (const id of ['ann', 'hal', 'cora', 'paul', 'lea']) {
    people[id] = await stage.joined(id, roomId, { token: token(id) });
  }
  await people.ann.ok('make-host', { participantId: 'hal' });
  await people.ann.ok('make-cohost', { participantId: 'cora' });
  for (const id of ['hal', 'cora', 'lea']) await people[id].ok('leave-room');
  return roomId;
}

const CALLERS = {
  'a stranger': token('sue'),
  'somebody who has left': token('lea'),
  'a participant': token('paul'),
  'a co-host who is away': token('cora'),
  'a host who is away': token('hal'),
  'the creator': token('ann'),
  'a service that writes': WRITE,
  'a service that administers': ADMIN,
};
const [STRANGER, LEFT, PARTICIPANT, COHOST, HOST, CREATOR, WRITER, ADMINISTRATOR] = Object.keys(CALLERS);

/** What one can do to a meeting, what it answers when it is done, and who may. */
const ACTIONS = {
  'read it': [200, (rest, id) => rest.get(`/api/meetings/${id}`), Object.keys(CALLERS)],
  'change it': [
    200, (rest, id) => rest.patch(`/api/meetings/${id}`, { description: 'After' }),
    [HOST, CREATOR, WRITER, ADMINISTRATOR],
  ],
  // To whom it belongs, so that all who may can do it one after the other.
  'move it': [
    200, (rest, id) => rest.patch(`/api/meetings/${id}`, { createdBy: 'ann' }),
    [CREATOR, ADMINISTRATOR],
  ],
  'see who is in it': [
    200, (rest, id) => rest.get(`/api/meetings/${id}/participants`),
    [PARTICIPANT, COHOST, HOST, CREATOR, ADMINISTRATOR],
  ],
  'see its history': [200, (rest, id) => rest.get(`/api/meetings/${id}/audit`), [HOST, CREATOR, ADMINISTRATOR]],
  'end it': [200, (rest, id) => rest.post(`/api/meetings/${id}/end`, {}), [HOST, CREATOR, WRITER, ADMINISTRATOR]],
  'delete it': [204, (rest, id) => rest.delete(`/api/meetings/${id}`), [HOST, CREATOR, ADMINISTRATOR]],
};

suite('who may do what to a meeting', { variants: ONE, settings }, (scenario) => {
  for (const [what, [done, act, allowed]] of Object.entries(ACTIONS)) {
    const refused = Object.keys(CALLERS).filter((who) => !allowed.includes(who));
    if (refused.length > 0) {
      scenario(`${what}: not ${refused.join(', ')}`, async (stage) => {
        const id = await populated(stage);
        for (const who of refused) {
          const reply = await act(stage.rest(CALLERS[who]), id);
          assert.equal(reply.status, 403, `${who} may ${what}`);
          expectProblem(reply, 403, 'forbidden');
        }
        const { body } = await stage.rest(CALLERS[CREATOR]).get(`/api/meetings/${id}`);
        assert.deepEqual([body.description, body.createdBy, body.status], ['Before', 'ann', 'open']);
      });
    }

    scenario(`${what}: ${allowed.join(', ')}`, async (stage) => {
      let id = await populated(stage);
      for (const [i, who] of allowed.entries()) {
        if (i > 0 && done === 204) id = await populated(stage);
        const { status, body } = await act(stage.rest(CALLERS[who]), id);
        assert.equal(status, done, `${who} may not ${what}: ${JSON.stringify(body)}`);
      }
    });
  }

  scenario('who comes and goes may see who is there, and may not', async (stage) => {
    const id = await populated(stage);
    const sue = stage.rest(CALLERS[STRANGER]);
    const see = () => sue.get(`/api/meetings/${id}/participants`);
    expectProblem(await see(), 403, 'forbidden');
    const user = await stage.joined('sue', id, { token: CALLERS[STRANGER] });
    const { status, body } = await see();
    assert.equal(status, 200);
    assert.deepEqual(body.participants.map((person) => person.id).sort(), ['ann', 'paul', 'sue']);
    await user.ok('leave-room');
    expectProblem(await see(), 403, 'forbidden');
    expectProblem(await stage.rest(CALLERS[LEFT]).get(`/api/meetings/${id}/participants`), 403, 'forbidden');
  });

  scenario('what was taken from somebody over a socket is taken over REST', async (stage) => {
    const id = await populated(stage);
    const ann = await stage.joined('ann', id, { token: token('ann') });
    await stage.joined('hal', id, { token: token('hal') });
    await ann.ok('remove-host', { participantId: 'hal' });
    for (const what of ['change it', 'end it', 'delete it', 'see its history']) {
      expectProblem(await ACTIONS[what][1](stage.rest(CALLERS[HOST]), id), 403, 'forbidden');
    }
  });
});

suite('services', { variants: ONE, settings }, (scenario) => {
  for (const [what, given] of Object.entries({
    'meetings:write': WRITE,
    'meetings:admin': ADMIN,
    'a scope among others': service('openid meetings:write email'),
    'a list of scopes': service(['email', 'meetings:write']),
    'both scopes': service('meetings:write meetings:admin'),
  })) {
    scenario(`create meetings for anybody: ${what}`, async (stage) => {
      const roomId = stage.room();
      const forBob = { roomId, userId: 'bob', userName: 'Bob' };
      const { status, body } = await stage.rest(given).post('/api/meetings', forBob);
      assert.equal(status, 201, JSON.stringify(body));
      assert.deepEqual([body.createdBy, body.creatorName], ['bob', 'Bob']);
      const bob = await stage.joined('bob', roomId, { token: token('bob') });
      assert.equal(bob.seen('bob').isHost, true);
    });
  }

  scenario('have to say for whom', async (stage) => {
    for (const given of [WRITE, ADMIN]) {
      expectProblem(await stage.rest(given).post('/api/meetings', { roomId: stage.room() }), 422, 'invalid-payload');
    }
  });

  scenario('are what people with the same words in another place are not', async (stage) => {
    const id = await populated(stage);
    for (const more of [
      { scope: 'meetings' }, { scope: 'meetings:*' }, { scope: 'Meetings:Admin' }, { scopes: 'meetings:admin' },
      { permissions: ['meetings:admin'] }, { scp: ['meetings:admin'] }, { scope: { 'meetings:admin': true } },
      { scope: 'meetings:admin,meetings:write' }, { scope: [['meetings:admin']] },
      { app_metadata: { scope: 'meetings:admin' } },
    ]) {
      const rest = stage.rest(token('sue', more));
      expectProblem(await rest.delete(`/api/meetings/${id}`), 403, 'forbidden');
      const made = await rest.post('/api/meetings', { roomId: stage.room(), userId: 'bob' });
      expectProblem(made, 401, 'unauthorized');
    }
  });

  scenario('leave a trace', async (stage) => {
    const { as, write, admin } = rests(stage);
    const roomId = stage.room();
    await write.post('/api/meetings', { roomId, userId: 'ann' });
    await write.patch(`/api/meetings/${roomId}`, { description: 'After' });
    await admin.patch(`/api/meetings/${roomId}`, { createdBy: 'bob' });
    await write.post(`/api/meetings/${roomId}/end`, {});
    for (const action of ['meeting-created', 'meeting-updated', 'ownership-moved', 'meeting-ended']) {
      await eventually(async () => {
        const { body } = await admin.get(`/api/meetings/${roomId}/audit`);
        return body.items.some((row) => row.action === action && /^service\b/.test(row.actor));
      }, `${action} by a service in the audit`);
    }
    assert.equal((await as('bob').get(`/api/meetings/${roomId}/audit`)).status, 200, 'the new owner sees it');
    expectProblem(await as('ann').get(`/api/meetings/${roomId}/audit`), 403, 'forbidden');
  });

  scenario('that administer list what everybody has, those that write do not', async (stage) => {
    const { as, write, admin } = rests(stage);
    const made = {};
    for (const id of [stage.room(), stage.room()]) made[id] = (await as(id).post('/api/meetings', {})).body.id;
    const [first, second] = Object.keys(made);
    const ids = async (rest, query = '') => {
      const { status, body } = await rest.get(`/api/meetings?limit=100${query}`);
      if (status === 403) return [];
      assert.equal(status, 200, JSON.stringify(body));
      return body.items.map(({ id }) => id);
    };
    const all = await ids(admin);
    for (const id of Object.values(made)) assert.ok(all.includes(id), id);
    assert.deepEqual(await ids(admin, `&createdBy=${first}`), [made[first]]);
    const written = await ids(write);
    for (const id of Object.values(made)) assert.ok(!written.includes(id), id);
    assert.deepEqual(await ids(as(first)), [made[first]]);
    expectProblem(await as(first).get(`/api/meetings?createdBy=${second}`), [401, 403]);
  });

  scenario('of one tenant do not reach into another', async (stage) => {
    const id = await populated(stage);
    for (const scope of ['meetings:write', 'meetings:admin']) {
      const stranger = stage.rest(service(scope, { tenant: 'acme' }));
      for (const [what, [, act]] of Object.entries(ACTIONS)) {
        const [other, unknown] = [await act(stranger, id), await act(stranger, stage.room())];
        assert.deepEqual(other, unknown, `${scope}: ${what}`);
        // What a scope does not allow may be said before it is looked whether there is anything.
        assert.ok([403, 404].includes(other.status), `${scope}: ${what}, ${other.status}`);
        if (scope === 'meetings:admin') expectProblem(other, 404, 'meeting-not-found');
      }
      const { body } = await stranger.get('/api/meetings?limit=100');
      assert.ok(!body.items?.some((meeting) => meeting.id === id), 'it is in the list');
    }
    const { body } = await stage.rest(CALLERS[CREATOR]).get(`/api/meetings/${id}`);
    assert.deepEqual([body.description, body.createdBy, body.status], ['Before', 'ann', 'open']);
  });
});

suite('more in a body than there should be', { variants: ONE, settings }, (scenario) => {
  scenario('is nothing when a meeting is created', async (stage) => {
    const roomId = stage.room();
    const more = {
      createdBy: 'bob', creatorId: 'bob', meeting: { creatorId: 'bob' }, tenant: 'acme', tenantId: 'acme',
      role: 'host', isHost: true, status: 'ended', endedAt: '2020-01-01T00:00:00Z', scope: 'meetings:admin',
    };
    const { status, body } = await stage.rest(token('ann')).post('/api/meetings', { roomId, ...more });
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual([body.createdBy, body.meeting.creatorId, body.status, body.endedAt], ['ann', 'ann', 'open', null]);
    assert.equal((await stage.rest(token('ann')).get(`/api/meetings/${roomId}`)).status, 200);
    const elsewhere = await stage.rest(service('meetings:admin', { tenant: 'acme' })).get(`/api/meetings/${roomId}`);
    expectProblem(elsewhere, 404, 'meeting-not-found');
  });

  scenario('is refused when one is changed', async (stage) => {
    const id = await populated(stage);
    const fields = [
      { role: 'host' }, { isHost: true }, { tenant: 'acme' }, { id: 'other' }, { roomId: 'other' }, { status: 'ended' },
      { endedAt: null }, { grants: [{ userId: 'bob', role: 'host' }] }, { createdAt: '2020-01-01T00:00:00Z' },
      { creatorId: 'bob' }, { settings: { hosts: ['bob'] } }, { settings: { tenant: 'acme' } },
    ];
    for (const more of fields) {
      const reply = await stage.rest(CALLERS[CREATOR]).patch(`/api/meetings/${id}`, { description: 'After', ...more });
      expectProblem(reply, 422, 'invalid-payload');
    }
    const { body } = await stage.rest(CALLERS[CREATOR]).get(`/api/meetings/${id}`);
    assert.deepEqual([body.description, body.createdBy, body.status], ['Before', 'ann', 'open']);
  });

  scenario('ids that the server draws cannot be guessed', async (stage) => {
    const drawn = new Set();
    for (let i = 0; i < 20; i += 1) drawn.add((await stage.rest(token('ann')).post('/api/meetings', {})).body.id);
    assert.equal(drawn.size, 20);
    for (const id of drawn) assert.ok(id.length >= 22, `${id} is short`);
  });
});

suite('a user id that is not the token\'s', {
  variants: ONE,
  settings: { ...settings, AUTH__USER_ID_MISMATCH: 'ignore' },
}, (scenario) => {
  scenario('is passed over, if the settings say so', async (stage) => {
    const roomId = stage.room();
    const rest = stage.rest(token('bob'));
    const { status, body } = await rest.post('/api/meetings', { roomId, userId: 'ann' });
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal(body.createdBy, 'bob');
    const bob = await stage.user('bob', { token: token('bob') });
    for (const args of [[{ roomId, userId: 'ann', userName: 'Bob' }], [roomId, 'ann', 'Bob']]) {
      const { ok, participant, participants } = await bob.ack('join-room', ...args);
      assert.equal(ok, true);
      assert.deepEqual([participant.id, participant.isHost, participants.length], ['bob', true, 1]);
    }
    const patched = await rest.patch(`/api/meetings/${roomId}`, { description: 'After', userId: 'ann' });
    assert.equal(patched.status, 200, JSON.stringify(patched.body));
    const { body: audit } = await rest.get(`/api/meetings/${roomId}/audit`);
    assert.ok(!JSON.stringify(audit).includes('user:ann'), JSON.stringify(audit));
  });

  scenario('makes nobody somebody else', async (stage) => {
    const roomId = stage.room();
    await stage.rest(token('ann')).post('/api/meetings', { roomId });
    const bob = await stage.user('bob', { token: token('bob') });
    const { participant } = await bob.ack('join-room', { roomId, userId: 'ann', userName: 'Bob' });
    assert.deepEqual([participant.id, participant.isHost], ['bob', false]);
    expectProblem(await stage.rest(token('bob')).delete(`/api/meetings/${roomId}?userId=ann`), 403, 'forbidden');
    expectProblem(await stage.rest(token('bob')).post(`/api/meetings/${roomId}/end?userId=ann`, {}), 403, 'forbidden');
    const { body } = await stage.rest(token('bob')).get('/api/meetings?createdBy=ann');
    assert.ok(!body.items?.some(({ id }) => id === roomId), 'it lists another user\'s meeting');
  });

  scenario('is the one to be created for by a service all the same', async (stage) => {
    const { body } = await stage.rest(WRITE).post('/api/meetings', { roomId: stage.room(), userId: 'cy' });
    assert.equal(body.createdBy, 'cy');
  });
});
