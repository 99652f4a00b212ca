// Clients that come back and say how far they have heard.
import assert from 'node:assert/strict';
import { wire } from './expect.mjs';

const DELTAS = ['participant-joined', 'participant-left', 'participant-updated'];

/** How far this client has heard: the epoch of its last join, and the last revision. */
export function position(user) {
  let at = {};
  for (const { event, args: [payload], answers } of user.log.entries) {
    const { rev, room } = payload ?? {};
    if (answers === undefined && Number.isInteger(rev)) at.rev = Math.max(at.rev ?? 0, rev);
    if (answers !== undefined && event === 'join-room' && room) at = { epoch: room.epoch, rev };
  }
  return at;
}

/**
 * A connected client takes over what `old` knew, as a page does whose socket is new, and joins. The list of
 * people is not waited for: whether it comes is the question.
 */
export async function resume(user, old = user, from = position(old)) {
  if (user !== old) takeOver(user, old);
  user.roomId = old.roomId;
  user.askedAt = user.log.entries.length;
  user.joinReply = await user.ack('join-room', user.joinPayload(old.roomId, from));
  return user.joinReply;
}

/** The same with a connection of its own; `where` says to which node. */
export async function comeBack(stage, old, where, from) {
  const user = await stage.user(old.id, where);
  await resume(user, old, from);
  return user;
}

/** Their transport breaks, and the witness knows. */
export async function lose(user, witness) {
  await user.cut();
  const lost = ({ participantId, updates }) => participantId === user.id && updates.isReconnecting;
  await witness.next('participant-updated', lost);
}

/** So many changes, each of them a commit of its own. */
export async function wave(user, times) {
  for (let i = 0; i < times; i += 1) await user.ok('update-my-state', { isHandRaised: i % 2 === 0 });
}

function takeOver(user, old) {
  const known = old.log.entries.filter(({ local }) => !local).map((entry) => ({ ...entry, taken: true }));
  user.log.entries.unshift(...known);
  for (const [at, entry] of user.log.entries.entries()) entry.at = at;
}

/** `[event, payload]` of what came between the join and its answer. */
function caughtUp(user) {
  const since = user.log.entries.slice(user.askedAt);
  const answer = since.findIndex(({ event, answers }) => event === 'join-room' && answers !== undefined);
  return since.slice(0, answer).filter(({ local, answers }) => !local && answers === undefined)
    .map(({ event, args }) => [event, args[0]]);
}

function expectOutcome({ joinReply: reply }, outcome) {
  assert.equal(reply.ok, true, JSON.stringify(reply));
  assert.equal(reply.resume?.outcome, outcome, JSON.stringify(reply.resume));
}

/** The missed events, and no list: gives them back. */
export function expectReplayed(user) {
  expectOutcome(user, 'replayed');
  const events = caughtUp(user);
  assert.ok(!events.some(([event]) => event === 'existing-participants'), 'no list beside the events');
  assert.ok(!('participants' in user.joinReply), 'no list in the answer');
  assert.equal(user.joinReply.resume.events, events.length, 'it says how many');
  assert.ok(events.length > 0, 'something was missed');
  return events;
}

/** Neither events nor a list. */
export function expectNothingMissed(user) {
  expectOutcome(user, 'nothing-missed');
  assert.deepEqual(caughtUp(user), []);
  assert.ok(!('participants' in user.joinReply), 'no list in the answer');
}

/** One list, the same in the answer, and no events. */
export function expectSnapshot(user, reason) {
  expectOutcome(user, 'snapshot');
  assert.equal(user.joinReply.resume.reason, reason);
  const events = caughtUp(user);
  const lists = events.filter(([event]) => event === 'existing-participants');
  assert.equal(lists.length, 1, 'one list');
  assert.deepEqual(user.joinReply.participants.map(wire), lists[0][1].map(wire));
  assert.deepEqual(events.filter(([event]) => DELTAS.includes(event)), [], 'no events beside the list');
}

/** `[event, payload]` of what somebody who was there all the time has heard after this revision. */
export function heardAfter(user, rev) {
  return user.log.entries.filter(({ answers, args }) => answers === undefined && args[0]?.rev > rev)
    .map(({ event, args }) => [event, args[0]]);
}

/** Without the news that this user's own connection was lost and is back. */
export function withoutComings(events, id) {
  const isComing = ({ participantId, updates = {} }) => participantId === id && 'isReconnecting' in updates;
  return events.filter(([, payload]) => !isComing(payload));
}
