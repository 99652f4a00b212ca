// Somebody who is connected by polling stops polling. TCP holds nothing back here: whatever waits for
// the next poll waits in the server's memory.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { expectLeft, ids } from './lib/expect.mjs';
import { arrivals, BYTES_PER_ROUND, departures, flood } from './lib/flood.mjs';
import { suite } from './lib/stage.mjs';

const QUEUE_BYTES = 64 * 1024;
const settings = {
  SOCKET__SEND_QUEUE_BYTES: QUEUE_BYTES,
  SOCKET__MAX_PACKETS_QUEUED: 16,
  SOCKET__SLOW_CONSUMER_TIMEOUT_MS: 300,
  PRESENCE__LEAVE_AFTER_LOST_MS: 100,
  PRESENCE__LEAVE_AFTER_CLOSE_MS: 100,
  // Only for what it does not read, not for a ping that it does not answer.
  SOCKET__PING_INTERVAL_MS: 120_000,
};
const forgiving = { ...settings, SOCKET__SLOW_CONSUMER_TIMEOUT_MS: 120_000 };
const SLOW = Array.from({ length: 20 }, (_, i) => `slow-${i}`);
const ROUNDS = 1_500;
const PROMPT_MS = 2_000;
const MIB = 1 << 20;
const isSlow = ({ id }) => id.startsWith('slow');

async function joinAll(stage, { roomId, ann }) {
  const slow = [];
  for (const id of SLOW) {
    slow.push(await stage.polling(id));
    await slow.at(-1).join(roomId);
  }
  await ann.until(() => ann.view().length === SLOW.length + 2, 'everybody');
  return slow;
}

async function undisturbed(people, { rounds, slowest }) {
  assert.ok(slowest < PROMPT_MS, `the others waited ${slowest} ms for one round`);
  for (const user of people) {
    await user.settle();
    assert.ok(user.connected);
    assert.equal(arrivals(user), rounds, `${user.id} heard every arrival`);
    assert.equal(departures(user), rounds);
  }
}

suite('readers that stop polling', { variants: ONE, settings }, (scenario) => {
  scenario('are dropped and announced once, while the others notice nothing', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await joinAll(stage, { roomId, ann });
    const left = () => ann.heard('participant-left').filter(isSlow);
    const allGone = () => left().length === SLOW.length;
    const result = await flood(stage, roomId, ann, { most: ROUNDS, enough: allGone });
    // In time, not in what they were sent: they are cut off when they were slow for long enough.
    await ann.until(allGone, 'the end of everybody who does not poll');
    await undisturbed([ann, bob], result);
    assert.deepEqual(left().map(({ id }) => id).sort(), [...SLOW].sort());
    for (const one of left()) expectLeft(one, one.id, 'disconnected');
    assert.deepEqual(ids(ann.view()), ['ann', 'bob']);
  });

  scenario('that poll but cannot keep up are dropped, too', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const late = await stage.polling('late');
    await late.join(roomId);
    await ann.next('participant-joined', ({ id }) => id === 'late');
    const polled = late.pollUntil((packet) => packet === '41');
    const left = () => ann.heard('participant-left').some(({ id }) => id === 'late');
    const result = await flood(stage, roomId, ann, { most: ROUNDS, enough: left });
    expectLeft(await ann.next('participant-left', ({ id }) => id === 'late'), 'late', 'disconnected');
    await undisturbed([ann, bob], result);
    await polled;
  });

  scenario('and go on asking are cut off, too', async (stage) => {
    const { roomId, ann } = await stage.cast('bob');
    const greedy = await stage.polling('greedy');
    await greedy.join(roomId);
    await ann.next('participant-joined', ({ id }) => id === 'greedy');
    const left = () => ann.heard('participant-left').length > 0;
    for (let asked = 0; !left(); asked += 50) {
      assert.ok(asked < 20_000, 'it may ask for ever');
      await greedy.post(...Array.from({ length: 50 }, () => greedy.packet('room-state', { roomId })));
    }
    expectLeft(await ann.next('participant-left'), 'greedy', 'disconnected');
    await ann.noMore('participant-left');
  });
});

suite('readers that may stop polling for long', { variants: ONE, settings: forgiving }, (scenario) => {
  scenario('take a bounded amount of memory, and are shown the room anew', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const slow = await joinAll(stage, { roomId, ann });
    const before = stage.server.memory();
    const result = await flood(stage, roomId, ann, { most: ROUNDS });
    const grown = stage.server.memory() - before;
    const unbounded = SLOW.length * ROUNDS * BYTES_PER_ROUND;
    assert.ok(grown < 24 * MIB, `grew by ${grown} bytes, of ${unbounded} that were sent`);
    await undisturbed([ann, bob], result);

    await ann.ok('make-cohost', { participantId: 'bob' });
    for (const client of slow) {
      const heard = await client.pollUntil((packet) => packet.startsWith('42["existing-participants"'));
      const news = heard.filter((packet) => packet.startsWith('42["participant-joined"'));
      assert.ok(news.length < ROUNDS, `${client.id} never fell behind`);
      const list = heard.findLast((packet) => packet.startsWith('42["existing-participants"'));
      const [, people] = JSON.parse(list.slice(2));
      assert.deepEqual(ids(people), ['ann', 'bob', ...SLOW].sort());
      assert.equal(people.find(({ id }) => id === 'bob').isCoHost, true);
    }
    assert.equal(ann.heard('participant-left').filter(isSlow).length, 0);
  });
});
