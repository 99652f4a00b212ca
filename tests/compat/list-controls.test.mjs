// Remote controls in the list dialect: what they switch off and forbid, and who may press them.
import assert from 'node:assert/strict';
import { EVERY, WEBSOCKET } from './lib/clients.mjs';
import { KINDS, REMOTE, isKeptOff, isTold, live, may, mayNot, switchesOn } from './lib/controls.mjs';
import { agreed, enters, meetup, unchanged } from './lib/frontend.mjs';
import { suite } from './lib/stage.mjs';

for (const kind of REMOTE) {
  const { mark, remote, off, allowed } = KINDS[kind];

  suite(`${remote}`, { variants: EVERY }, (scenario) => {
    scenario('off for all to see, forbidden to the target, until it is allowed again', async (stage) => {
      const { everyone, ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
      await live(kind, everyone);
      ann.forbid(kind, 'bob');
      await isTold(bob, [off[0], { ...off[1], locked: true }], 'Ann');
      await mayNot(bob, kind);
      for (const user of everyone) {
        await user.showsLights('bob', '');
        await user.showsPadlocks('bob', mark);
        await user.showsLights('cy', mark);
      }
      await isKeptOff(bob, kind, everyone);
      const again = await bob.next(off[0]);
      assert.deepEqual({ ...again, by: 0, rev: 0 }, { ...off[1], locked: true, by: 0, rev: 0 });
      ann.permit(kind, 'bob');
      await isTold(bob, allowed, 'Ann');
      await may(bob, kind);
      for (const user of everyone) await user.showsPadlocks('bob', '');
      assert.equal(bob.screen.on[kind], false, 'nobody is ever switched on by others');
      for (const user of everyone) await user.showsLights('bob', '');
      await switchesOn(bob, kind, everyone);
      for (const user of [ann, cy]) for (const event of [off[0], allowed[0]]) await user.noMore(event);
      await agreed(...everyone);
    });

    scenario('a co-host may, a participant may not, whoever it says it is', async (stage) => {
      const { everyone, ann, bob, cy, dee } = await meetup(stage, ['bob', 'cy', 'dee']);
      ann.makeCohost('cy');
      for (const user of everyone) await user.shows({ ann: '👑', bob: '', cy: '🤝', dee: '' });
      await live(kind, everyone);
      await unchanged(everyone, async () => {
        bob.forbid(kind, 'dee');
        await bob.toldOff(remote, 'not-moderator');
        bob.press(remote, { userId: 'ann', targetUserId: 'ann', force: kind === 'audio' ? 'mute' : 'pause' });
        await bob.toldOff(remote, 'not-moderator');
        bob.permit(kind, 'dee');
        await bob.toldOff(remote, 'not-moderator');
      });
      for (const user of everyone) await user.noMore(off[0]);
      cy.press(remote, { userId: 'bob', targetUserId: 'dee', force: kind === 'audio' ? 'mute' : 'pause' });
      await isTold(dee, [off[0], { ...off[1], locked: true }], 'Cy');
      for (const user of everyone) await user.showsLights('dee', '');
      await bob.noMore(off[0]);
    });
  });
}

suite('remote controls', { variants: WEBSOCKET }, (scenario) => {
  scenario('of video also understand the words of audio, and nothing else', async (stage) => {
    const { everyone, ann, bob } = await meetup(stage, ['bob']);
    await live('video', everyone);
    for (const word of ['unpause', 'unmute', 'play']) {
      ann.forbid('video', 'bob');
      await mayNot(bob, 'video');
      ann.press('toggle-remote-video', { targetUserId: 'bob', force: word });
      await may(bob, 'video');
      await switchesOn(bob, 'video', everyone);
    }
    await unchanged(everyone, async () => {
      for (const force of ['sing', '', null, 1, undefined]) {
        ann.press('toggle-remote-video', { targetUserId: 'bob', force });
        await ann.toldOff('toggle-remote-video', 'invalid-payload');
      }
    });
  });

  scenario('of who is absent find nobody, and a socket id is as good as a user id', async (stage) => {
    const { everyone, ann, bob } = await meetup(stage, ['bob']);
    await live('audio', everyone);
    ann.forbid('audio', 'nobody');
    await ann.toldOff('toggle-remote-audio', 'participant-not-found', 'Participant not found');
    const { socketId } = await ann.ack('get-socket-id-for-user', { userId: 'bob' });
    ann.press('toggle-remote-audio', { targetSocketId: socketId, force: 'mute' });
    await mayNot(bob, 'audio');
    await ann.showsPadlocks('bob', 'mic');
  });

  scenario('a lock is felt by every tab, and outlives leaving and coming back', async (stage) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob']);
    const tab = await enters(stage, 'bob', roomId);
    ann.forbid('audio', 'bob');
    for (const user of [bob, tab]) await mayNot(user, 'audio');
    tab.disconnect();
    await bob.leave();
    await ann.shows({ ann: '👑' });
    const back = await enters(stage, 'bob', roomId);
    await mayNot(back, 'audio');
    await isKeptOff(back, 'audio', [ann, back]);
    for (const user of [ann, back]) await user.showsPadlocks('bob', 'mic');
    ann.permit('audio', 'bob');
    await switchesOn(back, 'audio', [ann, back]);
  });

  scenario('a moderator is muted and may unmute; who becomes one may, too', async (stage) => {
    const { everyone, ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
    ann.makeCohost('cy');
    for (const user of everyone) await user.shows({ ann: '👑', bob: '', cy: '🤝' });
    await live('audio', everyone);
    for (const id of ['bob', 'cy']) ann.forbid('audio', id);
    for (const user of everyone) for (const id of ['bob', 'cy']) await user.showsLights(id, '');
    await switchesOn(cy, 'audio', everyone);
    await isKeptOff(bob, 'audio', everyone);
    ann.makeCohost('bob');
    await bob.toast('cohost-granted', 'Ann');
    await switchesOn(bob, 'audio', everyone);
  });

  scenario('a lock does not outlast the moderators', async (stage) => {
    const { ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
    ann.forbid('audio', 'bob');
    await isKeptOff(bob, 'audio', [ann, bob, cy]);
    await ann.leave();
    for (const user of [bob, cy]) await user.shows({ bob: '', cy: '' });
    await switchesOn(bob, 'audio', [bob, cy]);
  });
});
