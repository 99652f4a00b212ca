// Commands that come in one flush at a room with closed doors: each is judged on what the one before left.
import assert from 'node:assert/strict';
import { WEBSOCKET } from './lib/clients.mjs';
import { everythingHeard, withLobby } from './lib/doors-of-rooms.mjs';
import { suite } from './lib/stage.mjs';

const ROUNDS = 10;
const PASSCODE = 'sesame of the flush';
const OF_THE_ROOM = ['room', 'participant', 'participants'];

const answers = (raw) => raw.log.entries.filter(({ answers: number }) => number !== undefined);

/** Sends pairs of events in one flush and resolves with their acknowledgements. */
async function flush(raw, events) {
  const before = answers(raw).length;
  raw.inOneFlush(() => {
    for (const [i, [event, payload]] of events.entries()) {
      raw.send(`42${5_000 + before + i}${JSON.stringify([event, payload])}`);
    }
  });
  await raw.log.until(() => answers(raw).length === before + events.length, 'every answer');
  return answers(raw).slice(before).map(({ args }) => args[0]);
}

suite('in one flush', { variants: WEBSOCKET.slice(0, 1) }, (scenario) => {
  scenario('who knocks and goes again is shown nothing of the room', async (stage) => {
    const { roomId, ann } = await withLobby(stage, 'bob');
    for (let round = 0; round < ROUNDS; round += 1) {
      const raw = await stage.raw(`mallory-${round}`);
      const join = ['join-room', { roomId, userId: `mallory-${round}`, userName: 'Mallory' }];
      const replies = await flush(raw, [join, ['leave-room', { roomId }], join, ['leave-room', { roomId }]]);
      for (const reply of replies) for (const key of OF_THE_ROOM) assert.ok(!(key in reply), `${key} is given away`);
      const heard = everythingHeard(raw).map(({ event }) => event);
      assert.deepEqual(heard.filter((event) => event !== 'lobby-waiting'), []);
    }
    await ann.noMore('participant-joined');
  });

  scenario('who leaves and comes again with the passcode is in', async (stage) => {
    const { roomId, ann } = await stage.cast();
    await ann.ok('update-room', { passcode: PASSCODE });
    const raw = await stage.raw('bob');
    const join = ['join-room', { roomId, userId: 'bob', userName: 'Bob', passcode: PASSCODE }];
    assert.equal((await flush(raw, [join]))[0].ok, true);
    for (let round = 0; round < ROUNDS; round += 1) {
      const replies = await flush(raw, [['leave-room', { roomId }], join, ['leave-room', { roomId }], join]);
      assert.deepEqual(replies.map(({ ok }) => ok), [true, true, true, true], JSON.stringify(replies));
    }
  });

  scenario('guesses at a locked room cost nothing and lock nobody out', async (stage) => {
    const { roomId, ann } = await stage.cast();
    await ann.ok('update-room', { passcode: PASSCODE, locked: true });
    const raw = await stage.raw('eve');
    const guess = (i) => ['join-room', { roomId, userId: 'eve', userName: 'Eve', passcode: `guess ${i}` }];
    const replies = await flush(raw, Array.from({ length: 20 }, (_, i) => guess(i)));
    assert.deepEqual([...new Set(replies.map(({ error }) => error.code))], ['room-locked']);
    await ann.ok('update-room', { locked: false });
    const [reply] = await flush(raw, [['join-room', { ...guess(0)[1], passcode: PASSCODE }]]);
    assert.equal(reply.ok, true);
  });
});
