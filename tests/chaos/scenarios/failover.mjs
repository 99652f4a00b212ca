// Catalogue item 24: a replica without the last writes becomes the primary.
import { HEAL_MS, REBUILD_MS } from '../lib/limits.mjs';
import { RedisServer } from '../lib/redis-server.mjs';
import { long, quick } from '../lib/runner.mjs';
import { until } from '../lib/wait.mjs';
import { appoint, leavesOnce, mustDo } from './common.mjs';

const CROWD = 9;
const SYNC_MS = 15_000;

/** A replica of the cluster's Redis, behind a proxy that can cut it off. */
async function replicaOf(world) {
  const { cluster } = world;
  const link = await cluster.proxy(cluster.redis.port);
  const replica = await RedisServer.start({ dir: cluster.dir, name: `replica-${world.number}`, args: ['--replicaof', '127.0.0.1', String(link.port), '--repl-diskless-sync-delay', '0'] });
  const inSync = async () => /master_link_status:up/.test(await replica.command('INFO', 'replication'));
  await until(inSync, { within: SYNC_MS, what: 'the replica is in sync' });
  return { replica, link };
}

/** What was acknowledged before the cut is on both. */
async function caughtUp(primary, replica) {
  const offset = async (server, name) => Number(new RegExp(`${name}:(\\d+)`).exec(await server.command('INFO', 'replication'))?.[1]);
  const target = await offset(primary, 'master_repl_offset');
  await until(async () => (await offset(replica, 'slave_repl_offset')) >= target, { within: SYNC_MS, what: 'the replica has all that there is' });
}

/**
 * `lagging`: one node was cut off before the tail, so that its replica is as old as the new primary
 * and its next commit fits there: the fork that revisions alone would not show.
 */
async function failover(world, { lagging }) {
  const { cluster } = world;
  const room = await world.crowdedRoom(CROWD);
  await appoint(room.people);
  const { replica, link } = await replicaOf(world);
  try {
    await caughtUp(cluster.redis, replica);
    await link.cut();
    // Never the node that the creator is on, who has something to say in the tail.
    const behind = lagging ? world.random.fork('behind').pick(cluster.nodes.slice(1)) : null;
    await behind?.redis.cut();
    const [creator, ...others] = room.people;
    for (const person of room.people.filter(({ node }) => node !== behind)) {
      for (const flag of [true, false, true]) await mustDo(person, 'update-my-state', { isHandRaised: flag });
    }
    for (const { id } of others.slice(4)) await mustDo(creator, 'make-cohost', { participantId: id });
    world.note('the primary dies; a replica without the last commands takes over');
    await cluster.redis.kill();
    await replica.command('REPLICAOF', 'NO', 'ONE');
    for (const node of cluster.nodes) node.redis.retarget(replica.port);
    if (behind) {
      await behind.redis.heal();
      for (const person of room.on(behind)) await person.invoke('update-my-state', { isAudioMuted: false });
    }
    world.measure('settled ms after the failover', await room.settle(REBUILD_MS + HEAL_MS));
    for (const person of room.people) await mustDo(person, 'update-my-state', { isVideoPaused: false });
    await world.verdict({ rebuilds: 1, losesTail: true, leaves: leavesOnce(room, []) });
  } finally {
    await replica.stop();
  }
}

async function item24_replicaWithoutTheTail(world) {
  await failover(world, { lagging: false });
}

async function item24_laggingNodeWritesFirst(world) {
  await failover(world, { lagging: true });
}

export const scenarios = [
  quick(item24_replicaWithoutTheTail, { seconds: 12 }),
  long(item24_laggingNodeWritesFirst, { seconds: 15 }),
];
