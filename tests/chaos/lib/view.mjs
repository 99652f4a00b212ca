// The list of people that a frontend shows, folded from what one connection hears, and whatever no
// frontend should have to cope with: repeats, strangers, revisions that go back.
import { isDeepStrictEqual } from 'node:util';

export const ROOM_EVENTS = new Set([
  'participant-joined', 'participant-left', 'participant-updated', 'host-vacant', 'host-changed', 'meeting-ended',
]);

/** A participant without what is absent when it is false, so that two of them can be compared. */
export function plain({ rev: _rev, ...person }) {
  return Object.fromEntries(Object.entries(person).filter(([, value]) => value !== false && value !== undefined));
}

/** People by id, from any list of participants. */
export function peopleOf(list) {
  return new Map(list.map((person) => [person.id, plain(person)]));
}

/** What differs between two maps of people, in words; empty when nothing does. */
export function difference(left, right) {
  const out = [];
  for (const id of new Set([...left.keys(), ...right.keys()])) {
    const [a, b] = [left.get(id), right.get(id)];
    if (isDeepStrictEqual(a, b)) continue;
    if (!a || !b) out.push(`${id} is only ${a ? 'here' : 'there'}`);
    else {
      const fields = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => !isDeepStrictEqual(a[key], b[key]));
      out.push(fields.map((key) => `${id}.${key} ${JSON.stringify(a[key])} here, ${JSON.stringify(b[key])} there`).join('; '));
    }
  }
  return out;
}

export class View {
  /** `null` while the connection is not in the room. */
  people = null;
  rev = 0;
  anomalies = [];
  #over = false;

  hear(event, payload) {
    if (event === 'existing-participants') return this.#restart(payload);
    if (event === 'session-replaced' || event === 'kicked-from-room') this.#over = true;
    if (!ROOM_EVENTS.has(event)) return undefined;
    if (this.#over) return this.#odd(event, payload, 'news after the end');
    if (this.people === null) return this.#odd(event, payload, 'not in a room');
    if (!Number.isInteger(payload?.rev)) this.#odd(event, payload, 'no revision');
    else if (payload.rev < this.rev) this.#odd(event, payload, `revision back from ${this.rev}`);
    this.rev = payload?.rev ?? this.rev;
    if (event === 'meeting-ended') {
      this.#over = true;
      this.people.clear();
    } else if (event === 'participant-joined') this.#joined(payload);
    else if (event === 'participant-left') this.#left(payload);
    else if (event === 'participant-updated') this.#updated(payload);
    return undefined;
  }

  leave() {
    this.people = null;
    this.#over = false;
  }

  #restart(list) {
    this.people = peopleOf(list);
    this.rev = 0;
    this.#over = false;
    if (this.people.size !== list.length) this.#odd('existing-participants', list, 'somebody twice');
  }

  #joined(person) {
    if (this.people.has(person.id)) this.#odd('participant-joined', person, 'already there');
    this.people.set(person.id, plain(person));
  }

  #left(payload) {
    if (!this.people.delete(payload.participantId)) this.#odd('participant-left', payload, 'a stranger');
  }

  #updated(payload) {
    const before = this.people.get(payload.participantId);
    if (!before) return this.#odd('participant-updated', payload, 'a stranger');
    const after = plain({ ...before, ...payload.updates });
    // Commands that wait together share a revision, so a repeat shows by what it does: nothing.
    if (isDeepStrictEqual(before, after)) this.#odd('participant-updated', payload, 'changes nothing');
    this.people.set(payload.participantId, after);
    return undefined;
  }

  #odd(event, payload, why) {
    this.anomalies.push(`${why}: ${event} ${JSON.stringify(payload)?.slice(0, 300)}`);
  }
}
