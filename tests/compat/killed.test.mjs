// A node is killed while people wait: nobody loses a place, nobody is let in twice or by chance.
import assert from 'node:assert/strict';
import { agree } from './lib/agreement.mjs';
import { admitted, arrivals, outcome, queueBecomes } from './lib/doors-of-rooms.mjs';
import { PATIENT, lined, mayNotice, standing, threeNodes } from './lib/killing.mjs';
import { knock } from './lib/knocks.mjs';
import { appoint } from './lib/spread.mjs';

const times = (user, event) => user.heard(event).length;
const MODERATORS = ['ann', 'bob', 'cora'];
/** Who came in out of the queue, in order, as this one heard of it. */
const entered = (user) => arrivals(user).filter((id) => !MODERATORS.includes(id));

/** When to kill, from before the command is read to after it was answered. */
const MOMENTS = [
  (send) => send(),
  (send, { bob }) => Promise.all([bob.settle(), send()]),
  async (send, { cora }) => {
    send();
    await cora.settle();
  },
  async (send, { cora }) => {
    send();
    await cora.until(() => entered(cora).includes('cy'), 'Cy to enter');
  },
  async (send, { bob }) => {
    send();
    for (let i = 0; i < 4; i += 1) await bob.settle();
  },
];

threeNodes('a lobby', { settings: PATIENT }, (scenario) => {
  scenario('keeps the places of those whose node was killed, and its moderators see them', async (stage, nodes, round) => {
    const queue = { cy: 1, dee: 2, eve: 1, fay: 0, gil: 1 };
    const { roomId, ann, cora, dee, fay } = await lined(stage, nodes, { ann: 0, cora: 2 }, queue);
    await appoint(ann, 'cohost', cora);
    await queueBecomes(cora, ...Object.keys(queue));
    const before = ann.heard('lobby-updated').at(-1);
    await nodes.kill(1);
    await mayNotice(round, nodes, roomId, 'cy', 'eve', 'gil');
    const back = {};
    // Not in the order of the queue.
    for (const [i, id] of ['gil', 'cy', 'eve'].entries()) back[id] = await knock(stage, id, roomId, nodes.elsewhere(i));
    const places = ['cy', 'eve', 'gil'].map((id) => back[id].heard('lobby-waiting'));
    assert.deepEqual(places, [1, 3, 5].map((position) => [{ position, moderatorPresent: true }]));
    const ian = await knock(stage, 'ian', roomId, nodes.elsewhere(round));
    for (const user of [ann, cora]) {
      await queueBecomes(user, ...Object.keys(queue), 'ian');
      assert.deepEqual(user.heard('lobby-updated').at(-1).slice(0, -1), before, 'nobody waits since later');
    }
    for (const user of [dee, fay]) await user.noMore('lobby-waiting');
    assert.deepEqual((await standing(nodes, roomId)).waiting, [...Object.keys(queue), 'ian']);
    await cora.ok('admit-all');
    for (const user of [dee, fay, ian, ...Object.values(back)]) await admitted(user, 'Cora');
    await agree([ann, cora, dee, fay, ian, ...Object.values(back)]);
    assert.deepEqual(await standing(nodes, roomId), { people: ['ann', 'cora', ...Object.keys(queue), 'ian'], waiting: [] });
    assert.deepEqual(entered(ann), [...Object.keys(queue), 'ian']);
  });

  scenario('goes on with the moderator who survives, and with the one who comes back', async (stage, nodes, round) => {
    const queue = { cy: 1, dee: 2, eve: 1 };
    const { roomId, ann, cora, bob, cy, dee, eve } = await lined(stage, nodes, { ann: 0, cora: 1, bob: 2 }, queue);
    await appoint(ann, 'cohost', cora);
    await nodes.kill(0);
    await mayNotice(round, nodes, roomId, 'ann');
    const fay = await knock(stage, 'fay', roomId, nodes.at(2));
    await queueBecomes(cora, 'cy', 'dee', 'eve', 'fay');
    await cora.ok('admit-participant', { participantId: 'dee' });
    await admitted(dee, 'Cora');
    const back = await stage.joined('ann', roomId, nodes.elsewhere(round));
    await queueBecomes(back, 'cy', 'eve', 'fay');
    await back.ok('admit-all');
    for (const user of [cy, eve, fay]) {
      await admitted(user, 'Ann');
      assert.ok(user.heard('lobby-waiting').every(({ moderatorPresent }) => moderatorPresent), `${user.id} was not alone`);
    }
    await agree([back, cora, bob, cy, dee, eve, fay]);
    assert.deepEqual(entered(bob), ['dee', 'cy', 'eve', 'fay']);
    await bob.noMore('host-vacant');
  });

  scenario('is kept when all nodes are killed and started again', async (stage, nodes, round) => {
    const { roomId } = await lined(stage, nodes, { ann: 0, cora: 2 }, { cy: 1, dee: 2, eve: 0 });
    for (const i of [0, 1, 2]) await nodes.kill(i);
    await nodes.mend();
    await mayNotice(round, nodes, roomId, 'ann', 'cora', 'cy', 'dee', 'eve');
    const back = [];
    for (const [i, id] of ['eve', 'dee', 'cy'].entries()) back.push(await knock(stage, id, roomId, nodes.at(i + round)));
    const positions = back.map((user) => user.heard('lobby-waiting').at(-1).position);
    assert.deepEqual(positions, [3, 2, 1]);
    const ann = await stage.joined('ann', roomId, nodes.at(round));
    await queueBecomes(ann, 'cy', 'dee', 'eve');
    await ann.ok('admit-all');
    for (const user of back) await admitted(user, 'Ann');
    await agree([ann, ...back]);
    assert.deepEqual(entered(ann), ['cy', 'dee', 'eve']);
  });

  scenario('hears of an end that was acked, though the host’s node was killed', async (stage, nodes) => {
    const { roomId, ann, bob, cy, dee } = await lined(stage, nodes, { ann: 0, bob: 1 }, { cy: 2, dee: 0 });
    await ann.ok('end-meeting');
    await nodes.kill(0);
    for (const user of [bob, cy]) {
      assert.equal((await user.next('meeting-ended')).reason, 'ended-by-host');
      await user.noMore('meeting-ended');
    }
    await nodes.mend();
    for (const [i, id] of ['ann', 'bob', 'dee'].entries()) {
      assert.equal(await outcome(await stage.user(id, nodes.at(i)), roomId), 'meeting-ended');
    }
    assert.equal(times(dee, 'existing-participants'), 0);
  });

  scenario('is decided about while the waiting are away with their node', async (stage, nodes, round) => {
    const { roomId, ann, wim } = await lined(stage, nodes, { ann: 0, wim: 2 }, { cy: 1, dee: 1, eve: 1 });
    await nodes.kill(1);
    await mayNotice(round, nodes, roomId, 'cy', 'dee', 'eve');
    await ann.ok('admit-participant', { participantId: 'cy' });
    await ann.ok('deny-participant', { participantId: 'dee' });
    const back = {};
    const met = [];
    for (const [i, id] of ['cy', 'dee', 'eve'].entries()) {
      back[id] = await stage.user(id, nodes.elsewhere(i));
      met.push(await outcome(back[id], roomId));
    }
    assert.deepEqual(met, ['in', 'rate-limited', 'waiting']);
    await queueBecomes(ann, 'eve');
    assert.deepEqual(await standing(nodes, roomId), { people: ['ann', 'wim', 'cy'], waiting: ['eve'] });
    await agree([ann, wim, back.cy]);
    await back.cy.noMore('force-mute');
    await back.dee.noMore('existing-participants');
  });

  scenario('is empty after an acked admit-all, and everybody is in once', async (stage, nodes, round) => {
    const queue = { cy: 0, dee: 1, eve: 2, fay: 0, gil: 1 };
    const people = await lined(stage, nodes, { ann: 0, cora: 1, bob: 2 }, queue);
    const { roomId, ann, cora, bob, dee, eve, gil } = people;
    await ann.ok('admit-all');
    await nodes.kill(0);
    for (const user of [dee, eve, gil]) await admitted(user, 'Ann');
    await mayNotice(round, nodes, roomId, 'ann', 'cy', 'fay');
    const back = [];
    for (const [i, id] of ['fay', 'cy', 'ann'].entries()) {
      back.push(await stage.user(id, nodes.elsewhere(i + round)));
      assert.equal(await outcome(back.at(-1), roomId), 'in', id);
    }
    const everyone = [cora, bob, dee, eve, gil, ...back];
    await agree(everyone);
    assert.deepEqual(await standing(nodes, roomId), { people: ['ann', 'cora', 'bob', ...Object.keys(queue)], waiting: [] });
    for (const user of [cora, bob]) assert.deepEqual(entered(user), Object.keys(queue));
    for (const user of [dee, eve, gil]) {
      assert.deepEqual([times(user, 'lobby-admitted'), times(user, 'existing-participants')], [1, 1]);
    }
  });

  for (const [event, payload] of [['admit-participant', { participantId: 'cy' }], ['admit-all', {}]]) {
    scenario(`has decided or not when ${event} was not acked, and it can be repeated`, async (stage, nodes, round) => {
      const all = await lined(stage, nodes, { ann: 0, cora: 1, bob: 2 }, { cy: 1, dee: 0, eve: 2 });
      const { roomId, ann, cora, bob, cy, eve } = all;
      await appoint(ann, 'cohost', cora);
      await queueBecomes(cora, 'cy', 'dee', 'eve');
      await MOMENTS[round % MOMENTS.length](() => ann.emit(event, { roomId, ...payload }), all);
      await nodes.kill(0);
      const { people, waiting } = await standing(nodes, roomId);
      assert.deepEqual([...people, ...waiting].sort(), ['ann', 'bob', 'cora', 'cy', 'dee', 'eve']);
      if (waiting.includes('cy')) assert.deepEqual(waiting, ['cy', 'dee', 'eve']);
      else assert.deepEqual(waiting, event === 'admit-all' ? [] : ['dee', 'eve']);
      // The same again by herself, or by another.
      const again = round % 2 === 0 ? await stage.joined('ann', roomId, nodes.elsewhere(round)) : cora;
      const reply = await again.ack(event, { roomId, ...payload });
      const wasFirst = round % 2 === 0 || event === 'admit-all' || waiting.includes('cy');
      if (wasFirst) assert.equal(reply.ok, true, JSON.stringify(reply));
      else assert.equal((await cora.expectRefusal(event, reply, 'already-decided')).decidedBy, 'Ann');
      const inside = event === 'admit-all' ? [cy, eve] : [cy];
      for (const user of inside) await admitted(user);
      await agree([cora, bob, ...inside]);
      const left = event === 'admit-all' ? [] : ['dee', 'eve'];
      assert.deepEqual((await standing(nodes, roomId)).waiting, left);
      await queueBecomes(cora, ...left);
      for (const user of [cora, bob]) {
        assert.deepEqual(entered(user), event === 'admit-all' ? ['cy', 'dee', 'eve'] : ['cy'], `heard by ${user.id}`);
      }
      for (const user of inside) {
        assert.deepEqual([times(user, 'lobby-admitted'), times(user, 'existing-participants')], [1, 1]);
      }
      if (event !== 'admit-all') await eve.noMore('lobby-admitted');
    }, 2 * MOMENTS.length);
  }
});

threeNodes('a lobby whose people do not all come back', {
  settings: { PRESENCE__LEAVE_AFTER_LOST_MS: 3_000 },
}, (scenario) => {
  scenario('gives up the places of the others', async (stage, nodes, round) => {
    const { roomId, ann, cora, dee } = await lined(stage, nodes, { ann: 0, cora: 2 }, { cy: 1, dee: 2, eve: 1, fay: 1 });
    await appoint(ann, 'cohost', cora);
    await nodes.kill(1);
    const fay = await knock(stage, 'fay', roomId, nodes.elsewhere(round));
    for (const user of [ann, cora]) await queueBecomes(user, 'dee', 'fay');
    for (const [user, position] of [[dee, 1], [fay, 2]]) {
      await user.until(() => user.heard('lobby-waiting').at(-1).position === position, `place ${position}`);
    }
    await knock(stage, 'cy', roomId, nodes.elsewhere(round + 1));
    for (const user of [ann, cora]) await queueBecomes(user, 'dee', 'fay', 'cy');
    await agree([ann, cora]);
  });
});
