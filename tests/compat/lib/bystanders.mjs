// A meeting beside which something happens that is none of its business.
import assert from 'node:assert/strict';
import { expectUpdate, ids } from './expect.mjs';

/**
 * Runs `disturb` beside Ann's and Bob's meeting: neither hears anything, both are still there, and each
 * still hears what the other does. It may be called again for the same meeting.
 */
export async function undisturbed({ ann, bob }, disturb) {
  for (const user of [ann, bob]) await user.settle();
  const before = [ann, bob].map((user) => user.log.entries.length);
  await disturb();
  for (const [i, user] of [ann, bob].entries()) {
    await user.settle();
    const heard = user.log.entries.slice(before[i]).filter(({ answers }) => answers === undefined);
    assert.deepEqual(heard.map(({ event, args }) => [event, args]), [], `${user.id} heard something`);
    assert.deepEqual(ids(user.view()), ['ann', 'bob']);
  }
  await goesOn({ ann, bob });
}

/** Each hears what the other does; nothing is left that the next call would hear. */
export async function goesOn({ ann, bob }) {
  for (const [speaker, listener] of [[ann, bob], [bob, ann]]) {
    for (const isHandRaised of [true, false]) {
      await speaker.ok('update-my-state', { isHandRaised });
      for (const user of [speaker, listener]) {
        expectUpdate(await user.next('participant-updated'), speaker.id, { isHandRaised });
      }
    }
  }
}

/** `run` may cost the server so many bytes of memory for good, and no more. */
export async function flat(server, most, run) {
  const before = server.memory();
  await run();
  const grown = server.memory() - before;
  assert.ok(grown < most, `grew by ${grown} bytes, more than ${most}`);
}
