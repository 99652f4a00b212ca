// What stands between a person and a room: lobby, lock, passcode, and the number of seats.
import assert from 'node:assert/strict';
import { knock } from './knocks.mjs';

/** The time in which wrong passcodes count. */
const WINDOW_MS = 600_000;

/** Ann's meeting with the guests in it; whoever comes from now on waits. */
export async function withLobby(stage, ...guests) {
  const people = await stage.cast(...guests);
  await people.ann.ok('update-room', { lobby: true });
  for (const id of ['ann', ...guests]) await people[id].next('room-updated');
  return people;
}

/** The same, and these people in the queue. */
export async function waiting(stage, guests, ...queue) {
  const people = await withLobby(stage, ...guests);
  const { roomId, ann } = people;
  for (const id of queue) people[id] = await knock(stage, id, roomId);
  await queueBecomes(ann, ...queue);
  return people;
}

/** The next thing that somebody who waits is told: their place, and whether anybody could let them in. */
export async function told(user) {
  const { position, moderatorPresent } = await user.next('lobby-waiting');
  return { position, moderatorPresent };
}

/** Let in: told so, then shown the room; by whom is not said where REST or the server did it. */
export async function admitted(user, by) {
  const notice = await user.next('lobby-admitted');
  assert.equal(notice.roomId, user.roomId);
  if (by !== undefined) assert.equal(notice.by, by);
  await user.next('existing-participants');
  const order = user.log.entries.map(({ event }) => event);
  assert.ok(order.lastIndexOf('lobby-admitted') < order.lastIndexOf('existing-participants'), 'told, then shown');
}

/** The queue, as a moderator was last told of it. */
export function queueOf(user) {
  return (user.heard('lobby-updated').at(-1) ?? []).map(({ id }) => id);
}

export function queueBecomes(user, ...waiting) {
  return user.until(() => queueOf(user).join() === waiting.join(), `a queue of "${waiting}", not "${queueOf(user)}"`);
}

/** Who entered, in order, as somebody in the room heard of it. */
export function arrivals(user) {
  return user.heard('participant-joined').map(({ id }) => id);
}

/** Every event that the server sent over this connection, answers apart. */
export function everythingHeard(user) {
  return user.log.entries.filter(({ answers, local }) => answers === undefined && !local);
}

/** What a join comes to: `in`, `waiting`, or the code of its refusal. */
export async function outcome(user, roomId, extra) {
  user.roomId = roomId;
  const reply = await user.ack('join-room', user.joinPayload(roomId, extra));
  if (!reply.ok) return (await user.expectRefusal('join-room', reply, reply.error.code)).code;
  if (reply.waiting) return 'waiting';
  await user.next('existing-participants');
  return 'in';
}

/** Refused whatever the passcode is, and told for how long. */
export async function expectLockedOut(user, roomId, passcode) {
  const error = await user.refused('join-room', user.joinPayload(roomId, { passcode }), 'rate-limited');
  assert.equal(error.retryable, true);
  assert.ok(error.retryAfterMs > 0 && error.retryAfterMs <= WINDOW_MS, `${error.retryAfterMs} ms`);
}

/** What moderators are told when it begins. */
export async function expectLockout(moderator, scope, participantId) {
  const lockout = await moderator.next('passcode-lockout');
  assert.equal(lockout.scope, scope);
  if (participantId !== undefined) assert.equal(lockout.participantId, participantId);
  const left = new Date(lockout.until).getTime() - Date.now();
  assert.ok(left > 0 && left <= WINDOW_MS, `until ${lockout.until}`);
}
