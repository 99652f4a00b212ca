// Somebody stops reading: they are dropped, and nobody else waits for them.
import assert from 'node:assert/strict';
import { ONE, WEBSOCKET } from './lib/clients.mjs';
import { expectLeft, ids } from './lib/expect.mjs';
import { arrivals, departures, flood } from './lib/flood.mjs';
import { suite } from './lib/stage.mjs';

const settings = {
  SOCKET__SEND_QUEUE_BYTES: 64 * 1024,
  SOCKET__SLOW_CONSUMER_TIMEOUT_MS: 300,
  PRESENCE__LEAVE_AFTER_LOST_MS: 100,
  PRESENCE__LEAVE_AFTER_CLOSE_MS: 100,
};
/** Far more rounds than the socket buffers of both kernels hold. */
const MOST_ROUNDS = 4_000;
const PROMPT_MS = 2_000;

suite('a reader that stops reading', { variants: WEBSOCKET, settings }, (scenario) => {
  scenario('is dropped and announced, while the others hear everything without delay', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await joinsAndStopsReading(stage, { roomId, ann });

    const gone = () => ann.heard('participant-left').some(({ id }) => id === 'slow');
    const { rounds, slowest } = await flood(stage, roomId, ann, { most: MOST_ROUNDS, enough: gone });

    expectLeft(await ann.next('participant-left', ({ id }) => id === 'slow'), 'slow', 'disconnected');
    assert.ok(slowest < PROMPT_MS, `the others waited ${slowest} ms for one round`);
    for (const user of [ann, bob]) {
      await user.settle();
      assert.equal(arrivals(user), rounds, `${user.id} heard every arrival`);
      assert.equal(departures(user), rounds);
      assert.deepEqual(ids(user.view()), ['ann', 'bob']);
    }
    await ann.noMore('participant-left', ({ id }) => id === 'slow');
  });
});

async function joinsAndStopsReading(stage, { roomId, ann }) {
  const slow = await stage.raw('slow');
  assert.equal((await slow.ack('join-room', { roomId, userId: 'slow', userName: 'Slow' })).ok, true);
  await ann.next('participant-joined', ({ id }) => id === 'slow');
  slow.stopReading();
  return slow;
}

const forgiving = { ...settings, SOCKET__SLOW_CONSUMER_TIMEOUT_MS: 60_000 };

suite('a reader that fell behind', { variants: ONE, settings: forgiving }, (scenario) => {
  scenario('and leaves is gone once, is answered, and may come again', async (stage) => {
    const { roomId, ann } = await stage.cast('bob');
    const slow = await joinsAndStopsReading(stage, { roomId, ann });
    const { rounds } = await flood(stage, roomId, ann, { most: MOST_ROUNDS });

    const answer = slow.ack('leave-room', { roomId });
    expectLeft(await ann.next('participant-left', ({ id }) => id === 'slow'), 'slow', 'left');
    await flood(stage, roomId, ann, { most: 1 });
    slow.readAgain();
    assert.equal((await answer).ok, true);
    const heard = slow.log.entries.filter(({ event, args }) => event === 'participant-joined' && args[0].id === 'busy').length;
    assert.ok(heard < rounds, `it never fell behind: all ${rounds} arrivals were sent`);

    // What comes after a round trip is all that comes.
    assert.equal((await slow.ack('room-state', { roomId })).error.code, 'not-joined');
    const rest = slow.log.entries.slice(slow.log.entries.findIndex(({ event, answers }) => event === 'ack' && answers === 2) + 1);
    assert.deepEqual(rest.filter(({ event }) => /^(participant|existing)/.test(event)), [], 'news of a room that it has left');
    assert.equal((await slow.ack('join-room', { roomId })).ok, true);
    await ann.next('participant-joined', ({ id }) => id === 'slow');
    assert.deepEqual(ids(ann.view()), ['ann', 'bob', 'slow']);
    assert.equal(ann.heard('participant-left').filter(({ id }) => id === 'slow').length, 1);
  });
});
