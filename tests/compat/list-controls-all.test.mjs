// Global controls in the list dialect: they reach plain participants, those who come later too, and no moderator.
import assert from 'node:assert/strict';
import { ONE, WEBSOCKET } from './lib/clients.mjs';
import { KINDS, isKeptOff, isTold, live, may, mayNot, switchesOn } from './lib/controls.mjs';
import { agreed, enters, meetup, page, unchanged } from './lib/frontend.mjs';
import { suite } from './lib/stage.mjs';

for (const [kind, { mark, all, none, allOff, allAllowed }] of Object.entries(KINDS)) {
  suite(`${all} and ${none}`, { variants: WEBSOCKET }, (scenario) => {
    const cast = async (stage) => {
      const people = await meetup(stage, ['bob', 'cy', 'hal']);
      people.ann.makeCohost('cy');
      people.ann.makeHost('hal');
      for (const user of people.everyone) await user.shows({ ann: '👑', bob: '', cy: '🤝', hal: '👑' });
      await live(kind, people.everyone);
      return people;
    };

    scenario('reach plain participants, those who come later too, and no moderator', async (stage) => {
      const { roomId, everyone, cy, bob } = await cast(stage);
      const moderators = everyone.filter(({ id }) => id !== 'bob');
      cy.forbidAll(kind);
      await isTold(bob, allOff, 'Cy');
      await mayNot(bob, kind);
      for (const user of everyone) {
        await user.showsLights('bob', '');
        for (const { id } of moderators) await user.showsLights(id, mark);
      }
      for (const user of moderators) {
        await user.noMore(allOff[0]);
        assert.equal(user.screen.may[kind], true, `${user.id} may`);
      }
      const dee = await enters(stage, 'dee', roomId);
      await mayNot(dee, kind);
      const tab = await enters(stage, 'hal', roomId);
      assert.equal(tab.screen.may[kind], true, 'a host who comes may');
      for (const user of [bob, dee]) await isKeptOff(user, kind, [...everyone, dee]);
      await agreed(...everyone, dee);
    });

    scenario('end together with single locks; nobody is switched on', async (stage) => {
      const { everyone, ann, bob, cy } = await cast(stage);
      if (KINDS[kind].remote) ann.forbid(kind, 'bob');
      cy.forbidAll(kind);
      await mayNot(bob, kind);
      bob.log.readAll();
      cy.permitAll(kind);
      await isTold(bob, allAllowed, 'Cy');
      await may(bob, kind);
      for (const user of everyone) {
        await user.showsPadlocks('bob', '');
        await user.showsLights('bob', '');
      }
      await switchesOn(bob, kind, everyone);
      await agreed(...everyone);
    });

    scenario('are not for participants, whoever they say they are', async (stage) => {
      const { everyone, bob } = await cast(stage);
      await unchanged(everyone, async () => {
        for (const event of [all, none]) {
          bob.press(event, { userId: 'ann' });
          await bob.toldOff(event, 'not-moderator');
        }
      });
      for (const user of everyone) for (const [event] of [allOff, allAllowed]) await user.noMore(event);
    });
  });
}

suite('coming in while that is locked', { variants: ONE }, (scenario) => {
  scenario('is coming in muted, whatever the join says, in either dialect', async (stage) => {
    const { roomId, everyone, ann } = await meetup(stage, ['bob']);
    for (const kind of ['audio', 'video']) ann.forbidAll(kind);
    const live = { isAudioMuted: false, isVideoPaused: false };
    const cy = await page(stage, 'cy');
    cy.emit('join-room', roomId);
    assert.equal((await cy.ack('join-room', cy.joinPayload(roomId, live))).success, true);
    cy.roomId = roomId;
    const dee = await stage.joined('dee', roomId, { join: live });
    const all = [...everyone, cy, dee];
    for (const { id, isAudioMuted, isVideoPaused } of await agreed(...all)) {
      assert.deepEqual([isAudioMuted, isVideoPaused], [true, true], id);
    }
    for (const kind of ['audio', 'video']) await mayNot(cy, kind);
    await dee.refused('update-my-state', { isAudioMuted: false }, 'media-locked');
    const host = await enters(stage, 'ann', roomId);
    await switchesOn(host, 'audio', everyone);
    ann.permitAll('audio');
    await dee.ok('update-my-state', { isAudioMuted: false });
    await ann.showsLights('dee', 'mic');
  });
});

suite('sharing a screen while that is locked', { variants: ONE }, (scenario) => {
  scenario('is denied with a reason, and allowed after', async (stage) => {
    const { everyone, ann, bob } = await meetup(stage, ['bob']);
    ann.forbidAll('screen');
    await mayNot(bob, 'screen');
    bob.turnOn('screen');
    const { reason } = await bob.next('screenshare-denied');
    assert.ok(typeof reason === 'string' && reason.length > 0, 'a reason');
    await bob.toldOff('screen-share-started', 'media-locked');
    assert.equal(bob.screen.on.screen, false);
    ann.permitAll('screen');
    await may(bob, 'screen');
    await switchesOn(bob, 'screen', everyone);
    bob.turnOff('screen');
    for (const user of everyone) await user.showsLights('bob', '');
  });

  scenario('is nobody else\'s to claim', async (stage) => {
    const { everyone, ann, bob } = await meetup(stage, ['bob']);
    bob.press('screen-share-started', { userId: 'ann', producerId: 'none' });
    for (const user of everyone) {
      await user.showsLights('bob', 'screen');
      await user.showsLights('ann', '');
    }
    ann.press('screen-share-stopped', { userId: 'bob', producerId: 'none' });
    await ann.settle();
    for (const user of everyone) await user.showsLights('bob', 'screen');
    await agreed(...everyone);
  });
});
