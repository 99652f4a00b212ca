// What everybody has folded from events is what every node says there is.
import assert from 'node:assert/strict';
import { wire } from './expect.mjs';
import { eventually } from './log.mjs';
import { fold } from './view.mjs';

const ONLY_WHEN_TRUE = ['isScreenSharing', 'isHandRaised', 'isReconnecting'];

/** The people of `room-state`, which is the same at all these members, and the same as what each has heard. */
export async function agree(members) {
  let found = [];
  await eventually(async () => {
    found = await Promise.all(members.map(lookAround));
    return new Set(found.map(({ rev }) => rev)).size === 1;
  }, 'one revision at everybody');
  const [{ said }] = found;
  for (const [i, user] of members.entries()) {
    assert.deepEqual(found[i].said, said, `room-state, asked by ${user.id}`);
    assert.deepEqual(found[i].heard, said, `what ${user.id} has heard`);
  }
  return said;
}

/** What a member is told, and what it had made of all that came before the answer. */
async function lookAround(user) {
  const { rev, participants } = await user.ok('room-state');
  const answer = user.log.entries.findLast(({ event, answers }) => event === 'room-state' && answers !== undefined);
  return { rev, said: shown(participants), heard: shown(fold(user.log.entries.slice(0, answer.at)).people ?? []) };
}

function shown(people) {
  const flags = (person) => Object.fromEntries(ONLY_WHEN_TRUE.map((flag) => [flag, person[flag] ?? false]));
  return people.map((person) => ({ ...wire(person), ...flags(person) })).sort((a, b) => (a.id < b.id ? -1 : 1));
}
