// Real time, send order, epochs, and that everything is answered.
import { sayOp } from './analysis.mjs';
import { replay } from './replay.mjs';

/** Longer than any answer may take, faults included. */
const ANSWER_MS = 5_000;

const accepted = ({ ops }) => ops.filter(({ outcome, rev, segment }) => outcome === 'ok' && Number.isInteger(rev) && segment?.epoch);
/** Reads are answered from the node's replica and promise no more than their own revision. */
const isRead = ({ event }) => event === 'room-state';

/** Accepted commands in the order of being sent, each with the highest revision acknowledged before. */
function* afterWhat(room) {
  const ops = accepted(room).filter((op) => !isRead(op));
  const byAck = [...ops].sort((a, b) => a.ended - b.ended);
  const highest = new Map();
  let acked = 0;
  for (const op of [...ops].sort((a, b) => a.invoked - b.invoked)) {
    for (; byAck[acked]?.ended < op.invoked; acked += 1) {
      const done = byAck[acked];
      const best = highest.get(done.segment.epoch);
      if (!best || done.rev > best.rev) highest.set(done.segment.epoch, done);
    }
    const before = highest.get(op.segment.epoch);
    if (before) yield { op, before, earlier: byAck.slice(0, acked) };
  }
}

/**
 * What was acknowledged before something else was asked for has the lower revision. What changed
 * nothing may be answered from a node's replica, as a read is, but not against what was acknowledged.
 */
export function realTime(room, expectations) {
  // Only the replay knows which commands changed something.
  replay(room, expectations);
  const out = [];
  for (const { op, before, earlier } of afterWhat(room)) {
    const effective = op.explains > 0;
    if (effective && (op.rev < before.rev || (op.rev === before.rev && before.explains > 0))) {
      out.push(`${sayOp(op)} got revision ${op.rev}, but ${sayOp(before)} had ${before.rev} before it was sent`);
    }
    const denied = !effective && op.rev < before.rev && earlier.find((done) => done.rev > op.rev && done.segment.epoch === op.segment.epoch && done.explains > 0 && contradicts(done, op));
    if (denied) out.push(`${sayOp(op)} was accepted as changing nothing at ${op.rev}, although ${sayOp(denied)} had ${denied.rev} before it was sent`);
  }
  return out;
}

/** Whether `op` makes no sense as a repeat once `done` has happened. */
const contradicts = (done, op) => done.effects.some(({ target, field, value }) =>
  op.effects.some((other) => other.target === target && other.field === field && other.value !== value)
  || (target === op.user && field === 'isHost' && !value && op.effects[0]?.role));

/** How many accepted repeats were judged on a state older than what had been acknowledged. */
export function staleRepeats(room) {
  return [...afterWhat(room)].filter(({ op, before }) => op.explains === 0 && op.effects.length > 0 && op.rev < before.rev).length;
}

/** Commands of one connection take effect in the order sent. */
export function sendOrder(room) {
  const out = [];
  const last = new Map();
  for (const op of accepted(room).filter((it) => !isRead(it))) {
    const key = `${op.session} ${op.segment.epoch}`;
    const before = last.get(key);
    if (before && op.rev < before.rev) out.push(`${sayOp(op)} was sent after ${sayOp(before)} and got ${op.rev}, not more than ${before.rev}`);
    last.set(key, op);
  }
  return out;
}

/** Once somebody has seen a later epoch, nothing is decided in an earlier one. */
export function epochOrder(room) {
  const out = [];
  const place = new Map(room.epochs.map((epoch, at) => [epoch, at]));
  const ops = accepted(room).filter((op) => !isRead(op));
  const byAck = [...ops].sort((a, b) => a.ended - b.ended);
  let newest = null;
  let acked = 0;
  for (const op of [...ops].sort((a, b) => a.invoked - b.invoked)) {
    for (; byAck[acked]?.ended < op.invoked; acked += 1) {
      if (!newest || place.get(byAck[acked].segment.epoch) > place.get(newest.segment.epoch)) newest = byAck[acked];
    }
    if (newest && place.get(op.segment.epoch) < place.get(newest.segment.epoch)) {
      out.push(`${sayOp(op)} was accepted in epoch ${op.segment.epoch}, although ${sayOp(newest)} was in ${newest.segment.epoch} before`);
    }
  }
  return out;
}

/** No more rebuilds than there were reasons for, each told with one full state to each connection. */
export function epochs(room, { rebuilds = Infinity }) {
  const out = [...room.faults['epoch-without-full-state']];
  if (room.epochs.length > rebuilds + 1) out.push(`${room.epochs.length} epochs, and reasons for ${rebuilds + 1}: ${room.epochs}`);
  return out;
}

/** Full states that nobody asked for, each of which needs a reason. */
export function fullStates(room, { fullStates: most = Infinity }) {
  const out = [];
  for (const session of room.sessions) {
    const unasked = session.segments.filter(({ asked }) => !asked).length;
    if (unasked > most) out.push(`${session.user} on node ${session.node} got ${unasked} full states unasked, at most ${most} were due`);
  }
  return out;
}

/** Exactly one answer to each command, unless its connection ended. */
export function answers(room) {
  const out = [...room.faults['answered-twice']];
  for (const op of room.ops) {
    if (op.outcome === 'pending' && room.end.at - op.invokedAt > ANSWER_MS) out.push(`${sayOp(op)} was never answered`);
    const error = op.refusal;
    if (op.outcome === 'refused' && (typeof error?.code !== 'string' || typeof error.message !== 'string')) {
      out.push(`${sayOp(op)} was refused without code and message: ${JSON.stringify(op.reply)}`);
    }
    if (op.outcome === 'ok' && !Number.isInteger(op.rev)) out.push(`${sayOp(op)} was accepted without a revision`);
  }
  return out;
}
