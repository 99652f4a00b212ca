// A node is killed in the middle of it: the lobby, and what moderators had decided.
import assert from 'node:assert/strict';
import { agree } from './lib/agreement.mjs';
import { ban, expectBanned, unban } from './lib/bans.mjs';
import { admitted, arrivals, outcome, queueBecomes, queueOf } from './lib/doors-of-rooms.mjs';
import { expectParticipant, ids } from './lib/expect.mjs';
import { PATIENT, lined, noticed, placed, standing, threeNodes } from './lib/killing.mjs';
import { knock } from './lib/knocks.mjs';
import { AUDIO, VIDEO } from './lib/media.mjs';
import { comeBack } from './lib/resuming.mjs';
import { keepSecret } from './lib/secrets.mjs';
import { appoint } from './lib/spread.mjs';

const PASSCODE = 'open-sesame-7';
keepSecret(PASSCODE);

const times = (user, event) => user.heard(event).length;
/** In some rounds the others know already that the node is dead when people come back from it. */
const mayNotice = (round, ...what) => (round % 2 === 1 ? noticed(...what) : undefined);

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
    assert.deepEqual(arrivals(ann), [...Object.keys(queue), 'ian']);
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
    assert.deepEqual(arrivals(bob), ['dee', 'cy', 'eve', 'fay']);
    await bob.noMore('host-vacant');
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
    for (const user of [cora, bob]) assert.deepEqual(arrivals(user), Object.keys(queue));
    for (const user of [dee, eve, gil]) {
      assert.deepEqual([times(user, 'lobby-admitted'), times(user, 'existing-participants')], [1, 1]);
    }
  });

  // Killed later and later, until the answer has come first.
  for (const [event, payload] of [['admit-participant', { participantId: 'cy' }], ['admit-all', {}]]) {
    scenario(`has decided or not when ${event} was not acked, and it can be repeated`, async (stage, nodes, round) => {
      const { roomId, ann, cora, bob, cy, eve } = await lined(stage, nodes, { ann: 0, cora: 1, bob: 2 }, { cy: 1, dee: 0, eve: 2 });
      await appoint(ann, 'cohost', cora);
      await queueBecomes(cora, 'cy', 'dee', 'eve');
      ann.emit(event, { roomId, ...payload }, () => {});
      for (let i = 0; i < round; i += 1) await bob.settle();
      await nodes.kill(0);
      const { people, waiting } = await standing(nodes, roomId);
      assert.deepEqual(ids([...people, ...waiting].map((id) => ({ id }))), ['ann', 'bob', 'cora', 'cy', 'dee', 'eve']);
      if (waiting.includes('cy')) assert.deepEqual(waiting, ['cy', 'dee', 'eve']);
      else assert.deepEqual(waiting, event === 'admit-all' ? [] : ['dee', 'eve']);
      // The same again by herself, or by another.
      const again = round % 2 === 0 ? await stage.joined('ann', roomId, nodes.elsewhere(round)) : cora;
      const reply = await again.ack(event, { roomId, ...payload });
      const wasFirst = round % 2 === 0 || event === 'admit-all' || waiting.includes('cy');
      if (wasFirst) assert.equal(reply.ok, true, JSON.stringify(reply));
      else assert.equal((await cora.expectRefusal(event, reply, 'already-decided')).decidedBy, 'Ann');
      const entered = event === 'admit-all' ? [cy, eve] : [cy];
      for (const user of entered) await admitted(user);
      await agree([cora, bob, ...entered]);
      const left = event === 'admit-all' ? [] : ['dee', 'eve'];
      assert.deepEqual((await standing(nodes, roomId)).waiting, left);
      await queueBecomes(cora, ...left);
      for (const user of [cora, bob]) {
        assert.deepEqual(arrivals(user), event === 'admit-all' ? ['cy', 'dee', 'eve'] : ['cy'], `heard by ${user.id}`);
      }
      for (const user of entered) {
        assert.deepEqual([times(user, 'lobby-admitted'), times(user, 'existing-participants')], [1, 1]);
      }
      if (event !== 'admit-all') await eve.noMore('lobby-admitted');
    }, 8);
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

/** Ann moderates at the first node, Bob is the target at the second, Wim sees it at the third. */
const KILLED = { 'the moderator’s node': 0, 'the target’s node': 1, 'a third node': 2 };

threeNodes('what was acked', { settings: PATIENT, rounds: 2 }, (scenario) => {
  for (const [which, victim] of Object.entries(KILLED)) {
    const survivors = (people) => Object.values(people).filter((_, i) => i !== victim);

    scenario(`a ban, when ${which} is killed`, async (stage, nodes) => {
      const { roomId, ann, bob, wim } = await placed(stage, nodes, { ann: 0, bob: 1, wim: 2 });
      await ban(ann, 'bob');
      await ban(ann, 'zoe');
      await ban(ann, 'yve');
      await unban(ann, 'yve');
      await nodes.kill(victim);
      if (victim !== 1) assert.equal((await bob.next('kicked-from-room')).reason, 'banned');
      const back = await comeBack(stage, bob, nodes.elsewhere());
      await back.expectRefusal('join-room', back.joinReply, 'banned');
      await agree(survivors({ ann, bob, wim }).filter((user) => user !== bob));
      const dead = nodes.server(victim);
      await nodes.mend();
      assert.ok(nodes.living.some(({ url }) => url === dead.url));
      for (const node of nodes.living) {
        for (const id of ['bob', 'zoe']) await expectBanned(stage, id, roomId, node);
      }
      await stage.joined('yve', roomId, nodes.at(victim));
      assert.deepEqual((await standing(nodes, roomId)).people, ['ann', 'wim', 'yve']);
    });

    scenario(`a mute, when ${which} is killed`, async (stage, nodes, round) => {
      const { roomId, ann, bob, wim } = await placed(stage, nodes, { ann: 0, bob: 1, wim: 2 });
      const on = { ...AUDIO.on, ...VIDEO.on };
      await bob.ok('update-my-state', on);
      for (const { kind } of [AUDIO, VIDEO]) await ann.ok('mute-participant', { participantId: 'bob', kind });
      const [witness] = survivors({ ann, bob: wim, wim });
      // He may have left, too.
      if (round % 2 === 1) await bob.ok('leave-room');
      await nodes.kill(victim);
      const off = { ...AUDIO.off, ...VIDEO.off };
      const back = await stage.joined('bob', roomId, { ...nodes.elsewhere(1), join: on });
      expectParticipant(back.joinReply.participant, off);
      for (const { kind } of [AUDIO, VIDEO]) {
        const notice = await back.next('force-mute', (it) => it.kind === kind);
        assert.equal(notice.by, 'Host');
      }
      await agree([witness, back]);
      expectParticipant(witness.seen('bob'), off);
      const heard = JSON.stringify(witness.log.entries.slice(witness.log.entries.findIndex(isMute)));
      assert.ok(!/"is(AudioMuted|VideoPaused)":false/.test(heard.replaceAll(/"event":"existing[^]*?\]\]/g, '')) , heard);
      await back.ok('update-my-state', on);
      await witness.until(() => !witness.seen('bob').isAudioMuted, 'Bob to be heard');
    });
  }
});

const isMute = ({ event, args: [payload] }) => event === 'participant-updated' && payload.updates.isAudioMuted === true;
