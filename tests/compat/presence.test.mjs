// Connections that end: said goodbye, closed by the browser, or lost; and coming back from each.
import assert from 'node:assert/strict';
import { CUTTABLE, EVERY } from './lib/clients.mjs';
import { expectLeft, expectParticipant, expectUpdate, ids } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';

const LONG_MS = 60_000;
const SHORT_MS = 150;
const settings = (lost, closed) => ({
  PRESENCE__LEAVE_AFTER_LOST_MS: lost,
  PRESENCE__LEAVE_AFTER_CLOSE_MS: closed,
});

suite('a lost transport', { variants: CUTTABLE, settings: settings(LONG_MS, LONG_MS) }, (scenario) => {
  scenario('shows at once as reconnecting, and as back with the role kept', async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    await ann.ok('make-cohost', { participantId: 'bob' });
    for (const user of [ann, cy]) await user.next('participant-updated');
    await bob.cut();
    for (const user of [ann, cy]) expectUpdate(await user.next('participant-updated'), 'bob', { isReconnecting: true });
    assert.deepEqual(ids((await ann.ok('room-state')).participants), ['ann', 'bob', 'cy']);

    const back = await stage.joined('bob', roomId);
    expectParticipant(back.seen('bob'), { isCoHost: true });
    for (const user of [ann, cy]) {
      expectUpdate(await user.next('participant-updated'), 'bob', { isReconnecting: false });
      for (const event of ['participant-left', 'participant-joined', 'participant-updated']) await user.noMore(event);
    }
    await ann.ok('remove-cohost', { participantId: 'bob' });
    await back.next('cohost-revoked');
  });

  scenario('of the host: still the host when back', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.cut();
    expectUpdate(await bob.next('participant-updated'), 'ann', { isReconnecting: true });
    const back = await stage.joined('ann', roomId);
    await back.ok('make-cohost', { participantId: 'bob' });
    await bob.noMore('participant-left');
    await bob.noMore('host-changed');
  });

  scenario('the client comes back by itself and joins again', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const bob = await stage.joined('bob', roomId, { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 50 });
    await ann.next('participant-joined');
    bob.log.readAll();
    await bob.cut();
    await bob.next('connect');
    await bob.join(roomId);
    expectUpdate(await ann.next('participant-updated'), 'bob', { isReconnecting: true });
    expectUpdate(await ann.next('participant-updated'), 'bob', { isReconnecting: false });
    await ann.noMore('participant-left');
    await ann.noMore('participant-joined');
    assert.deepEqual(ids(bob.view()), ['ann', 'bob']);
  });

  scenario('flapping leaves no trace', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    let current = bob;
    for (let round = 0; round < 5; round += 1) {
      await current.cut();
      current = await stage.joined('bob', roomId);
    }
    await current.ok('leave-room');
    expectLeft(await ann.next('participant-left'), 'bob', 'left');
    await ann.noMore('participant-left');
    await ann.noMore('participant-joined');
  });
});

suite('a lost transport, not back in time', { variants: CUTTABLE, settings: settings(SHORT_MS, LONG_MS) }, (scenario) => {
  scenario('is exactly one leave', async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    await bob.cut();
    for (const user of [ann, cy]) {
      expectUpdate(await user.next('participant-updated'), 'bob', { isReconnecting: true });
      expectLeft(await user.next('participant-left'), 'bob', 'disconnected');
    }
    const back = await stage.joined('bob', roomId);
    expectParticipant(await ann.next('participant-joined'), { id: 'bob' });
    await back.ok('leave-room');
    expectLeft(await ann.next('participant-left'), 'bob', 'left');
    await ann.noMore('participant-left');
  });
});

suite('late clean-up', { variants: CUTTABLE, settings: settings(1_000, LONG_MS) }, (scenario) => {
  scenario('of a lost connection does not remove its owner, who is back on a new one', async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    await bob.cut();
    const back = await stage.joined('bob', roomId);
    // Cy is lost later with the same grace: once cy is out, bob's old connection is past due.
    await cy.cut();
    expectLeft(await ann.next('participant-left'), 'cy', 'disconnected');
    await ann.noMore('participant-left');
    assert.deepEqual(ids((await back.ok('room-state')).participants), ['ann', 'bob']);
  });
});

suite('a closed tab', { variants: EVERY, settings: settings(LONG_MS, SHORT_MS) }, (scenario) => {
  scenario('leaves after its own, shorter grace', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await bob.closeTab();
    expectLeft(await ann.next('participant-left'), 'bob', 'disconnected');
    await ann.noMore('participant-left');
  });
});

suite('a reload', { variants: EVERY, settings: settings(SHORT_MS, LONG_MS) }, (scenario) => {
  scenario('within the grace is neither a leave nor a join', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await bob.closeTab();
    const back = await stage.joined('bob', roomId);
    expectParticipant(back.seen('bob'), { isCoHost: true });
    for (const event of ['participant-left', 'participant-joined']) await ann.noMore(event);
    assert.ok(!ann.seen('bob').isReconnecting);
  });
});

suite('saying goodbye', { variants: EVERY, settings: settings(LONG_MS, LONG_MS) }, (scenario) => {
  scenario('socket.disconnect() leaves at once', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    bob.disconnect();
    expectLeft(await ann.next('participant-left'), 'bob', 'left');
    await ann.noMore('participant-left');
    await ann.noMore('participant-updated');
  });

  scenario('leave-room and then socket.disconnect() is one leave', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    bob.emit('leave-room', { roomId: bob.roomId });
    bob.disconnect();
    expectLeft(await ann.next('participant-left'), 'bob', 'left');
    await ann.noMore('participant-left');
  });

  scenario('and coming back at once on the same client', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    bob.disconnect();
    await bob.next('disconnect');
    const back = await stage.joined('bob', roomId);
    expectLeft(await ann.next('participant-left'), 'bob', 'left');
    expectParticipant(await ann.next('participant-joined'), { id: 'bob' });
    await back.settle();
    assert.deepEqual(ids(ann.view()), ['ann', 'bob']);
  });
});
