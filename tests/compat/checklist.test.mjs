// The testing checklist of the host and co-host document, item by item.
import assert from 'node:assert/strict';
import { expectParticipant, expectUpdate, wire } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';

/** One row per role event: what it changes, who is told what, and what others are answered. */
const ROLE_EVENTS = [
  { event: 'make-host', updates: { isHost: true }, notice: 'host-granted', denial: 'Only hosts can promote others' },
  { event: 'remove-host', updates: { isHost: false }, notice: 'host-revoked', denial: 'Only hosts can remove host status' },
  { event: 'make-cohost', updates: { isCoHost: true }, notice: 'cohost-granted', denial: 'Only hosts can promote co-hosts' },
  { event: 'remove-cohost', updates: { isCoHost: false }, notice: 'cohost-revoked', denial: 'Only hosts can remove co-hosts' },
];

suite('checklist', {}, (scenario) => {
  scenario('the creator of a meeting joins as its host', async (stage) => {
    const roomId = await stage.meeting('ann');
    const ann = await stage.user('ann');
    ann.emit('join-room', { roomId, userId: 'ann', userName: 'Ann', userImageUrl: 'https://img.example/ann.png' });
    const existing = await ann.next('existing-participants');
    assert.ok(Array.isArray(existing), 'a bare array');
    assert.deepEqual(existing.map(wire), [
      {
        id: 'ann',
        name: 'Ann',
        imageUrl: 'https://img.example/ann.png',
        isHost: true,
        isCoHost: false,
        isAudioMuted: true,
        isVideoPaused: true,
      },
    ]);
  });

  scenario('somebody else joins as a plain participant and is announced once', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const bob = await stage.user('bob');
    bob.emit('join-room', bob.joinPayload(roomId));
    const existing = await bob.next('existing-participants');
    assert.deepEqual(existing.map(({ id }) => id).sort(), ['ann', 'bob']);
    for (const person of existing) expectParticipant(person, { isHost: person.id === 'ann', isCoHost: false });

    const joined = await ann.next('participant-joined');
    expectParticipant(joined, { id: 'bob', name: 'Bob', isHost: false, isCoHost: false, isAudioMuted: true, isVideoPaused: true });
    assert.ok(Number.isInteger(joined.rev));
    await ann.noMore('participant-joined');
    bob.roomId = roomId;
    await bob.noMore('participant-joined');
  });

  scenario('what a client claims about its own role is not believed', async (stage) => {
    const { roomId, ann } = await stage.cast();
    await stage.joined('bob', roomId, { join: { isHost: true, isCoHost: true, isCreator: true, role: 'HOST', createdBy: 'bob' } });
    expectParticipant(await ann.next('participant-joined'), { id: 'bob', isHost: false, isCoHost: false });
  });

  for (const { event, updates, notice, denial } of ROLE_EVENTS) {
    scenario(`${event}: the whole room sees it, then the target is told`, async (stage) => {
      const { ann, bob, cy } = await stage.cast('bob', 'cy');
      if (event.startsWith('remove-')) {
        await ann.ok(event.replace('remove', 'make'), { participantId: 'bob' });
        for (const user of [ann, bob, cy]) await user.next('participant-updated');
      }
      ann.emit(event, { roomId: ann.roomId, participantId: 'bob' });
      for (const user of [ann, bob, cy]) {
        expectUpdate(await user.next('participant-updated'), 'bob', updates);
        const [flag] = Object.keys(updates);
        assert.equal(user.seen('bob')[flag], updates[flag]);
      }
      assert.equal((await bob.next(notice)).by, 'Ann');
      const [update, told] = ['participant-updated', notice].map((name) => bob.log.entries.findLast((e) => e.event === name).at);
      assert.ok(update < told, 'participant-updated comes before the notice');
      for (const user of [ann, cy]) await user.noMore(notice);
      for (const user of [ann, bob, cy]) await user.noMore('participant-updated');
    });

    scenario(`${event}: only hosts, and only the sender hears of the refusal`, async (stage) => {
      const { ann, bob, cy } = await stage.cast('bob', 'cy');
      await bob.refused(event, { participantId: 'cy' }, 'not-host', denial);
      await ann.ok('make-cohost', { participantId: 'bob' });
      await bob.refused(event, { participantId: 'cy' }, 'not-host', denial);
      for (const user of [ann, cy]) {
        await user.noMore('error');
        await user.noMore('participant-updated', ({ participantId }) => participantId === 'cy');
      }
    });

    scenario(`${event}: the target must be in the room, the room must exist`, async (stage) => {
      const { ann } = await stage.cast('bob');
      await ann.refused(event, { participantId: 'nobody' }, 'participant-not-found', 'Participant not found');
      await ann.refused(event, { roomId: stage.room(), participantId: 'bob' }, 'room-not-found', 'Room not found');
    });

    scenario(`${event}: refused in the error event alone when no ack was asked for`, async (stage) => {
      const { bob } = await stage.cast('bob', 'cy');
      bob.emit(event, { roomId: bob.roomId, participantId: 'cy' });
      const { message, code, event: about } = await bob.next('error');
      assert.deepEqual({ message, code, about }, { message: denial, code: 'not-host', about: event });
    });
  }

  scenario('a promoted host can use the host controls', async (stage) => {
    const { ann, bob, cy } = await stage.cast('bob', 'cy');
    await ann.ok('make-host', { participantId: 'bob' });
    await bob.ok('make-cohost', { participantId: 'cy' });
    assert.equal((await cy.next('cohost-granted')).by, 'Bob');
    await ann.until(() => ann.seen('cy').isCoHost, 'cy as co-host at ann');
  });

  scenario('nobody promotes themselves', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await ann.refused('make-host', { participantId: 'ann' }, 'cannot-target-self');
    await ann.refused('make-cohost', { participantId: 'ann' }, 'cannot-target-self');
    await bob.refused('make-host', { participantId: 'bob' }, ['not-host', 'cannot-target-self']);
    await bob.noMore('participant-updated');
  });

  scenario('roles are by user id: a reconnect keeps them', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('make-cohost', { participantId: 'bob' });
    bob.disconnect();
    await ann.next('participant-left');
    const again = await stage.joined('bob', roomId);
    assert.equal(again.seen('bob').isCoHost, true);
    expectParticipant(await ann.next('participant-joined'), { id: 'bob', isCoHost: true });
  });
});
