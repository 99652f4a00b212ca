// Catalogue items 7 to 12: links to Redis that are cut, dead one way, slow, narrow, or reset.
import { CALM_MS, HEAL_MS, QUICK_HEAL_MS, REFUSE_MS } from '../lib/limits.mjs';
import { long, quick } from '../lib/runner.mjs';
import { lasting, now } from '../lib/wait.mjs';
import { appoint, expectNotReady, expectReads, expectRefusals, leavesOnce, mustDo } from './common.mjs';

const CROWD = 9;
/** A picture address of this length makes commits of a few kilobytes. */
const PICTURE = `https://img.example/${'p'.repeat(1_900)}`;

async function roomUnderLoad(world) {
  const room = await world.crowdedRoom(CROWD);
  await appoint(room.people);
  return { room, node: world.anyNode() };
}

/** One node cannot reach Redis: it refuses changes, answers questions, and says that it is not ready. */
async function partition(world, ms, { leaves }) {
  const { room, node } = await roomUnderLoad(world);
  const theirs = room.on(node);
  const others = room.people.filter((person) => !theirs.includes(person));
  const load = world.load(others);
  world.note(`${node.name} is cut off from Redis`);
  const began = now();
  await node.redis.cut();
  await expectRefusals(world, theirs);
  await expectNotReady(world, node, REFUSE_MS);
  await expectReads(theirs);
  while (now() - began < ms) {
    await expectRefusals(world, theirs);
    await lasting(Math.min(500, ms));
  }
  await load.stop();
  world.note(`${node.name} reaches Redis again`);
  await node.redis.heal();
  const settled = await room.settle(HEAL_MS);
  world.measure('healed after ms', settled);
  await node.ready(HEAL_MS);
  // Out of reach for longer than the grace, the others may have been told that they left.
  const mayLeave = leaves ? (user) => theirs.some(({ id }) => id === user) : undefined;
  await world.verdict({ ...(mayLeave && { mayLeave }), ...(!leaves && { leaves: leavesOnce(room, []) }) });
}

async function item7_partitionFor3s(world) {
  await partition(world, 3_000, { leaves: false });
}

async function item7_partitionFor40s(world) {
  await partition(world, 40_000, { leaves: true });
}

/** Commands arrive at Redis, nothing comes back: what was refused may have happened, once. */
async function item8_answersOfRedisAreLost(world) {
  const { room, node } = await roomUnderLoad(world);
  const theirs = room.on(node);
  world.note(`${node.name} hears nothing from Redis`);
  node.redis.swallow('down');
  // Nobody else is at it yet, so that the first of them arrives at the head that it was meant for.
  await expectRefusals(world, theirs);
  const load = world.load(room.people.filter((person) => !theirs.includes(person)));
  await expectRefusals(world, theirs);
  await expectNotReady(world, node, REFUSE_MS);
  await load.stop();
  world.note(`${node.name} hears Redis again`);
  await node.redis.heal();
  await world.verdict({ leaves: leavesOnce(room, []) }, HEAL_MS);
}

/** Commands never arrive: the outcome is unknown to the node, and none of them may happen twice. */
async function item9_commandsToRedisAreLost(world) {
  const { room, node } = await roomUnderLoad(world);
  const theirs = room.on(node);
  const load = world.load(room.people.filter((person) => !theirs.includes(person)));
  world.note(`Redis hears nothing from ${node.name}`);
  node.redis.swallow('up');
  for (let round = 0; round < 2; round += 1) await expectRefusals(world, theirs);
  await load.stop();
  world.note(`Redis hears ${node.name} again`);
  await node.redis.heal();
  await world.verdict({ leaves: leavesOnce(room, []) }, HEAL_MS);
}

/** Slow is not dead: nobody is shown as reconnecting, order stays. */
async function item10_slowLink(world) {
  const { room, node } = await roomUnderLoad(world);
  node.redis.delay(100, 50);
  world.note(`200 ms ± 100 on the link of ${node.name} and back`);
  const load = world.load(room.people);
  await lasting(5_000);
  await load.stop();
  await node.redis.heal();
  await world.verdict({ leaves: leavesOnce(room, []) }, HEAL_MS);
  const shown = room.history.entries.filter(({ kind, event, payload }) => kind === 'event' && event === 'participant-updated' && payload.updates.isReconnecting);
  if (shown.length > 0) throw new Error(`somebody on a slow link was shown as reconnecting: ${JSON.stringify(shown[0])}`);
  world.measure('unavailable, times', load.codes.unavailable ?? 0, 0);
}

/** More news than the link carries: Redis cuts the subscriber off, and the node starts again. */
async function item11_narrowLink(world) {
  const { room, node } = await roomUnderLoad(world);
  await world.cluster.redis.command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 256kb 128kb 2');
  const busy = room.people.filter((person) => person.node !== node);
  node.redis.throttle(64_000, 'down');
  world.note(`64 kB/s from Redis to ${node.name}`);
  const until = now() + 20_000;
  await Promise.all(busy.map(async (person) => {
    for (let i = 0; now() < until; i += 1) await person.invoke('join-room', { userId: person.id, userName: person.id, userImageUrl: `${PICTURE}${i}` });
  }));
  await node.redis.heal();
  world.note('full width again');
  await world.cluster.redis.command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 32mb 8mb 60');
  await world.verdict({ leaves: leavesOnce(room, []) }, HEAL_MS);
}

async function resets(world, { everyMs, forMs }) {
  const { room } = await roomUnderLoad(world);
  const load = world.load(room.people);
  const end = now() + forMs;
  let count = 0;
  while (now() < end) {
    await lasting(everyMs);
    for (const node of world.cluster.nodes) node.redis.reset();
    count += 1;
  }
  world.note(`${count} resets of all connections to Redis`);
  await load.stop();
  world.measure('accepted under resets', load.counts.ok);
  await world.verdict({ leaves: leavesOnce(room, []), fullStates: count }, QUICK_HEAL_MS);
  await mustDo(room.people[0], 'update-my-state', { isHandRaised: true });
  await room.settle(CALM_MS, { record: false });
}

async function item12_resetsFor5s(world) {
  await resets(world, { everyMs: 600, forMs: 5_000 });
}

async function item12_resetsForAMinute(world) {
  await resets(world, { everyMs: 2_000, forMs: 60_000 });
}

export const scenarios = [
  quick(item7_partitionFor3s),
  quick(item8_answersOfRedisAreLost),
  quick(item9_commandsToRedisAreLost),
  quick(item10_slowLink),
  quick(item12_resetsFor5s),
  long(item7_partitionFor40s, { seconds: 50 }),
  long(item11_narrowLink, { seconds: 35 }),
  long(item12_resetsForAMinute, { seconds: 70 }),
];
