// A node is killed in the middle of a talk: nothing that was acked is lost, nothing comes twice.
import assert from 'node:assert/strict';
import { agree } from './lib/agreement.mjs';
import { PATIENT, mayNotice, noticed, placed, threeNodes } from './lib/killing.mjs';
import {
  comeBack, expectReplayed, expectSnapshot, heardAfter, lose, position, withoutComings,
} from './lib/resuming.mjs';
import { history, said } from './lib/talk.mjs';

const COUNT = 80;
const AT_ONCE = 3;
const numbers = Array.from({ length: COUNT }, (_, i) => i);

const received = (user) => user.heard('receive-message').map(said);
const spoken = (user) => received(user).map(({ message }) => message);
const signalled = (user) => user.heard('signal').map(({ data }) => data);

/** Goes through all numbers, a few of them under way at any time. */
class Stream {
  acked = new Set();
  #sent = 0;
  #awaited = [];

  constructor(user, event, payloadOf) {
    const next = async () => {
      if (this.#sent === COUNT) return;
      const i = this.#sent;
      this.#sent += 1;
      const reply = await user.ack(event, { roomId: user.roomId, ...payloadOf(i) });
      assert.equal(reply.ok, true, `${event} ${i}: ${JSON.stringify(reply)}`);
      this.acked.add(i);
      for (const { count, resolve } of this.#awaited) if (this.acked.size >= count) resolve();
      await next();
    };
    // Its node may be killed: then the rest is never answered.
    this.over = Promise.all(Array.from({ length: AT_ONCE }, next));
    this.over.catch((error) => this.#awaited.forEach(({ reject }) => reject(error)));
  }

  reached(count) {
    return new Promise((resolve, reject) => {
      this.#awaited.push({ count, resolve, reject });
      if (this.acked.size >= count) resolve();
    });
  }
}

/** In the order of sending, each once, and none of the acked is missing; what was not acked may be. */
function expectAcked(seen, acked, who) {
  assert.deepEqual(seen, numbers.slice(0, seen.length), `${who} has a beginning of what was sent, in order`);
  assert.ok(acked.size <= seen.length, `${who} has ${seen.length}, of which ${acked.size} were acked`);
}

threeNodes('the messages', { settings: PATIENT }, (scenario) => {
  for (const enough of [1, 20, COUNT]) {
    scenario(`that were acked are kept, when the speaker’s node is killed (after ${enough})`, async (stage, nodes, round) => {
      const { roomId, ann, bob, wim } = await placed(stage, nodes, { ann: 0, bob: 1, wim: 2 });
      const messages = new Stream(ann, 'send-message', (i) => ({ message: i }));
      await messages.reached(enough);
      await nodes.kill(0);
      await ann.next('disconnect');
      await mayNotice(round, nodes, roomId, 'ann');
      await agree([bob, wim]);
      for (const user of [bob, wim]) {
        const kept = await history(user);
        assert.deepEqual(kept, received(user), `what ${user.id} heard and what is kept`);
        assert.deepEqual(kept, received(bob));
        expectAcked(kept.map(({ message }) => message), messages.acked, user.id);
      }
      // She gets what she missed of her own.
      const back = await comeBack(stage, ann, nodes.elsewhere(round));
      assert.match(back.joinReply.resume.outcome, /^(replayed|nothing-missed)$/);
      await agree([bob, wim, back]);
      assert.deepEqual(received(back), received(bob));
      assert.deepEqual(await history(back), received(bob));
      await back.ok('send-message', { message: 'so long' });
      for (const user of [bob, wim]) await user.next('receive-message', ({ message }) => message === 'so long');
      await nodes.mend();
      const late = await stage.joined('late', roomId, nodes.at(0));
      assert.deepEqual((await history(late)).map(({ message }) => message), spoken(bob));
    });
  }
});

threeNodes('coming back', { settings: PATIENT }, (scenario) => {
  for (const [place, where] of [['where people are', 1], ['where nobody is', 2]]) {
    const wimAt = where === 1 ? 2 : 0;

    scenario(`from a killed node to one ${place} brings what was missed`, async (stage, nodes, round) => {
      const { roomId, ann, bob, wim } = await placed(stage, nodes, { ann: 0, bob: 1, wim: wimAt });
      for (const data of ['before', 'the kill']) await ann.ok('signal', { to: 'bob', data });
      await bob.until(() => signalled(bob).length === 2, 'two signals');
      const { rev } = position(bob);
      await nodes.kill(1);
      await bob.next('disconnect');
      await mayNotice(round, nodes, roomId, 'bob');
      for (const i of [0, 1, 2]) {
        await ann.ok('signal', { to: 'bob', data: i });
        await wim.ok('send-message', { message: i });
        await wim.ok('signal', { to: 'bob', data: `${i}, too` });
      }
      await ann.ok('mute-participant', { participantId: 'bob', kind: 'video' });
      const back = await comeBack(stage, bob, nodes.at(2));
      const missed = withoutComings(expectReplayed(back), 'bob');
      await agree([ann, wim, back]);
      const forAll = missed.filter(([event]) => !/^(signal|force-mute)$/.test(event));
      const meanwhile = heardAfter(wim, rev).filter(([, event]) => event.rev <= back.joinReply.rev);
      assert.deepEqual(forAll, withoutComings(meanwhile, 'bob'), 'the same as heard by who was there');
      assert.deepEqual(missed.filter(([event]) => event === 'force-mute').map(([, { by }]) => by), ['Ann']);
      assert.deepEqual(signalled(back), ['before', 'the kill', ...[0, 1, 2].flatMap((i) => [i, `${i}, too`])]);
      assert.deepEqual(spoken(back), [0, 1, 2]);
      // And from now on as ever.
      await ann.ok('signal', { to: 'bob', data: 'after' });
      assert.equal((await back.next('signal', ({ data }) => data === 'after')).from, 'ann');
      await back.noMore('existing-participants');
    });

    scenario(`from a node killed in a stream to one ${place} brings each once, in order`, async (stage, nodes, round) => {
      const { roomId, ann, bob, wim } = await placed(stage, nodes, { ann: 0, bob: 1, wim: wimAt });
      const signals = new Stream(ann, 'signal', (i) => ({ to: 'bob', data: i }));
      const messages = new Stream(wim, 'send-message', (i) => ({ message: i }));
      await signals.reached(10 * round);
      await nodes.kill(1);
      await bob.next('disconnect');
      const already = [signalled(bob).length, spoken(bob).length];
      if (round % 2 === 1) await noticed(nodes, roomId, 'bob');
      const back = await comeBack(stage, bob, nodes.at(2));
      assert.match(back.joinReply.resume.outcome, /^(replayed|nothing-missed)$/);
      await Promise.all([signals.over, messages.over]);
      await ann.ok('signal', { to: 'bob', data: COUNT });
      await back.next('signal', ({ data }) => data === COUNT);
      assert.deepEqual(signalled(back), [...numbers, COUNT], `${already} before the kill`);
      await agree([ann, wim, back]);
      assert.deepEqual(spoken(back), numbers, `${already} before the kill`);
      assert.deepEqual(received(back), received(wim));
    }, 6);
  }

  scenario('after a door was switched meanwhile brings the events or one list, and the history', async (stage, nodes, round) => {
    const { roomId, ann, bob, wim } = await placed(stage, nodes, { ann: 0, bob: 1, wim: 0 });
    await nodes.kill(1);
    await mayNotice(round, nodes, roomId, 'bob');
    await wim.ok('send-message', { message: 0 });
    await ann.ok('update-room', { lobby: true, locked: true });
    await wim.ok('send-message', { message: 1 });
    const back = await comeBack(stage, bob, nodes.at(2));
    if (back.joinReply.resume.outcome === 'snapshot') expectSnapshot(back, 'log-gone');
    else expectReplayed(back);
    assert.deepEqual((await history(back)).map(({ message }) => message), [0, 1]);
    assert.equal((await back.ok('room-state')).room.locked, true);
    await agree([ann, wim, back]);
  });

  scenario('from one killed node to the next is as good as from one', async (stage, nodes) => {
    const { ann, bob, wim } = await placed(stage, nodes, { ann: 0, bob: 1, wim: 0 });
    await nodes.kill(1);
    await ann.ok('signal', { to: 'bob', data: 1 });
    const second = await comeBack(stage, bob, nodes.at(2));
    expectReplayed(second);
    await nodes.mend();
    await ann.ok('signal', { to: 'bob', data: 2 });
    await second.until(() => signalled(second).length === 2, 'the second signal');
    await nodes.kill(2);
    await ann.ok('signal', { to: 'bob', data: 3 });
    await wim.ok('send-message', { message: 'hello' });
    const third = await comeBack(stage, second, nodes.at(1));
    expectReplayed(third);
    assert.deepEqual([signalled(third), spoken(third)], [[1, 2, 3], ['hello']]);
    await agree([ann, wim, third]);
  });

  scenario('of who was lost before the node was killed is in time all the same', async (stage, nodes) => {
    const { ann, bob, wim } = await placed(stage, nodes, { ann: 0, bob: 1, wim: 2 });
    await lose(bob, wim);
    await ann.ok('signal', { to: 'bob', data: 1 });
    await nodes.kill(1);
    await ann.ok('signal', { to: 'bob', data: 2 });
    const back = await comeBack(stage, bob, nodes.at(2));
    expectReplayed(back);
    assert.deepEqual(signalled(back), [1, 2]);
    await agree([ann, wim, back]);
  });
});
