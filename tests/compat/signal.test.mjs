// Signals: from one person in the room to all connections of another, in order, and to nobody else.
import assert from 'node:assert/strict';
import { EVERY, ONE, WEBSOCKET } from './lib/clients.mjs';
import { unheard } from './lib/hearing.mjs';
import { knock } from './lib/knocks.mjs';
import { twoNodes } from './lib/nodes.mjs';
import { NOT_IDS, expectInvalid, faults } from './lib/payloads.mjs';
import { pairs, ranked } from './lib/ranks.mjs';
import { suite } from './lib/stage.mjs';
import { ANY_JSON, expectSignal, filling } from './lib/talk.mjs';

const MANY = 200;
const LIMIT = 32_768;
const NUMBERS = Array.from({ length: MANY }, (_, i) => i);

/** Sends them all without waiting for any answer in between. */
async function sendAll(user, to, numbers = NUMBERS) {
  const { roomId } = user;
  const replies = await Promise.all(numbers.map((n) => user.ack('signal', { roomId, to, data: { n } })));
  assert.deepEqual(replies.filter(({ ok }) => !ok), []);
}

/** All numbers from that person have come, each once and in order. */
async function expectAll(user, from, numbers = NUMBERS) {
  const got = () => user.heard('signal').filter((signal) => signal.from === from);
  await user.until(() => got().length >= numbers.length, `${numbers.length} signals of ${from}`);
  await user.settle();
  assert.deepEqual(got().map(({ data: { n } }) => n), numbers);
  const revs = user.heard('signal').map(({ rev }) => rev);
  assert.deepEqual(revs, [...revs].sort((a, b) => a - b), 'revisions never go back');
}

suite('signal', { variants: EVERY }, (scenario) => {
  scenario('goes to every tab of the target', async (stage) => {
    const { roomId, bob, cy } = await stage.cast('bob', 'cy');
    const tab = await stage.joined('bob', roomId);
    await cy.ok('signal', { to: 'bob', data: { type: 'offer' } });
    for (const user of [bob, tab]) {
      expectSignal(await user.next('signal'), { from: 'cy', to: 'bob', data: { type: 'offer' } });
      await user.noMore('signal');
    }
  });

  scenario('is heard by nobody else, the sender and the host included', async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    const tab = await stage.joined('cy', roomId);
    await unheard([ann, cy, tab], () => cy.ok('signal', { to: 'bob', data: 'secret' }));
    await bob.next('signal');
  });

  scenario(`${MANY} written at once come in order`, async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const tab = await stage.joined('bob', roomId);
    await sendAll(ann, 'bob');
    for (const user of [bob, tab]) await expectAll(user, 'ann');
  });

  scenario('those of two people who signal each other at once come in order', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await Promise.all([sendAll(ann, 'bob'), sendAll(bob, 'ann')]);
    await expectAll(ann, 'bob');
    await expectAll(bob, 'ann');
  });

  scenario('keeps its place among the sender\'s other commands', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const asked = NUMBERS.slice(0, 50).flatMap((n) => [
      ann.ack('signal', { roomId, to: 'bob', data: { n } }),
      ann.ack('update-my-state', { roomId, isHandRaised: n % 2 === 0 }),
    ]);
    for (const reply of await Promise.all(asked)) assert.equal(reply.ok, true, JSON.stringify(reply));
    await bob.settle();
    const heard = bob.log.entries.filter(({ event }) => ['signal', 'participant-updated'].includes(event));
    const order = heard.slice(-100).map(({ args: [{ data, updates }] }) => data?.n ?? updates.isHandRaised);
    assert.deepEqual(order, NUMBERS.slice(0, 50).flatMap((n) => [n, n % 2 === 0]));
  });

  scenario(`may be ${LIMIT} bytes and no more`, async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    for (const letter of ['x', 'ü']) {
      const data = filling(LIMIT, letter);
      await ann.ok('signal', { to: 'bob', data });
      assert.equal((await bob.next('signal')).data, data);
      const more = filling(LIMIT + 1, letter);
      await unheard([bob], () => ann.refused('signal', { to: 'bob', data: more }, 'invalid-payload'));
    }
    assert.ok(ann.connected);
  });
});

suite('a signal', { variants: WEBSOCKET }, (scenario) => {
  scenario('carries any JSON as it is', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    for (const data of [null, ...ANY_JSON]) {
      await ann.ok('signal', { to: 'bob', data });
      assert.deepEqual((await bob.next('signal')).data, data);
    }
  });

  scenario('says truly from whom it is, whatever the payload claims', async (stage) => {
    const { ann, bob, cy } = await stage.cast('bob', 'cy');
    const claims = { from: 'ann', userId: 'ann', participantId: 'ann', sender: 'ann', rev: 1 };
    await unheard([ann], () => cy.ok('signal', { to: 'bob', data: 1, ...claims }));
    expectSignal(await bob.next('signal'), { from: 'cy', to: 'bob', data: 1 });
  });

  scenario('without a target or to what is none is not understood', async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    const corpus = faults({ roomId, to: 'bob', data: 1 }, { roomId: NOT_IDS, to: NOT_IDS });
    await unheard([ann, bob], () => expectInvalid(cy, 'signal', corpus));
  });
});

suite('who may signal whom', { variants: ONE }, (scenario) => {
  scenario('everybody in the room may signal everybody else, of any rank', async (stage) => {
    const others = pairs().filter(({ actor, target }) => actor.id !== target.id);
    const { people } = await ranked(stage, ...others.flatMap(({ actor, target }) => [actor.id, target.id]));
    for (const { actor, target } of others) {
      await people[actor.id].ok('signal', { to: target.id, data: 'hello' });
      expectSignal(await people[target.id].next('signal'), { from: actor.id, to: target.id, data: 'hello' });
    }
  });

  scenario('whoever is not in the room cannot be signalled', async (stage) => {
    const { ann, bob, cy } = await stage.cast('bob', 'cy');
    await bob.ok('leave-room');
    await ann.ok('remove-participant', { participantId: 'cy' });
    await cy.next('kicked-from-room');
    await unheard([bob, cy], async () => {
      for (const to of ['bob', 'cy', 'nobody']) {
        await ann.refused('signal', { to, data: 1 }, 'participant-not-found', 'Participant not found');
      }
    });
  });

  scenario('whoever is not in the room cannot signal', async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    await cy.ok('leave-room');
    const eve = await stage.joined('eve', await stage.meeting('eve'));
    const stranger = await stage.user('stranger');
    await ann.settle();
    const payload = { roomId, to: 'bob', data: 1 };
    await unheard([ann, bob], async () => {
      for (const user of [cy, eve, stranger]) await user.refused('signal', payload, 'not-joined');
    });
  });

  scenario('two people in different rooms cannot signal each other', async (stage) => {
    const { ann } = await stage.cast();
    const eve = await stage.joined('eve', await stage.meeting('eve'));
    await unheard([eve], () => ann.refused('signal', { to: 'eve', data: 1 }, 'participant-not-found'));
  });

  scenario('whoever waits in the lobby neither signals nor is signalled', async (stage) => {
    const { roomId, ann } = await stage.cast();
    await ann.ok('update-room', { lobby: true });
    const paul = await knock(stage, 'paul', roomId);
    await paul.refused('signal', { to: 'ann', data: 1 }, 'not-joined');
    await unheard([paul], () => ann.refused('signal', { to: 'paul', data: 1 }, 'participant-not-found'));
    await ann.noMore('signal');
  });
});

suite('another limit of a signal', { variants: ONE, settings: { LIMITS__SIGNAL_BYTES: 1000 } }, (scenario) => {
  scenario('is kept to', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await ann.ok('signal', { to: 'bob', data: filling(1000) });
    await bob.next('signal');
    await ann.refused('signal', { to: 'bob', data: filling(1001) }, 'invalid-payload');
    await bob.noMore('signal');
  });
});

twoNodes('signal on two nodes', {}, (scenario) => {
  scenario(`${MANY} reach the tabs on both, in order, and nobody else`, async (stage, url) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const tab = await stage.joined('bob', roomId, { url });
    const cy = await stage.joined('cy', roomId, { url });
    await cy.settle();
    await unheard([cy], () => sendAll(ann, 'bob'));
    for (const user of [bob, tab]) await expectAll(user, 'ann');
  });

  scenario(`${MANY} in both directions at once come in order`, async (stage, url) => {
    const { roomId, ann } = await stage.cast();
    const bob = await stage.joined('bob', roomId, { url });
    await Promise.all([sendAll(ann, 'bob'), sendAll(bob, 'ann')]);
    await expectAll(ann, 'bob');
    await expectAll(bob, 'ann');
  });
});
