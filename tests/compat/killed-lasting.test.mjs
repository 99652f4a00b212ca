// A node is killed right after an answer: what moderators had decided holds, and there is one host.
import assert from 'node:assert/strict';
import { agree } from './lib/agreement.mjs';
import { ban, expectBanned, unban } from './lib/bans.mjs';
import { ONE } from './lib/clients.mjs';
import { admitted, outcome, queueBecomes } from './lib/doors-of-rooms.mjs';
import { expectParticipant, ids } from './lib/expect.mjs';
import { PATIENT, noticed, placed, standing, threeNodes } from './lib/killing.mjs';
import { knock, knockAgain } from './lib/knocks.mjs';
import { AUDIO, VIDEO } from './lib/media.mjs';
import { comeBack, expectSnapshot } from './lib/resuming.mjs';
import { keepSecret } from './lib/secrets.mjs';
import { appoint } from './lib/spread.mjs';
import { suite } from './lib/stage.mjs';

const PASSCODE = 'open-sesame-7';
keepSecret(PASSCODE);
/** Ann moderates at the first node, Bob is the target at the second, Wim sees it at the third. */
const PLACES = { ann: 0, bob: 1, wim: 2 };
const KILLED = { 'the moderator’s node': 0, 'the target’s node': 1, 'a third node': 2 };
const DOORS = {
  locked: { change: { locked: true }, guest: 'room-locked' },
  passcode: { change: { passcode: PASSCODE }, guest: 'passcode-required' },
  lobby: { change: { lobby: true }, guest: 'waiting' },
  full: { change: { maxParticipants: 2 }, guest: 'room-full' },
};

/** From the mute on, Bob was never heard or seen by this one. */
function neverOn(witness) {
  const from = witness.log.entries.findIndex(({ event, args: [it] }) => (
    event === 'participant-updated' && it.updates.isAudioMuted === true));
  assert.ok(from >= 0, `${witness.id} heard of the mute`);
  const news = witness.log.entries.slice(from).filter(({ event }) => /^participant-(joined|updated)$/.test(event));
  assert.doesNotMatch(JSON.stringify(news), /"is(AudioMuted|VideoPaused)":false/);
}

threeNodes('what was acked holds', { settings: PATIENT, rounds: 2 }, (scenario) => {
  for (const [which, victim] of Object.entries(KILLED)) {
    scenario(`a ban, when ${which} is killed`, async (stage, nodes) => {
      const { roomId, ann, bob, wim } = await placed(stage, nodes, PLACES);
      await ban(ann, 'bob');
      await ban(ann, 'zoe');
      await ban(ann, 'yve');
      await unban(ann, 'yve');
      await nodes.kill(victim);
      if (victim !== 1) assert.equal((await bob.next('kicked-from-room')).reason, 'banned');
      const back = await comeBack(stage, bob, nodes.elsewhere());
      await back.expectRefusal('join-room', back.joinReply, 'banned');
      await agree([ann, wim].filter((_, i) => 2 * i !== victim));
      await nodes.mend();
      for (const node of nodes.living) {
        for (const id of ['bob', 'zoe']) await expectBanned(stage, id, roomId, node);
      }
      await stage.joined('yve', roomId, nodes.at(victim));
      assert.deepEqual((await standing(nodes, roomId)).people, ['ann', 'wim', 'yve']);
    });

    scenario(`a mute, when ${which} is killed and the target is back with everything on`, async (stage, nodes, round) => {
      const { roomId, ann, bob, wim } = await placed(stage, nodes, PLACES);
      const [on, off] = [{ ...AUDIO.on, ...VIDEO.on }, { ...AUDIO.off, ...VIDEO.off }];
      await bob.ok('update-my-state', on);
      for (const { kind } of [AUDIO, VIDEO]) await ann.ok('mute-participant', { participantId: 'bob', kind });
      // It is remembered of those who have left, too.
      if (round % 2 === 1) await bob.ok('leave-room');
      await nodes.kill(victim);
      const back = await stage.joined('bob', roomId, { ...nodes.elsewhere(1), join: on });
      expectParticipant(back.joinReply.participant, off);
      for (const { kind } of [AUDIO, VIDEO]) assert.equal((await back.next('force-mute', (it) => it.kind === kind)).by, 'Host');
      const witness = victim === 0 ? wim : ann;
      await agree([witness, back]);
      neverOn(witness);
      await back.ok('update-my-state', on);
      await witness.until(() => !witness.seen('bob').isAudioMuted, 'Bob to be heard');
    });

    scenario(`a removal and a role, when ${which} is killed`, async (stage, nodes) => {
      const { roomId, ann, bob, wim } = await placed(stage, nodes, PLACES);
      await ann.ok('make-cohost', { participantId: 'wim' });
      await ann.ok('remove-participant', { participantId: 'bob' });
      await nodes.kill(victim);
      if (victim !== 1) assert.equal((await bob.next('kicked-from-room')).reason, 'kicked');
      const who = victim === 2 ? await stage.joined('wim', roomId, nodes.elsewhere(1)) : wim;
      assert.deepEqual((await standing(nodes, roomId)).people, ['ann', 'wim']);
      // Wim moderates, Bob may come back.
      await who.until(() => who.seen('wim').isCoHost, 'to be co-host');
      const back = await comeBack(stage, bob, nodes.elsewhere());
      expectSnapshot(back, 'left');
      await who.ok('mute-participant', { participantId: 'bob', kind: 'audio' });
      await back.next('force-mute');
      await agree([who, back]);
    });
  }

  for (const [door, { change, guest }] of Object.entries(DOORS)) {
    scenario(`a door, when the host’s node is killed: ${door}`, async (stage, nodes, round) => {
      const { roomId, ann, bob } = await placed(stage, nodes, { ann: 0, bob: 1 });
      await ann.ok('update-room', change);
      await nodes.kill(0);
      await bob.next('room-updated');
      if (round % 2 === 1) await noticed(nodes, roomId, 'ann');
      for (const [i, node] of nodes.living.entries()) {
        assert.equal(await outcome(await stage.user(`gus-${i}`, node), roomId), guest);
      }
      await nodes.mend();
      assert.equal(await outcome(await stage.user('gil', nodes.at(0)), roomId), guest);
      assert.equal(await outcome(await stage.user('ann', nodes.at(0)), roomId), 'in');
      const withPasscode = await outcome(await stage.user('pam', nodes.at(2)), roomId, { passcode: PASSCODE });
      assert.equal(withPasscode, door === 'passcode' ? 'in' : guest);
    });
  }
});

const BRIEF = { PRESENCE__LEAVE_AFTER_LOST_MS: 300, ROOMS__ROLE_GRACE_MS: 400 };
/** What this one heard of the host's place, in order. */
const handing = (user) => user.log.entries.filter(({ event }) => /^host-(vacant|changed)$/.test(event))
  .map(({ event, args }) => [event, args[0]]);

threeNodes('the host’s place', { settings: BRIEF }, (scenario) => {
  scenario('is taken over once, and given back once, as all survivors hear', async (stage, nodes, round) => {
    const places = { ann: 0, cody: 0, bob: 1, cora: 1, cleo: 2, dan: 2 };
    const { roomId, ann, bob, cora, cleo, dan, cody } = await placed(stage, nodes, places);
    // Cody would be the first, and is away with Ann.
    await appoint(ann, 'cohost', cody, ...(round % 2 === 0 ? [cleo, cora] : [cora, cleo]));
    const successor = round % 2 === 0 ? cleo : cora;
    await nodes.kill(0);
    const survivors = [bob, cora, cleo, dan];
    for (const user of survivors) await user.next('host-changed');
    await agree(survivors);
    for (const user of survivors) assert.deepEqual(handing(user), handing(bob), `${user.id} and bob`);
    const [[first, { deadline }], [second, { participantId, cause }], ...more] = handing(bob);
    assert.deepEqual([first, second, more], ['host-vacant', 'host-changed', []]);
    assert.ok(!Number.isNaN(new Date(deadline).getTime()));
    assert.deepEqual([participantId, cause], [successor.id, 'succession']);
    await successor.ok('mute-participant', { participantId: 'bob', kind: 'video' });
    const back = await stage.joined('ann', roomId, nodes.elsewhere(round));
    for (const user of survivors) {
      const change = await user.next('host-changed');
      assert.deepEqual([change.participantId, change.cause], ['ann', 'host-returned']);
    }
    await successor.next('host-revoked');
    const said = await agree([back, ...survivors]);
    assert.deepEqual(said.filter(({ isHost }) => isHost).map(({ id }) => id), ['ann']);
    for (const user of survivors) assert.equal(handing(user).length, 3);
  });

  for (const [which, victim] of [['the host’s old node', 0], ['the successor’s node', 1], ['another node', 2]]) {
    scenario(`is taken over when ${which} is killed while it is vacant`, async (stage, nodes) => {
      const { ann, bob, cora, cleo, dan } = await placed(stage, nodes, { ann: 0, bob: 0, cora: 1, cleo: 2, dan: 2 });
      await appoint(ann, 'cohost', cora, cleo);
      await ann.ok('leave-room');
      const survivors = [bob, cora, cleo, dan].filter((_, i) => [0, 1, 2, 2][i] !== victim);
      await survivors[0].next('host-vacant');
      await nodes.kill(victim);
      const successor = victim === 1 ? 'cleo' : 'cora';
      for (const user of survivors) await user.next('host-changed', ({ participantId }) => participantId === successor);
      const said = await agree(survivors);
      assert.deepEqual(said.filter(({ isHost }) => isHost).map(({ id }) => id), [successor]);
      for (const user of survivors) assert.deepEqual(handing(user), handing(survivors[0]), user.id);
      const successors = handing(survivors[0]).filter(([event]) => event === 'host-changed').map(([, it]) => it.participantId);
      // Who is dead may be chosen until the others know.
      assert.deepEqual(successors, victim === 1 && successors.length === 2 ? ['cora', 'cleo'] : [successor]);
    });
  }
});

const OUTLIVES = process.env.USHER_TEST_ROOMS_REDIS_URL ? 'the room outlives its server' : false;
const BY_ITSELF = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 100 };

suite('one node, killed and started again,', { variants: ONE, settings: PATIENT, skip: OUTLIVES }, (scenario) => {
  for (const enough of [1, 4, 8, 12]) {
    scenario(`holds what was acked of a burst (${enough}), and lets in nobody who may not`, async (stage) => {
      const { roomId, ann } = await stage.cast('bob', 'cora');
      const commands = [
        ...['b1', 'b2', 'bob'].map((participantId) => ['remove-participant', { participantId, ban: true }, participantId]),
        ['update-room', { lobby: true }, 'lobby'],
        ['make-cohost', { participantId: 'cora' }, 'cora'],
        ['update-room', { passcode: PASSCODE }, 'passcodeRequired'],
        ...['b3', 'b4', 'b5'].map((participantId) => ['remove-participant', { participantId, ban: true }, participantId]),
        ['update-room', { locked: true }, 'locked'],
        ...['b6', 'b7'].map((participantId) => ['remove-participant', { participantId, ban: true }, participantId]),
      ];
      const acked = new Set();
      await new Promise((resolve, reject) => {
        for (const [event, payload, what] of commands) {
          ann.ack(event, { roomId, ...payload }).then((reply) => {
            if (!reply.ok) reject(new Error(`${event}: ${JSON.stringify(reply)}`));
            acked.add(what);
            if (acked.size === enough) stage.server.kill9().then(resolve);
          }, () => {});
        }
      });
      await ann.next('disconnect');
      await stage.server.restart();
      const { body } = await stage.rest().get(`/api/meetings/${roomId}`);
      for (const door of ['lobby', 'passcodeRequired', 'locked']) assert.ok(!acked.has(door) || body[door], door);
      const guest = [['locked', 'room-locked'], ['passcodeRequired', 'passcode-required'], ['lobby', 'waiting']]
        .find(([door]) => body[door])?.[1] ?? 'in';
      assert.equal(await outcome(await stage.user('gus'), roomId), guest);
      if (acked.has('cora')) assert.equal(await outcome(await stage.user('cora'), roomId), 'in');
      const back = await stage.joined('ann', roomId);
      assert.deepEqual(ids(back.view()).filter((id) => !['ann', 'cora'].includes(id)), guest === 'in' ? ['gus'] : []);
      for (const id of [...acked].filter((it) => /^b/.test(it))) await expectBanned(stage, id, roomId);
    });
  }

  scenario('has those who come back wait again, the admitted, too', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await ann.ok('update-room', { lobby: true });
    await ban(ann, 'eve');
    const [cy, dee, fay] = await Promise.all(['cy', 'dee', 'fay'].map((id) => stage.user(id, BY_ITSELF)));
    for (const user of [cy, dee, fay]) await knockAgain(user, roomId);
    for (let round = 0; round < 3; round += 1) {
      // In some rounds the answer does not come, or the decision is not even made.
      const moderator = round === 0 ? ann : await stage.joined('ann', roomId);
      await queueBecomes(moderator, 'cy', 'dee', 'fay');
      moderator.emit('admit-participant', { roomId, participantId: 'cy' }, () => {});
      for (let i = 0; i < round; i += 1) await moderator.settle();
      await stage.server.restart();
      for (const user of [cy, dee, fay]) {
        await user.next('connect');
        user.log.readAll();
        await knockAgain(user, roomId);
        assert.deepEqual(user.heard('lobby-waiting').at(-1).moderatorPresent, false);
      }
      await expectBanned(stage, 'eve', roomId);
      assert.equal((await stage.rest().get(`/api/meetings/${roomId}/participants`)).body.count, 0);
    }
    bob.close();
    const cohost = await stage.joined('bob', roomId);
    await queueBecomes(cohost, 'cy', 'dee', 'fay');
    await cohost.ok('admit-all');
    for (const user of [cy, dee, fay]) await admitted(user, 'Bob');
    await agree([cohost, cy, dee, fay]);
    await knock(stage, 'gus', roomId);
  });
});
