// When a meeting begins and ends by itself.
import assert from 'node:assert/strict';
import { agree } from './lib/agreement.mjs';
import { api } from './lib/api.mjs';
import { ONE } from './lib/clients.mjs';
import { ids } from './lib/expect.mjs';
import { knock } from './lib/knocks.mjs';
import { eventually } from './lib/log.mjs';
import { arrivals, onOneAndThree, seated } from './lib/spread.mjs';
import { suite } from './lib/stage.mjs';

const HOUR_MS = 3_600_000;
const WARNING_MS = 600;
// Enough for everybody to arrive before it is over.
const SOON_MS = 2_500;
const EMPTY_MS = 400;
const SLOW_MS = 1_000;

const time = (ms) => new Date(ms).toISOString();
const read = (url, roomId) => api(url)('GET', `meetings/${roomId}`);

/** Ann's meeting with these settings, and Ann, Bob and Cy in it, each at another node. */
async function held(stage, nodes, settings) {
  const roomId = await stage.meeting('ann', { settings });
  return seated(stage, nodes, roomId, ['ann', 'bob', 'cy']);
}

/** Each is warned once, and then it is over, once; gives back when the end was announced to be. */
async function expectEnd(users, reason) {
  let announced;
  for (const user of users) {
    const warning = await user.next('meeting-ending');
    assert.equal(warning.reason, reason);
    assert.ok(Number.isInteger(warning.rev), 'rev is an integer');
    announced = Date.parse(warning.endsAt);
  }
  for (const user of users) {
    const ended = await user.next('meeting-ended');
    assert.deepEqual([ended.reason, ended.by], [reason, 'Host']);
    assert.ok(Date.now() >= announced, 'not before it was announced');
    assert.deepEqual([user.heard('meeting-ending').length, user.heard('meeting-ended').length], [1, 1], user.id);
  }
  return announced;
}

/** What tells nobody: that it is over. */
function ended(nodes, roomId) {
  const { url } = nodes.at(2);
  return eventually(async () => (await read(url, roomId)).body.status === 'ended', 'the end to be recorded');
}

/** Nobody gets in any more, at whatever node. */
async function expectTombstone(stage, nodes, roomId) {
  for (const url of nodes.urls) {
    for (const id of ['ann', 'dan']) {
      const user = await stage.user(id, { url });
      await user.refused('join-room', user.joinPayload(roomId), 'meeting-ended');
    }
  }
}

onOneAndThree('the beginning', {}, (scenario) => {
  scenario('before notBefore a host passes, and opens the room for nobody', async (stage, nodes) => {
    const roomId = await stage.meeting('ann', { settings: { notBefore: time(Date.now() + HOUR_MS) } });
    const [bob, ann] = await arrivals(stage, nodes, ['bob', 'ann']);
    await bob.refused('join-room', bob.joinPayload(roomId), 'not-started');
    await ann.join(roomId);
    await bob.refused('join-room', bob.joinPayload(roomId), 'not-started');
    assert.deepEqual(ids(await agree([ann])), ['ann']);
  });

  scenario('before notBefore whoever was granted a role passes', async (stage, nodes) => {
    const roomId = await stage.meeting('ann', { settings: { notBefore: time(Date.now() + HOUR_MS) } });
    for (const [id, role] of [['hal', 'host'], ['cora', 'co-host']]) {
      const { status, body } = await api(nodes.at(2).url)('PUT', `meetings/${roomId}/roles/${id}/${role}`);
      assert.equal(status, 200, JSON.stringify(body));
      await stage.joined(id, roomId, nodes.at(1));
    }
  });

  scenario('at notBefore the room opens by itself', async (stage, nodes) => {
    const roomId = await stage.meeting('ann', { settings: { notBefore: Date.now() + SOON_MS } });
    const [ann, bob] = await arrivals(stage, nodes, ['ann', 'bob']);
    await ann.join(roomId);
    await bob.refused('join-room', bob.joinPayload(roomId), 'not-started');
    bob.roomId = roomId;
    await eventually(async () => (await bob.ack('join-room', bob.joinPayload(roomId))).ok, 'bob to be let in');
    assert.deepEqual(ids(await agree([ann, bob])), ['ann', 'bob']);
  });

  scenario('an earlier notBefore opens the room at once', async (stage, nodes) => {
    const roomId = await stage.meeting('ann', { settings: { notBefore: Date.now() + HOUR_MS } });
    const ann = await stage.joined('ann', roomId, nodes.at(0));
    const opened = await stage.rest().patch(`/api/meetings/${roomId}`, { settings: { notBefore: Date.now() - 1 } });
    assert.equal(opened.status, 200, JSON.stringify(opened.body));
    await stage.joined('bob', roomId, nodes.at(0));
    await ann.next('participant-joined');
  });
});

onOneAndThree('the end', { settings: { ROOMS__ENDING_WARNING_MS: WARNING_MS } }, (scenario) => {
  scenario('at notAfter everybody has been warned, and is out', async (stage, nodes) => {
    const notAfter = Date.now() + SOON_MS;
    const { roomId, everyone } = await held(stage, nodes, { notAfter: time(notAfter) });
    assert.equal(await expectEnd(everyone, 'scheduled-end'), notAfter);
    await ended(nodes, roomId);
    await expectTombstone(stage, nodes, roomId);
  });

  scenario('after maxDurationMs everybody has been warned, and is out', async (stage, nodes) => {
    const began = Date.now();
    const { roomId, everyone } = await held(stage, nodes, { maxDurationMs: SOON_MS });
    const arrived = Date.now();
    const started = await expectEnd(everyone, 'max-duration') - SOON_MS;
    assert.ok(started >= began && started <= arrived, `counted from ${time(started)}`);
    await ended(nodes, roomId);
    await expectTombstone(stage, nodes, roomId);
  });

  scenario('the earlier one of the two counts', async (stage, nodes) => {
    const first = await held(stage, nodes, { notAfter: Date.now() + HOUR_MS, maxDurationMs: SOON_MS });
    const second = await held(stage, nodes, { notAfter: Date.now() + SOON_MS, maxDurationMs: HOUR_MS });
    await expectEnd(first.everyone, 'max-duration');
    await expectEnd(second.everyone, 'scheduled-end');
  });

  scenario('a later notAfter is the one that counts', async (stage, nodes) => {
    const notAfter = Date.now() + SOON_MS;
    const { roomId, ann, bob } = await held(stage, nodes, { notAfter });
    const other = await held(stage, nodes, { notAfter: notAfter + 200 });
    const settings = { notAfter: notAfter + HOUR_MS };
    assert.equal((await stage.rest().patch(`/api/meetings/${roomId}`, { settings })).status, 200);
    await expectEnd(other.everyone, 'scheduled-end');
    await ann.ok('make-cohost', { participantId: 'bob' });
    for (const event of ['meeting-ending', 'meeting-ended']) await bob.noMore(event);
  });

  scenario('who waits in the lobby hears of the end and not of the warning', async (stage, nodes) => {
    const { roomId, ann, everyone } = await held(stage, nodes, { notAfter: Date.now() + SOON_MS });
    await ann.ok('update-room', { lobby: true });
    const wendy = await knock(stage, 'wendy', roomId, nodes.at(2));
    await expectEnd(everyone, 'scheduled-end');
    assert.equal((await wendy.next('meeting-ended')).reason, 'scheduled-end');
    await wendy.noMore('meeting-ending');
  });

  scenario('comes to a meeting that nobody is in', async (stage, nodes) => {
    const notAfter = Date.now() + SOON_MS;
    const roomId = await stage.meeting('ann', { settings: { notAfter: notAfter - 100 } });
    const other = await held(stage, nodes, { notAfter });
    await expectEnd(other.everyone, 'scheduled-end');
    await expectTombstone(stage, nodes, roomId);
  });
});

onOneAndThree('a warning that is longer than the rest', {}, (scenario) => {
  scenario('comes at once', async (stage, nodes) => {
    const notAfter = Date.now() + HOUR_MS;
    const { roomId, everyone } = await held(stage, nodes, { notAfter });
    const sooner = notAfter - HOUR_MS + SOON_MS;
    await stage.rest().patch(`/api/meetings/${roomId}`, { settings: { notAfter: sooner } });
    assert.equal(await expectEnd(everyone, 'scheduled-end'), sooner);
  });
});

onOneAndThree('a room that is empty', { settings: { ROOMS__IDLE_CLOSE_MS: EMPTY_MS / 4 } }, (scenario) => {
  const settings = { emptyTimeoutMs: EMPTY_MS };

  /** A room that becomes empty now is over: so would be all that were empty before. */
  async function another(stage, nodes) {
    const roomId = await stage.meeting('ann', { settings });
    const ann = await stage.joined('ann', roomId, nodes.at(1));
    await ann.ok('leave-room');
    await ended(nodes, roomId);
    return roomId;
  }

  scenario('ends after its emptyTimeoutMs, also if it is forgotten before', async (stage, nodes) => {
    const roomId = await another(stage, nodes);
    await expectTombstone(stage, nodes, roomId);
    await eventually(async () => {
      const { body } = await api(nodes.at(1).url)('GET', `meetings/${roomId}/audit`);
      return body.items.some(({ action, actor }) => action === 'meeting-ended' && actor === 'system');
    }, 'the end in the audit');
  });

  scenario('does not end when somebody is back in time', async (stage, nodes) => {
    const { roomId, everyone: [ann, ...others] } = await held(stage, nodes, settings);
    for (const user of [...others, ann]) await user.ok('leave-room');
    await ann.join(roomId);
    await another(stage, nodes);
    await ann.noMore('meeting-ended');
    await stage.joined('dan', roomId, nodes.at(2));
  });

  scenario('does not end while somebody waits in its lobby', async (stage, nodes) => {
    const { roomId, everyone: [ann, ...others] } = await held(stage, nodes, settings);
    await ann.ok('update-room', { lobby: true });
    const wendy = await knock(stage, 'wendy', roomId, nodes.at(1));
    for (const user of [...others, ann]) await user.ok('leave-room');
    await another(stage, nodes);
    await wendy.noMore('meeting-ended');
    await ann.join(roomId);
    await ann.ok('admit-participant', { participantId: 'wendy' });
    await wendy.next('lobby-admitted');
  });

  scenario('ends when nobody waits in its lobby any more', async (stage, nodes) => {
    const { roomId, everyone: [ann, ...others] } = await held(stage, nodes, settings);
    await ann.ok('update-room', { lobby: true });
    const wendy = await knock(stage, 'wendy', roomId, nodes.at(1));
    for (const user of [...others, ann, wendy]) await user.ok('leave-room');
    await ended(nodes, roomId);
    await expectTombstone(stage, nodes, roomId);
  });
});

suite('a schedule', { variants: ONE, settings: { ROOMS__ENDING_WARNING_MS: WARNING_MS } }, (scenario) => {
  scenario('outlives the server', async (stage) => {
    const roomId = await stage.meeting('ann', { settings: { notAfter: Date.now() + 2 * SOON_MS } });
    await stage.joined('ann', roomId);
    await stage.server.restart();
    await expectEnd([await stage.joined('ann', roomId)], 'scheduled-end');
  });
});

onOneAndThree('a second device that is not welcome', {}, (scenario) => {
  scenario('is told for how long the first one has been there', async (stage, nodes) => {
    const roomId = await stage.meeting('ann', { settings: { devices: 'reject-new' } });
    const began = Date.now();
    await stage.joined('bob', roomId, nodes.at(1));
    const tab = await stage.user('bob', nodes.at(2));
    await eventually(async () => {
      const error = await tab.refused('join-room', tab.joinPayload(roomId), 'already-connected');
      const { connectedForMs } = error;
      assert.ok(Number.isInteger(connectedForMs), JSON.stringify(error));
      assert.ok(connectedForMs >= 0 && connectedForMs <= Date.now() - began, `${connectedForMs} ms`);
      return connectedForMs >= SLOW_MS;
    }, 'the time to go on');
  });
});
