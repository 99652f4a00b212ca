// Pages of the list dialect and clients of the delta dialect in one room: each does what it can, all show the same.
import assert from 'node:assert/strict';
import { EVERY, WEBSOCKET } from './lib/clients.mjs';
import { isKeptOff, live, may, mayNot, switchesOn } from './lib/controls.mjs';
import { admitted, queueBecomes, queueOf } from './lib/doors-of-rooms.mjs';
import { expectLeft, expectParticipant, ids } from './lib/expect.mjs';
import { agreed, enters, page, unchanged } from './lib/frontend.mjs';
import { unheard } from './lib/hearing.mjs';
import { knock } from './lib/knocks.mjs';
import { kickedAndClosed, meeting, mutedFromAfar, rolesGoRound, talk } from './lib/scenario.mjs';
import { suite } from './lib/stage.mjs';

const settings = { PRESENCE__LEAVE_AFTER_CLOSE_MS: 150, ROOMS__DENIED_COOLDOWN_MS: 60_000 };

/** Dee, a delta client, is the host; Bob and Cy are pages. */
async function hostedByDelta(stage, ...guests) {
  const roomId = await stage.meeting('dee');
  const dee = await stage.joined('dee', roomId);
  const pages = {};
  for (const id of guests) pages[id] = await enters(stage, id, roomId);
  for (const one of [dee, ...Object.values(pages)]) {
    await one.until(() => one.view()?.length === guests.length + 1, 'everybody');
    await one.settle();
    one.log.readAll();
  }
  return { roomId, dee, pages: Object.values(pages), everyone: [dee, ...Object.values(pages)], ...pages };
}

suite('a whole meeting with a delta client', { variants: EVERY, settings }, (scenario) => {
  scenario('all show the same people with the same roles at every step', async (stage) => {
    const at = () => ({});
    const people = await meeting(stage, at);
    await rolesGoRound(people);
    await mutedFromAfar(people);
    await talk(people);
    await kickedAndClosed(stage, people, at);
  });

  scenario('each hears of the other in its own dialect', async (stage) => {
    const { roomId, dee, bob } = await hostedByDelta(stage, 'bob');
    const cy = await enters(stage, 'cy', roomId);
    expectParticipant(await dee.next('participant-joined'), {
      id: 'cy', name: 'Cy', imageUrl: 'https://img.example/cy.png', isHost: false, isAudioMuted: true,
    });
    cy.turnOn('audio');
    assert.deepEqual((await dee.next('participant-updated')).updates, { isAudioMuted: false });
    await dee.ok('update-my-state', { isHandRaised: true });
    for (const user of [bob, cy]) {
      const { userId, isHandRaised } = await user.next('participant-state-changed', (change) => change.userId === 'dee');
      assert.deepEqual([userId, isHandRaised], ['dee', true]);
      await user.showsLights('dee', 'hand');
      await user.noMore('participant-updated');
    }
    for (const event of ['participant-list-update', 'participant-state-changed', 'role-changed']) assert.deepEqual(dee.heard(event), []);
    await agreed(dee, bob, cy);
    await dee.ok('leave-room');
    for (const user of [bob, cy]) {
      expectLeft(await user.next('participant-left'), 'dee', 'left');
      await user.shows({ bob: '', cy: '' });
    }
  });
});

suite('mutes across dialects', { variants: WEBSOCKET, settings }, (scenario) => {
  scenario('of a delta moderator forbid nothing unless they say so', async (stage) => {
    const { dee, bob, pages } = await hostedByDelta(stage, 'bob', 'cy');
    await live('audio', pages);
    await dee.ok('mute-participant', { participantId: 'bob', kind: 'audio' });
    const { audio, by, locked } = await bob.next('force-mute');
    assert.deepEqual([audio, by, locked ?? false], [true, 'Dee', false]);
    await bob.until(() => !bob.screen.on.audio, 'the microphone off');
    for (const user of pages) await user.showsLights('bob', '');
    await switchesOn(bob, 'audio', pages);
    await dee.ok('mute-participant', { participantId: 'bob', kind: 'audio', lock: true });
    await mayNot(bob, 'audio');
    for (const user of pages) await user.showsPadlocks('bob', 'mic');
    await isKeptOff(bob, 'audio', pages);
    await dee.ok('ask-to-unmute', { participantId: 'bob', kind: 'audio' });
    await bob.toast('allow-unmute', 'Dee');
    await may(bob, 'audio');
    await bob.noMore('unmute-requested');
    await switchesOn(bob, 'audio', pages);
    await agreed(dee, ...pages);
  });

  scenario('of all, and of a shared screen', async (stage) => {
    const { dee, bob, cy, pages } = await hostedByDelta(stage, 'bob', 'cy');
    for (const [kind, light] of [['video', 'cam'], ['screen', 'screen']]) {
      await live(kind, pages);
      await dee.ok('mute-all', { kind });
      for (const user of pages) {
        await user.until(() => !user.screen.on[kind], `${light} off`);
        await may(user, kind);
      }
      await switchesOn(cy, kind, pages);
      await dee.ok('mute-all', { kind, lock: true });
      for (const user of pages) await mayNot(user, kind);
      await isKeptOff(bob, kind, pages);
      await dee.ok('ask-all-to-unmute', { kind });
      for (const user of pages) await may(user, kind);
      await switchesOn(bob, kind, pages);
      bob.turnOff(kind);
      for (const user of pages) await user.showsLights('bob', '');
    }
    await agreed(dee, ...pages);
  });

  scenario('of a page forbid a delta client, too', async (stage) => {
    const { dee, bob, everyone } = await hostedByDelta(stage, 'bob');
    const eve = await stage.joined('eve', bob.roomId);
    await dee.ok('make-cohost', { participantId: 'bob' });
    await eve.ok('update-my-state', { isAudioMuted: false });
    bob.forbid('audio', 'eve');
    const { kind, by, locked } = await eve.next('force-mute');
    assert.deepEqual([kind, by, locked], ['audio', 'Bob', true]);
    await eve.refused('update-my-state', { isAudioMuted: false }, 'media-locked');
    await bob.showsPadlocks('eve', 'mic');
    await eve.until(() => eve.seen('eve').audioLocked === true, 'the lock in the list of a delta client');
    bob.permit('audio', 'eve');
    assert.deepEqual([(await eve.next('unmute-requested')).by, eve.seen('eve').audioLocked ?? false], ['Bob', false]);
    await eve.ok('update-my-state', { isAudioMuted: false });
    await agreed(...everyone, eve);
  });
});

suite('the lobby', { variants: WEBSOCKET, settings }, (scenario) => {
  scenario('shows a page that it waits, and the room when it is let in', async (stage) => {
    const { roomId, dee, bob } = await hostedByDelta(stage, 'bob');
    await dee.ok('update-room', { lobby: true });
    await bob.next('room-updated');
    const pages = await Promise.all(['cy', 'eve'].map((id) => page(stage, id)));
    const [cy, eve] = pages;
    for (const [i, user] of pages.entries()) {
      const { error, code, waiting, position, moderatorPresent } = await user.enter(roomId);
      assert.deepEqual([typeof error, code, waiting, position, moderatorPresent], ['string', 'lobby-waiting', true, i + 1, true]);
      await user.showsPage('waiting');
      await user.noMore('error', ({ event }) => event !== 'room-state');
    }
    await queueBecomes(dee, 'cy', 'eve');
    await unheard([cy, eve], async () => {
      bob.turnOn('audio');
      bob.say('psst');
      await dee.next('receive-message');
    });
    await dee.ok('admit-participant', { participantId: 'eve' });
    await eve.next('lobby-admitted');
    for (const user of [bob, eve]) await user.shows({ dee: '👑', bob: '', eve: '' });
    await dee.ok('deny-participant', { participantId: 'cy' });
    await cy.showsPage('denied');
    assert.equal((await cy.next('lobby-denied')).by, 'Dee');
    const again = await cy.enter(roomId);
    assert.equal(again.code, 'rate-limited');
    assert.ok(again.retryAfterMs > 0, 'it says when');
    await agreed(dee, bob, eve);
  });

  scenario('is shown to a page that moderates, which lets a delta client in', async (stage) => {
    const { roomId, dee, bob } = await hostedByDelta(stage, 'bob');
    await dee.ok('make-cohost', { participantId: 'bob' });
    await dee.ok('update-room', { lobby: true });
    const eve = await knock(stage, 'eve', roomId);
    await queueBecomes(bob, 'eve');
    bob.press('admit-participant', { targetUserId: 'eve' });
    await admitted(eve, 'Bob');
    await bob.shows({ dee: '👑', bob: '🤝', eve: '' });
    await bob.until(() => queueOf(bob).length === 0, 'an empty queue');
    await agreed(dee, bob, eve);
  });
});

suite('over REST', { variants: WEBSOCKET, settings }, (scenario) => {
  scenario('a new owner is shown, and one who is removed is out', async (stage) => {
    const { roomId, dee, bob, cy } = await hostedByDelta(stage, 'bob', 'cy');
    const { status } = await stage.rest().patch(`/api/meetings/${roomId}`, { createdBy: 'bob', userId: 'dee' });
    assert.equal(status, 200);
    for (const user of [bob, cy]) await user.until(() => user.badges.bob === '👑', 'the crown of bob');
    await bob.until(() => bob.screen.role === 'HOST', 'the role of a host');
    await agreed(dee, bob, cy);
    bob.kick('cy');
    await cy.showsPage('kicked');
    assert.equal((await stage.rest().delete(`/api/meetings/${roomId}?userId=bob`)).status, 204);
    await bob.showsPage('ended');
  });
});

suite('ends', { variants: WEBSOCKET, settings: { ...settings, ROOMS__ROLE_GRACE_MS: 300 } }, (scenario) => {
  scenario('a page that is banned is told, out, and does not come back', async (stage) => {
    const { roomId, dee, bob, cy } = await hostedByDelta(stage, 'bob', 'cy');
    await dee.ok('remove-participant', { participantId: 'bob', ban: true });
    const { by, reason } = await bob.next('kicked-from-room');
    assert.deepEqual([by, reason, bob.screen.page], ['Dee', 'banned', 'kicked']);
    expectLeft(await cy.next('participant-left'), 'bob', 'banned');
    await cy.shows({ dee: '👑', cy: '' });
    await bob.expectRefusal('join-mediasoup-room', await bob.enter(roomId), 'banned');
    await unheard([bob], async () => cy.ok('send-message', { message: { id: 'm', text: 'x' } }));
    await agreed(dee, cy);
  });

  scenario('a page removes people of lower rank only', async (stage) => {
    const { dee, bob, cy, everyone } = await hostedByDelta(stage, 'bob', 'cy');
    await unchanged(everyone, async () => {
      bob.kick('cy');
      await bob.toldOff('remove-participant', 'not-moderator');
    });
    for (const participantId of ['bob', 'cy']) await dee.ok('make-cohost', { participantId });
    await unchanged(everyone, async () => {
      const codes = { cy: 'not-host', dee: 'protected-creator', bob: 'cannot-target-self', nobody: 'participant-not-found' };
      for (const [target, code] of Object.entries(codes)) {
        bob.kick(target);
        await bob.toldOff('remove-participant', code);
      }
    });
    await dee.ok('remove-cohost', { participantId: 'cy' });
    bob.kick('cy');
    await cy.showsPage('kicked');
    expectLeft(await dee.next('participant-left'), 'cy', 'kicked');
  });

  scenario('the end for all is shown, and nobody comes back', async (stage) => {
    const { roomId, dee, bob, pages } = await hostedByDelta(stage, 'bob', 'cy');
    bob.press('end-meeting');
    await bob.toldOff('end-meeting', 'not-host');
    await dee.ok('end-meeting');
    for (const user of pages) await user.showsPage('ended');
    await bob.expectRefusal('join-mediasoup-room', await bob.enter(roomId), 'meeting-ended');
    assert.equal(bob.screen.page, 'refused');
  });

  scenario('when the last host goes, a page that is co-host follows, and all show it', async (stage) => {
    const { dee, bob, cy, pages } = await hostedByDelta(stage, 'bob', 'cy');
    await dee.ok('make-cohost', { participantId: 'cy' });
    await dee.refused('make-host', { participantId: 'dee' }, 'cannot-target-self');
    await dee.refused('remove-host', { participantId: 'dee' }, ['last-host', 'protected-creator', 'cannot-target-self']);
    await dee.ok('leave-room');
    for (const user of pages) {
      await user.next('host-vacant');
      assert.equal((await user.next('host-changed')).participantId, 'cy');
      await user.until(() => user.seen('cy').isHost, 'cy as host');
    }
    await cy.until(() => cy.screen.role === 'HOST', 'the role of a host');
    cy.makeCohost('bob');
    await bob.toast('cohost-granted', 'Cy');
    assert.deepEqual(ids(await agreed(...pages)), ['bob', 'cy']);
    const back = await stage.joined('dee', bob.roomId);
    for (const user of pages) await user.until(() => user.seen('dee')?.isHost, 'the creator as host again');
    await agreed(back, ...pages);
  });
});
