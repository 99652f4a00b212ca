// Commands of one connection take effect in the order sent, and everybody sees them in that order.
import assert from 'node:assert/strict';
import { EVERY, ONE } from './lib/clients.mjs';
import { expectLeft, expectParticipant, expectUpdate, ids } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';

const PAIRS = 100;
const PATIENT = { PRESENCE__LEAVE_AFTER_LOST_MS: 60_000, PRESENCE__LEAVE_AFTER_CLOSE_MS: 60_000 };

suite('order', { variants: EVERY, settings: PATIENT }, (scenario) => {
  scenario(`${PAIRS} pairs of grants and revocations written at once`, async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    const target = { roomId, participantId: 'bob' };
    const asked = [];
    for (let pair = 0; pair < PAIRS; pair += 1) {
      asked.push(ann.ack('make-cohost', target), ann.ack('remove-cohost', target));
    }
    for (const reply of await Promise.all(asked)) assert.equal(reply.ok, true, JSON.stringify(reply));
    const answered = ann.log.entries.filter((e) => /cohost/.test(e.event) && e.answers).map((e) => e.answers);
    assert.deepEqual(answered, [...answered].sort((a, b) => a - b), 'acks in the order of the commands');

    const alternating = Array.from({ length: 2 * PAIRS }, (_, i) => i % 2 === 0);
    for (const user of [ann, bob, cy]) {
      await user.settle();
      const updates = user.heard('participant-updated');
      assert.deepEqual(updates.map(({ updates: { isCoHost } }) => isCoHost), alternating);
      const revs = updates.map(({ rev }) => rev);
      assert.deepEqual(revs, [...revs].sort((a, b) => a - b), 'revisions never go back');
      assert.equal(user.seen('bob').isCoHost, false);
    }
    const notices = bob.log.entries.filter((e) => /^cohost-/.test(e.event)).map((e) => e.event === 'cohost-granted');
    assert.deepEqual(notices, alternating);
    const { participants } = await cy.ok('room-state');
    expectParticipant(participants.find(({ id }) => id === 'bob'), { isCoHost: false });
  });

  scenario('join and leave written at once: nobody stays behind', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const bob = await stage.user('bob');
    const replies = await Promise.all([bob.ack('join-room', bob.joinPayload(roomId)), bob.ack('leave-room', { roomId })]);
    assert.deepEqual(replies.map(({ ok }) => ok), [true, true]);
    await ann.next('participant-joined');
    expectLeft(await ann.next('participant-left'), 'bob', 'left');
    await ann.settle();
    assert.deepEqual(ids(ann.view()), ['ann']);
  });

  scenario('leave and join written at once: still there', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const replies = await Promise.all([bob.ack('leave-room', { roomId }), bob.ack('join-room', bob.joinPayload(roomId))]);
    assert.deepEqual(replies.map(({ ok }) => ok), [true, true]);
    for (const user of [ann, bob]) {
      const { participants } = await user.ok('room-state');
      assert.deepEqual(ids(participants), ['ann', 'bob']);
    }
    assert.deepEqual(ids(ann.view()), ['ann', 'bob']);
  });

  scenario('a join and the first commands after it written at once', async (stage) => {
    const roomId = await stage.meeting('ann');
    const bob = await stage.joined('bob', roomId);
    const ann = await stage.user('ann');
    const replies = await Promise.all([
      ann.ack('join-room', ann.joinPayload(roomId)),
      ann.ack('make-cohost', { roomId, participantId: 'bob' }),
      ann.ack('update-my-state', { roomId, isAudioMuted: false }),
    ]);
    assert.deepEqual(replies.map(({ ok }) => ok), [true, true, true]);
    expectParticipant(await bob.next('participant-joined'), { id: 'ann', isHost: true });
    expectUpdate(await bob.next('participant-updated'), 'bob', { isCoHost: true });
    expectUpdate(await bob.next('participant-updated'), 'ann', { isAudioMuted: false });
  });

  scenario('a command and the disconnect written at once: the command counts', async (stage) => {
    const { ann, bob, cy } = await stage.cast('bob', 'cy');
    await ann.ok('make-host', { participantId: 'bob' });
    await bob.upgraded();
    bob.emit('make-cohost', { roomId: bob.roomId, participantId: 'cy' });
    bob.disconnect();
    expectLeft(await cy.next('participant-left'), 'bob', 'left');
    const order = cy.log.entries.map(({ event }) => event);
    assert.ok(order.lastIndexOf('cohost-granted') < order.lastIndexOf('participant-left'));
    assert.equal((await cy.next('cohost-granted')).by, 'Bob');
    assert.equal(cy.seen('cy').isCoHost, true);
  });

  scenario('many people at once: every view ends as the room is', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const crowd = Array.from({ length: 8 }, (_, i) => stage.arriving(`p${i}`));
    await Promise.all(crowd.map(async (user, i) => {
      await user.connect();
      await user.join(roomId);
      await user.ok('update-my-state', { isAudioMuted: i % 2 === 0, isHandRaised: true });
      if (i % 4 === 0) await user.ok('leave-room');
    }));
    const { participants } = await ann.ok('room-state');
    assert.equal(participants.length, 7);
    for (const user of [ann, ...crowd.filter((_, i) => i % 4 !== 0)]) {
      await user.settle();
      assert.deepEqual(ids(user.view()), ids(participants));
      for (const { id, isAudioMuted } of participants) assert.equal(user.seen(id).isAudioMuted, isAudioMuted);
    }
  });
});

suite('order within one TCP segment', { variants: ONE, settings: PATIENT }, (scenario) => {
  scenario(`${PAIRS} pairs as raw frames in a single write`, async (stage) => {
    const roomId = await stage.meeting('ann');
    const bob = await stage.joined('bob', roomId);
    const ann = await stage.raw('ann');
    assert.equal((await ann.ack('join-room', { roomId, userId: 'ann', userName: 'Ann' })).ok, true);
    const commands = ['make-cohost', 'remove-cohost'];
    const replies = await Promise.all(ann.inOneFlush(() =>
      Array.from({ length: 2 * PAIRS }, (_, i) => ann.ack(commands[i % 2], { roomId, participantId: 'bob' })),
    ));
    assert.ok(replies.every(({ ok }) => ok));
    await bob.settle();
    const roles = bob.heard('participant-updated').map(({ updates: { isCoHost } }) => isCoHost);
    assert.deepEqual(roles, Array.from({ length: 2 * PAIRS }, (_, i) => i % 2 === 0));
    const answered = ann.log.entries.filter((e) => e.answers).map((e) => e.answers);
    assert.deepEqual(answered, [...answered].sort((a, b) => a - b));
  });
});
