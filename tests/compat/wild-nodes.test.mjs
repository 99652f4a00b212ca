// What frontends of the wild say, on two nodes: a user and a socket are found wherever they are.
import assert from 'node:assert/strict';
import { twoNodes } from './lib/nodes.mjs';
import { withTabs } from './lib/recovering.mjs';
import { PAIRS, RELAYED, TARGETS, enters, expectRelayed, meet, personAt } from './lib/wild.mjs';

const MANY = 60;

twoNodes('peers on two nodes', {}, (start) => {
  const scenario = withTabs(start);

  for (const { from, to } of PAIRS) {
    const dialects = { ann: from, bob: to, cy: 'list' };

    /** Ann at one node, Bob and Cy at the other, and a second tab of Bob's where Ann is. */
    async function apart(stage, tabs, url) {
      const people = await meet(stage, tabs, dialects, (i) => (i === 0 ? {} : { url }));
      const tab = await enters(await tabs.open('bob'), people.roomId, to);
      return { ...people, tab };
    }

    scenario(`hear offers by user and by socket, from the ${from} dialect in the ${to} one`, async (stage, tabs, url) => {
      const { roomId, ann, bob, cy, tab } = await apart(stage, tabs, url);
      for (const [event, body] of Object.entries(RELAYED)) {
        const toUser = { roomId, to: 'bob', ...body, from: 'cy', socketId: cy.socket.id };
        await ann.ok(event, toUser);
        for (const each of [bob, tab]) await expectRelayed(each, event, toUser, ann);
        for (const each of [bob, tab]) {
          const toSocket = { target: each.socket.id, ...body };
          await ann.ok(event, toSocket);
          await expectRelayed(each, event, toSocket, ann);
          const back = { to: ann.socket.id, ...body };
          await each.ok(event, back);
          await expectRelayed(ann, event, back, each);
        }
        for (const each of [ann, bob, cy, tab]) await each.noMore(event);
      }
    });

    scenario(`hear ${MANY} in order, from the ${from} dialect in the ${to} one`, async (stage, tabs, url) => {
      const { ann, bob, tab } = await apart(stage, tabs, url);
      const numbers = Array.from({ length: MANY }, (_, n) => n);
      await Promise.all(numbers.map((n) => ann.ok('ice-candidate', { to: n % 2 === 0 ? 'bob' : bob.socket.id, n })));
      const got = (each) => each.heard('ice-candidate').map(({ n }) => n);
      await bob.until(() => got(bob).length === MANY, `${MANY} candidates`);
      assert.deepEqual(got(bob), numbers);
      await tab.settle();
      assert.deepEqual(got(tab), numbers.filter((n) => n % 2 === 0));
    });

    for (const [field, of] of Object.entries(TARGETS)) {
      scenario(`are found as ${field}, from the ${from} dialect in the ${to} one`, async (stage, tabs, url) => {
        const { ann, bob, cy } = await apart(stage, tabs, url);
        const target = { [field]: of(bob), userId: 'cy' };
        await ann.ok('toggle-remote-audio', { ...target, force: 'mute' });
        for (const each of [ann, bob, cy]) await each.until(() => personAt(each, 'bob').audioLocked, 'the lock');
        await ann.ok('make-cohost', target);
        await bob.next('cohost-granted');
        for (const each of [ann, bob, cy]) await each.until(() => personAt(each, 'bob').isCoHost, 'the role');
        await ann.ok('remove-participant', target);
        await bob.next('kicked-from-room');
        await cy.shows('ann', 'cy');
      });
    }
  }

  scenario('are not found in another room', async (stage, tabs, url) => {
    const { ann } = await meet(stage, tabs, { ann: 'list' });
    const { eve } = await meet(stage, tabs, { eve: 'list' }, () => ({ url }));
    for (const event of Object.keys(RELAYED)) {
      for (const to of ['eve', eve.socket.id]) await ann.refused(event, { to, sdp: 'x' }, 'participant-not-found');
      await eve.noMore(event);
    }
    await ann.refused('make-cohost', { targetSocketId: eve.socket.id }, 'participant-not-found');
    assert.equal((await ann.ack('get-socket-id-for-user', { userId: 'eve' })).socketId, null);
  });
});
