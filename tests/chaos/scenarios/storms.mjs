// Many things at once: a thousand role commands under kills, and a nemesis that draws its faults.
import { CALM_MS, HEAL_MS } from '../lib/limits.mjs';
import { long } from '../lib/runner.mjs';
import { lasting } from '../lib/wait.mjs';
import { appoint } from './common.mjs';

/** 1,000 mixed role commands from 20 people on 3 nodes, while nodes are killed and started again. */
async function row6_thousandRoleCommandsWithKills(world) {
  const room = await world.crowdedRoom(20);
  await appoint(room.people);
  const random = world.random.fork('kills');
  const load = world.load(room.people, { most: 1_000, roles: 1, pauseMs: [50, 350] });
  let finished = false;
  load.finished().then(() => { finished = true; });
  while (!finished) {
    await lasting(random.int(500, 2_500));
    const node = random.pick(world.cluster.nodes);
    world.note(`kill -9 ${node.name}`);
    await node.kill();
    await lasting(random.int(0, 1_500));
    await node.start();
    world.note(`${node.name} runs again`);
  }
  await load.finished();
  for (const [outcome, count] of Object.entries(load.counts)) world.measure(`commands ${outcome}`, count);
  const leaves = Object.fromEntries(room.people.map(({ id }) => [id, 0]));
  await world.verdict({ leaves }, HEAL_MS);
}

/** Faults that leave Redis' data alone: `[weight, name, begin]`; `heal` ends all of them. */
const FAULTS = [
  [3, 'kill', async ({ node }) => { await node.kill(); return () => node.start(); }],
  [2, 'freeze', async ({ node }) => { node.freeze(); }],
  [3, 'cut', ({ node }) => node.redis.cut()],
  [2, 'swallow up', async ({ node }) => node.redis.swallow('up')],
  [2, 'swallow down', async ({ node }) => node.redis.swallow('down')],
  [2, 'hold', async ({ node }) => node.redis.hold()],
  [2, 'delay', async ({ node, random }) => node.redis.delay(random.int(10, 150), 10)],
  [2, 'throttle', async ({ node }) => node.redis.throttle(32_000, 'down')],
  [3, 'reset', async ({ node }) => { node.redis.reset(); }],
  [2, 'lose messages', async ({ node, random }) => node.redis.inspect(({ push }) => (push && random.chance(0.3) ? 'drop' : 'pass'))],
  [1, 'double messages', async ({ node }) => node.redis.inspect(({ push }) => (push ? 'twice' : 'pass'))],
  [2, 'flush scripts', ({ world }) => world.cluster.redis.command('SCRIPT', 'FLUSH')],
  // Its end is the first answer.
  [1, 'pause redis', async ({ world: { cluster }, random }) => { await cluster.redis.pause(random.int(500, 3_000)); return () => cluster.redis.command('PING'); }],
  [2, 'drop clients', async ({ room, random }) => { for (const person of random.shuffled(room.people).slice(0, 4)) person.drop(); }],
];
/** These lose what Redis held. */
const LOSSES = [
  [1, 'flush', ({ world }) => world.cluster.redis.command('FLUSHALL')],
  [1, 'restart empty', ({ world }) => world.cluster.redis.restart({ empty: true })],
];

/** Draws faults, alone and in pairs, for `rounds`; after each round everything must be well again. */
async function nemesis(world, { rounds, faults }) {
  const room = await world.crowdedRoom(12);
  await appoint(room.people);
  const random = world.random.fork('nemesis');
  const { cluster } = world;
  for (let round = 0; round < rounds; round += 1) {
    const load = world.load(room.people);
    await lasting(random.int(200, 800));
    const repairs = [];
    for (let i = random.int(1, 2); i > 0; i -= 1) {
      const [name, begin] = random.weighted(faults.map(([weight, ...fault]) => [weight, fault]));
      const node = random.pick(cluster.running);
      if (cluster.running.length < 2 && /kill|freeze/.test(name)) continue;
      world.note(`round ${round}: ${name} (${node.name})`);
      repairs.push(await begin({ world, room, node, random }));
      await lasting(random.int(100, 1_000));
    }
    await lasting(random.int(500, 3_000));
    world.note(`round ${round}: heal`);
    await cluster.heal();
    for (const repair of repairs) if (typeof repair === 'function') await repair();
    await load.stop();
    await cluster.ready(HEAL_MS);
    world.measure('healed after ms', await room.settle(HEAL_MS, { record: false }));
  }
  return room;
}

async function storm_tenRoundsOfFaults(world) {
  const room = await nemesis(world, { rounds: 10, faults: FAULTS });
  await world.verdict({ leaves: Object.fromEntries(room.people.map(({ id }) => [id, 0])) }, CALM_MS);
}

async function storm_fiveRoundsWithLosses(world) {
  const room = await nemesis(world, { rounds: 5, faults: [...FAULTS.map(([, ...fault]) => [1, ...fault]), ...LOSSES.map(([, ...loss]) => [6, ...loss])] });
  await world.verdict({ rebuilds: Infinity, losesTail: true, leaves: Object.fromEntries(room.people.map(({ id }) => [id, 0])) }, CALM_MS);
}

export const scenarios = [
  long(row6_thousandRoleCommandsWithKills, { seconds: 45 }),
  long(storm_tenRoundsOfFaults, { seconds: 60 }),
  long(storm_fiveRoundsWithLosses, { seconds: 40 }),
];
