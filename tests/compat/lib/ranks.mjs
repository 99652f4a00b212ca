// People of every rank, and every pair of them.

/** From the lowest to the highest. */
export const RANKS = ['participant', 'co-host', 'host', 'creator'];

/** Two of each rank, so that equals can meet; a meeting has only one creator. */
const IDS = { participant: ['paul', 'pia'], 'co-host': ['cora', 'cleo'], host: ['hal', 'hugo'], creator: ['ann'] };
const GRANTS = { host: 'make-host', 'co-host': 'make-cohost' };

/** `{ actor, target }`, each `{ id, rank }`: everybody against every rank, their own included, and themselves. */
export function pairs() {
  const people = RANKS.map((rank) => ({ rank, id: IDS[rank][0] }));
  return people.flatMap((actor) => {
    const others = people.map(({ rank }) => ({ rank, id: IDS[rank].find((id) => id !== actor.id) }));
    return [...others.filter(({ id }) => id), actor].map((target) => ({ actor, target }));
  });
}

export function isHigher(one, other) {
  return RANKS.indexOf(one.rank) > RANKS.indexOf(other.rank);
}

/** As in "a host can mute another host". */
export function sentence({ actor, target }, can, verb) {
  const article = ({ rank }) => (rank === 'creator' ? 'the' : 'a');
  const whom = actor.rank === target.rank ? `another ${target.rank}` : `${article(target)} ${target.rank}`;
  const verdict = can ? 'can' : 'cannot';
  return `${article(actor)} ${actor.rank} ${verdict} ${verb} ${actor.id === target.id ? 'oneself' : whom}`;
}

/** Ann's meeting with these people in it, whose ranks follow from their ids. */
export async function ranked(stage, ...ids) {
  const guests = [...new Set(ids)].filter((id) => id !== 'ann');
  const { roomId, ...people } = await stage.cast(...guests);
  for (const participantId of guests) {
    const rank = RANKS.find((name) => IDS[name].includes(participantId));
    if (GRANTS[rank]) await people.ann.ok(GRANTS[rank], { participantId });
  }
  for (const user of Object.values(people)) {
    await user.settle();
    user.log.readAll();
  }
  return { roomId, people, ...people };
}
