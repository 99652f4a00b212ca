// Catalogue items 21 to 31: Redis forgets, restarts, stands still, or holds nonsense.
import { CALM_MS, HEAL_MS, QUICK_HEAL_MS, REBUILD_MS, REFUSE_MS } from '../lib/limits.mjs';
import { RespClient } from '../lib/resp.mjs';
import { long, quick } from '../lib/runner.mjs';
import { inParallel, lasting, now, soon, until } from '../lib/wait.mjs';
import { appoint, expectNotReady, expectReads, expectRefusals, leavesOnce, moment, mustDo } from './common.mjs';

const CROWD = 9;
const ROOMS = 8;

async function roomWithRoles(world, count = CROWD) {
  const room = await world.crowdedRoom(count);
  await appoint(room.people);
  return room;
}

/** Many rooms, on all nodes: each node finds out by itself, and in each room one of them rebuilds. */
async function manyRooms(world) {
  return inParallel(Array.from({ length: ROOMS }), 4, () => roomWithRoles(world, 6));
}

/** Until each room is back and says so, with one new epoch and one full state to everybody. */
async function expectRebuilt(world, rooms, since) {
  const epochs = new Map(rooms.map((room) => [room, room.epochBefore]));
  await until(async () => {
    const states = await Promise.all(rooms.map(async (room) => (await room.people[0].invoke('room-state')).reply));
    return states.every((state, i) => state?.ok && state.room.epoch !== epochs.get(rooms[i]));
  }, { within: REBUILD_MS, what: 'every room has a new epoch' });
  world.measure('rebuilt after ms', now() - since, REBUILD_MS);
  for (const room of rooms) await mustDo(room.people[0], 'update-my-state', { isHandRaised: true });
  const leaves = Object.fromEntries(rooms[0].people.map(({ id }) => [id, 0]));
  await world.verdict({ rebuilds: 1, fullStates: 1, leaves }, REBUILD_MS);
}

async function noteEpochs(rooms) {
  for (const room of rooms) room.epochBefore = (await room.people[0].state()).room.epoch;
}

async function item21_flushAll(world) {
  const rooms = await manyRooms(world);
  await noteEpochs(rooms);
  world.note('FLUSHALL');
  await world.cluster.redis.command('FLUSHALL');
  await expectRebuilt(world, rooms, now());
}

/** With commands under way everywhere; item 25 as well: all nodes race to restore the same rooms. */
async function item25_flushAllUnderLoad(world) {
  const rooms = await manyRooms(world);
  await noteEpochs(rooms);
  const loads = rooms.map((room) => world.load(room.people));
  await lasting(moment(world, 200, 1_000));
  world.note('FLUSHALL');
  await world.cluster.redis.command('FLUSHALL');
  const began = now();
  await lasting(1_000);
  await Promise.all(loads.map((load) => load.stop()));
  await expectRebuilt(world, rooms, began);
}

async function item21_redisRestartsEmpty(world) {
  const rooms = await manyRooms(world);
  await noteEpochs(rooms);
  world.note('Redis is killed and starts again, empty');
  await world.cluster.redis.kill();
  await expectRefusals(world, rooms[0].people);
  await world.cluster.redis.restart({ empty: true });
  await expectRebuilt(world, rooms, now());
}

/** Only some of the keys of a room are gone, as under a wrong eviction policy: never a mixed state. */
async function item22_someKeysAreGone(world) {
  const { redis } = world.cluster;
  const probe = await roomWithRoles(world);
  const kinds = (await redis.keys(`*${probe.id}*`)).map((key) => key.replace(probe.id, '\0'));
  if (kinds.length === 0) throw new Error('no key of Redis has the room\'s id in it');
  for (const kind of kinds) {
    const room = await roomWithRoles(world);
    const key = kind.replace('\0', room.id);
    world.note(`DEL ${key}`);
    await redis.command('DEL', key);
    // The first command after it may find out; it must not be the victim of it, nor anybody else.
    await until(async () => (await room.people[0].invoke('make-cohost', { participantId: room.people[4].id })).outcome === 'ok', { within: REBUILD_MS, every: 200, what: `a command is accepted after the loss of ${key}` });
    await room.settle(REBUILD_MS);
  }
  await world.verdict({ rebuilds: 1, leaves: leavesOnce(probe, []) });
}

/** Redis comes back with what it held some commands ago. */
async function item23_redisRestartsFromOldDump(world) {
  const room = await roomWithRoles(world);
  const [creator, , , , ...plain] = room.people;
  await world.cluster.redis.save();
  for (const { id } of plain) await mustDo(creator, 'make-cohost', { participantId: id });
  world.note('Redis is killed and starts again from a dump without the last commands');
  await world.cluster.redis.restart({ empty: false });
  world.measure('settled ms after Redis', await room.settle(REBUILD_MS));
  await mustDo(creator, 'remove-cohost', { participantId: plain[0].id });
  await world.verdict({ rebuilds: 1, losesTail: true, leaves: leavesOnce(room, []) });
}

/** Whatever stops Redis for a while: changes are refused, nobody leaves, and all is well after it. */
async function standstill(world, ms, stop, what) {
  const room = await roomWithRoles(world);
  const load = world.load(room.people.slice(0, 3));
  await lasting(moment(world, 200, 800));
  await load.stop();
  world.note(what);
  const began = now();
  const over = stop();
  over.catch(() => {});
  await until(stands(world.cluster.redis), { within: CALM_MS, what: 'Redis does not answer any more' });
  await expectRefusals(world, room.people);
  await expectReads(room.people);
  await expectNotReady(world, world.cluster.nodes[0], HEAL_MS);
  await lasting(ms - (now() - began));
  await over;
  world.note('Redis answers again');
  world.measure('healed after ms', await room.settle(QUICK_HEAL_MS));
  await world.cluster.ready(HEAL_MS);
  await world.verdict({ leaves: leavesOnce(room, []) }, QUICK_HEAL_MS);
}

/** Whether a fresh connection is left without an answer. */
const stands = (redis) => async () => {
  const client = await RespClient.connect(redis.port);
  const answer = await soon(client.command('PING'), 50, 'PONG').catch(() => null);
  client.close();
  return answer === null;
};

async function item28_redisBlocked3s(world) {
  await standstill(world, 3_000, () => world.cluster.redis.block(3_000), 'Redis runs a slow script for 3 s');
}

async function item28_redisPaused10s(world) {
  await standstill(world, 10_000, () => world.cluster.redis.pause(10_000), 'CLIENT PAUSE for 10 s');
}

async function item28_redisFrozen10s(world) {
  await standstill(world, 10_000, async () => {
    world.cluster.redis.freeze();
    await lasting(10_000);
    world.cluster.redis.thaw();
  }, 'SIGSTOP of Redis for 10 s');
}

/** No memory left: changes are refused until there is some, and nobody is taken for dead. */
async function item27_redisIsFull(world) {
  const room = await roomWithRoles(world);
  const { redis } = world.cluster;
  world.note('Redis has no memory left');
  await redis.command('CONFIG', 'SET', 'maxmemory', '1');
  await expectRefusals(world, room.people);
  await lasting(4_000);
  await expectReads(room.people);
  const { outcome, ms } = await room.people[8].leave();
  world.remarks.push(`leave-room while Redis is full: ${outcome}`);
  world.measure('leave answered after ms', ms, REFUSE_MS);
  await redis.command('CONFIG', 'SET', 'maxmemory', '0');
  world.note('Redis has memory again');
  const gone = outcome === 'ok' ? [room.people[8]] : [];
  if (outcome !== 'ok') await room.people[8].join();
  await until(async () => (await room.people[0].invoke('update-my-state', { isHandRaised: true })).outcome === 'ok', { within: HEAL_MS, every: 200, what: 'a change is accepted again' });
  await world.verdict({ leaves: leavesOnce(room, gone) });
}

/** A new primary has no scripts: nobody notices. */
async function item30_scriptsAreFlushed(world) {
  const room = await roomWithRoles(world);
  const load = world.load(room.people, { pauseMs: [1, 20] });
  for (let i = 0; i < 20; i += 1) {
    await world.cluster.redis.command('SCRIPT', 'FLUSH');
    await lasting(100);
  }
  await load.stop();
  world.measure('unavailable, times', load.codes.unavailable ?? 0, 0);
  await world.verdict({ leaves: leavesOnce(room, []), fullStates: 0 }, CALM_MS);
}

/** A key of another type where a room's key should be: that room has a problem, the others have none. */
async function item31_wrongTypeUnderAKey(world) {
  const { redis } = world.cluster;
  const healthy = await roomWithRoles(world, 6);
  const probe = await roomWithRoles(world, 6);
  const kinds = (await redis.keys(`*${probe.id}*`)).map((key) => key.replace(probe.id, '\0'));
  for (const kind of kinds) {
    const sick = await roomWithRoles(world, 6);
    const key = kind.replace('\0', sick.id);
    world.note(`${key} becomes a string`);
    await redis.command('SET', key, 'nonsense');
    for (const person of sick.people) {
      const { outcome, ms } = await person.invoke('update-my-state', { isHandRaised: true });
      if (outcome === 'unknown') throw new Error(`${person.id} lost their connection over ${key}`);
      world.measure('answered after ms', ms, REFUSE_MS);
    }
    for (const person of healthy.people) await mustDo(person, 'update-my-state', { isAudioMuted: !person.sees(person.id).isAudioMuted });
    await redis.command('DEL', key);
    await until(async () => (await sick.people[0].invoke('make-cohost', { participantId: sick.people[4].id })).outcome === 'ok', { within: REBUILD_MS, every: 200, what: `a command is accepted when ${key} is out of the way` });
    await sick.settle(REBUILD_MS);
  }
  await world.verdict({ rebuilds: 2, leaves: leavesOnce(probe, []) });
}

export const scenarios = [
  quick(item21_flushAll),
  quick(item21_redisRestartsEmpty),
  quick(item22_someKeysAreGone),
  quick(item23_redisRestartsFromOldDump),
  quick(item25_flushAllUnderLoad),
  quick(item27_redisIsFull),
  quick(item28_redisBlocked3s),
  quick(item30_scriptsAreFlushed),
  quick(item31_wrongTypeUnderAKey, { seconds: 15 }),
  long(item28_redisPaused10s, { seconds: 20 }),
  long(item28_redisFrozen10s, { seconds: 20 }),
];
