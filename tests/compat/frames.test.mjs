// Messages around the largest size: what is just small enough is a message like any other, what is just
// too large ends its connection and nothing else.
import assert from 'node:assert/strict';
import { ONE, WEBSOCKET } from './lib/clients.mjs';
import { expectLeft, expectUpdate, ids } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';

const LARGEST = 65_536;
const settings = { PRESENCE__LEAVE_AFTER_LOST_MS: 200 };

/** A packet of exactly so many bytes that raises a hand, or lowers it. */
function packet(roomId, bytes, { isHandRaised = true, filler = 'x' } = {}) {
  const bare = (padding) => `427${JSON.stringify(['update-my-state', { roomId, isHandRaised, padding }])}`;
  const missing = bytes - Buffer.byteLength(bare(''));
  const padding = filler.repeat(missing / Buffer.byteLength(filler));
  const text = bare(padding + 'x'.repeat(missing % Buffer.byteLength(filler)));
  assert.equal(Buffer.byteLength(text), bytes);
  return text;
}

async function withMallory(stage) {
  const people = await stage.cast('bob');
  const mallory = await stage.raw('mallory');
  assert.equal((await mallory.ack('join-room', { roomId: people.roomId, userId: 'mallory', userName: 'M' })).ok, true);
  await people.ann.next('participant-joined');
  return { ...people, mallory };
}

/** Mallory's connection counts as lost; the others are told, and otherwise go on as before. */
async function onlyMalloryIsGone({ ann, bob }) {
  expectUpdate(await ann.next('participant-updated'), 'mallory', { isReconnecting: true });
  expectLeft(await ann.next('participant-left'), 'mallory', 'disconnected');
  await ann.ok('make-cohost', { participantId: 'bob' });
  await bob.next('cohost-granted');
  for (const user of [ann, bob]) {
    await user.settle();
    assert.ok(user.connected);
    assert.deepEqual(ids(user.view()), ['ann', 'bob']);
  }
}

suite('a WebSocket message', { variants: ONE, settings }, (scenario) => {
  for (const filler of ['x', 'ü', '😀']) {
    scenario(`of the largest size, in ${filler}, is taken`, async (stage) => {
      const { roomId, ann, mallory } = await withMallory(stage);
      for (const [bytes, isHandRaised] of [[LARGEST - 1, true], [LARGEST, false]]) {
        mallory.send(packet(roomId, bytes, { isHandRaised, filler }));
        expectUpdate(await ann.next('participant-updated'), 'mallory', { isHandRaised });
      }
      assert.equal((await mallory.ack('room-state', { roomId })).ok, true);
    });

    scenario(`one byte too large, in ${filler}, ends its connection only`, async (stage) => {
      const people = await withMallory(stage);
      people.mallory.send(packet(people.roomId, LARGEST + 1, { filler }));
      await people.mallory.log.next(({ event, local }) => local && event === 'disconnect', 'the end');
      await onlyMalloryIsGone(people);
    });
  }

  scenario('in several frames is measured as a whole', async (stage) => {
    const people = await withMallory(stage);
    const { roomId, ann, mallory } = people;
    const whole = packet(roomId, LARGEST);
    mallory.sendInParts(whole.slice(0, 30_000), whole.slice(30_000, 60_000), whole.slice(60_000));
    expectUpdate(await ann.next('participant-updated'), 'mallory', { isHandRaised: true });
    // No frame of it is too large, and it does not end.
    const half = 'x'.repeat(LARGEST / 2);
    mallory.sendInParts(`427["x","`, half, half, half);
    await mallory.log.next(({ event, local }) => local && event === 'disconnect', 'the end');
    await onlyMalloryIsGone(people);
  });

  scenario('that announces gigabytes is refused before they come', async (stage) => {
    const people = await withMallory(stage);
    const before = stage.server.memory();
    people.mallory.sendBytes(Buffer.from([0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4]));
    await people.mallory.log.next(({ event, local }) => local && event === 'disconnect', 'the end');
    assert.ok(stage.server.memory() - before < 16 << 20, 'memory was set aside for it');
    await onlyMalloryIsGone(people);
  });
});

suite('a request of a polling client', { variants: ONE, settings }, (scenario) => {
  scenario('is taken at the largest size and refused beyond it', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const mallory = await stage.polling('mallory');
    await mallory.join(roomId);
    await ann.next('participant-joined');
    assert.equal(await mallory.post(packet(roomId, LARGEST)), 200);
    expectUpdate(await ann.next('participant-updated'), 'mallory', { isHandRaised: true });
    assert.notEqual(await mallory.post(packet(roomId, LARGEST + 1, { isHandRaised: false })), 200);
    for (const user of [ann, bob]) {
      await user.noMore('participant-updated', ({ updates }) => updates.isHandRaised === false);
      assert.ok(user.connected);
    }
  });
});

suite('an official client', { variants: WEBSOCKET, settings }, (scenario) => {
  /** What its own packet has around the padding, at most. */
  const AROUND = 200;

  scenario('is heard just below the largest size, and closed just above', async (stage) => {
    const people = await stage.cast('bob', 'mallory');
    const { ann, mallory } = people;
    await mallory.ok('update-my-state', { isHandRaised: true, padding: 'x'.repeat(LARGEST - AROUND) });
    expectUpdate(await ann.next('participant-updated'), 'mallory', { isHandRaised: true });
    mallory.emit('update-my-state', { roomId: people.roomId, isHandRaised: false, padding: 'x'.repeat(LARGEST) });
    await mallory.next('disconnect');
    await onlyMalloryIsGone(people);
  });
});
