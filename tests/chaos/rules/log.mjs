// The log as clients heard it: every connection heard the same commits, all of them, in time.
import { isDeepStrictEqual } from 'node:util';
import { difference, peopleOf } from '../lib/view.mjs';
import { hiddenFrom, sayOp } from './analysis.mjs';

const say = ({ session, user, node }) => `${user} (connection ${session}, node ${node})`;
const visibleTo = (user) => (item) => hiddenFrom(item) !== user;

/** Two connections never hear different things of one commit. */
export function divergence(room) {
  const out = [];
  for (const [epoch, commits] of room.log) {
    for (const { rev, versions } of commits.values()) {
      // The fullest first: everybody else is compared with it.
      const [full, ...others] = [...versions].sort((a, b) => b.events.length - a.events.length);
      for (const other of others) {
        const users = [full.segment.user, other.segment.user];
        const both = (events) => events.filter((item) => !users.includes(hiddenFrom(item)));
        const [all, heard] = [both(full.events), both(other.events)];
        const expected = other.cut || full.cut ? all.slice(0, heard.length) : all;
        const found = other.cut || full.cut ? heard.slice(0, all.length) : heard;
        if (!isDeepStrictEqual(expected, found)) {
          out.push(`revision ${rev} of ${epoch}: ${say(full.segment)} heard ${brief(all)}, ${say(other.segment)} heard ${brief(heard)}`);
        }
      }
    }
  }
  return out;
}

/** What one connection should have heard between two points, and did not. */
export function holes(room) {
  const out = [];
  for (const segment of room.segments) {
    if (segment.epoch === null) continue;
    const heard = new Set(segment.items.map(({ rev }) => rev));
    const from = segment.acks.find(({ op }) => op.event === 'join-room')?.op.rev ?? segment.items[0]?.rev ?? Infinity;
    const to = segment.items.at(-1)?.rev ?? -Infinity;
    for (const commit of room.log.get(segment.epoch).values()) {
      if (commit.rev <= from || commit.rev >= to || heard.has(commit.rev)) continue;
      if (commit.events.some(visibleTo(segment.user))) {
        out.push(`${say(segment)} heard up to ${to}, but not revision ${commit.rev}: ${brief(commit.events)}`);
      }
    }
  }
  return out;
}

/** An acknowledgement never precedes its state: all up to its revision has been heard by then. */
export function stateFirst(room) {
  const out = [];
  for (const segment of room.segments) {
    if (segment.epoch === null) continue;
    const revs = [...room.log.get(segment.epoch).values()];
    const from = segment.acks.find(({ op }) => op.event === 'join-room')?.op.rev ?? segment.items[0]?.rev;
    if (from === undefined) continue;
    const when = new Map();
    for (const { rev, n } of segment.items) if (!when.has(rev)) when.set(rev, n);
    let at = revs.findIndex(({ rev }) => rev > from);
    if (at < 0) continue;
    for (const { n, op } of segment.acks) {
      if (op.segment !== segment) continue;
      // Whoever leaves need not hear the rest of the commit that they leave with.
      const upTo = op.event === 'leave-room' ? op.rev - 1 : op.rev;
      for (; at < revs.length && revs[at].rev <= upTo; at += 1) {
        const commit = revs[at];
        if (!commit.events.some(visibleTo(segment.user))) continue;
        if (!(when.get(commit.rev) < n)) {
          out.push(`${sayOp(op)} was acknowledged at ${op.rev} before ${say(segment)} had heard revision ${commit.rev}: ${brief(commit.events)}`);
        }
      }
    }
  }
  return out;
}

/** Two nodes never show different states of one revision. */
export function replicas(room) {
  const out = [];
  const seen = new Map();
  for (const op of room.ops) {
    const { ok, rev, participants, room: about } = op.reply ?? {};
    if (!ok || !participants || !about?.epoch) continue;
    const key = `${about.epoch} ${rev}`;
    const first = seen.get(key);
    if (!first) {
      seen.set(key, { op, people: peopleOf(participants) });
      continue;
    }
    const differences = difference(first.people, peopleOf(participants));
    if (differences.length > 0) out.push(`revision ${rev} of ${about.epoch} at ${sayOp(first.op)} and at ${sayOp(op)}: ${differences.join('; ')}`);
  }
  return out;
}

function brief(events) {
  return events.length === 0 ? 'nothing' : events.map(({ event, payload }) => `${event} ${payload.participantId ?? payload.id ?? ''} ${JSON.stringify(payload.updates ?? {})}`).join(', ').slice(0, 300);
}
