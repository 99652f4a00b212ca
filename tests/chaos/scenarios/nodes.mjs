// Catalogue items 1 to 6: nodes that die, freeze, or are told to go.
import { CALM_MS, DRAIN_MS, GONE_MS, HEAL_MS, LEASE_MS, RECONNECTING_MS, SUSPENDED_GONE_MS } from '../lib/limits.mjs';
import { long, quick } from '../lib/runner.mjs';
import { lasting, now } from '../lib/wait.mjs';
import { appoint, leavesOnce, moment, shownGone, shownReconnecting } from './common.mjs';

const CROWD = 12;
const BRIEF_GRACE_MS = 2_000;

/** Kills nodes under load. Half of their people come back elsewhere, the other half never. */
async function kill(world, { victims, settings, graceMs, reconnectingMs, goneMs }) {
  const room = await world.crowdedRoom(CROWD, { settings });
  await appoint(room.people);
  const load = world.load(room.people);
  await lasting(moment(world, 500, 2_000));

  const dead = world.random.fork('victims').shuffled(world.cluster.nodes).slice(0, victims);
  const theirs = dead.flatMap((node) => room.on(node));
  const away = theirs.filter((_, i) => i % 2 === 0);
  for (const person of away) person.wanted = false;
  world.note(`kill -9 ${dead.map(({ name }) => name)}; ${away.map(({ id }) => id)} stay away`);
  const began = now();
  await Promise.all(dead.map((node) => node.kill()));
  const watchers = room.people.filter((person) => !theirs.includes(person));
  if (reconnectingMs) await shownReconnecting(world, watchers, away, began, reconnectingMs);
  await shownGone(world, watchers, away, began, goneMs);
  await load.stop();
  await world.verdict({ graceMs, leaves: leavesOnce(room, away) });
}

async function item1_killOneOfThree(world) {
  await kill(world, { victims: 1, reconnectingMs: RECONNECTING_MS, goneMs: GONE_MS });
}

async function item1_killOneOfThreeWithBriefGrace(world) {
  await kill(world, {
    victims: 1,
    settings: { leaveAfterLostMs: BRIEF_GRACE_MS },
    graceMs: BRIEF_GRACE_MS,
    reconnectingMs: RECONNECTING_MS,
    goneMs: LEASE_MS + BRIEF_GRACE_MS + CALM_MS,
  });
}

/** More than half of the nodes are dead: sweeping may wait until it is clear who lives. */
async function item2_killTwoOfThree(world) {
  await kill(world, { victims: 2, goneMs: SUSPENDED_GONE_MS });
}

async function item3_killAllAndStartAgain(world) {
  const room = await world.crowdedRoom(CROWD);
  await appoint(room.people);
  const load = world.load(room.people);
  await lasting(moment(world, 500, 2_000));
  const away = room.people.filter((_, i) => i % 4 === 3);
  for (const person of away) person.wanted = false;
  world.note(`kill -9 of all nodes; ${away.map(({ id }) => id)} stay away`);
  const began = now();
  await Promise.all(world.cluster.nodes.map((node) => node.kill()));
  await Promise.all(world.cluster.nodes.map((node) => node.start()));
  const back = room.people.filter((person) => !away.includes(person));
  await Promise.all(back.map((person) => person.back(HEAL_MS)));
  await shownGone(world, back, away, began, SUSPENDED_GONE_MS);
  await load.stop();
  // Who leaves while nobody is in the room to hear it is not heard by anybody; nobody does so twice.
  const leaves = Object.fromEntries(back.map(({ id }) => [id, 0]));
  await world.verdict({ leaves });
}

/** Frozen for long enough to be taken for dead, not for long enough to lose its people. */
async function item4_freezeNodeFor8s(world) {
  const room = await world.crowdedRoom(CROWD);
  await appoint(room.people);
  const load = world.load(room.people);
  await lasting(moment(world, 300, 1_000));
  const node = world.anyNode();
  const theirs = room.on(node);
  const watchers = room.people.filter((person) => !theirs.includes(person));
  world.note(`SIGSTOP ${node.name}`);
  const began = now();
  node.freeze();
  await shownReconnecting(world, watchers, theirs, began, RECONNECTING_MS);
  await lasting(8_000 - (now() - began));
  node.thaw();
  world.note(`SIGCONT ${node.name}`);
  await load.stop();
  await world.verdict({ leaves: leavesOnce(room, []) }, HEAL_MS);
}

/** Its people move while it is frozen; when it wakes up it must not remove them. */
async function item5_freezeNodeFor60s(world) {
  const room = await world.crowdedRoom(CROWD);
  await appoint(room.people);
  const load = world.load(room.people);
  const node = world.anyNode();
  const theirs = room.on(node);
  world.note(`SIGSTOP ${node.name}`);
  const began = now();
  node.freeze();
  // At once, in the middle, and after the lease: each is another race with the sweep.
  for (const [i, person] of theirs.entries()) {
    await lasting(i * 2_500);
    await person.flap(HEAL_MS);
  }
  await lasting(60_000 - (now() - began));
  node.thaw();
  world.note(`SIGCONT ${node.name}`);
  // Whatever it still wants to say about its old connections, it says within a few beats.
  await lasting(3_000);
  await load.stop();
  await world.verdict({ leaves: leavesOnce(room, []) }, HEAL_MS);
}

async function item6_drainUnderLoad(world) {
  const room = await world.crowdedRoom(CROWD);
  await appoint(room.people);
  const load = world.load(room.people);
  await lasting(moment(world, 300, 1_000));
  const node = world.anyNode();
  const theirs = room.on(node);
  world.note(`SIGTERM ${node.name}`);
  const seen = new Set();
  const exit = node.terminate();
  const watching = (async () => {
    while (node.running) {
      seen.add((await node.probe()).status);
      await lasting(50);
    }
  })();
  const { code, ms } = await exit;
  await watching;
  world.measure('drained after ms', ms, DRAIN_MS);
  if (code !== 0) throw new Error(`${node.name} ended with ${code}\n${node.tail()}`);
  if (!seen.has(503)) world.object(`${node.name} was never seen as not ready (503) while it drained, but as ${[...seen]} (0: no answer)`);
  await Promise.all(theirs.map((person) => person.back(HEAL_MS)));
  await load.stop();
  await world.verdict({ leaves: leavesOnce(room, []) });
  const flickers = room.history.entries.filter(({ kind, event, payload }) => kind === 'event' && event === 'participant-updated' && payload.updates.isReconnecting);
  world.measure('told of reconnecting, times', flickers.length);
  await node.start();
}

export const scenarios = [
  quick(item1_killOneOfThreeWithBriefGrace),
  long(item1_killOneOfThree, { seconds: 40 }),
  long(item2_killTwoOfThree, { seconds: 80 }),
  long(item3_killAllAndStartAgain, { seconds: 80 }),
  long(item4_freezeNodeFor8s, { seconds: 20 }),
  long(item5_freezeNodeFor60s, { seconds: 75 }),
  long(item6_drainUnderLoad, { seconds: 25 }),
];
