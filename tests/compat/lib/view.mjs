// Folds what a client heard into the list of people that a frontend would show, and notes whatever
// no frontend should have to cope with: gaps, repeats, news about strangers, revisions going back.

const DELTAS = new Set(['participant-joined', 'participant-left', 'participant-updated']);

/** `{ people, anomalies }`; `people` is null while not in a room. */
export function fold(entries) {
  let people = null;
  let over = false;
  let rev = 0;
  const anomalies = [];
  const odd = (entry, why) => anomalies.push(`${why}: ${entry.event} ${JSON.stringify(entry.args)}`);

  for (const entry of entries) {
    const [payload] = entry.args;
    if (entry.answers !== undefined) {
      if (entry.event === 'leave-room' && payload?.ok === true) people = null;
      // Who leaves and joins again in one breath has had the list by then: the answer holds it once more.
      if (entry.event === 'join-room' && people === null && payload?.participants !== undefined) {
        people = new Map(payload.participants.map((person) => [person.id, person]));
        rev = payload.rev;
      }
      continue;
    }
    if (entry.event === 'existing-participants') {
      people = new Map(payload.map((person) => [person.id, person]));
      if (people.size !== payload.length) odd(entry, 'somebody twice');
      over = false;
      rev = 0;
      continue;
    }
    if (['meeting-ended', 'session-replaced', 'kicked-from-room', 'disconnect'].includes(entry.event)) over = true;
    if (!DELTAS.has(entry.event) || over) continue;

    if (!Number.isInteger(payload.rev)) odd(entry, 'no revision');
    if (payload.rev < rev) odd(entry, `revision back from ${rev}`);
    rev = payload.rev;
    const id = entry.event === 'participant-joined' ? payload.id : payload.participantId;
    if (people === null) odd(entry, 'not in a room');
    else if (entry.event === 'participant-joined') {
      if (people.has(id)) odd(entry, 'already there');
      people.set(id, payload);
    } else if (!people.has(id)) odd(entry, 'a stranger');
    else if (entry.event === 'participant-left') people.delete(id);
    else {
      // Commands that wait together share a revision, so a repeat shows by what it does: nothing.
      const person = people.get(id);
      const changes = Object.entries(payload.updates).some(([field, value]) => (person[field] ?? false) !== (value ?? false));
      if (!changes) odd(entry, 'twice');
      people.set(id, { ...person, ...payload.updates });
    }
  }
  return { people: people && [...people.values()], anomalies };
}
