// When the last host is gone: who takes over, when, and who never does.
import assert from 'node:assert/strict';
import { ONE, WEBSOCKET } from './lib/clients.mjs';
import { expectParticipant } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';

const settings = (grace) => ({ ROOMS__ROLE_GRACE_MS: grace, PRESENCE__LEAVE_AFTER_LOST_MS: 50, PRESENCE__LEAVE_AFTER_CLOSE_MS: 50 });

async function hosts(user) {
  const { participants } = await user.ok('room-state');
  return participants.filter(({ isHost }) => isHost).map(({ id }) => id).sort();
}

async function vacancy(user) {
  const { deadline } = await user.next('host-vacant');
  assert.ok(!Number.isNaN(new Date(deadline).getTime()), `a time, not ${deadline}`);
}

suite('succession', { variants: WEBSOCKET, settings: settings(400) }, (scenario) => {
  scenario('the co-host with the earliest grant follows', async (stage) => {
    const { ann, bob, cy, dee } = await stage.cast('bob', 'cy', 'dee');
    for (const id of ['cy', 'bob']) await ann.ok('make-cohost', { participantId: id });
    await ann.ok('leave-room');
    for (const user of [bob, cy, dee]) {
      await vacancy(user);
      const change = await user.next('host-changed');
      assert.equal(change.participantId, 'cy');
      assert.equal(typeof change.cause, 'string');
      await user.until(() => user.seen('cy').isHost, 'cy as host in the view');
    }
    assert.deepEqual(await hosts(dee), ['cy']);
    await cy.ok('make-cohost', { participantId: 'dee' });
    await dee.next('cohost-granted');
  });

  scenario('a grant taken back and given again counts from the second time', async (stage) => {
    const { ann, bob, cy } = await stage.cast('bob', 'cy');
    for (const id of ['cy', 'bob']) await ann.ok('make-cohost', { participantId: id });
    await ann.ok('remove-cohost', { participantId: 'cy' });
    await ann.ok('make-cohost', { participantId: 'cy' });
    await ann.ok('leave-room');
    assert.equal((await bob.next('host-changed')).participantId, 'bob');
    assert.deepEqual(await hosts(cy), ['bob']);
  });

  scenario('who has left is not chosen', async (stage) => {
    const { ann, bob, cy } = await stage.cast('bob', 'cy');
    for (const id of ['cy', 'bob']) await ann.ok('make-cohost', { participantId: id });
    await cy.ok('leave-room');
    await ann.ok('leave-room');
    assert.equal((await bob.next('host-changed')).participantId, 'bob');
  });

  scenario('a host who is lost is followed in the same way', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await ann.cut();
    await vacancy(bob);
    assert.equal((await bob.next('host-changed')).participantId, 'bob');
  });

  scenario('the creator who returns later is the host again', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await ann.ok('leave-room');
    assert.equal((await bob.next('host-changed')).participantId, 'bob');
    const back = await stage.joined('ann', roomId);
    expectParticipant(back.seen('ann'), { isHost: true });
    await bob.until(() => bob.seen('ann')?.isHost, 'ann as host at bob');
    await back.ok('end-meeting');
  });

  scenario('a guest is never promoted', async (stage) => {
    const guests = await stage.cast('bob', 'cy');
    await guests.ann.ok('leave-room');
    await vacancy(guests.bob);
    // Another room becomes vacant later with the same grace: its end is after ours.
    const later = await stage.cast('dee');
    await later.ann.ok('make-cohost', { participantId: 'dee' });
    await later.ann.ok('leave-room');
    await later.dee.next('host-changed');
    assert.deepEqual(await hosts(guests.bob), []);
    for (const user of [guests.bob, guests.cy]) {
      await user.noMore('host-granted');
      assert.ok(user.view().every(({ isHost }) => !isHost));
      await user.refused('make-host', { participantId: 'ann' }, ['not-host', 'participant-not-found']);
    }
    const back = await stage.joined('ann', guests.roomId);
    expectParticipant(back.seen('ann'), { isHost: true });
    await back.ok('make-cohost', { participantId: 'bob' });
  });
});

suite('no succession', { variants: ONE, settings: settings(60_000) }, (scenario) => {
  scenario('while another host is in the room', async (stage) => {
    const { ann, bob, cy } = await stage.cast('bob', 'cy');
    await ann.ok('make-host', { participantId: 'bob' });
    await ann.ok('leave-room');
    await cy.next('participant-left');
    await cy.noMore('host-vacant');
    assert.deepEqual(await hosts(cy), ['bob']);
    await bob.ok('make-cohost', { participantId: 'cy' });
  });

  scenario('when the host is back within the grace', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await ann.ok('leave-room');
    await vacancy(bob);
    assert.deepEqual(await hosts(bob), []);
    await bob.refused('make-host', { participantId: 'bob' }, ['not-host', 'cannot-target-self']);
    const back = await stage.joined('ann', roomId);
    assert.deepEqual(await hosts(back), ['ann']);
    await bob.noMore('host-granted');
    assert.equal(bob.seen('bob').isHost, false);
  });

  scenario('in a room that nobody hosts', async (stage) => {
    const roomId = stage.room();
    const bob = await stage.joined('bob', roomId);
    const cy = await stage.joined('cy', roomId);
    await bob.ok('leave-room');
    await cy.next('participant-left');
    await cy.noMore('host-vacant');
  });
});
