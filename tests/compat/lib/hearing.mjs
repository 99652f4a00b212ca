// What people hear while something happens: the way to say that somebody hears nothing of it.
import assert from 'node:assert/strict';

/**
 * `[id, event, args]` of all that these connections hear while `happen` runs. Left out are their answers, and the
 * refusals of the round trips that mark where to begin and to stop: who is not in the room is refused those.
 */
export async function heardBy(users, happen) {
  for (const user of users) await user.settle();
  const from = users.map((user) => user.log.entries.length);
  await happen();
  for (const user of users) await user.settle();
  return users.flatMap((user, i) => user.log.entries.slice(from[i]).filter(isNews)
    .map(({ event, args }) => [user.id, event, args]));
}

function isNews({ event, args, answers, own }) {
  return answers === undefined && !own && !(event === 'error' && args[0].event === 'room-state');
}

/** None of them hears anything. */
export async function unheard(users, happen) {
  assert.deepEqual(await heardBy(users, happen), []);
}
