// Somebody stops reading: they are dropped, and nobody else waits for them.
import assert from 'node:assert/strict';
import { WEBSOCKET } from './lib/clients.mjs';
import { expectLeft, ids } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';

const settings = {
  SOCKET__SEND_QUEUE_BYTES: 64 * 1024,
  SOCKET__SLOW_CONSUMER_TIMEOUT_MS: 300,
  PRESENCE__LEAVE_AFTER_LOST_MS: 100,
  PRESENCE__LEAVE_AFTER_CLOSE_MS: 100,
};
const PICTURE = `https://img.example/${'p'.repeat(1_900)}`;
/** Far more than the socket buffers of both kernels hold. */
const MOST_ROUNDS = 4_000;
const AT_ONCE = 20;
const PROMPT_MS = 2_000;

suite('a reader that stops reading', { variants: WEBSOCKET, settings }, (scenario) => {
  scenario('is dropped and announced, while the others hear everything without delay', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const slow = await stage.raw('slow');
    assert.equal((await slow.ack('join-room', { roomId, userId: 'slow', userName: 'Slow' })).ok, true);
    await ann.next('participant-joined', ({ id }) => id === 'slow');
    slow.stopReading();

    // Somebody with a long picture address comes and goes: two events of two kilobytes per round.
    const busy = await stage.user('busy');
    const gone = () => ann.heard('participant-left').some(({ id }) => id === 'slow');
    let rounds = 0;
    let slowest = 0;
    while (!gone() && rounds < MOST_ROUNDS) {
      const began = Date.now();
      const replies = [];
      for (let i = 0; i < AT_ONCE; i += 1) {
        replies.push(busy.ack('join-room', busy.joinPayload(roomId, { userImageUrl: PICTURE })));
        replies.push(busy.ack('leave-room', { roomId }));
      }
      for (const reply of await Promise.all(replies)) assert.equal(reply.ok, true, JSON.stringify(reply));
      rounds += AT_ONCE;
      await ann.until(() => came(ann) === rounds, 'every arrival at ann');
      slowest = Math.max(slowest, Date.now() - began);
    }

    expectLeft(await ann.next('participant-left', ({ id }) => id === 'slow'), 'slow', 'disconnected');
    assert.ok(slowest < PROMPT_MS, `the others waited ${slowest} ms for one round`);
    for (const user of [ann, bob]) {
      await user.settle();
      assert.equal(came(user), rounds, `${user.id} heard every arrival`);
      assert.equal(user.heard('participant-left').filter(({ id }) => id === 'busy').length, rounds);
      assert.deepEqual(ids(user.view()), ['ann', 'bob']);
    }
    await ann.noMore('participant-left', ({ id }) => id === 'slow');
  });
});

function came(user) {
  return user.heard('participant-joined').filter(({ id }) => id === 'busy').length;
}
