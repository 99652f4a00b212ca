// Who is in the room, who left and why: no false leave, no ghost, nobody lost, each leave once.
import { sayOp } from './analysis.mjs';

/** How much earlier than we a node may see that a connection has ended, and clocks be read. */
const SLACK_MS = 250;
/** From the end of a grace to the leave that everybody has heard. */
const LATE_MS = 5_000;

const LEAVES = (room) => [...room.log].flatMap(([epoch, commits]) => [...commits.values()].flatMap(({ rev, at, events }) =>
  events.filter(({ event }) => event === 'participant-left').map(({ payload }) => ({ epoch, rev, at, user: payload.participantId, reason: payload.reason }))));

/** The connections of a person that were in the room. */
const stays = (room, user) => room.sessions.filter((it) => it.user === user && it.joinedAt !== null);

/**
 * Since when this person has had no connection in the room, at that time; null when they have one. News
 * may be heard later than the answer to a join that came after it, or shared its commit: `news` has the
 * epoch and the revision of the news, which tell.
 */
function awaySince(room, user, at, news = null) {
  const later = ({ joined }) => news !== null && joined.epoch === news.epoch && joined.rev >= news.rev;
  const mine = stays(room, user).filter((it) => it.joinedAt <= at && !later(it));
  if (mine.some(({ outAt }) => outAt === null || outAt > at)) return null;
  return mine.reduce((last, it) => (!last || it.outAt > last.outAt ? it : last), null);
}

/** Somebody leaves only when they said so, or were away for as long as the grace. */
export function falseLeaves(room, { graceMs = 20_000, closeGraceMs = 3_000, mayLeave = () => false }) {
  const out = [];
  for (const { epoch, rev, at, user, reason } of LEAVES(room)) {
    const text = `${user} left at revision ${rev} (${reason})`;
    // Somebody whose connections are not recorded here, or whom a fault has kept away.
    if (stays(room, user).length === 0 || mayLeave(user, at) || reason === 'meeting-ended') continue;
    const asked = room.ops.some((op) => op.user === user && op.event === 'leave-room' && op.invokedAt <= at);
    const goodbye = room.sessions.some((it) => it.user === user && it.how === 'left' && it.closedAt <= at + SLACK_MS);
    if (reason === 'left') {
      if (!asked && !goodbye) out.push(`${text} without having said so`);
      continue;
    }
    const last = awaySince(room, user, at, { epoch, rev });
    if (last === null) out.push(`${text} with a connection in the room`);
    else {
      const grace = last.outHow === 'closed' ? closeGraceMs : graceMs;
      const away = at - last.outAt;
      if (away < grace - SLACK_MS) out.push(`${text} after ${away} ms of ${grace}`);
    }
  }
  return out;
}

/** As often as expected, and never twice without having come back. */
export function leaveCounts(room, { leaves = {} }) {
  const found = LEAVES(room);
  return Object.entries(leaves).flatMap(([user, count]) => {
    const times = found.filter((leave) => leave.user === user);
    return times.length === count ? [] : [`${user} left ${times.length} times (${times.map(({ rev }) => rev)}), expected ${count}`];
  });
}

/** A connection that is open and was let in is in the room. */
export function lostMembers(room, { mayLeave = () => false }) {
  const final = room.finals.at(-1);
  if (!final) return [];
  const present = new Set(final.reply.participants.map(({ id }) => id));
  return room.sessions
    .filter(({ user, closed, segment }) => closed === null && segment !== null && !present.has(user) && !mayLeave(user, final.at))
    .map(({ user, node }) => `${user} has an open connection in the room on node ${node}, and is not in it at the end`);
}

/** Nobody stays who has said goodbye, or has been away for longer than the grace. */
export function ghosts(room, { graceMs = 20_000, closeGraceMs = 3_000, detectMs = 0, others = () => false }) {
  const final = room.finals.at(-1);
  if (!final) return [];
  const out = [];
  for (const { id: user } of final.reply.participants) {
    const last = awaySince(room, user, final.at);
    if (last === null) {
      if (!others(user) && !room.ops.some((op) => op.user === user && op.event === 'join-room')) out.push(`${user} is in the room and never came`);
      continue;
    }
    const grace = last.outHow === 'left' ? 0 : last.outHow === 'closed' ? closeGraceMs : graceMs;
    const away = final.at - last.outAt;
    if (away > grace + detectMs + LATE_MS) out.push(`${user} has been away for ${away} ms (${last.outHow}) and is still in the room`);
  }
  return out;
}

/** Nothing is heard after leaving, and nobody gets in after the end. */
export function afterTheEnd(room) {
  const out = [];
  const ended = [...room.ops].filter(({ event, outcome }) => event === 'end-meeting' && outcome === 'ok');
  const first = ended.reduce((best, op) => (!best || op.ended < best.ended ? op : best), null);
  if (first) {
    for (const op of room.ops) {
      if (op.event === 'join-room' && op.outcome === 'ok' && op.invoked > first.ended) out.push(`${sayOp(op)} was let in after ${sayOp(first)}`);
    }
  }
  return out;
}
