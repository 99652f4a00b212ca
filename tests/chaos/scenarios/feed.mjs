// Catalogue items 8 and 13 to 15: messages between nodes that are lost or doubled, one by one.
import { ANTI_ENTROPY_MS, CALM_MS, SILENCE_MS } from '../lib/limits.mjs';
import { long, quick } from '../lib/runner.mjs';
import { lasting, now, until } from '../lib/wait.mjs';
import { appoint, leavesOnce, mustDo } from './common.mjs';

const CROWD = 9;

async function start(world) {
  const room = await world.crowdedRoom(CROWD);
  await appoint(room.people);
  const node = world.anyNode();
  const elsewhere = room.people.find((person) => person.node !== node);
  return { room, node, elsewhere };
}

/** Changes something on another node, again and again with a new value. */
const change = (person) => mustDo(person, 'update-my-state', { isHandRaised: !person.sees(person.id).isHandRaised });

/** The subscription is dead while commands and PING pass: only a probe of deliveries can tell. */
async function item8_feedGoesSilent(world) {
  const { room, node, elsewhere } = await start(world);
  const deaf = new Set(node.redis.links);
  node.redis.inspect(({ push }, link) => (push && deaf.has(link) ? 'drop' : 'pass'));
  world.note(`no message reaches ${node.name} on the connections that it has`);
  const began = now();
  await change(elsewhere);
  const theirs = room.on(node);
  const expected = () => elsewhere.sees(elsewhere.id).isHandRaised;
  let red = false;
  await until(async () => {
    red ||= (await node.probe()).status === 503;
    return theirs.every((person) => person.sees(elsewhere.id)?.isHandRaised === expected());
  }, { within: SILENCE_MS, what: `people on ${node.name} learn what happened elsewhere` });
  world.measure('silence healed after ms', now() - began, SILENCE_MS);
  world.measure('seen as not ready', red ? 1 : 0);
  node.redis.inspect(null);
  await world.verdict({ leaves: leavesOnce(room, []) });
}

async function item13_messagesTwice(world) {
  const { room, node } = await start(world);
  let doubled = 0;
  node.redis.inspect(({ push }) => {
    doubled += push ? 1 : 0;
    return push ? 'twice' : 'pass';
  });
  world.note(`every message reaches ${node.name} twice`);
  const load = world.load(room.people);
  await lasting(3_000);
  await load.stop();
  node.redis.inspect(null);
  if (doubled === 0) throw new Error('no message of pub/sub came by: the scenario proves nothing');
  await world.verdict({ leaves: leavesOnce(room, []), fullStates: 0 }, CALM_MS);
}

/** Drops the next message about this room on its way to the node, and says when that has happened. */
async function dropOne(world, { room, node, elsewhere }) {
  let dropped = 0;
  node.redis.inspect(({ push, channel }) => {
    if (!push || dropped > 0 || !channel.includes(room.id)) return 'pass';
    dropped += 1;
    return 'drop';
  });
  await change(elsewhere);
  await until(() => dropped === 1, { within: CALM_MS, what: 'a message about the room came by' });
  node.redis.inspect(null);
  world.note(`one message was lost on its way to ${node.name}`);
}

async function item14_oneMessageIsLost(world) {
  const it = await start(world);
  await dropOne(world, it);
  await change(it.elsewhere);
  await world.verdict({ leaves: leavesOnce(it.room, []) }, CALM_MS);
}

/** Nothing follows that would show the gap. */
async function item15_lastMessageIsLost(world) {
  const it = await start(world);
  await dropOne(world, it);
  await world.verdict({ leaves: leavesOnce(it.room, []) }, ANTI_ENTROPY_MS);
}

/** Several lost here and there, on all nodes, under load. */
async function item14_manyMessagesAreLost(world) {
  const { room } = await start(world);
  const random = world.random.fork('losses');
  let lost = 0;
  for (const node of world.cluster.nodes) {
    node.redis.inspect(({ push }) => {
      const drop = push && random.chance(0.05);
      lost += drop ? 1 : 0;
      return drop ? 'drop' : 'pass';
    });
  }
  const load = world.load(room.people);
  await lasting(10_000);
  await load.stop();
  for (const node of world.cluster.nodes) node.redis.inspect(null);
  world.measure('messages lost', lost);
  await world.verdict({ leaves: leavesOnce(room, []) }, ANTI_ENTROPY_MS);
}

export const scenarios = [
  quick(item8_feedGoesSilent),
  quick(item13_messagesTwice),
  quick(item14_oneMessageIsLost),
  long(item14_manyMessagesAreLost, { seconds: 20 }),
  long(item15_lastMessageIsLost, { seconds: 25 }),
];
