// The lobby: who waits and in which order, who lets them in, and that nothing of the room reaches them.
import assert from 'node:assert/strict';
import { WEBSOCKET } from './lib/clients.mjs';
import {
  admitted, arrivals, everythingHeard, queueBecomes, queueOf, told, waiting, withLobby,
} from './lib/doors-of-rooms.mjs';
import { expectParticipant, ids } from './lib/expect.mjs';
import { unheard } from './lib/hearing.mjs';
import { knock } from './lib/knocks.mjs';
import { suite } from './lib/stage.mjs';

// Long enough that only what is immediate can happen.
const LONG_MS = 60_000;
const settings = {
  PRESENCE__LEAVE_AFTER_LOST_MS: LONG_MS,
  PRESENCE__LEAVE_AFTER_CLOSE_MS: LONG_MS,
  ROOMS__DENIED_COOLDOWN_MS: LONG_MS,
};
/** What a join into the room answers, and a place in the queue does not. */
const OF_THE_ROOM = ['room', 'participant', 'participants', 'provider'];

suite('the queue', { variants: WEBSOCKET, settings }, (scenario) => {
  scenario('has everybody in order of arrival, and each is told their place', async (stage) => {
    const { roomId, ann, bob } = await withLobby(stage, 'bob');
    for (const [i, id] of ['cy', 'dee', 'eve'].entries()) {
      const user = await stage.user(id);
      const reply = await user.ack('join-room', user.joinPayload(roomId));
      const place = { position: i + 1, moderatorPresent: true };
      const { ok, waiting: waits, position, moderatorPresent } = reply;
      assert.deepEqual({ ok, waits, position, moderatorPresent }, { ok: true, waits: true, ...place });
      for (const key of OF_THE_ROOM) assert.ok(!reply[key], `${key} is given away`);
      assert.deepEqual(await told(user), place);
    }
    await queueBecomes(ann, 'cy', 'dee', 'eve');
    const queue = ann.heard('lobby-updated').at(-1);
    assert.deepEqual(queue.map(({ name }) => name), ['Cy', 'Dee', 'Eve']);
    assert.ok(queue.every(({ imageUrl }) => imageUrl === null));
    const times = queue.map(({ waitingSince }) => new Date(waitingSince).getTime());
    assert.ok(times.every((at, i) => at >= (times[i - 1] ?? 0)), `${times}`);
    await bob.noMore('lobby-updated');
  });

  scenario('moves up when somebody leaves it', async (stage) => {
    const { ann, cy, dee, eve } = await waiting(stage, [], 'cy', 'dee', 'eve');
    await cy.ok('leave-room');
    for (const [position, user] of [[1, dee], [2, eve]]) {
      assert.deepEqual(await told(user), { position, moderatorPresent: true });
    }
    await queueBecomes(ann, 'dee', 'eve');
    eve.disconnect();
    await queueBecomes(ann, 'dee');
    await ann.refused('admit-participant', { participantId: 'cy' }, 'participant-not-found');
  });

  scenario('has one place for two tabs, and both enter as one', async (stage) => {
    const { roomId, ann, cy, dee } = await waiting(stage, [], 'cy', 'dee');
    const tab = await knock(stage, 'cy', roomId);
    assert.equal(tab.heard('lobby-waiting').at(-1).position, 1);
    assert.deepEqual(queueOf(ann), ['cy', 'dee']);
    await ann.ok('admit-participant', { participantId: 'cy' });
    for (const user of [cy, tab]) await admitted(user, 'Ann');
    assert.deepEqual(await told(dee), { position: 1, moderatorPresent: true });
    assert.deepEqual(arrivals(ann), ['cy']);
  });

  scenario('keeps the place of a person while one tab is left', async (stage) => {
    const { roomId, ann, cy, dee } = await waiting(stage, [], 'cy', 'dee');
    const tabs = { cy: await knock(stage, 'cy', roomId), dee: await knock(stage, 'dee', roomId) };
    for (const user of [cy, dee, tabs.dee]) user.disconnect();
    await queueBecomes(ann, 'cy');
    await ann.ok('admit-participant', { participantId: 'cy' });
    await admitted(tabs.cy, 'Ann');
  });

  scenario('is shown to whoever becomes a moderator, and to nobody who is none any more', async (stage) => {
    const { roomId, ann, bob, hal } = await waiting(stage, ['bob', 'hal'], 'cy', 'dee');
    await bob.noMore('lobby-updated');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await ann.ok('make-host', { participantId: 'hal' });
    for (const user of [bob, hal]) await queueBecomes(user, 'cy', 'dee');
    await hal.ok('leave-room');
    await queueBecomes(await stage.joined('hal', roomId), 'cy', 'dee');
    await ann.ok('remove-cohost', { participantId: 'bob' });
    await bob.settle();
    bob.log.readAll();
    await knock(stage, 'eve', roomId);
    await queueBecomes(ann, 'cy', 'dee', 'eve');
    await bob.noMore('lobby-updated');
  });
});

suite('letting people in', { variants: WEBSOCKET, settings }, (scenario) => {
  scenario('one: told, shown the room, and in it; the others move up', async (stage) => {
    const { ann, bob, cy, dee, eve } = await waiting(stage, ['bob'], 'cy', 'dee', 'eve');
    await ann.ok('admit-participant', { participantId: 'dee' });
    await admitted(dee, 'Ann');
    for (const user of [ann, bob]) {
      expectParticipant(await user.next('participant-joined'), { id: 'dee', isHost: false });
    }
    assert.deepEqual(ids(dee.view()), ['ann', 'bob', 'dee']);
    await dee.ok('update-my-state', { isHandRaised: true });
    await bob.until(() => bob.seen('dee').isHandRaised, 'the hand of dee');
    assert.deepEqual(await told(eve), { position: 2, moderatorPresent: true });
    await cy.noMore('lobby-waiting');
  });

  scenario('all: in the order in which they came', async (stage) => {
    const queue = ['cy', 'dee', 'eve', 'fay'];
    const { ann, bob, ...people } = await waiting(stage, ['bob'], ...queue);
    await ann.ok('admit-all');
    for (const id of queue) await admitted(people[id], 'Ann');
    await queueBecomes(ann);
    const { participants } = await ann.ok('room-state');
    assert.deepEqual(participants.map(({ id }) => id), ['ann', 'bob', ...queue]);
    await bob.settle();
    assert.deepEqual(arrivals(bob), queue);
  });

  scenario('not: told by whom, out of the queue, and not back at once', async (stage) => {
    const { roomId, ann, cy, dee } = await waiting(stage, [], 'cy', 'dee');
    await ann.ok('deny-participant', { participantId: 'cy' });
    assert.equal((await cy.next('lobby-denied')).by, 'Ann');
    await queueBecomes(ann, 'dee');
    assert.deepEqual(await told(dee), { position: 1, moderatorPresent: true });
    const { retryAfterMs } = await cy.refused('join-room', cy.joinPayload(roomId), 'rate-limited');
    assert.ok(retryAfterMs > 0 && retryAfterMs <= LONG_MS, `${retryAfterMs}`);
    await cy.noMore('existing-participants');
  });

  scenario('is for moderators, co-hosts among them', async (stage) => {
    const { ann, bob, cy, dee, eve } = await waiting(stage, ['bob'], 'cy', 'dee', 'eve');
    for (const [event, participantId] of [['admit-participant', 'cy'], ['deny-participant', 'cy'], ['admit-all']]) {
      await bob.refused(event, { participantId }, 'not-moderator');
    }
    await ann.ok('make-cohost', { participantId: 'bob' });
    await bob.ok('admit-participant', { participantId: 'cy' });
    await admitted(cy, 'Bob');
    await bob.ok('deny-participant', { participantId: 'dee' });
    assert.equal((await dee.next('lobby-denied')).by, 'Bob');
    await bob.ok('admit-all');
    await admitted(eve, 'Bob');
    await ann.refused('admit-participant', { participantId: 'nobody' }, 'participant-not-found');
  });

  scenario('is decided by the first; the second learns who it was, the first may repeat it', async (stage) => {
    const { ann, bob, cy, dee } = await waiting(stage, ['bob'], 'cy', 'dee');
    await ann.ok('make-cohost', { participantId: 'bob' });
    const decisions = [['cy', 'admit-participant', 'admitted'], ['dee', 'deny-participant', 'denied']];
    for (const [participantId, event, decision] of decisions) {
      await ann.ok(event, { participantId });
      for (const late of ['admit-participant', 'deny-participant']) {
        const error = await bob.refused(late, { participantId }, 'already-decided');
        assert.deepEqual([error.decidedBy, error.decision], ['Ann', decision]);
      }
      await ann.ok(event, { participantId });
    }
    for (const user of [cy, dee]) await user.settle();
    assert.deepEqual([cy, dee].map((user) => user.heard('lobby-admitted').length), [1, 0]);
    assert.deepEqual([cy, dee].map((user) => user.heard('lobby-denied').length), [0, 1]);
    assert.deepEqual(arrivals(bob), ['cy']);
  });
});

/** All that a meeting can be full of, with Ann in it all the time. */
async function bustle(stage, { roomId, ann, bob, cora, eve }) {
  for (const role of ['cohost', 'host']) {
    await ann.ok(`make-${role}`, { participantId: 'bob' });
    await ann.ok(`remove-${role}`, { participantId: 'bob' });
  }
  await ann.ok('make-cohost', { participantId: 'cora' });
  const live = { isAudioMuted: false, isVideoPaused: false, isScreenSharing: true, isHandRaised: true };
  await bob.ok('update-my-state', live);
  await ann.ok('mute-all', { kind: 'audio' });
  for (const kind of ['video', 'screen']) await cora.ok('mute-participant', { participantId: 'bob', kind });
  await ann.ok('ask-to-unmute', { participantId: 'bob', kind: 'audio' });
  await ann.ok('lower-hand');
  await bob.ok('send-message', { message: 'psst' });
  await bob.ok('request-chat-history');
  await bob.ok('signal', { to: 'cora', data: { sdp: 'v=0' } });
  for (const locked of [true, false]) await ann.ok('update-room', { locked });
  await ann.ok('admit-participant', { participantId: 'eve' });
  await admitted(eve, 'Ann');
  await eve.cut();
  await ann.next('participant-updated', ({ updates }) => updates.isReconnecting);
  await cora.ok('leave-room');
  await stage.joined('cora', roomId);
  await ann.ok('remove-participant', { participantId: 'bob' });
}

const namesOf = (user) => everythingHeard(user).map(({ event }) => event);

suite('who waits', { variants: WEBSOCKET, settings }, (scenario) => {
  scenario('hears not one event of a busy room, and neither does who was denied or gave up', async (stage) => {
    const people = await waiting(stage, ['bob', 'cora'], 'wes', 'cy', 'dan', 'lea', 'eve');
    const { ann, wes, cy, dan, lea } = people;
    await lea.ok('leave-room');
    await ann.ok('deny-participant', { participantId: 'dan' });
    await dan.next('lobby-denied');
    await bustle(stage, people);
    // Cy's next place is news of the lobby, and comes after whatever there was before it.
    await ann.ok('deny-participant', { participantId: 'wes' });
    await cy.until(() => cy.heard('lobby-waiting').at(-1).position === 1, 'the first place');
    assert.deepEqual(namesOf(cy), ['lobby-waiting', 'lobby-waiting']);
    await wes.next('lobby-denied');
    assert.deepEqual(namesOf(wes), ['lobby-waiting', 'lobby-denied']);
    assert.doesNotMatch(JSON.stringify(cy.log.entries), /"(ann|bob|cora|eve)"/i);
    for (const user of [dan, lea]) await user.settle();
    assert.deepEqual(namesOf(dan), ['lobby-waiting', 'lobby-denied', 'error']);
    assert.deepEqual(namesOf(lea), ['lobby-waiting', 'error']);
  });

  const one = { participantId: 'bob' };
  const kind = 'audio';
  const commands = {
    'make-host': one, 'remove-host': one, 'make-cohost': one, 'remove-cohost': one,
    'update-my-state': { isAudioMuted: false }, 'mute-participant': { ...one, kind }, 'mute-all': { kind },
    'ask-to-unmute': { ...one, kind }, 'lower-hand': {}, 'remove-participant': one, 'unban-participant': one,
    signal: { to: 'bob', data: 1 }, 'send-message': { message: 'psst' }, 'request-chat-history': {},
    'update-room': { lobby: false }, 'lift-lockout': {}, 'admit-participant': { participantId: 'cy' },
    'deny-participant': { participantId: 'dee' }, 'admit-all': {}, 'room-state': {}, 'end-meeting': {},
  };

  scenario('can command nothing', async (stage) => {
    const { roomId, ann, bob, cy, dee } = await waiting(stage, ['bob'], 'cy', 'dee');
    await unheard([ann, bob], async () => {
      for (const [event, payload] of Object.entries(commands)) await cy.refused(event, payload, 'not-joined');
    });
    const again = await cy.ack('join-room', cy.joinPayload(roomId));
    assert.deepEqual([again.waiting, again.position], [true, 1]);
    await dee.noMore('lobby-waiting');
  });
});
