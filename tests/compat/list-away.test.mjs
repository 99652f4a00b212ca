// What a page of the list dialect is told that it missed: while it was away, before it spoke the dialect, in the lobby.
import assert from 'node:assert/strict';
import { Frontend, enters, meetup } from './lib/frontend.mjs';
import { ONE } from './lib/clients.mjs';
import { away, withTabs, PATIENT, PROMPT } from './lib/recovering.mjs';
import { suite } from './lib/stage.mjs';

suite('a page that was away', { variants: ONE, settings: { ...PATIENT, ...PROMPT } }, (start) => {
  const scenario = withTabs(start);

  scenario('learns that it was muted, and may not unmute', async (stage, tabs) => {
    const { ann, bob } = await away(tabs);
    await ann.ok('mute-participant', { participantId: 'bob', kind: 'audio', lock: true });
    bob.returns();
    await bob.recovered('ann', 'bob');
    const { audio, locked } = await bob.next('force-mute');
    assert.deepEqual([audio, locked], [true, true]);
    assert.equal(bob.seen('bob').audioLocked, true);
    await bob.refused('update-my-state', { isAudioMuted: false }, 'media-locked');
  });

  scenario('learns that it may again what was forbidden when it went', async (stage, tabs) => {
    const { ann, bob } = await tabs.meeting(['bob']);
    await ann.ok('mute-all', { kind: 'video', lock: true });
    await bob.next('disable-all-cameras');
    await bob.leaveForNow();
    await ann.ok('ask-all-to-unmute', { kind: 'video' });
    bob.returns();
    await bob.recovered('ann', 'bob');
    await bob.next('allow-video-enable');
    await bob.ok('update-my-state', { isVideoPaused: false });
  });

  scenario('is told of a mute once, when it was there', async (stage, tabs) => {
    const { ann, bob } = await tabs.meeting(['bob']);
    await ann.ok('mute-participant', { participantId: 'bob', kind: 'audio' });
    await bob.next('force-mute');
    await bob.noMore('force-mute');
  });
});

suite('a client that changes its dialect', { variants: ONE }, (scenario) => {
  scenario('in a room where nothing happens is shown the list', async (stage) => {
    const { roomId } = await meetup(stage, []);
    const dan = await stage.joined('dan', roomId);
    dan.emit('set-user-id', 'dan');
    const list = await dan.next('participant-list-update');
    assert.deepEqual(list.map(({ id }) => id), ['ann', 'dan']);
  });
});

suite('a page in the lobby', { variants: ONE }, (scenario) => {
  scenario('gets the messages that it asked for when it is let in', async (stage) => {
    const { roomId, ann } = await meetup(stage, []);
    assert.equal((await ann.ack('update-room', { roomId, lobby: true })).success, true);
    ann.press('send-message', { message: { id: 'm1', text: 'hello', createdAt: 1, pinned: false, sender: 'ann' } });
    await ann.next('receive-message');
    const bob = new Frontend('bob', stage.server.url, stage.variant);
    try {
      await bob.connect();
      const { code } = await bob.enter(roomId);
      assert.equal(code, 'lobby-waiting');
      assert.equal((await bob.ack('request-chat-history', { roomId })).success, true);
      await bob.noMore('chat-history');
      assert.equal((await ann.ack('admit-participant', { roomId, targetUserId: 'bob' })).success, true);
      const [{ message }] = await bob.next('chat-history');
      assert.equal(message.text, 'hello');
    } finally {
      bob.close();
    }
  });
});

suite('somebody who types', { variants: ONE }, (scenario) => {
  scenario('and goes, types no longer', async (stage) => {
    const { roomId, ann } = await meetup(stage, []);
    const bob = await enters(stage, 'bob', roomId);
    bob.press('typing-start', {});
    const { socketId } = await ann.next('typing-start');
    bob.close();
    assert.equal((await ann.next('typing-stop')).socketId, socketId);
  });
});

suite('what is locked for all', { variants: ONE }, (scenario) => {
  scenario('is nobody’s own lock, however often they join', async (stage) => {
    const { roomId, ann } = await meetup(stage, []);
    const cy = await stage.joined('cy', roomId);
    ann.press('mute-all-participants', { userId: 'ann' });
    await cy.next('force-mute');
    await cy.ok('join-room', { userId: 'cy', userName: 'Cy', isAudioMuted: false });
    await cy.ok('leave-room');
    await ann.next('participant-left');
    ann.press('unmute-all-participants', { userId: 'ann' });
    await ann.ack('room-state', { roomId });
    await cy.ok('join-room', { userId: 'cy', userName: 'Cy' });
    await cy.ok('update-my-state', { isAudioMuted: false });
  });

  scenario('binds who is a co-host no longer, and tells them', async (stage) => {
    const { roomId, ann } = await meetup(stage, []);
    const bob = await enters(stage, 'bob', roomId);
    ann.makeCohost('bob');
    await bob.next('cohost-granted');
    ann.press('disable-all-screen-sharing', { userId: 'ann' });
    await ann.ack('room-state', { roomId });
    ann.removeCohost('bob');
    assert.equal((await bob.next('screenshare-control')).enabled, false);
    bob.press('screen-share-started', { userId: 'bob', producerId: 'p' });
    await bob.next('screenshare-denied');
    ann.makeCohost('bob');
    assert.equal((await bob.next('screenshare-control')).enabled, true);
  });
});
