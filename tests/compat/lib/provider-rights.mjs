// What tickets allow, read from the tokens in them, against what their owners were at the time.
import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { ROLES, roleOf } from './providers.mjs';

/** What each provider's token says, as the highest role that any of it is meant for. */
const READ = {
  livekit({ attributes, video }) {
    return highest(attributes['usher.role'], video.roomAdmin || video.roomRecord ? 'host' : 'participant');
  },
  daily({ o, er, p = {} }) {
    if (o === true || (er !== undefined && er !== false)) return 'host';
    return p.ca === undefined || p.ca === false || p.ca.length === 0 ? 'participant' : 'co-host';
  },
};

function highest(...roles) {
  return ROLES[Math.max(...roles.map((role) => ROLES.indexOf(role)))];
}

/** The widest reading of a ticket: its token, its role, its rights. */
export function widest({ provider, token, role, rights }) {
  const byRights = rights.record ? 'host' : 'participant';
  return highest(READ[provider](decodeJwt(token)), role, byRights, rights.moderate ? 'co-host' : 'participant');
}

/** Every ticket that came over a connection, in events and in answers, in order: `{ ticket, at }`. */
export function ticketsOf(user) {
  return user.log.entries.flatMap(({ event, args: [payload], answers, at }) => {
    if (event === 'provider-token' && answers === undefined) return [{ ticket: payload, at }];
    return answers !== undefined && payload?.provider?.token ? [{ ticket: payload.provider, at }] : [];
  });
}

/** `[rev, role]` of somebody, as this witness, who was there all the time, has seen them change. */
export function careerOf(witness, id) {
  const flags = { isHost: false, isCoHost: false };
  const career = [];
  for (const { event, args: [payload], answers } of witness.log.entries) {
    if (answers !== undefined) continue;
    const person = event === 'existing-participants' ? payload.find((one) => one.id === id)
      : event === 'participant-joined' && payload.id === id ? payload
        : event === 'participant-updated' && payload.participantId === id ? payload.updates : undefined;
    if (!person) continue;
    for (const flag of Object.keys(flags)) flags[flag] = person[flag] ?? flags[flag];
    // A list has no revision of its own: it is of the last one heard of, or of a later one.
    career.push([payload.rev ?? career.at(-1)?.[0] ?? 0, roleOf(flags)]);
  }
  return career;
}

/**
 * No ticket of these connections ever allowed more than its owner's role: neither at its revision, nor at the moment
 * when it came, after what had been heard before it over the same connection.
 */
export function expectNoneWider(witness, users) {
  let count = 0;
  for (const user of users) {
    const career = careerOf(witness, user.id);
    for (const { ticket, at } of ticketsOf(user)) {
      const [, then] = career.findLast(([rev]) => rev <= ticket.rev) ?? career[0];
      const heard = careerOf({ log: { entries: user.log.entries.slice(0, at) } }, user.id).at(-1)?.[1] ?? then;
      for (const [role, when] of [[then, `at revision ${ticket.rev}`], [heard, 'when it came']]) {
        const fits = ROLES.indexOf(widest(ticket)) <= ROLES.indexOf(role);
        assert.ok(fits, `${user.id} was ${role} ${when}, and got a ticket for ${widest(ticket)}: ${JSON.stringify(career)}`);
      }
      count += 1;
    }
  }
  return count;
}

/** No ticket came over this connection but while it was in the room. */
export function expectNoneOutside(user) {
  let inside = false;
  for (const { event, args: [payload], answers } of user.log.entries) {
    const ticket = answers === undefined ? event === 'provider-token' && payload : payload?.provider?.token && payload.provider;
    // A leave and a join in one go: the list comes before the answers to both.
    if (answers !== undefined && event === 'join-room' && payload?.participant) inside = true;
    assert.ok(!ticket || inside, `${user.id} got a ticket outside, with ${event}`);
    if (event === 'existing-participants') inside = true;
    if (answers === undefined ? ['kicked-from-room', 'meeting-ended', 'session-replaced', 'disconnect'].includes(event)
      : event === 'leave-room' && payload.ok) inside = false;
  }
}
