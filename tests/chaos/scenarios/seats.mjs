// Catalogue items 43 to 45 and the race for seats: many at once for what only some can have.
import { RawClient } from '../../compat/lib/raw.mjs';
import { CALM_MS, HEAL_MS, NO_KEYS_MS } from '../lib/limits.mjs';
import { long, quick } from '../lib/runner.mjs';
import { inParallel, lasting, until } from '../lib/wait.mjs';
import { leavesOnce, mustDo } from './common.mjs';

const AT_ONCE = 50;
const isRacer = (id) => id.startsWith('racer');

/** Connections without a library, spread over the nodes, all of which want to get in at once. */
async function race(world, room, count) {
  const { nodes } = world.cluster;
  const numbers = Array.from({ length: count }, (_, i) => i);
  const raws = await inParallel(numbers, AT_ONCE, (i) => RawClient.open(`racer-${i}`, nodes[i % nodes.length].url, { onText: isNews }));
  const replies = await Promise.all(raws.map((raw) => raw.ack('join-room', { roomId: room.id, userId: raw.id, userName: raw.id })));
  return { raws, replies };
}

/** Events are for others to check; here they would only fill the memory. */
const isNews = (text) => text.startsWith('42[');

async function seats(world, { joins, seats: count }) {
  const room = await world.room({ settings: { maxParticipants: count } });
  await room.crowd(3);
  const { raws, replies } = await race(world, room, joins);
  try {
    const codes = {};
    for (const { ok, error } of replies) codes[ok ? 'ok' : error.code] = (codes[ok ? 'ok' : error.code] ?? 0) + 1;
    if (codes.ok !== count - 3 || codes['room-full'] !== joins - codes.ok) throw new Error(`${joins} for ${count - 3} free seats: ${JSON.stringify(codes)}`);
    await room.settle(HEAL_MS);
    const { participants } = await room.people[0].state();
    if (participants.length !== count) throw new Error(`${participants.length} people on ${count} seats`);
    const inside = new Set(participants.map(({ id }) => id));
    const wrong = raws.filter(({ id }, i) => replies[i].ok !== inside.has(id));
    if (wrong.length > 0) throw new Error(`told one thing, and the other is true: ${wrong.map(({ id }) => id)}`);
    await world.verdict({ seats: count, others: isRacer, leaves: leavesOnce(room, []) });
  } finally {
    for (const raw of raws) raw.close();
  }
}

async function item44_fiftyRacersForOneSeat(world) {
  for (let round = 0; round < 3; round += 1) await seats(world, { joins: 50, seats: 4 });
}

async function row7_threeHundredJoinsForThirtySeats(world) {
  await seats(world, { joins: 300, seats: 30 });
}

async function row7_thousandJoinsForHundredSeats(world) {
  await seats(world, { joins: 1_000, seats: 100 });
}

/** A meeting ends while people come in: nobody is left in it, nothing is left of it. */
async function item43_endAgainstJoins(world) {
  const room = await world.crowdedRoom(3);
  const [creator] = room.people;
  const racing = race(world, room, 100);
  racing.catch(() => {});
  await until(() => creator.view.people.size > 20, { within: HEAL_MS, what: 'some are in' });
  await mustDo(creator, 'end-meeting');
  const { raws, replies } = await racing;
  try {
    const wrong = replies.filter(({ ok, error }) => !ok && error.code !== 'meeting-ended');
    if (wrong.length > 0) throw new Error(`refused for another reason: ${JSON.stringify(wrong[0])}`);
    for (const node of world.cluster.nodes) {
      const late = await RawClient.open('late', node.url);
      const reply = await late.ack('join-room', { roomId: room.id, userId: 'late', userName: 'Late' });
      late.close();
      if (reply.error?.code !== 'meeting-ended') throw new Error(`${node.name} lets people into what has ended: ${JSON.stringify(reply)}`);
    }
    for (const person of room.people) await person.until(() => person.view.people?.size === 0, { within: CALM_MS, what: 'an ended meeting' });
    world.judge();
  } finally {
    for (const raw of raws) raw.close();
  }
  return room;
}

async function item43_endedRoomLeavesNoKeys(world) {
  const room = await item43_endAgainstJoins(world);
  const keys = () => world.cluster.redis.keys(`*${room.id}*`);
  await until(async () => (await keys()).length === 0, { within: NO_KEYS_MS, every: 500, what: 'no key of the room is left' });
}

/** The grace ends while its owner comes back: one outcome, the same everywhere. */
async function item45_graceEndsDuringReturn(world) {
  const graceMs = 700;
  const random = world.random.fork('returns');
  const room = await world.room({ settings: { leaveAfterLostMs: graceMs } });
  await room.crowd(18);
  const movers = room.people.slice(6);
  for (let round = 0; round < 3; round += 1) {
    await inParallel(movers, movers.length, async (person) => {
      person.drop({ back: false });
      await until(() => !person.present, { within: CALM_MS, what: `${person.id} is off` });
      await lasting(graceMs + random.int(-40, 20));
      await person.join();
    });
  }
  await world.verdict({ graceMs: graceMs - 100, leaves: leavesOnce({ people: room.people.slice(0, 6) }, []) }, CALM_MS);
}

export const scenarios = [
  quick(item43_endAgainstJoins),
  quick(item44_fiftyRacersForOneSeat),
  quick(row7_threeHundredJoinsForThirtySeats),
  quick(item45_graceEndsDuringReturn),
  long(item43_endedRoomLeavesNoKeys, { seconds: 70 }),
  long(row7_thousandJoinsForHundredSeats, { seconds: 30 }),
];
