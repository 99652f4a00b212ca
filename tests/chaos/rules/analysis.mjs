// From the flat record of a history to sessions, commands and the room's log as the clients heard it.
import { ROOM_EVENTS } from '../lib/view.mjs';

const ROLE_COMMANDS = {
  'make-host': ['isHost', true],
  'remove-host': ['isHost', false],
  'make-cohost': ['isCoHost', true],
  'remove-cohost': ['isCoHost', false],
};
export const MEDIA_FIELDS = ['isAudioMuted', 'isVideoPaused', 'isScreenSharing', 'isHandRaised'];
export const ROLE_FIELDS = ['isHost', 'isCoHost'];
/** After these the connection is not in the room any more. */
const ENDS = new Set(['meeting-ended', 'session-replaced', 'kicked-from-room']);

const CACHE = new WeakMap();

/** Cached as long as nothing is added: every rule looks at the same analysis. */
export function analyse(history) {
  const cached = CACHE.get(history);
  if (cached?.length === history.entries.length) return cached.room;
  const room = new Analysis(history).result();
  CACHE.set(history, { length: history.entries.length, room });
  return room;
}

class Analysis {
  #history;
  #sessions = new Map();
  #ops = new Map();
  #segments = [];
  #finals = [];
  #faults = { 'answered-twice': [], 'epoch-without-full-state': [] };

  constructor(history) {
    this.#history = history;
    for (const entry of history.entries) this[`_${entry.kind}`](entry);
  }

  result() {
    // A revision without its epoch says nothing when a full state came between command and answer.
    for (const op of this.#ops.values()) {
      const sure = !op.from || op.from === op.segment || op.from.epoch === op.segment?.epoch;
      if (op.outcome === 'ok' && !op.reply.room && !sure) op.segment = null;
    }
    const segments = this.#segments.filter(({ epoch }) => epoch !== null);
    return {
      creator: this.#history.creator,
      entries: this.#history.entries,
      end: this.#history.entries.at(-1) ?? { n: 0, at: 0 },
      sessions: [...this.#sessions.values()],
      ops: [...this.#ops.values()],
      segments: this.#segments,
      finals: this.#finals,
      faults: this.#faults,
      epochs: epochsInOrder(segments),
      log: logOf(segments),
    };
  }

  _note() {}

  _settled() {
    this.#finals = [];
  }

  _final({ n, at, node, reply }) {
    this.#finals.push({ n, at, node, reply });
  }

  _open({ n, at, session, user, node }) {
    this.#sessions.set(session, { id: session, user, node, opened: n, openedAt: at, closed: null, closedAt: null, how: null, joinedAt: null, joined: null, outAt: null, outHow: null, lastJoin: null, segment: null, segments: [] });
  }

  _close({ n, at, session, how }) {
    const it = this.#sessions.get(session);
    Object.assign(it, { closed: n, closedAt: at, how, outAt: it.outAt ?? at, outHow: it.outHow ?? how });
    this.#endSegment(it, n);
  }

  _invoke({ n, at, op, session, event, payload }) {
    const { user } = this.#sessions.get(session);
    const asked = {
      id: op, session, user, event, payload, invoked: n, invokedAt: at, ended: null, endedAt: null,
      outcome: 'pending', rev: null, segment: null, from: this.#sessions.get(session).segment, reply: null, refusal: null, effects: effectsOf(user, event, payload), explains: 0,
    };
    this.#ops.set(op, asked);
    if (event === 'join-room') this.#sessions.get(session).lastJoin = asked;
  }

  _unknown({ n, at, op }) {
    Object.assign(this.#ops.get(op), { ended: n, endedAt: at, outcome: 'unknown' });
  }

  _ack({ n, at, op: id, reply }) {
    const op = this.#ops.get(id);
    if (op.outcome !== 'pending') {
      this.#faults['answered-twice'].push(`${sayOp(op)} got ${JSON.stringify(reply)} although it was ${op.outcome}`);
      return;
    }
    const session = this.#sessions.get(op.session);
    // The answer to a role command waits for the database and may follow the answer to a later leave.
    const segment = session.segment ?? session.segments.at(-1) ?? null;
    Object.assign(op, { ended: n, endedAt: at, reply, segment, outcome: reply.ok ? 'ok' : 'refused' });
    if (!reply.ok) {
      op.refusal = reply.error;
      return;
    }
    op.rev = reply.rev ?? null;
    session.segment?.acks.push({ n, op });
    if (op.event === 'join-room') {
      session.joined ??= { epoch: reply.room?.epoch, rev: op.rev };
      Object.assign(session, { joinedAt: session.joinedAt ?? at, outAt: null, outHow: null });
    }
    if (reply.room?.epoch) this.#learnEpoch(session, op, reply.room.epoch);
    if (op.event === 'leave-room') {
      Object.assign(session, { outAt: at, outHow: 'left' });
      this.#endSegment(session, n);
    }
  }

  _event({ n, at, session: id, event, payload }) {
    const session = this.#sessions.get(id);
    if (event === 'existing-participants') {
      this.#endSegment(session, n);
      session.segment = {
        session: id, user: session.user, node: session.node, start: n, startAt: at, end: null,
        list: payload, asked: session.lastJoin?.outcome === 'pending', epoch: null, items: [], acks: [],
      };
      session.segments.push(session.segment);
      this.#segments.push(session.segment);
      return;
    }
    if (!session.segment) return;
    // Without a revision it has no place in the log; the views object to that.
    if (ROOM_EVENTS.has(event) && Number.isInteger(payload.rev)) session.segment.items.push({ n, at, event, payload, rev: payload.rev });
    if (ENDS.has(event)) this.#endSegment(session, n);
  }

  #endSegment(session, n) {
    if (session.segment) session.segment.end = n;
    session.segment = null;
  }

  #learnEpoch(session, op, epoch) {
    const { segment } = session;
    if (!segment) return;
    segment.epoch ??= epoch;
    if (segment.epoch !== epoch) {
      this.#faults['epoch-without-full-state'].push(`${session.user} on node ${session.node}: ${sayOp(op)} tells of epoch ${epoch}, the last full state was of ${segment.epoch}`);
      // From here on judge by what the server says, so that one fault is reported once.
      segment.epoch = epoch;
    }
  }
}

function effectsOf(user, event, payload) {
  if (ROLE_COMMANDS[event]) {
    const [field, value] = ROLE_COMMANDS[event];
    return [{ target: payload.participantId, field, value, role: true }];
  }
  if (event !== 'update-my-state' && event !== 'join-room') return [];
  return MEDIA_FIELDS.filter((field) => field in payload).map((field) => ({ target: user, field, value: payload[field], role: false }));
}

function epochsInOrder(segments) {
  const first = new Map();
  for (const { epoch, start } of segments) if (!first.has(epoch)) first.set(epoch, start);
  return [...first].sort(([, a], [, b]) => a - b).map(([epoch]) => epoch);
}

/** `epoch → rev → { rev, at, versions: [{ segment, events, cut }] }`: what each connection heard of each commit. */
function logOf(segments) {
  const log = new Map();
  for (const segment of segments) {
    if (!log.has(segment.epoch)) log.set(segment.epoch, new Map());
    const commits = log.get(segment.epoch);
    const last = segment.items.at(-1)?.rev;
    for (const { rev, at, event, payload } of segment.items) {
      if (!commits.has(rev)) commits.set(rev, { rev, at, versions: new Map() });
      const commit = commits.get(rev);
      commit.at = Math.min(commit.at, at);
      // Whoever was cut off, or told everything anew, may have missed the rest of their last commit.
      const version = commit.versions.get(segment) ?? { segment, events: [], cut: rev === last && segment.end !== null };
      version.events.push({ event, payload });
      commit.versions.set(segment, version);
    }
  }
  for (const [epoch, commits] of log) {
    for (const commit of commits.values()) {
      commit.versions = [...commit.versions.values()];
      commit.events = commit.versions.reduce((best, { events }) => (events.length > best.length ? events : best), []);
    }
    log.set(epoch, new Map([...commits].sort(([a], [b]) => a - b)));
  }
  return log;
}

/** Who an event is about, when that person does not hear it themselves. */
export function hiddenFrom({ event, payload }) {
  if (event === 'participant-joined') return payload.id;
  return event === 'participant-left' ? payload.participantId : null;
}

export function sayOp({ id, user, event, payload }) {
  const about = payload?.participantId ?? '';
  return `${user}'s ${event}${about && ` ${about}`} (#${id})`;
}
