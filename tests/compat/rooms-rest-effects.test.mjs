// What is done to a meeting over REST: its people see it as if one of them did it, and the audit says who did.
import assert from 'node:assert/strict';
import { api } from './lib/api.mjs';
import { ONE } from './lib/clients.mjs';
import { expectLeft, expectParticipant, expectProblem, expectUpdate, ids } from './lib/expect.mjs';
import {
  ADMIN, CALLERS, COHOST, CREATOR, HOST, WRITE, WRITER, comes, expectDone, hosted, knocks, settings, visitor,
} from './lib/hosted.mjs';
import { eventually } from './lib/log.mjs';
import { keepSecret } from './lib/secrets.mjs';
import { onOneAndThree } from './lib/spread.mjs';
import { suite } from './lib/stage.mjs';
import { token } from './lib/token.mjs';
import { trail } from './lib/trail.mjs';

const HOUR_MS = 3_600_000;
const PASSCODE = 'open-sesame-4711';
keepSecret(PASSCODE);

const done = async (ask, ...request) => expectDone(await ask(...request), request.slice(0, 2).join(' '));

/** Their join is refused for this reason, at every node. */
async function shutOut(room, id, code, more) {
  for (const node of [0, 1, 2]) {
    const user = await visitor(room, id, node);
    await user.refused('join-room', user.joinPayload(room.roomId, more), code);
  }
}

async function letIn(room, id, join) {
  const user = await visitor(room, id, 1);
  await user.join(room.roomId, join);
  return user;
}

onOneAndThree('REST at the lobby', { settings }, (scenario) => {
  scenario('shows who waits, in order', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    const queue = [await knocks(room), await knocks(room)].map(({ id }) => id);
    const { body } = await room.as(ADMIN)('GET', 'lobby');
    assert.deepEqual([body.meetingId, body.count, body.waiting.map(({ id }) => id)], [room.roomId, 2, queue]);
    assert.ok(Number.isInteger(body.rev));
    for (const { name, imageUrl, waitingSince } of body.waiting) {
      assert.deepEqual([typeof name, imageUrl, Number.isNaN(Date.parse(waitingSince))], ['string', null, false]);
    }
  });

  scenario('admits one, who then is in the room', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    const [wendy, other] = [await knocks(room, 'wendy'), await knocks(room, 'other')];
    await done(room.as(CALLERS[COHOST]), 'POST', 'admit', { participantId: 'wendy' });
    assert.equal((await wendy.next('lobby-admitted')).roomId, room.roomId);
    assert.ok(ids(await wendy.next('existing-participants')).includes('wendy'));
    for (const user of room.everyone) expectParticipant(await user.next('participant-joined'), { id: 'wendy' });
    await other.noMore('lobby-admitted');
  });

  scenario('admits all', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    const queue = [await knocks(room), await knocks(room)];
    await done(room.as(WRITE), 'POST', 'admit', { all: true });
    for (const user of queue) await user.next('existing-participants');
    assert.equal((await room.as(ADMIN)('GET', 'lobby')).body.count, 0);
  });

  scenario('denies one, who is told and is out', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    const wendy = await knocks(room, 'wendy');
    await done(room.as(CALLERS[HOST]), 'POST', 'deny', { participantId: 'wendy' });
    await wendy.next('lobby-denied');
    await wendy.noMore('existing-participants');
    assert.equal((await room.as(ADMIN)('GET', 'lobby')).body.count, 0);
  });

  scenario('says who has decided before', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    await knocks(room, 'wendy');
    await room.ann.ok('admit-participant', { participantId: 'wendy' });
    const reply = await room.as(CALLERS[COHOST])('POST', 'deny', { participantId: 'wendy' });
    expectProblem(reply, 409, 'already-decided');
    assert.deepEqual([reply.body.decidedBy, reply.body.decision], ['Ann', 'admitted']);
  });
});

onOneAndThree('REST at the people', { settings }, (scenario) => {
  scenario('mutes one, who is told, and the room sees it', async (stage, nodes) => {
    const { as, everyone, gus, cora } = await hosted(stage, nodes);
    await gus.ok('update-my-state', { isAudioMuted: false });
    for (const user of everyone) await user.next('participant-updated');
    await done(as(WRITE), 'POST', 'mute', { participantId: 'gus', kind: 'audio' });
    for (const user of everyone) expectUpdate(await user.next('participant-updated'), 'gus', { isAudioMuted: true });
    const { kind, by } = await gus.next('force-mute');
    assert.deepEqual([kind, by], ['audio', 'Host']);
    await cora.noMore('force-mute');
  });

  scenario('mutes all plain participants, and no moderator', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    const newcomer = await comes(room);
    await done(room.as(CALLERS[COHOST]), 'POST', 'mute', { all: true, kind: 'screen' });
    for (const user of [room.gus, newcomer]) assert.equal((await user.next('force-mute')).kind, 'screen');
    for (const user of [room.ann, room.cora]) await user.noMore('force-mute');
  });

  scenario('removes one, who may come back', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    await done(room.as(CALLERS[COHOST]), 'POST', 'remove', { participantId: 'gus' });
    assert.equal((await room.gus.next('kicked-from-room')).reason, 'kicked');
    for (const user of [room.ann, room.cora]) expectLeft(await user.next('participant-left'), 'gus', 'kicked');
    await letIn(room, 'gus');
  });

  scenario('removes and bans one, who stays out', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    await done(room.as(WRITE), 'POST', 'remove', { participantId: 'gus', ban: true });
    assert.equal((await room.gus.next('kicked-from-room')).reason, 'banned');
    for (const user of [room.ann, room.cora]) expectLeft(await user.next('participant-left'), 'gus', 'banned');
    await shutOut(room, 'gus', 'banned');
  });

  scenario('bans who is not there, shows it, and lifts it', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    const cora = room.as(CALLERS[COHOST]);
    const banned = async () => (await room.as(ADMIN)('GET', 'bans')).body.items;
    await done(cora, 'PUT', 'bans/zoe');
    await shutOut(room, 'zoe', 'banned');
    const [{ userId, since }, ...others] = await banned();
    assert.deepEqual([userId, Number.isNaN(Date.parse(since)), others], ['zoe', false, []]);
    await done(cora, 'DELETE', 'bans/zoe');
    assert.deepEqual(await banned(), []);
    await letIn(room, 'zoe');
  });

  scenario('gives a role to who is there and takes it, as a host would', async (stage, nodes) => {
    const { as, everyone, gus } = await hosted(stage, nodes);
    for (const [method, isCoHost, notice] of [['PUT', true, 'cohost-granted'], ['DELETE', false, 'cohost-revoked']]) {
      await done(as(CALLERS[HOST]), method, 'roles/gus/co-host');
      for (const user of everyone) expectUpdate(await user.next('participant-updated'), 'gus', { isCoHost });
      assert.equal(typeof (await gus.next(notice)).by, 'string');
    }
  });

  scenario('gives a role to who is yet to come', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    await done(room.as(WRITE), 'PUT', 'roles/zoe/host');
    const zoe = await letIn(room, 'zoe');
    expectParticipant(zoe.seen('zoe'), { isHost: true });
    await zoe.ok('make-cohost', { participantId: 'gus' });
  });

  scenario('bans and gives roles where nobody is', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    for (const user of room.everyone) await user.ok('leave-room');
    await done(room.as(WRITE), 'PUT', 'bans/gus');
    await done(room.as(WRITE), 'PUT', 'roles/zoe/co-host');
    await shutOut(room, 'gus', 'banned');
    expectParticipant((await letIn(room, 'zoe')).seen('zoe'), { isCoHost: true });
  });
});

onOneAndThree('REST at the doors', { settings }, (scenario) => {
  scenario('locks and unlocks, and the room is told', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    for (const locked of [true, false]) {
      await done(room.as(CALLERS[HOST]), 'POST', 'lock', { locked });
      for (const user of room.everyone) assert.deepEqual((await user.next('room-updated')).updates, { locked });
      if (locked) await shutOut(room, 'zoe', 'room-locked');
    }
    await letIn(room, 'zoe');
  });

  scenario('changes lock, lobby and passcode, and never shows the passcode', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    const ann = api(nodes.at(2).url, token('ann'));
    const change = async (fields) => {
      const { status, body } = await ann('PATCH', `meetings/${room.roomId}`, fields);
      assert.equal(status, 200, JSON.stringify(body));
      return [body.locked, body.lobby, body.passcodeRequired];
    };
    assert.deepEqual(await change({ passcode: PASSCODE }), [false, false, true]);
    assert.deepEqual((await room.gus.next('room-updated')).updates, { passcodeRequired: true });
    await shutOut(room, 'zoe', 'passcode-required');
    await shutOut(room, 'zoe', 'wrong-passcode', { passcode: 'wrong' });
    await letIn(room, 'zoe', { passcode: PASSCODE });
    assert.deepEqual(await change({ passcode: null, locked: true, lobby: true }), [true, true, false]);
    const { body } = await ann('GET', `meetings/${room.roomId}`);
    assert.deepEqual([body.locked, body.lobby, body.passcodeRequired], [true, true, false]);
  });

  scenario('closes them before anybody has come', async (stage, nodes) => {
    const made = { roomId: stage.room(), locked: true, lobby: true, passcode: PASSCODE };
    const { status, body } = await api(nodes.at(2).url, token('ann'))('POST', 'meetings', made);
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual([body.locked, body.lobby, body.passcodeRequired], [true, true, true]);
    await shutOut({ stage, nodes, roomId: made.roomId }, 'zoe', 'room-locked');
    await letIn({ stage, nodes, roomId: made.roomId }, 'ann');
  });
});

onOneAndThree('the audit of what came over REST', { settings }, (scenario) => {
  for (const [who, actor] of [[HOST, 'user:hal'], [CREATOR, 'user:ann'], [WRITER, 'service:back-end']]) {
    scenario(`names ${who}`, async (stage, nodes) => {
      const room = await hosted(stage, nodes);
      const [wendy, xan] = [await knocks(room, 'wendy'), await knocks(room, 'xan')];
      for (const [request, action, target] of [
        [['POST', 'admit', { participantId: wendy.id }], 'admitted', 'wendy'],
        [['POST', 'deny', { participantId: xan.id }], 'denied', 'xan'],
        [['PUT', 'roles/gus/host'], 'role-granted', 'gus'],
        [['DELETE', 'roles/gus/host'], 'role-revoked', 'gus'],
        [['POST', 'remove', { participantId: 'gus' }], 'removed', 'gus'],
        [['PUT', 'bans/zoe'], 'banned', 'zoe'],
        [['DELETE', 'bans/zoe'], 'unbanned', 'zoe'],
        [['POST', 'lock', { locked: true }], 'meeting-updated', null],
      ]) {
        await done(room.as(CALLERS[who]), ...request);
        await eventually(async () => (await trail(stage.rest(ADMIN), room.roomId)).some((entry) => (
          entry.action === action && entry.actor === actor && entry.requestId && (!target || entry.target === target))),
        `"${action}" by ${actor} in the audit`);
      }
    });
  }
});

suite('what a meeting sets for itself', { variants: ONE, settings }, (scenario) => {
  const at = Date.now() + HOUR_MS;
  const created = (stage, fields) => (
    stage.rest(token('ann')).post('/api/meetings', { roomId: stage.room(), ...fields }));

  scenario('times are read in either form, and shown in one', async (stage) => {
    for (const form of [at, new Date(at).toISOString()]) {
      const { body } = await created(stage, { settings: { notBefore: form, notAfter: at + 1 } });
      assert.deepEqual([body.settings.notBefore, body.settings.notAfter].map(Date.parse), [at, at + 1]);
    }
  });

  scenario('values that do not fit are refused', async (stage) => {
    const bad = [
      ...['notBefore', 'notAfter'].flatMap((field) => ['tomorrow', '', true, {}].map((value) => [field, value])),
      ...['maxDurationMs', 'emptyTimeoutMs'].flatMap((field) => ['1h', -1, 1.5, true].map((value) => [field, value])),
      ...['yes', 1, {}].map((value) => ['admitOnHostJoin', value]),
    ];
    for (const [field, value] of bad) expectProblem(await created(stage, { settings: { [field]: value } }), [400, 422]);
    for (const passcode of ['', 'abc', 'x'.repeat(65), 4711, true, {}]) {
      expectProblem(await created(stage, { passcode }), [400, 422]);
    }
    for (const field of ['locked', 'lobby']) expectProblem(await created(stage, { [field]: 'yes' }), [400, 422]);
  });
});
