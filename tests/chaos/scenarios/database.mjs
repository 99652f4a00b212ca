// Catalogue item 34: the database is out of reach; rooms that are in use go on.
import { CALM_MS, HEAL_MS } from '../lib/limits.mjs';
import { quick } from '../lib/runner.mjs';
import { until } from '../lib/wait.mjs';
import { appoint, leavesOnce, mustDo } from './common.mjs';

/** Beyond the server's own time-outs for the database. */
const ANSWER_MS = 10_000;

async function item34_databaseIsDown(world) {
  const room = await world.crowdedRoom(9);
  await appoint(room.people);
  const [creator, , , , target] = room.people;
  world.note('no node reaches the database');
  await Promise.all(world.cluster.nodes.map(({ database }) => database.cut()));
  for (const person of room.people) {
    const { ms } = await mustDo(person, 'update-my-state', { isHandRaised: true });
    world.measure('media flag answered after ms', ms, CALM_MS);
  }
  const late = room.person('late');
  await late.join();
  const { outcome, reply, ms } = await creator.invoke('make-cohost', { participantId: target.id });
  world.measure('role answered after ms', ms, ANSWER_MS);
  if (outcome !== 'refused' || reply.error.code !== 'unavailable') throw new Error(`a role was granted that nobody could record: ${outcome} ${JSON.stringify(reply)}`);
  await late.leave();
  await Promise.all(world.cluster.nodes.map(({ database }) => database.heal()));
  world.note('all nodes reach the database again');
  await until(async () => (await creator.invoke('make-cohost', { participantId: target.id })).outcome === 'ok', { within: HEAL_MS, every: 200, what: 'a role is granted again' });
  // What was shown and could not be recorded is taken back, visibly.
  await world.verdict({ reverts: true, leaves: leavesOnce(room, [late]) });
}

export const scenarios = [quick(item34_databaseIsDown, { seconds: 15 })];
