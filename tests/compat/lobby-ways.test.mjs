// Ways out of the lobby besides a moderator's word, and what does not cost anybody their place in it.
import assert from 'node:assert/strict';
import { api } from './lib/api.mjs';
import { CUTTABLE, EVERY, ONE, WEBSOCKET } from './lib/clients.mjs';
import { admitted, arrivals, outcome, queueBecomes, told, waiting } from './lib/doors-of-rooms.mjs';
import { expectParticipant } from './lib/expect.mjs';
import { knock, knockAgain } from './lib/knocks.mjs';
import { eventually } from './lib/log.mjs';
import { suite } from './lib/stage.mjs';

const LONG_MS = 60_000;
const SHORT_MS = 150;
const settings = (lost, closed, cooldown = LONG_MS) => ({
  PRESENCE__LEAVE_AFTER_LOST_MS: lost,
  PRESENCE__LEAVE_AFTER_CLOSE_MS: closed,
  ROOMS__DENIED_COOLDOWN_MS: cooldown,
});
const PATIENT = settings(LONG_MS, LONG_MS);

async function peopleIn(user) {
  return (await user.ok('room-state')).participants.map(({ id }) => id);
}

suite('the lobby switched off', { variants: WEBSOCKET, settings: PATIENT }, (scenario) => {
  scenario('lets everybody in, in order', async (stage) => {
    const queue = ['cy', 'dee', 'eve'];
    const { roomId, ann, bob, ...people } = await waiting(stage, ['bob'], ...queue);
    await ann.ok('update-room', { lobby: false });
    for (const id of queue) await admitted(people[id]);
    assert.deepEqual(await peopleIn(ann), ['ann', 'bob', ...queue]);
    await bob.settle();
    assert.deepEqual(arrivals(bob), queue);
    await queueBecomes(ann);
    await stage.joined('fay', roomId);
  });

  scenario('lets in as many as there are seats, and the rest keep their places', async (stage) => {
    const { ann, cy, dee, eve } = await waiting(stage, [], 'cy', 'dee', 'eve');
    await ann.ok('update-room', { maxParticipants: 3, lobby: false });
    for (const user of [cy, dee]) await admitted(user);
    await queueBecomes(ann, 'eve');
    await eve.until(() => eve.heard('lobby-waiting').at(-1).position === 1, 'the first place');
    assert.deepEqual(await peopleIn(ann), ['ann', 'cy', 'dee']);
  });

  scenario('lets nobody into a locked room', async (stage) => {
    const { ann, cy, dee } = await waiting(stage, [], 'cy', 'dee');
    await ann.ok('update-room', { locked: true, lobby: false });
    assert.deepEqual(await peopleIn(ann), ['ann']);
    await ann.ok('deny-participant', { participantId: 'cy' });
    await cy.next('lobby-denied');
    assert.deepEqual(await told(dee), { position: 1, moderatorPresent: true });
    for (const user of [cy, dee]) await user.noMore('lobby-admitted');
  });
});

suite('a full room', { variants: WEBSOCKET, settings: PATIENT }, (scenario) => {
  scenario('admits as many as fit, in order; the others wait on', async (stage) => {
    const { ann, cy, dee, eve } = await waiting(stage, [], 'cy', 'dee', 'eve');
    await ann.ok('update-room', { maxParticipants: 2 });
    await ann.ok('admit-participant', { participantId: 'dee' });
    await admitted(dee, 'Ann');
    await ann.refused('admit-participant', { participantId: 'cy' }, 'room-full');
    await ann.refused('admit-all', {}, 'room-full');
    await queueBecomes(ann, 'cy', 'eve');
    await ann.ok('update-room', { maxParticipants: 3 });
    for (const user of [cy, eve]) await user.noMore('lobby-admitted');
    await ann.ok('admit-all');
    await admitted(cy, 'Ann');
    await queueBecomes(ann, 'eve');
    assert.deepEqual(await peopleIn(ann), ['ann', 'dee', 'cy']);
    await eve.noMore('lobby-admitted');
  });
});

suite('who waits', { variants: WEBSOCKET, settings: PATIENT }, (scenario) => {
  for (const [role, flag] of [['host', 'isHost'], ['co-host', 'isCoHost']]) {
    scenario(`and becomes a ${role} enters at once, and sees who is left`, async (stage) => {
      const { roomId, ann, cy, dee } = await waiting(stage, [], 'cy', 'dee');
      const { status, body } = await api(stage.server.url)('PUT', `meetings/${roomId}/roles/dee/${role}`);
      assert.deepEqual([status, body.ok], [200, true], JSON.stringify(body));
      await dee.next('existing-participants');
      expectParticipant(await ann.next('participant-joined'), { id: 'dee', [flag]: true });
      await queueBecomes(dee, 'cy');
      await dee.ok('admit-participant', { participantId: 'cy' });
      await admitted(cy, 'Dee');
    });
  }

  scenario('is told when the meeting ends', async (stage) => {
    const { roomId, ann, cy } = await waiting(stage, [], 'cy');
    await ann.ok('end-meeting');
    const { by, reason } = await cy.next('meeting-ended');
    assert.deepEqual([by, reason], ['Ann', 'ended-by-host']);
    assert.equal(await outcome(cy, roomId), 'meeting-ended');
  });
});

suite('a host who comes', { variants: WEBSOCKET, settings: PATIENT }, (scenario) => {
  const lobby = true;

  scenario('is announced to who waits, who wait on; as is the host who goes', async (stage) => {
    const roomId = await stage.meeting('ann', { lobby });
    const cy = await knock(stage, 'cy', roomId);
    assert.equal(cy.heard('lobby-waiting').at(-1).moderatorPresent, false);
    const ann = await stage.joined('ann', roomId);
    await queueBecomes(ann, 'cy');
    assert.deepEqual(await told(cy), { position: 1, moderatorPresent: true });
    await ann.ok('leave-room');
    assert.deepEqual(await told(cy), { position: 1, moderatorPresent: false });
    await cy.noMore('lobby-admitted');
  });

  scenario('brings everybody in, where the meeting says so', async (stage) => {
    const roomId = await stage.meeting('ann', { lobby, settings: { admitOnHostJoin: true } });
    const queue = [await knock(stage, 'cy', roomId), await knock(stage, 'dee', roomId)];
    const ann = await stage.joined('ann', roomId);
    for (const user of queue) await admitted(user);
    assert.deepEqual(await peopleIn(ann), ['ann', 'cy', 'dee']);
  });
});

for (const [what, lose, variants] of [['a lost transport', 'cut', CUTTABLE], ['a reload', 'closeTab', EVERY]]) {
  suite(what, { variants, settings: PATIENT }, (scenario) => {
    scenario('keeps the place in the queue, and since when', async (stage) => {
      const { roomId, ann, cy, dee } = await waiting(stage, [], 'cy', 'dee');
      const since = () => ann.heard('lobby-updated').at(-1).find(({ id }) => id === 'cy').waitingSince;
      const before = since();
      await cy[lose]();
      const back = await knock(stage, 'cy', roomId);
      assert.equal(back.heard('lobby-waiting').at(-1).position, 1);
      await knock(stage, 'eve', roomId);
      await queueBecomes(ann, 'cy', 'dee', 'eve');
      assert.equal(since(), before);
      await dee.noMore('lobby-waiting');
      await ann.ok('admit-all');
      await admitted(back, 'Ann');
      assert.deepEqual(await peopleIn(ann), ['ann', 'cy', 'dee', 'eve']);
    });
  });
}

for (const [what, lose, given] of [
  ['a lost transport', 'cut', settings(SHORT_MS, LONG_MS)], ['a closed tab', 'closeTab', settings(LONG_MS, SHORT_MS)],
]) {
  suite(`${what}, not back in time,`, { variants: CUTTABLE, settings: given }, (scenario) => {
    scenario('gives up the place in the queue', async (stage) => {
      const { roomId, ann, cy, dee } = await waiting(stage, [], 'cy', 'dee');
      await cy[lose]();
      await queueBecomes(ann, 'dee');
      assert.deepEqual(await told(dee), { position: 1, moderatorPresent: true });
      await knock(stage, 'cy', roomId);
      await queueBecomes(ann, 'dee', 'cy');
    });
  });
}

suite('late clean-up', { variants: CUTTABLE, settings: settings(1_000, LONG_MS) }, (scenario) => {
  scenario('of a lost connection does not cost its owner, who is back, the place', async (stage) => {
    const { roomId, ann, cy } = await waiting(stage, [], 'cy', 'dee', 'eve');
    await cy.cut();
    await knock(stage, 'cy', roomId);
    // Fay is lost later with the same grace: once fay is out, the old connection is past due.
    const fay = await knock(stage, 'fay', roomId);
    await queueBecomes(ann, 'cy', 'dee', 'eve', 'fay');
    await fay.cut();
    await queueBecomes(ann, 'cy', 'dee', 'eve');
  });
});

suite('time', { variants: ONE, settings: settings(LONG_MS, LONG_MS, 300) }, (scenario) => {
  scenario('who was denied may knock again after it, and is decided about anew', async (stage) => {
    const { roomId, ann, bob, cy } = await waiting(stage, ['bob'], 'cy');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await ann.ok('deny-participant', { participantId: 'cy' });
    await cy.next('lobby-denied');
    await eventually(async () => await outcome(cy, roomId) === 'waiting', 'cy may knock again');
    await bob.ok('admit-participant', { participantId: 'cy' });
    await admitted(cy, 'Bob');
  });

  scenario('an empty room is not over while somebody waits for it', async (stage) => {
    const isOver = async (id) => (await stage.rest().get(`/api/meetings/${id}`)).body.status === 'ended';
    const fields = { lobby: true, settings: { emptyTimeoutMs: 300 } };
    const awaited = await stage.meeting('ann', fields);
    const cy = await knock(stage, 'cy', awaited);
    const deserted = await stage.meeting('ann', fields);
    for (const roomId of [awaited, deserted]) await (await stage.joined('ann', roomId)).ok('leave-room');
    // It was left last, and nobody waits for it.
    await eventually(() => isOver(deserted), 'the end of the deserted one');
    assert.equal(await isOver(awaited), false);
    await cy.noMore('meeting-ended');
    await knockAgain(cy, awaited);
    await cy.ok('leave-room');
    await eventually(() => isOver(awaited), 'the end of the other one');
  });
});

suite('the lobby over REST', { variants: ONE, settings: PATIENT }, (scenario) => {
  scenario('is the same queue', async (stage) => {
    const { roomId, ann, cy, dee, eve } = await waiting(stage, [], 'cy', 'dee', 'eve');
    const path = `/api/meetings/${roomId}`;
    const { status, body } = await stage.rest().get(`${path}/lobby`);
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual([body.meetingId, body.count], [roomId, 3]);
    assert.ok(Number.isInteger(body.rev));
    const shown = ({ id, name, imageUrl, waitingSince }) => ({ id, name, imageUrl, waitingSince });
    assert.deepEqual(body.waiting.map(shown), ann.heard('lobby-updated').at(-1).map(shown));
    for (const [action, participantId] of [['admit', 'dee'], ['deny', 'cy']]) {
      const reply = await stage.rest().post(`${path}/${action}`, { participantId });
      assert.deepEqual([reply.status, reply.body.ok, Number.isInteger(reply.body.rev)], [200, true, true]);
    }
    await admitted(dee);
    await cy.next('lobby-denied');
    assert.equal((await stage.rest().post(`${path}/admit`, { all: true })).status, 200);
    await admitted(eve);
    assert.deepEqual(await peopleIn(ann), ['ann', 'dee', 'eve']);
  });
});
