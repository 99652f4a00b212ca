// What each client shows: nothing odd on the way, and the same as the authority whenever it says.
import { difference, peopleOf, View } from '../lib/view.mjs';
import { sayOp } from './analysis.mjs';

const CACHE = new WeakMap();

/** One walk over the entries: a view per connection, compared at each full acknowledgement. */
function walk(room) {
  const cached = CACHE.get(room);
  if (cached) return cached;
  const views = new Map();
  const ops = new Map(room.ops.map((op) => [op.id, op]));
  const mismatches = [];
  for (const entry of room.entries) {
    if (entry.kind === 'open') views.set(entry.session, new View());
    else if (entry.kind === 'event') views.get(entry.session).hear(entry.event, entry.payload);
    else if (entry.kind === 'ack' && entry.reply?.ok) {
      const op = ops.get(entry.op);
      const view = views.get(op.session);
      // The first answer counts; that there was a second one is another rule's business.
      if (op.ended === entry.n) compare(op, view, mismatches);
      if (op.event === 'leave-room') view.leave();
    }
  }
  const found = { views, mismatches };
  CACHE.set(room, found);
  return found;
}

function compare(op, view, mismatches) {
  const { participants, rev } = op.reply;
  if (!participants) return;
  if (view.people === null) {
    mismatches.push(`${sayOp(op)} was acknowledged before its list had come`);
    return;
  }
  if (view.rev > rev) mismatches.push(`${sayOp(op)} says revision ${rev}, but ${view.rev} had been heard`);
  const differences = difference(view.people, peopleOf(participants));
  if (differences.length > 0) mismatches.push(`${sayOp(op)} at revision ${rev}, the view against the answer: ${differences.join('; ')}`);
}

/** No repeats, no strangers, no revision that goes back. */
export function anomalies(room) {
  const { views } = walk(room);
  return room.sessions.flatMap(({ id, user, node }) => views.get(id).anomalies.map((text) => `${user} (connection ${id}, node ${node}): ${text}`));
}

/** Whenever the server says what there is, the view shows just that. */
export function viewsAtAcks(room) {
  return walk(room).mismatches;
}

/** In the end all nodes say the same, and every open connection shows it. */
export function finalViews(room) {
  const [first, ...others] = room.finals;
  if (!first) return [];
  const out = [];
  const people = peopleOf(first.reply.participants);
  for (const { node, reply } of others) {
    if (reply.rev !== first.reply.rev || reply.room.epoch !== first.reply.room.epoch) {
      out.push(`node ${node} ends at ${reply.rev} of ${reply.room.epoch}, node ${first.node} at ${first.reply.rev} of ${first.reply.room.epoch}`);
    }
    const differences = difference(people, peopleOf(reply.participants));
    if (differences.length > 0) out.push(`node ${first.node} against node ${node} at the end: ${differences.join('; ')}`);
  }
  const { views } = walk(room);
  for (const { id, user, node, closed, segment } of room.sessions) {
    if (closed !== null || segment === null) continue;
    const differences = difference(people, views.get(id).people);
    if (differences.length > 0) out.push(`node ${first.node} against the view of ${user} on node ${node} at the end: ${differences.join('; ')}`);
  }
  return out;
}

/** There are never more people in the room than seats. */
export function capacity(room, { seats = Infinity }) {
  const lists = [
    ...room.segments.map(({ user, list }) => [`the list that ${user} got`, list]),
    ...room.ops.filter(({ reply }) => reply?.participants).map((op) => [sayOp(op), op.reply.participants]),
  ];
  return lists.filter(([, list]) => list.length > seats).map(([what, list]) => `${what} has ${list.length} people, and there are ${seats} seats`);
}
