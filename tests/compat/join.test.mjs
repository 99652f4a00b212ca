// Every form of joining and leaving, and the answers to them.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { expectLeft, expectParticipant, ids, wire } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';

suite('joining', {}, (scenario) => {
  scenario('the ack carries the whole state and comes after the snapshot', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const bob = await stage.joined('bob', roomId, { join: { isAudioMuted: false, userImageUrl: 'https://img.example/b.png' } });
    const reply = bob.joinReply;
    assert.ok(Number.isInteger(reply.rev));
    assert.equal(typeof reply.room, 'object');
    assert.notEqual(reply.room, null);
    assert.ok('provider' in reply, 'provider is there, null without one');
    expectParticipant(reply.participant, { id: 'bob', isAudioMuted: false, isVideoPaused: true, imageUrl: 'https://img.example/b.png' });
    assert.deepEqual(reply.participants.map(wire), bob.heard('existing-participants')[0].map(wire));
    const snapshot = bob.log.entries.find(({ event }) => event === 'existing-participants');
    const ack = bob.log.entries.find(({ answers }) => answers !== undefined);
    assert.ok(snapshot.at < ack.at, 'the snapshot comes first');
    expectParticipant(await ann.next('participant-joined'), { id: 'bob', isAudioMuted: false });
  });

  scenario('positional arguments', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const bob = await stage.user('bob');
    const reply = await bob.ack('join-room', roomId, 'bob', 'Bobby');
    assert.equal(reply.ok, true, JSON.stringify(reply));
    expectParticipant(await ann.next('participant-joined'), { id: 'bob', name: 'Bobby', imageUrl: null });
    assert.deepEqual(ids(await bob.next('existing-participants')), ['ann', 'bob']);
  });

  scenario('a bare room id without any identity is refused', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const eve = await stage.user('eve');
    await eve.expectRefusal('join-room', await eve.ack('join-room', roomId), 'invalid-payload');
    await eve.noMore('existing-participants');
    await ann.noMore('participant-joined');
  });

  scenario('joining again changes nothing and is answered in full', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const reply = await bob.join(roomId);
    assert.deepEqual(ids(reply.participants), ['ann', 'bob']);
    assert.deepEqual(ids(bob.view()), ['ann', 'bob']);
    await ann.noMore('participant-joined');
    await ann.noMore('participant-left');
    await bob.ok('leave-room');
    await ann.next('participant-left');
    assert.deepEqual(ids(ann.view()), ['ann']);
  });

  scenario('joining again does not reset what was granted or switched', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await bob.ok('update-my-state', { isAudioMuted: false });
    await bob.join(roomId);
    expectParticipant(bob.seen('bob'), { isCoHost: true, isAudioMuted: false });
  });

  scenario('commands sent before the connection is open are not lost', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const early = Array.from({ length: 10 }, (_, i) => stage.arriving(`early-${i}`));
    for (const user of early) {
      user.roomId = roomId;
      user.emit('join-room', user.joinPayload(roomId));
      user.emit('update-my-state', { roomId, isHandRaised: true });
    }
    await ann.until(() => ann.view().filter((p) => p.isHandRaised).length === early.length, 'ten raised hands');
    for (const user of early) await user.next('existing-participants');
  });

  const leaves = {
    'an object': (user) => user.ack('leave-room', { roomId: user.roomId }),
    'the bare id': (user) => user.ack('leave-room', user.roomId),
    nothing: (user) => user.ack('leave-room'),
  };
  for (const [form, leave] of Object.entries(leaves)) {
    scenario(`leaving with ${form}`, async (stage) => {
      const { ann, bob } = await stage.cast('bob');
      assert.equal((await leave(bob)).ok, true);
      expectLeft(await ann.next('participant-left'), 'bob', 'left');
      await ann.noMore('participant-left');
      await bob.noMore('participant-left');
      await ann.ok('update-my-state', { isHandRaised: true });
      await bob.noMore('participant-updated');
      assert.equal(bob.connected, true);
      await bob.join(ann.roomId);
      expectParticipant(await ann.next('participant-joined'), { id: 'bob' });
    });
  }

  scenario('leaving without an ack', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    bob.emit('leave-room', bob.roomId);
    expectLeft(await ann.next('participant-left'), 'bob', 'left');
  });

  scenario('leaving a room one is not in is refused and harmless', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const eve = await stage.user('eve');
    await eve.refused('leave-room', { roomId }, ['not-joined', 'room-not-found']);
    await ann.noMore('participant-left');
  });
});

suite('rooms that nobody created: allow (default)', { variants: ONE }, (scenario) => {
  scenario('works, without a host', async (stage) => {
    const roomId = stage.room();
    const bob = await stage.joined('bob', roomId);
    const cy = await stage.joined('cy', roomId);
    for (const person of cy.view()) expectParticipant(person, { isHost: false, isCoHost: false });
    await bob.refused('make-host', { participantId: 'cy' }, 'not-host', 'Only hosts can promote others');
    await bob.refused('end-meeting', {}, 'not-host');
  });
});

suite('rooms that nobody created: deny', { variants: ONE, settings: { ROOMS__UNCREATED: 'deny' } }, (scenario) => {
  scenario('are not found, created ones are', async (stage) => {
    const bob = await stage.user('bob');
    await bob.refused('join-room', bob.joinPayload(stage.room()), 'room-not-found', 'Room not found');
    await bob.join(await stage.meeting('ann'));
    expectParticipant(bob.seen('bob'), { isHost: false });
  });
});

const firstHosts = { variants: ONE, settings: { ROOMS__UNCREATED: 'first-joiner-hosts' } };
suite('rooms that nobody created: the first one hosts', firstHosts, (scenario) => {
  scenario('the first to join is the host, the second is not', async (stage) => {
    const roomId = stage.room();
    const bob = await stage.joined('bob', roomId);
    const cy = await stage.joined('cy', roomId);
    expectParticipant(bob.seen('bob'), { isHost: true });
    expectParticipant(cy.seen('cy'), { isHost: false });
    await bob.ok('make-cohost', { participantId: 'cy' });
  });

  scenario('a created meeting keeps its creator as the only host', async (stage) => {
    const roomId = await stage.meeting('ann');
    const bob = await stage.joined('bob', roomId);
    expectParticipant(bob.seen('bob'), { isHost: false });
    const ann = await stage.joined('ann', roomId);
    expectParticipant(ann.seen('ann'), { isHost: true });
  });
});
