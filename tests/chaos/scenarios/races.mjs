// Catalogue items 36 to 41: two things at the same moment, on different nodes.
import { RawClient } from '../../compat/lib/raw.mjs';
import { CALM_MS, HEAL_MS } from '../lib/limits.mjs';
import { quick } from '../lib/runner.mjs';
import { inParallel, lasting, until } from '../lib/wait.mjs';
import { appoint, leavesOnce, mustDo } from './common.mjs';

const ROLE_GRACE_MS = 600;

/** Of two hosts who demote each other, the second is judged on what the first has left. */
async function item36_hostsDemoteEachOther(world) {
  const room = await world.crowdedRoom(6);
  const [creator, left, right] = room.people;
  for (let round = 0; round < 25; round += 1) {
    for (const { id } of [left, right]) await mustDo(creator, 'make-host', { participantId: id });
    const outcomes = await Promise.all([
      left.invoke('remove-host', { participantId: right.id }),
      right.invoke('remove-host', { participantId: left.id }),
    ]);
    const accepted = outcomes.filter(({ outcome }) => outcome === 'ok').length;
    if (accepted !== 1) throw new Error(`round ${round}: ${accepted} of two were accepted: ${JSON.stringify(outcomes.map(({ reply }) => reply))}`);
  }
  await world.verdict({ leaves: leavesOnce(room, []) }, CALM_MS);
}

/** Grants and revocations of one flag by everybody at once: one order, the same for all. */
async function item36_everybodyChangesOneRole(world) {
  const room = await world.crowdedRoom(9);
  const [creator, target, ...others] = room.people;
  for (const { id } of others) await mustDo(creator, 'make-host', { participantId: id });
  for (let round = 0; round < 15; round += 1) {
    await Promise.all([creator, ...others].map((person, i) => person.invoke((i + round) % 2 ? 'make-cohost' : 'remove-cohost', { participantId: target.id })));
  }
  await world.verdict({ leaves: leavesOnce(room, []) }, CALM_MS);
}

/** However the hosts go, the place is either filled or known to be vacant, and then filled. */
async function item37_lastHostLeaves(world) {
  const random = world.random.fork('ways');
  for (let round = 0; round < 6; round += 1) {
    const room = await world.crowdedRoom(6, { settings: { roleGraceMs: ROLE_GRACE_MS } });
    const [creator, host, heir, guest] = room.people;
    await mustDo(creator, 'make-host', { participantId: host.id });
    await mustDo(creator, 'make-cohost', { participantId: heir.id });
    const ways = {
      leave: (person) => person.leave(),
      resign: (person) => person.invoke('remove-host', { participantId: person.id }).then(() => person.leave()),
      give: (person) => Promise.all([person.invoke('make-host', { participantId: guest.id }), person.leave()]),
    };
    const names = [random.pick(['leave', 'give']), random.pick(Object.keys(ways))];
    await Promise.all([ways[names[0]](creator), ways[names[1]](host)]);
    await until(async () => {
      const { room: about, participants } = await heir.state();
      const hosts = participants.filter(({ isHost }) => isHost).map(({ id }) => id);
      if (about.host === 'vacant' && hosts.length > 0) throw new Error(`vacant, and ${hosts} are hosts`);
      if (about.host === 'present' && hosts.length === 0) throw new Error('a host is present, and nobody is one');
      return hosts.length > 0;
    }, { within: ROLE_GRACE_MS + HEAL_MS, what: `somebody is host after ${names}` });
    await room.settle(CALM_MS);
    room.close();
  }
  world.judge({ leaves: {} });
}

/** Join and leave, leave and join, in one write: the order of sending is the order of effects. */
async function item39_joinAndLeaveInOneFlush(world) {
  const room = await world.crowdedRoom(6);
  const raws = [];
  for (const node of world.cluster.nodes) raws.push({ raw: await RawClient.open(`raw-${node.index}`, node.url), id: `raw-${node.index}` });
  try {
    await inParallel(raws, raws.length, async ({ raw, id }) => {
      const join = () => raw.ack('join-room', { roomId: room.id, userId: id, userName: id });
      const leave = () => raw.ack('leave-room', { roomId: room.id });
      await join();
      for (let round = 0; round < 30; round += 1) {
        const replies = await Promise.all(raw.inOneFlush(() => [leave(), join(), leave(), join()]));
        if (replies.some(({ ok }) => !ok)) throw new Error(`${id}: ${JSON.stringify(replies)}`);
      }
      // Two of them end outside, one inside.
      if (id !== 'raw-0') await Promise.all(raw.inOneFlush(() => [leave(), join(), leave()]));
    });
    const [watcher] = room.people;
    await room.settle(CALM_MS, { record: false });
    const inside = [...watcher.view.people.keys()].filter((id) => id.startsWith('raw'));
    if (String(inside) !== 'raw-0') throw new Error(`inside at the end: ${inside}, expected raw-0`);
    await world.verdict({ leaves: leavesOnce(room, []), others: (id) => id.startsWith('raw') });
  } finally {
    for (const { raw } of raws) raw.close();
  }
}

/** The connection ends while its join is on its way to Redis: no ghost stays. */
async function item40_disconnectDuringJoin(world) {
  const graceMs = 800;
  const room = await world.room({ settings: { leaveAfterLostMs: graceMs, leaveAfterCloseMs: graceMs } });
  await room.crowd(6);
  for (const node of world.cluster.nodes) node.redis.delay(40, 20);
  world.note('40 ms to Redis and back, each way');
  const random = world.random.fork('hurry');
  await inParallel(Array.from({ length: 30 }, (_, i) => i), 10, async (i) => {
    const raw = await RawClient.open(`hasty-${i}`, random.pick(world.cluster.nodes).url);
    raw.ack('join-room', { roomId: room.id, userId: `hasty-${i}`, userName: 'Hasty' }).catch(() => {});
    await lasting(random.int(0, 150));
    raw.close();
  });
  await world.cluster.heal();
  const [watcher] = room.people;
  const ghosts = () => [...watcher.view.people.keys()].filter((id) => id.startsWith('hasty'));
  await until(() => ghosts().length === 0, { within: graceMs + HEAL_MS, what: () => `nobody of them is left: ${ghosts()}` });
  await world.verdict({ graceMs, leaves: leavesOnce(room, []), others: (id) => id.startsWith('hasty') });
}

/** One user in five tabs on three nodes, closed in any order and any way: one participant, one leave. */
async function item41_fiveTabs(world) {
  const graceMs = 800;
  const random = world.random.fork('tabs');
  const room = await world.room({ settings: { leaveAfterLostMs: graceMs, leaveAfterCloseMs: graceMs } });
  const [watcher] = await room.crowd(6);
  await appoint(room.people);
  for (let round = 0; round < 3; round += 1) {
    const id = `tabs-${round}`;
    const tabs = await Promise.all(Array.from({ length: 5 }, (_, tab) => room.person(id, { tab, start: tab }).join()));
    await room.settle(CALM_MS, { record: false });
    for (const [i, tab] of random.shuffled(tabs).entries()) {
      const way = random.pick(['goodbye', 'closeTab', 'drop', 'leave']);
      const seen = watcher.sees(id);
      if (!seen || seen.isReconnecting) throw new Error(`${id} has ${5 - i} tabs open, and is shown as ${JSON.stringify(seen)}`);
      if (way === 'drop') tab.drop({ back: false });
      else await tab[way]();
    }
    await until(() => !watcher.sees(id), { within: graceMs + CALM_MS, what: `${id} has left with the last tab` });
  }
  await world.verdict({ graceMs, closeGraceMs: graceMs, leaves: { 'tabs-0': 1, 'tabs-1': 1, 'tabs-2': 1, ...leavesOnce({ people: room.people.slice(0, 6) }, []) } });
}

export const scenarios = [
  quick(item36_hostsDemoteEachOther),
  quick(item36_everybodyChangesOneRole),
  quick(item37_lastHostLeaves),
  quick(item39_joinAndLeaveInOneFlush),
  quick(item40_disconnectDuringJoin),
  quick(item41_fiveTabs),
];
