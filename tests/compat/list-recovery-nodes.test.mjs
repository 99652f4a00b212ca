// Connection state recovery on another node: after a loss, after a kill, and while the old node still believes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { expectLeft, ids } from './lib/expect.mjs';
import { mayNotice, threeNodes } from './lib/killing.mjs';
import { bePatient } from './lib/log.mjs';
import { ENDS, PATIENT, PROMPT, STRANDED, expectNeverLeft, noticed, withTabs } from './lib/recovering.mjs';
import { RedisServers, until } from './lib/redis.mjs';
import { Server } from './lib/server.mjs';
import { perform } from './lib/stage.mjs';
import { Wire } from './lib/wire.mjs';

const settings = { ...PATIENT, ...PROMPT };
const BRIEF_MS = 300;

/** Bob and Cy at the first node, Ann at the last one. */
const placed = (tabs, nodes) => tabs.meeting(['bob', 'cy'], (id) => (id === 'ann' ? nodes.at(2) : nodes.at(0)));

/** They hear each other. */
async function expectTogether(ann, bob, text) {
  await ann.ok('send-message', { message: text });
  await bob.until(() => bob.chat.at(-1) === text, `the message "${text}"`);
  await bob.ok('send-message', { message: { id: `of-${text}`, text: `no: ${text}` } });
  await ann.next('receive-message', ({ message }) => message.text === `no: ${text}`);
}

threeNodes('a page that was lost', { settings, rounds: 1 }, (start) => {
  const scenario = withTabs(start);

  for (const [what, how] of Object.entries(ENDS)) {
    scenario(`is back at another node when ${what}, and at the first one after that`, async (stage, tabs, nodes) => {
      const { ann, bob } = await placed(tabs, nodes);
      for (const [i, place] of [1, 2, 0].entries()) {
        bob.wire.leadTo(nodes.at(place).url);
        await bob.drop(how);
        await bob.recovered('ann', 'bob', 'cy');
        await expectNeverLeft(ann, 'bob');
        await expectTogether(ann, bob, `from node ${i}`);
      }
      assert.deepEqual(bob.chat.length, 6);
    });
  }

  scenario('is back at another node with what was said and decided meanwhile', async (stage, tabs, nodes) => {
    const { ann, bob } = await placed(tabs, nodes);
    await bob.leaveForNow();
    await noticed(ann, 'bob');
    await ann.ok('send-message', { message: 'meanwhile' });
    await ann.ok('make-cohost', { participantId: 'bob' });
    await ann.ok('remove-participant', { participantId: 'cy' });
    bob.wire.leadTo(nodes.at(1).url);
    bob.returns();
    await bob.recovered('ann', 'bob');
    await bob.says('meanwhile');
    assert.equal(bob.seen('bob').isCoHost, true);
  });

  for (const [how, ban] of [['kicked', false], ['banned', true]]) {
    scenario(`and ${how} elsewhere is not back at another node`, async (stage, tabs, nodes) => {
      const { ann, bob } = await placed(tabs, nodes);
      await bob.leaveForNow();
      await noticed(ann, 'bob');
      await ann.ok('remove-participant', { participantId: 'bob', ban });
      bob.wire.leadTo(nodes.at(1).url);
      bob.returns();
      await bob.notRecovered(() => ann.ok('send-message', { message: 'who is there?' }));
      await ann.noMore('participant-joined');
    });
  }

  scenario('is one participant, when two pages bring its pid to two nodes', async (stage, tabs, nodes) => {
    for (let round = 0; round < 5; round += 1) {
      const { ann, bob } = await placed(tabs, nodes);
      await bob.leaveForNow();
      await noticed(ann, 'bob');
      const both = await Promise.all([1, 2].map((i) => tabs.arriving('bob', { pid: bob.lastPid, ...nodes.at(i) })));
      for (const tab of both) await tab.connected();
      // The second to come may find the first one's node holding the session, which cannot be asked.
      const [winners, losers] = [true, false].map((is) => both.filter(({ socket }) => socket.recovered === is));
      assert.notEqual(winners.length, 0, 'nobody was recovered');
      for (const tab of winners) await tab.shows('ann', 'bob', 'cy');
      const say = () => ann.ok('send-message', { message: 'both?' });
      if (losers.length > 0) await losers[0].expectNothing(say);
      else await say();
      for (const tab of winners) await tab.says('both?');
      await expectNeverLeft(ann, 'bob');
    }
  });
});

threeNodes('a page whose node was killed', { settings }, (start) => {
  const scenario = withTabs(start);

  scenario('is back at another one, and when that is killed, too', async (stage, tabs, nodes, round) => {
    const { roomId, ann, bob, cy } = await placed(tabs, nodes);
    for (const tab of [bob, cy]) tab.wire.shut();
    const lost = [bob, cy].map((tab) => tab.drop(() => {}));
    await nodes.kill(0);
    await Promise.all(lost);
    await mayNotice(round, nodes, roomId, 'bob', 'cy');
    await ann.ok('send-message', { message: 'meanwhile' });
    for (const [i, tab] of [bob, cy].entries()) {
      tab.wire.leadTo(nodes.at(1 + i).url);
      tab.returns();
      await tab.recovered('ann', 'bob', 'cy');
      await tab.says('meanwhile');
      await expectNeverLeft(ann, tab.id);
    }
    await nodes.mend();
    const again = bob.drop(() => {});
    bob.wire.leadTo(nodes.at(0).url);
    await nodes.kill(1);
    await again;
    await bob.recovered('ann', 'bob', 'cy');
    await expectNeverLeft(ann, 'bob');
    await expectTogether(ann, bob, 'after all');
  });
});

threeNodes('a page that its node takes for alive', {
  settings: { ...PROMPT, PRESENCE__LEAVE_AFTER_LOST_MS: BRIEF_MS, PRESENCE__LEAVE_AFTER_CLOSE_MS: BRIEF_MS },
}, (start) => {
  const scenario = withTabs(start);

  for (const [where, place] of [['another node', 1], ['the same node', 0]]) {
    scenario(`is back at ${where}, and stays when the old connection is cleaned up`, async (stage, tabs, nodes) => {
      const { ann, bob, cy } = await placed(tabs, nodes);
      bob.wire.leadTo(nodes.at(place).url);
      await bob.drop(STRANDED);
      await bob.recovered('ann', 'bob', 'cy');
      await bob.wire.forgotten();
      // Whoever is given up from now on is so later than Bob would have been.
      await cy.leaveForNow();
      expectLeft(await ann.next('participant-left'), 'cy', 'disconnected');
      await bob.shows('ann', 'bob');
      await expectNeverLeft(ann, 'bob');
      await expectTogether(ann, bob, 'still here');
    });
  }
});

describe('a page that was lost, when Redis', () => {
  // Rooms are built anew from what the nodes know.
  bePatient(30_000);
  const redis = new RedisServers();
  const servers = [];
  let wire;
  let port;

  before(async () => {
    port = await redis.start(['port %port']);
    wire = await Wire.to(`redis://127.0.0.1:${port}`);
    const shared = {
      ...settings,
      STORE__REDIS_URL: `redis://127.0.0.1:${wire.port}`,
      STORE__KEY_PREFIX: 'usher',
      DATABASE__URL: `sqlite://${redis.path('usher.db')}?mode=rwc`,
    };
    while (servers.length < 2) servers.push(await Server.start(shared));
  });
  after(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    wire.close();
    await redis.stop();
  });

  const ready = () => Promise.all(servers.map(({ url }) => (
    until(async () => (await fetch(`${url}/readyz`)).status === 200, 'readiness'))));
  const scenario = withTabs((name, run) => test(name, { timeout: 120_000 }, async () => {
    await ready();
    await perform(servers[0], ONE[0], run);
  }));

  const losses = {
    'was flushed': () => redis.ask(port, 'FLUSHALL'),
    'started again, empty': async () => {
      await redis.kill(port);
      port = await redis.start(['port %port']);
      wire.leadTo(`redis://127.0.0.1:${port}`);
    },
  };

  for (const [what, lose] of Object.entries(losses)) {
    for (const [when, isAway] of [['while it was away', true], ['before', false]]) {
      scenario(`${what} ${when}, is recovered or not, and once in the room in the end`, async (stage, tabs) => {
        const { roomId, ann, bob } = await tabs.meeting(['bob', 'cy'], (id, i) => ({ url: servers[i % 2].url }));
        if (isAway) await bob.leaveForNow();
        await lose();
        await ready();
        if (!isAway) await bob.leaveForNow();
        bob.wire.leadTo(servers[0].url);
        bob.returns();
        await bob.connected();
        if (!bob.socket.recovered) {
          await bob.expectNothing();
          await bob.enter(roomId);
        }
        await bob.shows('ann', 'bob', 'cy');
        await ann.until(() => ids(ann.view()).join() === 'ann,bob,cy', 'everyone');
        await expectTogether(ann, bob, 'all is well');
      });
    }
  }
});
