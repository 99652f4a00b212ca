// One user on several connections is one participant; and what the other device policies do.
import assert from 'node:assert/strict';
import { CUTTABLE, WEBSOCKET } from './lib/clients.mjs';
import { expectLeft, expectSomeRefusal, expectUpdate, ids } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';

// Long enough that only what is immediate can happen.
const PATIENT = { PRESENCE__LEAVE_AFTER_LOST_MS: 60_000, PRESENCE__LEAVE_AFTER_CLOSE_MS: 60_000 };

suite('two tabs of one user', { settings: PATIENT }, (scenario) => {
  scenario('are one participant', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const tab = await stage.joined('bob', roomId);
    assert.deepEqual(ids(tab.view()), ['ann', 'bob']);
    assert.deepEqual(ids(tab.joinReply.participants), ['ann', 'bob']);
    for (const user of [ann, bob, tab]) await user.noMore('participant-joined');
    assert.deepEqual(ids((await ann.ok('room-state')).participants), ['ann', 'bob']);
  });

  scenario('both get what is meant for the user', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const tab = await stage.joined('bob', roomId);
    await ann.ok('make-cohost', { participantId: 'bob' });
    await ann.ok('remove-cohost', { participantId: 'bob' });
    for (const user of [bob, tab]) {
      expectUpdate(await user.next('participant-updated'), 'bob', { isCoHost: true });
      assert.equal((await user.next('cohost-granted')).by, 'Ann');
      expectUpdate(await user.next('participant-updated'), 'bob', { isCoHost: false });
      assert.equal((await user.next('cohost-revoked')).by, 'Ann');
    }
    await ann.noMore('cohost-granted');
  });

  scenario('either can speak for the user, only the asking one gets the ack and the error', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const tab = await stage.joined('bob', roomId);
    await tab.ok('update-my-state', { isAudioMuted: false });
    for (const user of [ann, bob, tab]) expectUpdate(await user.next('participant-updated'), 'bob', { isAudioMuted: false });
    await tab.refused('make-host', { participantId: 'ann' }, 'not-host');
    await bob.noMore('error', ({ event }) => event === 'make-host');
  });

  scenario('closing one keeps the participant, closing the last one leaves', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const tab = await stage.joined('bob', roomId);
    bob.disconnect();
    await tab.ok('update-my-state', { isHandRaised: true });
    expectUpdate(await ann.next('participant-updated'), 'bob', { isHandRaised: true });
    await ann.noMore('participant-left');
    tab.disconnect();
    expectLeft(await ann.next('participant-left'), 'bob', 'left');
    await ann.noMore('participant-left');
  });

  scenario('leaving in one keeps the participant, leaving in both leaves', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const tab = await stage.joined('bob', roomId);
    await bob.ok('leave-room');
    await ann.noMore('participant-left');
    await tab.ok('update-my-state', { isHandRaised: true });
    await bob.noMore('participant-updated');
    await tab.ok('leave-room');
    expectLeft(await ann.next('participant-left'), 'bob', 'left');
    await ann.noMore('participant-left');
  });

  scenario('of a host: both have its powers', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const tab = await stage.joined('ann', roomId);
    ann.disconnect();
    await tab.ok('make-host', { participantId: 'bob' });
    await bob.next('host-granted');
  });
});

suite('losing one tab of two', { variants: CUTTABLE, settings: PATIENT }, (scenario) => {
  scenario('is not noticed by anybody', async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    const tab = await stage.joined('bob', roomId);
    await bob.cut();
    await cy.cut();
    expectUpdate(await ann.next('participant-updated'), 'cy', { isReconnecting: true });
    await ann.noMore('participant-left');
    await tab.ok('update-my-state', { isHandRaised: true });
    expectUpdate(await ann.next('participant-updated'), 'bob', { isHandRaised: true });
  });
});

suite('devices: newest-wins', { variants: WEBSOCKET, settings: { ...PATIENT, ROOMS__DEVICES: 'newest-wins' } }, (scenario) => {
  scenario('the old connection is told and is out, others notice nothing', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const tab = await stage.joined('bob', roomId);
    await bob.next('session-replaced');
    await tab.ok('update-my-state', { isHandRaised: true });
    expectUpdate(await ann.next('participant-updated'), 'bob', { isHandRaised: true });
    await ann.ok('make-cohost', { participantId: 'bob' });
    await tab.next('cohost-granted');
    assert.equal(bob.heard('cohost-granted').length, 0);
    for (const event of ['participant-left', 'participant-joined']) await ann.noMore(event);
  });

  scenario('the end of the old connection does not end the new one', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const tab = await stage.joined('bob', roomId);
    await bob.next('session-replaced');
    bob.disconnect();
    await tab.ok('update-my-state', { isHandRaised: true });
    await ann.noMore('participant-left');
    tab.disconnect();
    expectLeft(await ann.next('participant-left'), 'bob', 'left');
  });
});

suite('devices: reject-new', { variants: WEBSOCKET, settings: { ...PATIENT, ROOMS__DEVICES: 'reject-new' } }, (scenario) => {
  scenario('a second connection is refused, the first goes on', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const tab = await stage.user('bob');
    expectSomeRefusal(await tab.ack('join-room', tab.joinPayload(roomId)), 'the second join');
    await tab.next('error', ({ event }) => event === 'join-room');
    await bob.ok('update-my-state', { isHandRaised: true });
    await ann.next('participant-updated');
    assert.equal(tab.view(), null);
  });

  scenario('a lost connection does not keep its owner out', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await bob.cut();
    expectUpdate(await ann.next('participant-updated'), 'bob', { isReconnecting: true });
    const back = await stage.joined('bob', roomId);
    expectUpdate(await ann.next('participant-updated'), 'bob', { isReconnecting: false });
    await back.ok('update-my-state', { isHandRaised: true });
    await ann.noMore('participant-left');
  });

  scenario('joining again on the same connection is no second device', async (stage) => {
    const { roomId, bob } = await stage.cast('bob');
    await bob.join(roomId);
    assert.deepEqual(ids(bob.view()), ['ann', 'bob']);
  });
});
