// The doors of a room: lock, passcode, seats, lobby; who switches them, and who passes them.
import assert from 'node:assert/strict';
import { CUTTABLE, ONE, WEBSOCKET } from './lib/clients.mjs';
import { outcome } from './lib/doors-of-rooms.mjs';
import { expectProblem, ids } from './lib/expect.mjs';
import { unheard } from './lib/hearing.mjs';
import { ranked } from './lib/ranks.mjs';
import { keepSecret } from './lib/secrets.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';

const PASSCODE = 'open-sesame-7';
const OTHER = 'close-sesame-8';
const WRONG = 'wrong-sesame-9';
for (const passcode of [PASSCODE, OTHER, WRONG]) keepSecret(passcode);

/** How each is closed, what is told of that, what a guest meets there; in the order in which they count. */
const DOORS = {
  locked: { change: { locked: true }, told: { locked: true }, guest: 'room-locked' },
  passcode: { change: { passcode: PASSCODE }, told: { passcodeRequired: true }, guest: 'passcode-required' },
  lobby: { change: { lobby: true }, told: { lobby: true }, guest: 'waiting' },
  full: { change: { maxParticipants: 1 }, told: { maxParticipants: 1 }, guest: 'room-full' },
};
const closing = (doors) => Object.assign({}, ...doors.map((door) => DOORS[door].change));
const OPEN = { locked: false, passcode: null, maxParticipants: null, lobby: false };

async function isTold(users, by, updates) {
  for (const user of users) {
    const told = await user.next('room-updated');
    assert.deepEqual([told.updates, told.by], [updates, by]);
    assert.ok(Number.isInteger(told.rev), 'rev is an integer');
  }
}

suite('update-room', { variants: WEBSOCKET }, (scenario) => {
  for (const [door, { change, told }] of Object.entries(DOORS)) {
    scenario(`tells the room of ${door}, once`, async (stage) => {
      const { ann, bob } = await stage.cast('bob');
      await ann.ok('update-room', change);
      await isTold([ann, bob], 'Ann', told);
      await unheard([ann, bob], () => ann.ok('update-room', change));
    });
  }

  scenario('tells only what differs', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await ann.ok('update-room', { locked: true, lobby: false, maxParticipants: 5 });
    await isTold([ann, bob], 'Ann', { locked: true, maxParticipants: 5 });
    await ann.ok('update-room', { locked: true, lobby: false, maxParticipants: 6, passcode: PASSCODE });
    await isTold([ann, bob], 'Ann', { maxParticipants: 6, passcodeRequired: true });
    await ann.ok('update-room', { locked: false, maxParticipants: 6, passcode: null });
    await isTold([ann, bob], 'Ann', { locked: false, passcodeRequired: false });
  });

  scenario('is for hosts', async (stage) => {
    const { roomId, ann, hal, cora, paul } = await ranked(stage, 'hal', 'cora', 'paul');
    const sue = await stage.user('sue');
    await unheard([ann, hal], async () => {
      for (const { change } of Object.values(DOORS)) {
        for (const user of [cora, paul]) await user.refused('update-room', change, 'not-host');
        await sue.refused('update-room', { roomId, ...change }, ['not-host', 'not-joined']);
      }
    });
    await hal.ok('update-room', { locked: true });
    await isTold([ann, hal, cora, paul], 'Hal', { locked: true });
  });

  scenario('refuses what does not fit, and then changes nothing of it', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const wrong = {
      locked: [0, 'true', []], lobby: [1, 'on', {}], passcode: ['', 'abc', 'x'.repeat(65), 1234, true, []],
      maxParticipants: [0, -1, 1.5, '5', 1_001, true],
    };
    await unheard([bob], async () => {
      for (const [field, values] of Object.entries(wrong)) {
        for (const value of values) {
          await ann.refused('update-room', { locked: true, lobby: true, [field]: value }, 'invalid-payload');
        }
      }
    });
    assert.equal(await outcome(await stage.user('gus'), roomId), 'in');
    for (const passcode of ['1234', 'x'.repeat(64), '\u{1f511}'.repeat(64)]) await ann.ok('update-room', { passcode });
  });
});

suite('a guest', { variants: WEBSOCKET }, (scenario) => {
  for (const [door, { change, guest }] of Object.entries(DOORS)) {
    scenario(`meets ${guest}, and nothing once it is open again`, async (stage) => {
      const { roomId, ann } = await stage.cast('bob');
      await ann.ok('update-room', change);
      assert.equal(await outcome(await stage.user('gus'), roomId), guest);
      await ann.ok('update-room', Object.fromEntries(Object.keys(change).map((field) => [field, OPEN[field]])));
      assert.equal(await outcome(await stage.user('gil'), roomId), 'in', door);
    });
  }

  scenario('needs the passcode that counts now, and no other', async (stage) => {
    const { roomId, ann } = await stage.cast();
    await ann.ok('update-room', { passcode: PASSCODE });
    const [gus, gil] = [await stage.user('gus'), await stage.user('gil')];
    for (const passcode of [undefined, null]) {
      assert.equal(await outcome(gus, roomId, { passcode }), 'passcode-required');
    }
    for (const passcode of [WRONG, PASSCODE.toUpperCase()]) {
      assert.equal(await outcome(gus, roomId, { passcode }), 'wrong-passcode');
    }
    assert.equal(await outcome(gus, roomId, { passcode: PASSCODE }), 'in');
    await ann.ok('update-room', { passcode: OTHER });
    assert.equal(await outcome(gil, roomId, { passcode: PASSCODE }), 'wrong-passcode');
    assert.equal(await outcome(gil, roomId, { passcode: OTHER }), 'in');
  });

  scenario('who is inside stays, and once outside meets the doors', async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    await ann.ok('update-room', closing(['locked', 'passcode', 'full', 'lobby']));
    assert.deepEqual(ids((await bob.ok('room-state')).participants), ['ann', 'bob', 'cy']);
    assert.equal(await outcome(await stage.user('bob'), roomId), 'in', 'a second tab');
    await cy.ok('leave-room');
    assert.equal(await outcome(cy, roomId), 'room-locked');
  });

  scenario('is whoever has lost a role', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await ann.ok('update-room', { locked: true });
    await bob.ok('leave-room');
    assert.equal(await outcome(bob, roomId), 'in');
    await ann.ok('remove-cohost', { participantId: 'bob' });
    await bob.ok('leave-room');
    assert.equal(await outcome(bob, roomId), 'room-locked');
  });
});

suite('a lost transport', { variants: CUTTABLE, settings: { PRESENCE__LEAVE_AFTER_LOST_MS: 60_000 } }, (scenario) => {
  scenario('is no way out: its owner comes back through closed doors', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('update-room', closing(['locked', 'passcode', 'full', 'lobby']));
    await bob.cut();
    await ann.next('participant-updated', ({ updates }) => updates.isReconnecting);
    assert.equal(await outcome(await stage.user('bob'), roomId), 'in');
  });
});

/** Every set of closed doors. */
const SETS = Object.keys(DOORS).reduce((sets, door) => sets.flatMap((set) => [set, [...set, door]]), [[]]);
const PEOPLE = { guest: 'gus', 'co-host': 'cora', host: 'hal', creator: 'ann' };

suite('who passes', { variants: ONE }, (scenario) => {
  for (const doors of SETS) {
    scenario(`through ${doors.join(', ') || 'open doors'}`, async (stage) => {
      const { roomId, ann, hal, cora } = await ranked(stage, 'hal', 'cora', 'paul');
      if (doors.length > 0) await ann.ok('update-room', closing(doors));
      // Paul stays, and has the only seat where there is but one.
      for (const user of [cora, hal, ann]) await user.ok('leave-room');
      const met = {};
      for (const [rank, id] of Object.entries(PEOPLE)) met[rank] = await outcome(await stage.user(id), roomId);
      const guest = doors.length === 0 ? 'in' : DOORS[doors[0]].guest;
      assert.deepEqual(met, { guest, 'co-host': 'in', host: 'in', creator: 'in' });
      const { body } = await stage.rest().get(`/api/meetings/${roomId}/participants`);
      assert.deepEqual(ids(body.participants), ['ann', 'cora', ...(guest === 'in' ? ['gus'] : []), 'hal', 'paul']);
    });
  }
});

suite('kill -9', { variants: ONE }, (scenario) => {
  for (const [door, { change, guest }] of Object.entries(DOORS)) {
    scenario(`opens nothing: ${door}`, async (stage) => {
      const { roomId, ann } = await stage.cast();
      await ann.ok('update-room', change);
      await stage.server.restart();
      await stage.joined('ann', roomId);
      assert.equal(await outcome(await stage.user('gus'), roomId), guest);
      const { body } = await stage.rest().get(`/api/meetings/${roomId}`);
      const closed = [body.locked, body.lobby, body.passcodeRequired];
      assert.deepEqual(closed, ['locked', 'lobby', 'passcode'].map((it) => it === door));
      const withPasscode = await outcome(await stage.user('gil'), roomId, { passcode: PASSCODE });
      assert.equal(withPasscode, door === 'passcode' ? 'in' : guest);
    });
  }

  scenario('closes nothing that was opened', async (stage) => {
    const { roomId, ann } = await stage.cast();
    await ann.ok('update-room', closing(Object.keys(DOORS)));
    await ann.ok('update-room', OPEN);
    await stage.server.restart();
    await stage.joined('ann', roomId);
    assert.equal(await outcome(await stage.user('gus'), roomId), 'in');
  });
});

suite('the doors over REST', { variants: ONE, settings: { AUTH__HS256_SECRET: SECRET } }, (scenario) => {
  const as = (stage, id) => stage.rest(token(id));
  const comes = async (stage, id, roomId, extra) => outcome(await stage.user(id, { token: token(id) }), roomId, extra);
  const shown = ({ locked, lobby, passcodeRequired }) => ({ locked, lobby, passcodeRequired });

  scenario('are closed from the beginning', async (stage) => {
    for (const [change, closed, guest] of [
      [{}, {}, 'in'],
      [{ locked: true }, { locked: true }, 'room-locked'],
      [{ lobby: true }, { lobby: true }, 'waiting'],
      [{ passcode: PASSCODE }, { passcodeRequired: true }, 'passcode-required'],
    ]) {
      const roomId = stage.room();
      const { status, body } = await as(stage, 'ann').post('/api/meetings', { roomId, ...change });
      assert.equal(status, 201, JSON.stringify(body));
      assert.deepEqual(shown(body), { locked: false, lobby: false, passcodeRequired: false, ...closed });
      assert.equal(await comes(stage, 'gus', roomId), guest);
    }
    const reply = await as(stage, 'ann').post('/api/meetings', { roomId: stage.room(), passcode: 'abc' });
    expectProblem(reply, 422, 'invalid-payload');
  });

  scenario('are switched in a room that is in use', async (stage) => {
    const roomId = stage.room();
    await as(stage, 'ann').post('/api/meetings', { roomId });
    const bob = await stage.joined('bob', roomId, { token: token('bob') });
    const path = `/api/meetings/${roomId}`;
    const { status, body } = await as(stage, 'ann').patch(path, { lobby: true, passcode: PASSCODE });
    assert.deepEqual([status, shown(body)], [200, { locked: false, lobby: true, passcodeRequired: true }]);
    assert.deepEqual((await bob.next('room-updated')).updates, { lobby: true, passcodeRequired: true });
    assert.equal(await comes(stage, 'gus', roomId, { passcode: PASSCODE }), 'waiting');
    await as(stage, 'ann').patch(path, { passcode: null });
    assert.deepEqual((await bob.next('room-updated')).updates, { passcodeRequired: false });
    assert.equal(await comes(stage, 'gil', roomId), 'waiting');
    for (const locked of [true, false]) {
      assert.equal((await as(stage, 'ann').post(`${path}/lock`, { locked })).status, 200);
      assert.deepEqual((await bob.next('room-updated')).updates, { locked });
    }
  });

  scenario('are not locked by co-hosts and participants', async (stage) => {
    const roomId = stage.room();
    await as(stage, 'ann').post('/api/meetings', { roomId });
    const people = {};
    for (const id of ['ann', 'cora', 'paul']) people[id] = await stage.joined(id, roomId, { token: token(id) });
    await people.ann.ok('make-cohost', { participantId: 'cora' });
    for (const id of ['cora', 'paul', 'sue']) {
      expectProblem(await as(stage, id).post(`/api/meetings/${roomId}/lock`, { locked: true }), 403);
      expectProblem(await as(stage, id).patch(`/api/meetings/${roomId}`, { lobby: true }), 403);
    }
    await people.paul.noMore('room-updated');
  });
});
