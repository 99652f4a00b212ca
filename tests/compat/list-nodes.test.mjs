// The list dialect on two nodes that share a Redis, with a delta client as the third person: all show the same people
// with the same roles at the same revision.
import assert from 'node:assert/strict';
import { isKeptOff, may, mayNot, switchesOn } from './lib/controls.mjs';
import { queueBecomes } from './lib/doors-of-rooms.mjs';
import { expectLeft } from './lib/expect.mjs';
import { agreed, enters, meetup, page } from './lib/frontend.mjs';
import { twoNodes } from './lib/nodes.mjs';
import { kickedAndClosed, meeting, mutedFromAfar, rolesGoRound, talk } from './lib/scenario.mjs';

const settings = { PRESENCE__LEAVE_AFTER_LOST_MS: 150, PRESENCE__LEAVE_AFTER_CLOSE_MS: 150, SOCKET__RECOVERY_WINDOW_SECS: 0 };

/** Who is on which node, in every way that matters: the other node is `url`. */
const SEATINGS = {
  'the host alone on one': ['bob', 'dee'],
  'the guest alone on one': ['bob'],
  'the delta client alone on one': ['dee'],
};

twoNodes('the list dialect on two nodes', { settings }, (scenario) => {
  for (const [how, away] of Object.entries(SEATINGS)) {
    scenario(`a whole meeting, with ${how}`, async (stage, url) => {
      const at = (id) => (away.includes(id) ? { url } : {});
      const people = await meeting(stage, at);
      await rolesGoRound(people);
      await mutedFromAfar(people);
      await talk(people);
      await kickedAndClosed(stage, people, at);
    });
  }

  scenario('two tabs on two nodes are one participant', async (stage, url) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob']);
    const tab = await enters(stage, 'bob', roomId, { url });
    const cy = await enters(stage, 'cy', roomId, { url });
    for (const user of [ann, bob, tab, cy]) await user.shows({ ann: '👑', bob: '', cy: '' });
    tab.turnOn('video');
    for (const user of [ann, bob, tab, cy]) await user.showsLights('bob', 'cam');
    ann.forbid('video', 'bob');
    for (const user of [bob, tab]) await user.toast('force-video-pause', 'Ann');
    bob.disconnect();
    cy.turnOn('audio');
    await ann.showsLights('cy', 'mic');
    await ann.shows({ ann: '👑', bob: '', cy: '' });
    await tab.leave();
    for (const user of [ann, cy]) await user.shows({ ann: '👑', cy: '' });
    await agreed(ann, cy);
  });

  scenario('a lock of all is felt at the other node, by who comes there, too', async (stage, url) => {
    const { roomId, everyone, ann, bob } = await meetup(stage, ['bob'], (i) => (i === 1 ? { url } : {}));
    ann.forbidAll('audio');
    await mayNot(bob, 'audio');
    const cy = await enters(stage, 'cy', roomId, { url });
    const all = [...everyone, cy];
    for (const user of [bob, cy]) await isKeptOff(user, 'audio', all);
    await agreed(...all);
    ann.permitAll('audio');
    for (const user of [bob, cy]) {
      await may(user, 'audio');
      await switchesOn(user, 'audio', all);
    }
    await agreed(...all);
  });

  scenario('a page that waits at one node is let in at the other', async (stage, url) => {
    const roomId = await stage.meeting('ann');
    const ann = await stage.joined('ann', roomId);
    await ann.ok('update-room', { lobby: true });
    const bob = await page(stage, 'bob', { url });
    const { error, code, waiting } = await bob.enter(roomId);
    assert.deepEqual([typeof error, code, waiting], ['string', 'lobby-waiting', true]);
    await bob.showsPage('waiting');
    await queueBecomes(ann, 'bob');
    await ann.ok('admit-participant', { participantId: 'bob' });
    await bob.shows({ ann: '👑', bob: '' });
    await agreed(ann, bob);
  });

  scenario('many who come and go at both nodes end the same for all', async (stage, url) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob'], (i) => (i === 1 ? { url } : {}));
    const dee = await stage.joined('dee', roomId, { url });
    const crowd = await Promise.all(Array.from({ length: 12 }, (_, i) => (
      enters(stage, `p${i}`, roomId, i % 2 === 0 ? { url } : {}))));
    crowd.forEach((user, i) => {
      if (i % 3 === 0) ann.makeCohost(user.id);
      user.turnOn(i % 2 === 0 ? 'audio' : 'video');
    });
    await Promise.all(crowd.slice(0, 4).map((user) => user.leave()));
    const stay = [ann, bob, dee, ...crowd.slice(4)];
    const people = await agreed(...stay);
    assert.equal(people.length, stay.length);
    for (const user of crowd.slice(4)) {
      const i = Number(user.id.slice(1));
      await dee.until(() => dee.seen(user.id).isCoHost === (i % 3 === 0), `the role of ${user.id}`);
    }
    await agreed(...stay);
    crowd[11].disconnect();
    expectLeft(await dee.next('participant-left', ({ userId }) => userId === 'p11'), 'p11', 'left');
    await agreed(...stay.filter(({ id }) => id !== 'p11'));
  });
});
