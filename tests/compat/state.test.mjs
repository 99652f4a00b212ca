// update-my-state, room-state and end-meeting.
import assert from 'node:assert/strict';
import { expectParticipant, expectUpdate, ids, wire } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';

suite('own state', {}, (scenario) => {
  for (const flag of ['isAudioMuted', 'isVideoPaused', 'isScreenSharing', 'isHandRaised']) {
    scenario(`${flag} goes to the whole room, the actor included`, async (stage) => {
      const { ann, bob, cy } = await stage.cast('bob', 'cy');
      const initially = flag === 'isAudioMuted' || flag === 'isVideoPaused';
      for (const value of [!initially, initially]) {
        await bob.ok('update-my-state', { [flag]: value });
        for (const user of [ann, bob, cy]) {
          expectUpdate(await user.next('participant-updated'), 'bob', { [flag]: value });
        }
      }
    });
  }

  scenario('the ack comes after the change itself', async (stage) => {
    const { bob } = await stage.cast('bob');
    await bob.ok('update-my-state', { isAudioMuted: false });
    const change = bob.log.entries.findLast(({ event }) => event === 'participant-updated');
    const ack = bob.log.entries.findLast(({ answers }) => answers !== undefined);
    assert.ok(change && change.at < ack.at);
  });

  scenario('several flags at once are one update', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await bob.ok('update-my-state', { isAudioMuted: false, isVideoPaused: false });
    expectUpdate(await ann.next('participant-updated'), 'bob', { isAudioMuted: false, isVideoPaused: false });
    await ann.noMore('participant-updated');
  });

  scenario('is one\'s own: no role and nobody else can be set with it', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    const claims = { isHost: true, isCoHost: true, userId: 'ann', participantId: 'ann' };
    await bob.ack('update-my-state', { roomId: bob.roomId, isAudioMuted: false, ...claims });
    await ann.noMore('participant-updated', ({ participantId }) => participantId === 'ann');
    const { participants } = await ann.ok('room-state');
    expectParticipant(participants.find(({ id }) => id === 'bob'), { isHost: false, isCoHost: false });
    expectParticipant(participants.find(({ id }) => id === 'ann'), { isAudioMuted: true });
  });

  scenario('a late joiner sees it', async (stage) => {
    const { roomId, ann } = await stage.cast();
    await ann.ok('update-my-state', { isVideoPaused: false });
    const bob = await stage.joined('bob', roomId);
    expectParticipant(bob.seen('ann'), { isVideoPaused: false, isAudioMuted: true });
  });
});

suite('room-state', {}, (scenario) => {
  scenario('is what every member has folded together by itself', async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await cy.ok('update-my-state', { isHandRaised: true });
    await cy.ok('leave-room');
    const dee = await stage.joined('dee', roomId);
    for (const user of [ann, bob, dee]) {
      const state = await user.ok('room-state');
      assert.ok(Number.isInteger(state.rev));
      assert.equal(typeof state.room, 'object');
      const byId = (a, b) => a.id.localeCompare(b.id);
      assert.deepEqual(user.view().map(wire).sort(byId), state.participants.map(wire).sort(byId));
      assert.deepEqual(ids(state.participants), ['ann', 'bob', 'dee']);
    }
  });

  scenario('its revision is never behind an event that came before', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await bob.ok('update-my-state', { isAudioMuted: false });
    const { rev } = await ann.next('participant-updated');
    assert.ok((await ann.ok('room-state')).rev >= rev);
  });

  scenario('is for members only', async (stage) => {
    const { roomId, bob } = await stage.cast('bob');
    const eve = await stage.user('eve');
    await eve.refused('room-state', { roomId }, 'not-joined');
    await eve.refused('room-state', { roomId: stage.room() }, ['room-not-found', 'not-joined']);
    await bob.ok('leave-room');
    await bob.refused('room-state', {}, 'not-joined');
  });
});

suite('end for all', {}, (scenario) => {
  scenario('everyone is told and nobody comes back', async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    await ann.ok('end-meeting');
    for (const user of [ann, bob, cy]) {
      const ended = await user.next('meeting-ended');
      assert.equal(ended.by, 'Ann');
      assert.ok('reason' in ended);
    }
    for (const user of [ann, bob]) {
      await user.refused('join-room', user.joinPayload(roomId), 'meeting-ended');
      await user.noMore('meeting-ended');
    }
    const dee = await stage.user('dee');
    await dee.refused('join-room', dee.joinPayload(roomId), 'meeting-ended');
    await dee.noMore('existing-participants');
  });

  scenario('is for hosts only', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await bob.refused('end-meeting', {}, 'not-host');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await bob.refused('end-meeting', {}, 'not-host');
    await ann.noMore('meeting-ended');
    await ann.ok('make-host', { participantId: 'bob' });
    await bob.ok('end-meeting');
    assert.equal((await ann.next('meeting-ended')).by, 'Bob');
  });

  scenario('commands after the end are refused', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await ann.ok('end-meeting');
    await bob.next('meeting-ended');
    const over = ['meeting-ended', 'not-joined', 'room-not-found'];
    await ann.refused('make-cohost', { participantId: 'bob' }, [...over, 'not-host']);
    await bob.refused('update-my-state', { isAudioMuted: false }, over);
    await ann.refused('end-meeting', {}, [...over, 'not-host']);
    await bob.noMore('participant-updated');
  });
});
