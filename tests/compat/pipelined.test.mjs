// Commands of a hundred bytes whose answers are the whole room, hundreds of them in one flush. What is
// sent for them is bounded, every one is answered, and nobody else notices.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { ids } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';

const PEOPLE = 200;
const AT_ONCE = 500;
const MEMBERS = Array.from({ length: PEOPLE }, (_, i) => `p${i}`);
const MIB = 1 << 20;
/** Makes one list of the room about half a megabyte. */
const PICTURE = `https://img.example/${'p'.repeat(1_900)}`;

/** A room of 200 raw connections, Ann's and Bob's. */
async function crowd(stage) {
  const { roomId, ann, bob } = await stage.cast('bob');
  const members = await Promise.all(MEMBERS.map(async (id) => {
    const raw = await stage.raw(id);
    const reply = await raw.ack('join-room', { roomId, userId: id, userName: id, userImageUrl: PICTURE });
    assert.equal(reply.ok, true, JSON.stringify(reply));
    return raw;
  }));
  for (const user of [ann, bob]) {
    await user.until(() => user.view().length === PEOPLE + 2, 'the whole crowd');
    user.log.readAll();
  }
  return { roomId, ann, bob, members };
}

/** Every reply is a success or says that it was too much; how many were which. */
function tally(replies) {
  const whole = replies.filter(({ participants }) => participants !== undefined);
  for (const { ok, error } of replies) assert.ok(ok || error.code === 'rate-limited', JSON.stringify(error));
  for (const { participants } of whole) assert.equal(participants.length, PEOPLE + 2);
  return { whole: whole.length, refused: replies.filter(({ ok }) => !ok).length };
}

/** Everybody is there and heard what happened meanwhile, which is nothing. */
async function undisturbed({ ann, bob, members }) {
  for (const user of [ann, bob]) {
    for (const event of ['participant-left', 'participant-updated', 'participant-joined']) await user.noMore(event);
    assert.deepEqual(ids(user.view()), ['ann', 'bob', ...MEMBERS].sort());
  }
  for (const raw of members) assert.ok(raw.connected, `${raw.id} is still connected`);
}

suite('hundreds of commands in one flush', { variants: ONE }, (scenario) => {
  for (const event of ['room-state', 'join-room']) {
    scenario(`${event}: all are answered, and not all with the room`, async (stage) => {
      const people = await crowd(stage);
      const { roomId, members } = people;
      const asker = members[7];
      const list = JSON.stringify((await asker.ack('room-state', { roomId })).participants).length;
      const before = stage.server.memory();
      const asked = asker.inOneFlush(() => Array.from({ length: AT_ONCE }, () => asker.ack(event, { roomId })));
      const { whole, refused } = tally(await Promise.all(asked));
      const grown = stage.server.memory() - before;
      assert.ok(whole >= 1, 'some are answered with the room');
      assert.ok(whole < AT_ONCE, `${whole} answers of ${list} bytes`);
      if (event === 'join-room') assert.equal(refused, 0, 'a join has taken effect and is not refused');
      assert.ok(grown < 16 * MIB, `grew by ${grown} bytes for ${AT_ONCE} times ${list}`);
      assert.ok([...asker.ackCounts().values()].every((count) => count === 1), 'no command was acked twice');
      assert.equal((await asker.ack('room-state', { roomId })).ok, true, 'and then as before');
      await undisturbed(people);
    });
  }

  scenario('from many connections at once, while others speak', async (stage) => {
    const people = await crowd(stage);
    const { roomId, ann, bob, members } = people;
    const before = stage.server.memory();
    const askers = members.slice(0, 20);
    const asked = askers.flatMap((raw) =>
      raw.inOneFlush(() => Array.from({ length: AT_ONCE / 5 }, () => raw.ack('room-state', { roomId }))),
    );
    await bob.ok('update-my-state', { isHandRaised: true });
    assert.equal((await ann.next('participant-updated')).participantId, 'bob');
    tally(await Promise.all(asked));
    const grown = stage.server.memory() - before;
    assert.ok(grown < 64 * MIB, `grew by ${grown} bytes`);
    bob.log.readAll();
    await undisturbed(people);
  });
});
