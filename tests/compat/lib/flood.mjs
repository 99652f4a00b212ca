// Much to read for everybody in a room.
import assert from 'node:assert/strict';

const PICTURE = `https://img.example/${'p'.repeat(1_900)}`;
// So few that each of its joins is answered with the list: what one client is sent at once is bounded.
const AT_ONCE = 10;

/** Events that `flood` makes per round, and about how many bytes they are. */
export const BYTES_PER_ROUND = 2 * PICTURE.length;

/**
 * Somebody with a long picture address comes and goes, until `enough()` or so many rounds are over:
 * how many there were, and how long the slowest `witness` waited for some of them.
 */
export async function flood(stage, roomId, witness, { most, enough = () => false }) {
  const busy = await stage.user('busy');
  const already = arrivals(witness);
  let rounds = 0;
  let slowest = 0;
  while (!enough() && rounds < most) {
    const began = Date.now();
    const replies = [];
    for (let i = 0; i < AT_ONCE; i += 1) {
      replies.push(busy.ack('join-room', busy.joinPayload(roomId, { userImageUrl: PICTURE })));
      replies.push(busy.ack('leave-room', { roomId }));
    }
    for (const reply of await Promise.all(replies)) assert.equal(reply.ok, true, JSON.stringify(reply));
    rounds += AT_ONCE;
    await witness.until(() => arrivals(witness) === already + rounds, `every arrival at ${witness.id}`);
    slowest = Math.max(slowest, Date.now() - began);
  }
  return { rounds, slowest };
}

/** How often the busy one came, as this user heard it. */
export function arrivals(user) {
  return user.heard('participant-joined').filter(({ id }) => id === 'busy').length;
}

export function departures(user) {
  return user.heard('participant-left').filter(({ id }) => id === 'busy').length;
}
