// People who are in a meeting here and at its media provider, which is one of the fakes.
import assert from 'node:assert/strict';
import { FakeDaily } from './fake-daily.mjs';
import { eventually } from './log.mjs';

/** A tenth of what a real installation waits for; a service that is slow by 10 s is `SLOW_MS` late. */
export const FAST = {
  PROVIDERS__JOIN_BUDGET_MS: 150,
  PROVIDERS__REQUEST_TIMEOUT_MS: 500,
  PROVIDERS__RETRY_MIN_MS: 50,
  PROVIDERS__RETRY_MAX_MS: 400,
  PROVIDERS__BREAKER_PAUSE_MS: 300,
  PROVIDERS__SYNC_POLL_MS: 200,
  PROVIDERS__SYNC_LEASE_MS: 1_500,
};
export const SLOW_MS = 1_000;
export const BUDGET_MS = FAST.PROVIDERS__JOIN_BUDGET_MS;

export const ROLES = ['participant', 'co-host', 'host'];

/** The highest role that a participant's flags give. */
export function roleOf({ isHost, isCoHost }) {
  if (isHost) return 'host';
  return isCoHost ? 'co-host' : 'participant';
}

/** The calls by which a service is told of a role, of a removal, of an end. */
export function callsOf(fake) {
  if (fake instanceof FakeDaily) {
    return {
      role: ['GET /rooms/:name/presence', 'POST /rooms/:name/update-permissions', 'POST /rooms/:name/eject'],
      removal: ['POST /rooms/:name/eject'],
      end: ['POST /rooms/:name/eject', 'DELETE /rooms/:name'],
    };
  }
  return { role: ['UpdateParticipant'], removal: ['RemoveParticipant'], end: ['DeleteRoom'] };
}

/** The last ticket that this connection was given. */
export function ticketOf(user) {
  return user.heard('provider-token').at(-1);
}

/** The next one; those before it have been read. */
export async function nextTicket(user, where) {
  const ticket = await user.next('provider-token', where);
  assert.equal(ticket.participantId, user.id);
  return ticket;
}

/** They go in at the provider, with their newest ticket. */
export async function enter(fake, user, ticket = ticketOf(user)) {
  user.session = await fake.enter(ticket.token);
  return user.session;
}

/** Ann's meeting, and all with a ticket. */
export async function ticketed(stage, ...guests) {
  const people = await stage.cast(...guests);
  const everyone = ['ann', ...guests].map((id) => people[id]);
  for (const user of everyone) {
    await user.until(() => ticketOf(user), 'a ticket');
    user.log.readAll();
  }
  return { ...people, everyone };
}

/** The same, and all in it at the provider as well. */
export async function seatedAt(fake, stage, ...guests) {
  const { everyone, ...people } = await ticketed(stage, ...guests);
  for (const user of everyone) await enter(fake, user);
  return { ...people, everyone, room: ticketOf(people.ann).roomName };
}

/** Whether a session has what the role gives, as far as it can have it without coming in again. */
export function fits(fake, session, role) {
  if (session.out !== null) return false;
  if (!(fake instanceof FakeDaily)) return session.role === role;
  // Nobody is made an owner while in; nobody may be one who is not a host.
  if (session.owner) return role === 'host';
  return session.rights.moderate === (role !== 'participant');
}

/**
 * At the provider they have the rights of this role. Where rights cannot be taken from them they are put out for it,
 * and come in again with the newest ticket.
 */
export async function carried(fake, user, role) {
  await eventually(async () => {
    if (['ejected', 'removed'].includes(user.session.out)) await enter(fake, user).catch(() => {});
    return fits(fake, user.session, role);
  }, `${user.id} to be ${role} at the provider, not ${user.session.role}, ${user.session.out ?? 'in'}`);
}

/** They are put out at the provider. */
export async function putOut(session) {
  await eventually(() => ['ejected', 'removed', 'deleted'].includes(session.out), `${session.name} to be put out`);
}

/** The states that this connection was told about somebody, in order. */
export function syncsOf(user, participantId) {
  return user.heard('provider-sync').filter((it) => it.participantId === participantId).map(({ state }) => state);
}

/** It is told that a change about somebody has reached the provider. */
export async function applied(user, participantId) {
  const news = await user.next('provider-sync', (it) => it.participantId === participantId && it.state === 'applied');
  assert.equal(typeof news.provider, 'string');
  return news;
}

/** Where a service sends what happens there; `tenant`: with credentials of its own. */
export function hooksOf(server, fake, tenant) {
  const name = fake instanceof FakeDaily ? 'daily' : 'livekit';
  return `${server.url}/api/webhooks/${name}${tenant === undefined ? '' : `/${tenant}`}`;
}

/** The webhook of somebody who has come in, and its answer. */
export function tellOfJoin(server, fake, session, options) {
  const type = fake instanceof FakeDaily ? 'participant.joined' : 'participant_joined';
  return fake.deliver(hooksOf(server, fake), fake.event(type, session), options);
}

/** `POST /api/meetings/{id}/token`, whose answer holds a token, so that the usual helpers would complain. */
export async function askForToken(url, roomId, body = {}, bearer = undefined) {
  const headers = { 'content-type': 'application/json', ...(bearer && { authorization: `Bearer ${bearer}` }) };
  const response = await fetch(`${url}/api/meetings/${roomId}/token`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, headers: response.headers, body: await response.json() };
}
