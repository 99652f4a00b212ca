// Two things at the same moment: one order, one outcome, and everybody sees the same.
import assert from 'node:assert/strict';
import { Random } from '../chaos/lib/random.mjs';
import { agree } from './lib/agreement.mjs';
import { api } from './lib/api.mjs';
import { ids } from './lib/expect.mjs';
import { knock } from './lib/knocks.mjs';
import { expectSnapshot, lose, resume } from './lib/resuming.mjs';
import { appoint, arrivals, onOneAndThree, spread } from './lib/spread.mjs';

const ROUNDS = 20;
const OVER = ['meeting-ended', 'not-joined', 'room-not-found'];
// Long enough that nobody is given up.
const PATIENT = { PRESENCE__LEAVE_AFTER_LOST_MS: 60_000, PRESENCE__LEAVE_AFTER_CLOSE_MS: 60_000 };
const GRACE_MS = 150;
const HASTY = { PRESENCE__LEAVE_AFTER_LOST_MS: GRACE_MS, PRESENCE__LEAVE_AFTER_CLOSE_MS: GRACE_MS };

const crowd = (size) => Array.from({ length: size }, (_, i) => `racer-${i}`);
const times = (user, event, id) => user.heard(event).filter((person) => person.id === id).length;
const joined = (user, id) => times(user, 'participant-joined', id);
const left = (user, id) => times(user, 'participant-left', id);
const hosts = (people) => people.filter(({ isHost }) => isHost).map(({ id }) => id);

/** All of `asked` (`[user, event, payload]`) leave at once: who was accepted, and the answers of the others. */
async function race(asked) {
  const replies = await Promise.all(asked.map(([user, event, payload]) => (
    user.ack(event, { roomId: user.roomId, ...payload }))));
  const winners = asked.filter((_, i) => replies[i].ok).map(([user, event]) => ({ user, event }));
  return { winners, refusals: replies.filter(({ ok }) => !ok).map(({ error }) => error) };
}

/** Both take the host role from each other; from themselves with `turn: 0`. */
function duel(users, turn = 1) {
  return race(users.map((user, i) => [user, 'remove-host', { participantId: users[(i + turn) % 2].id }]));
}

/** Exactly one was accepted, and the others learn this. */
function expectOneWinner({ winners, refusals }, codes, what) {
  const codesSeen = refusals.map(({ code }) => code);
  assert.equal(winners.length, 1, `${what}: ${winners.map(({ user }) => user.id)} won, others got ${codesSeen}`);
  for (const code of codesSeen) assert.ok([codes].flat().includes(code), `${what}: ${code}`);
  return winners[0];
}

/** They enter as soon as all of them are connected; `between` happens when half of them have asked. */
async function rush(racers, roomId, between) {
  const ask = (racer) => {
    racer.roomId = roomId;
    return racer.ack('join-room', racer.joinPayload(roomId));
  };
  const half = racers.length / 2;
  const asked = racers.slice(0, half).map(ask);
  const happened = between?.();
  asked.push(...racers.slice(half).map(ask));
  const replies = await Promise.all(asked);
  const entered = racers.filter((_, i) => replies[i].ok);
  return { entered, refusals: replies.filter(({ ok }) => !ok).map(({ error }) => error), happened: await happened };
}

onOneAndThree('races', { settings: PATIENT }, (scenario) => {
  scenario('of two hosts who demote each other exactly one does', async (stage, nodes) => {
    const { ann, bob, cy, everyone } = await spread(stage, nodes, 'bob', 'cy');
    for (let round = 1; round <= ROUNDS; round += 1) {
      await appoint(ann, 'host', bob, cy);
      const result = await duel([bob, cy]);
      const { user } = expectOneWinner(result, 'not-host', `round ${round}`);
      assert.deepEqual(hosts(await agree(everyone)), ['ann', user.id]);
    }
  });

  scenario('of the last two hosts who remove each other one stays', async (stage, nodes) => {
    const { ann, bob, cy, dee } = await spread(stage, nodes, 'bob', 'cy', 'dee');
    await appoint(ann, 'host', bob, cy);
    await ann.ok('leave-room');
    for (let round = 1; round <= ROUNDS; round += 1) {
      const result = await duel([bob, cy]);
      const { user } = expectOneWinner(result, 'not-host', `round ${round}`);
      assert.deepEqual(hosts(await agree([bob, cy, dee])), [user.id]);
      await appoint(user, 'host', user === bob ? cy : bob);
    }
    await dee.noMore('host-vacant');
  });

  scenario('of the last two hosts who both step down one has to stay', async (stage, nodes) => {
    const { ann, bob, cy, dee } = await spread(stage, nodes, 'bob', 'cy', 'dee');
    await appoint(ann, 'host', bob, cy);
    await ann.ok('leave-room');
    for (let round = 1; round <= ROUNDS; round += 1) {
      const result = await duel([bob, cy], 0);
      const { user } = expectOneWinner(result, ['last-host', 'cannot-target-self'], `round ${round}`);
      const stays = user === bob ? cy : bob;
      assert.deepEqual(hosts(await agree([bob, cy, dee])), [stays.id]);
      await appoint(stays, 'host', user);
    }
    await dee.noMore('host-vacant');
  });

  scenario('of three who decide about one waiting person one does, and the others learn who', async (stage, nodes) => {
    const { roomId, ann, bob, cy, everyone } = await spread(stage, nodes, 'bob', 'cy');
    await appoint(ann, 'cohost', bob, cy);
    await ann.ok('update-room', { lobby: true });
    const inside = [...everyone];
    const queue = (user) => user.heard('lobby-updated').at(-1)?.map(({ id }) => id).join();
    for (let round = 0; round < ROUNDS / 2; round += 1) {
      const wendy = await knock(stage, `wendy-${round}`, roomId, nodes.at(round));
      for (const user of everyone) await user.until(() => queue(user) === wendy.id, `${wendy.id} in the queue`);
      const asked = [[ann, 'admit-participant'], [bob, 'admit-participant'], [cy, 'deny-participant']];
      const turned = [...asked.slice(round % 3), ...asked.slice(0, round % 3)];
      const result = await race(turned.map(([user, event]) => [user, event, { participantId: wendy.id }]));
      const { user, event } = expectOneWinner(result, 'already-decided', `round ${round}`);
      const decision = event === 'admit-participant' ? 'admitted' : 'denied';
      for (const refusal of result.refusals) {
        assert.deepEqual([refusal.decidedBy, refusal.decision], [user.name, decision]);
      }
      assert.equal((await wendy.next(`lobby-${decision}`)).by, user.name);
      if (decision === 'admitted') {
        await wendy.next('existing-participants');
        inside.push(wendy);
      }
      await agree(inside);
      await wendy.noMore(decision === 'admitted' ? 'lobby-denied' : 'lobby-admitted');
      for (const other of everyone) await other.until(() => queue(other) === '', 'an empty queue');
    }
  });

  scenario('who is banned while resuming elsewhere is out, and hears nothing more', async (stage, nodes) => {
    const { roomId, ann, everyone } = await spread(stage, nodes, 'bob', 'cy');
    for (let round = 0; round < ROUNDS / 2; round += 1) {
      const vic = await stage.joined(`vic-${round}`, roomId, nodes.at(1));
      await lose(vic, ann);
      const back = await stage.user(vic.id, nodes.at(2));
      const ban = () => ann.ok('remove-participant', { participantId: vic.id, ban: true });
      const banning = round % 2 === 0 ? ban() : null;
      const [reply] = await Promise.all([resume(back, vic), banning ?? ban()]);
      if (reply.ok) assert.equal((await back.next('kicked-from-room')).reason, 'banned');
      else await back.expectRefusal('join-room', reply, 'banned');
      // What comes later has reached the node by the time that somebody else there has heard of it.
      const isHandRaised = round % 2 === 0;
      await ann.ok('update-my-state', { isHandRaised });
      const raised = ({ updates }) => updates.isHandRaised === isHandRaised;
      for (const user of everyone) await user.next('participant-updated', raised);
      await back.settle();
      const told = ({ event, answers }) => event === 'kicked-from-room' || (event === 'join-room' && answers);
      const later = back.log.entries.slice(back.log.entries.findLastIndex(told) + 1);
      assert.deepEqual(later.filter(({ args }) => args[0]?.rev !== undefined), [], `round ${round}`);
      assert.deepEqual(ids(await agree(everyone)), ['ann', 'bob', 'cy']);
      await back.refused('join-room', back.joinPayload(roomId), 'banned');
    }
  });

  scenario('of fifty who want the last seat one gets it', async (stage, nodes) => {
    const { roomId, ann, everyone } = await spread(stage, nodes, 'bob', 'cy');
    await ann.ok('update-room', { maxParticipants: everyone.length + 1 });
    const { entered, refusals } = await rush(await arrivals(stage, nodes, crowd(50)), roomId);
    assert.equal(entered.length, 1, `${ids(entered)} entered`);
    assert.deepEqual([...new Set(refusals.map(({ code }) => code))], ['room-full']);
    assert.deepEqual(ids(await agree([...everyone, ...entered])), ids([...everyone, ...entered]));
  });

  scenario('nobody of fifty enters after the lock', async (stage, nodes) => {
    const { roomId, ann, everyone } = await spread(stage, nodes, 'bob', 'cy');
    const racers = await arrivals(stage, nodes, crowd(50));
    const lock = () => ann.ok('update-room', { locked: true });
    const { entered, refusals, happened: { rev } } = await rush(racers, roomId, lock);
    for (const { code } of refusals) assert.equal(code, 'room-locked');
    for (const user of everyone) {
      await user.next('room-updated');
      await agree([user]);
      const told = user.log.entries.filter(({ event }) => /^(participant-joined|room-updated)$/.test(event));
      assert.equal(told.at(-1).event, 'room-updated', `${user.id} hears of nobody after the lock`);
      assert.ok(told.every(({ args }) => args[0].rev <= rev), 'no join has a later revision');
    }
    assert.deepEqual(ids(await agree([...everyone, ...entered])), ids([...everyone, ...entered]));
    const late = await stage.user('late', nodes.at(1));
    await late.refused('join-room', late.joinPayload(roomId), 'room-locked');
  });

  scenario('a hundred joins against the end: refused or ended, and nobody is in the room', async (stage, nodes) => {
    const { roomId, ann, everyone } = await spread(stage, nodes, 'bob', 'cy');
    const racers = await arrivals(stage, nodes, crowd(100));
    const { entered, refusals } = await rush(racers, roomId, () => ann.ok('end-meeting'));
    for (const { code } of refusals) assert.equal(code, 'meeting-ended');
    for (const user of [...everyone, ...entered]) await user.next('meeting-ended');
    for (const user of racers) await user.refused('room-state', {}, OVER);
    for (const url of nodes.urls) {
      assert.equal((await api(url)('GET', `meetings/${roomId}/participants`)).body.count, 0);
      for (const id of ['ann', 'late']) {
        const late = await stage.user(id, { url });
        await late.refused('join-room', late.joinPayload(roomId), 'meeting-ended');
      }
    }
  });
});

onOneAndThree('races with the end of a grace', { settings: HASTY }, (scenario) => {
  scenario('five tabs closed in any order and way are one participant until the last', async (stage, nodes) => {
    const { roomId, everyone } = await spread(stage, nodes, 'bob', 'cy');
    const random = new Random(`${process.env.USHER_TEST_SEED ?? 1}`);
    const ways = ['disconnect', 'closeTab', 'cut', 'leave'];
    const close = (tab, way) => (way === 'leave' ? tab.ok('leave-room') : tab[way]());
    for (let round = 0; round < 4; round += 1) {
      const id = `tabs-${round}`;
      const tabs = [];
      for (let i = 0; i < 5; i += 1) tabs.push(await stage.joined(id, roomId, nodes.at(i)));
      const order = random.shuffled(tabs);
      for (const [i, tab] of order.slice(0, -1).entries()) {
        await close(tab, random.pick(ways));
        // Whoever is left still speaks for the user.
        await order[i + 1].ok('update-my-state', { isHandRaised: i % 2 === 0 });
      }
      // Lost later with the same grace: once she is out, the closed tabs are past due.
      const clock = await stage.joined(`clock-${round}`, roomId, nodes.at(round));
      await clock.cut();
      for (const user of everyone) await user.next('participant-left', ({ userId }) => userId === clock.id);
      assert.ok(ids(await agree([...everyone, order.at(-1)])).includes(id));
      for (const user of everyone) assert.equal(left(user, id), 0, `${user.id} saw ${id} leave too early`);
      await close(order.at(-1), random.pick(ways));
      for (const user of everyone) await user.next('participant-left', ({ userId }) => userId === id);
      assert.deepEqual(ids(await agree(everyone)), ['ann', 'bob', 'cy']);
      for (const user of everyone) assert.deepEqual([joined(user, id), left(user, id)], [1, 1]);
    }
  });

  scenario('who returns as the grace ends has either left or not, for all alike', async (stage, nodes) => {
    const { roomId, ann, everyone } = await spread(stage, nodes, 'bob', 'cy');
    for (let round = 0; round < ROUNDS; round += 1) {
      const clock = await stage.joined(`clock-${round}`, roomId, nodes.at(round));
      const vic = await stage.joined(`vic-${round}`, roomId, nodes.at(round + 1));
      const back = await stage.user(vic.id, nodes.at(round + 2));
      // When the clock's grace is over, so is Vic's, up to a few round trips.
      await clock.cut();
      for (let i = 0; i < round % 8; i += 1) await ann.settle();
      await vic.cut();
      await ann.next('participant-left', ({ userId }) => userId === clock.id);
      await resume(back, vic);
      assert.equal(back.joinReply.ok, true, JSON.stringify(back.joinReply));
      assert.ok(ids(await agree([...everyone, back])).includes(vic.id));
      const seen = everyone.map((user) => [joined(user, vic.id), left(user, vic.id)]);
      if (left(ann, vic.id) === 0) {
        assert.deepEqual(seen, everyone.map(() => [1, 0]), `round ${round}`);
        assert.notEqual(back.joinReply.resume.outcome, 'snapshot');
      } else {
        assert.deepEqual(seen, everyone.map(() => [2, 1]), `round ${round}`);
        expectSnapshot(back, 'left');
      }
      await back.ok('leave-room');
    }
  });
});
