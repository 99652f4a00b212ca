// Replays the room's log and asks for each change who wanted it, and whether they were allowed to.
//
// The state starts from a full state (an acknowledgement with all participants at its revision) and
// follows the events. Every later full state must agree, and then takes over.
import { MEDIA_FIELDS, ROLE_FIELDS, sayOp } from './analysis.mjs';

const FIELDS = [...ROLE_FIELDS, ...MEDIA_FIELDS];
const CACHE = new WeakMap();

/** `{ unexplained, unauthorised, lostAcks, lastHost, drift }`, each a list of sentences. */
export function replay(room, expectations) {
  let found = CACHE.get(room);
  if (!found) {
    found = new Replay(room, expectations).run();
    CACHE.set(room, found);
  }
  return found;
}

class Replay {
  #room;
  #expectations;
  #people = null;
  /** Flags as last known, also of people who are not in the room: grants outlive a leave. */
  #flags = new Map();
  /** `user field → epoch`: changes that were shown there, and never acknowledged. A rebuild may lose them. */
  #doubtful = new Map();
  /** `user field → time` of the acknowledgement of the last change. */
  #acked = new Map();
  /** `user field → value`: lost by a rebuild; what SQL knows of it may be done once more. */
  #redo = new Map();
  #epoch = null;
  #unknown;
  #out = { unexplained: [], unauthorised: [], lostAcks: [], lastHost: [], drift: [] };

  constructor(room, expectations) {
    this.#room = room;
    this.#expectations = expectations;
    // Not answered, answered without a known epoch, or refused because something did not answer: it
    // may have taken effect or not.
    this.#unknown = room.ops.filter(({ outcome, refusal, segment }) => outcome === 'unknown' || outcome === 'pending' || refusal?.code === 'unavailable' || (outcome === 'ok' && !segment));
  }

  run() {
    for (const epoch of this.#room.epochs) {
      this.#people = null;
      this.#epoch = epoch;
      for (const step of this.#steps(epoch)) this.#take(step);
    }
    this.#finish();
    return this.#out;
  }

  /** Commits, accepted commands and full states of one epoch, by revision. */
  #steps(epoch) {
    const steps = new Map();
    const at = (rev) => {
      if (!steps.has(rev)) steps.set(rev, { rev, events: [], ops: [], full: null });
      return steps.get(rev);
    };
    for (const commit of this.#room.log.get(epoch).values()) at(commit.rev).events = commit.events;
    for (const op of this.#room.ops) {
      if (op.outcome !== 'ok' || op.segment?.epoch !== epoch || !Number.isInteger(op.rev)) continue;
      const step = at(op.rev);
      step.ops.push(op);
      if (op.reply.participants) step.full ??= op;
    }
    return [...steps.values()].sort((a, b) => a.rev - b.rev);
  }

  #take({ rev, events, ops, full }) {
    const where = `revision ${rev} of ${this.#epoch}`;
    const changers = ops.filter(({ effects }) => effects.length > 0);
    const open = new Map(changers.map((op) => [op, { allowed: this.#allows(op), done: this.#holds(op) }]));
    const hadHost = this.#hasHost();
    const bySystem = events.some(({ event }) => event === 'host-changed' || event === 'host-vacant');
    for (const item of events) {
      this.#apply(where, item, changers, bySystem);
      for (const [op, state] of open) {
        state.allowed ||= this.#allows(op);
        state.done ||= this.#holds(op);
      }
    }
    if (full) this.#compare(where, full);
    for (const [op, { allowed, done }] of open) {
      if (this.#people && !allowed && !this.#allows(op)) this.#out.unauthorised.push(`${where}: ${sayOp(op)} was accepted, and may not do that`);
      if (this.#people && !done && !this.#holds(op)) this.#out.lostAcks.push(`${where}: ${sayOp(op)} was accepted and had no effect`);
    }
    const revoked = changers.filter(({ event, explains }) => event === 'remove-host' && explains > 0);
    if (hadHost && revoked.length > 0 && !this.#hasHost() && !bySystem) {
      this.#out.lastHost.push(`${where}: ${sayOp(revoked.at(-1))} took the last host away`);
    }
  }

  #apply(where, { event, payload }, changers, bySystem) {
    if (event === 'meeting-ended') this.#people?.clear();
    if (event === 'participant-left') this.#people?.delete(payload.participantId);
    if (event === 'participant-joined') this.#enter(where, payload);
    if (event === 'host-changed') this.#stand(payload);
    if (event !== 'participant-updated') return;
    const person = this.#people?.get(payload.participantId);
    for (const field of FIELDS.filter((name) => name in payload.updates)) {
      const change = { target: payload.participantId, field, value: payload.updates[field] };
      if (this.#people && !(bySystem && field === 'isHost')) this.#explain(where, change, changers);
      this.#set(change.target, person, field, change.value);
    }
  }

  #explain(where, change, changers) {
    const wants = (op) => op.effects.some(({ target, field, value }) => target === change.target && field === change.field && value === change.value);
    const text = `${where}: ${change.target}.${change.field} became ${change.value}`;
    const asked = changers.filter(wants);
    const guesses = asked.length > 0 ? [] : this.#unknown.filter((op) => wants(op) && op.explains === 0);
    const op = [...asked, ...guesses].find((candidate) => this.#allows(candidate)) ?? asked[0] ?? guesses[0];
    const doubt = `${change.target} ${change.field}`;
    const again = this.#redo.get(doubt) === change.value;
    this.#redo.delete(doubt);
    if (!op && again) return;
    if (op?.outcome === 'ok') {
      this.#doubtful.delete(doubt);
      this.#acked.set(doubt, op.endedAt);
    } else this.#doubtful.set(doubt, this.#epoch);
    if (op) {
      op.explains += 1;
      if (!this.#allows(op)) this.#out.unauthorised.push(`${text} by ${sayOp(op)}, who may not do that`);
    } else if (!this.#expectations.reverts) {
      const refused = this.#room.ops.find((candidate) => candidate.outcome === 'refused' && wants(candidate));
      this.#out.unexplained.push(`${text}, and nobody ${refused ? `was allowed to ask for it: ${sayOp(refused)} had been refused as ${refused.refusal?.code}` : 'had asked for it'}`);
    }
  }

  /** Who stands in as host does so until a host is back, and holds no grant by it. */
  #stand({ participantId, cause }) {
    for (const flags of this.#flags.values()) flags.acting = false;
    if (cause === 'succession' && this.#flags.has(participantId)) this.#flags.get(participantId).acting = true;
  }

  /** Whoever comes back has the roles that they had, unless they only stood in. */
  #enter(where, person) {
    const known = this.#flags.get(person.id);
    for (const field of ROLE_FIELDS) {
      if (!known || known[field] === undefined || Boolean(person[field]) === known[field]) continue;
      const acting = field === 'isHost' && known.acting;
      if (!acting && !this.#guess(person.id, field, Boolean(person[field]))) {
        this.#out.drift.push(`${where}: ${person.id} came in with ${field} ${Boolean(person[field])}, and it was ${known[field]}`);
      }
    }
    const flags = {};
    this.#people?.set(person.id, flags);
    for (const field of FIELDS) this.#set(person.id, flags, field, Boolean(person[field]));
  }

  /** A full state agrees with the replay about everybody whom both know. */
  #compare(where, op) {
    const people = new Map();
    const first = this.#people === null;
    for (const person of op.reply.participants) {
      const flags = {};
      for (const field of FIELDS) {
        const value = Boolean(person[field]);
        const before = (this.#people ?? this.#flags).get(person.id)?.[field];
        // The first full state of an epoch is what a rebuild has brought back.
        const tail = first && this.#expectations.losesTail && MEDIA_FIELDS.includes(field);
        // Media flags begin anew with each stay in the room, and so say nothing across epochs.
        const comparable = before !== undefined && !(first && MEDIA_FIELDS.includes(field) && !this.#stayed(person.id, op));
        const acting = field === 'isHost' && this.#flags.get(person.id)?.acting;
        const doubt = `${person.id} ${field}`;
        const rebuilt = first && comparable && before !== value && ROLE_FIELDS.includes(field);
        if (rebuilt) this.#redo.set(doubt, before);
        const late = rebuilt && this.#acked.get(doubt) > op.invokedAt;
        if (comparable && before !== value && !tail && !acting && !late && !this.#guess(person.id, field, value)) {
          this.#out.drift.push(`${where}: ${sayOp(op)} says ${person.id}.${field} is ${value}, the log says ${before}`);
        }
        flags[field] = value;
        this.#set(person.id, flags, field, value);
      }
      people.set(person.id, flags);
    }
    this.#people = people;
  }

  /** Whether one of this person's connections lasted from the epoch before into this one. */
  #stayed(user, op) {
    return this.#room.sessions.some((it) => it.user === user && it.segments.some(({ epoch }) => epoch === op.segment.epoch)
      && it.segments.some(({ epoch }) => epoch !== null && epoch !== op.segment.epoch));
  }

  /** At the end every flag is what the log says: what was accepted is there, or was overwritten. */
  #finish() {
    const final = this.#room.finals.at(-1)?.reply;
    for (const person of final?.participants ?? []) {
      for (const field of FIELDS) {
        const known = this.#people?.get(person.id)?.[field];
        if (known !== undefined && known !== Boolean(person[field]) && !this.#guess(person.id, field, Boolean(person[field]))) {
          this.#out.lostAcks.push(`at the end ${person.id}.${field} is ${Boolean(person[field])}, the log says ${known}`);
        }
      }
    }
  }

  #set(user, person, field, value) {
    if (person) person[field] = value;
    if (!this.#flags.has(user)) this.#flags.set(user, {});
    this.#flags.get(user)[field] = value;
  }

  /** Something whose outcome nobody knows, and which would explain this. */
  #guess(target, field, value) {
    const op = this.#unknown.find((it) => it.effects.some((effect) => effect.target === target && effect.field === field && effect.value === value));
    if (op) op.explains += 1;
    const shown = this.#doubtful.get(`${target} ${field}`);
    return Boolean(op) || (shown !== undefined && shown !== this.#epoch);
  }

  #holds(op) {
    return op.effects.every(({ target, field, value }) => this.#people?.get(target)?.[field] === value);
  }

  #hasHost() {
    return [...(this.#people?.values() ?? [])].some(({ isHost }) => isHost);
  }

  /** CONTRACT.md section 3, as far as this version has it. */
  #allows({ event, user, effects }) {
    if (event === 'join-room' || !this.#people) return true;
    const actor = this.#people.get(user);
    if (!actor) return false;
    if (event === 'update-my-state') return true;
    const [{ target }] = effects;
    if (!actor.isHost || !this.#people.has(target)) return false;
    if (event !== 'remove-host') return target !== user;
    if (target === this.#room.creator) return false;
    const others = [...this.#people].some(([id, { isHost }]) => id !== target && isHost);
    return others || !this.#people.get(target).isHost;
  }
}
