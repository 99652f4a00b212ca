// What several scenarios do.
import { REFUSE_MS } from '../lib/limits.mjs';
import { inParallel, now, until } from '../lib/wait.mjs';

/** A moment in a fault-free stretch, drawn from the seed. */
export const moment = (world, low, high) => world.random.fork('moment').int(low, high);

/** `{ p1: 1, p2: 0, … }`: these leave once, everybody else not at all. */
export function leavesOnce(room, gone) {
  return Object.fromEntries(room.people.map(({ id }) => [id, gone.some((person) => person.id === id) ? 1 : 0]));
}

/** Until each of `watchers` is shown each of `people` as reconnecting (or as gone already). */
export async function shownReconnecting(world, watchers, people, since, limit) {
  const shown = (watcher, { id }) => watcher.sees(id) === undefined || watcher.sees(id).isReconnecting;
  const missing = () => watchers.flatMap((watcher) => people.filter((person) => !shown(watcher, person)).map(({ id }) => `${watcher.id} sees ${id} as present`));
  await until(() => missing().length === 0, { within: limit, what: () => `shown as reconnecting: ${missing().slice(0, 5)}` });
  world.measure('reconnecting after ms', now() - since, limit);
}

/** Until none of `watchers` is shown any of `people`. */
export async function shownGone(world, watchers, people, since, limit) {
  const missing = () => watchers.flatMap((watcher) => people.filter(({ id }) => watcher.sees(id)).map(({ id }) => `${watcher.id} sees ${id}`));
  await until(() => missing().length === 0, { within: limit, what: () => `shown as gone: ${missing().slice(0, 5)}` });
  world.measure('gone after ms', now() - since, limit);
}

/** Each of them asks for a change and is refused in time, as when Redis is out of reach. */
export async function expectRefusals(world, people) {
  await inParallel(people, people.length, async (person) => {
    const { outcome, reply, ms } = await person.invoke('update-my-state', { isHandRaised: !person.sees(person.id)?.isHandRaised });
    const { code, retryAfterMs } = reply?.error ?? {};
    if (outcome !== 'refused' || code !== 'unavailable') throw new Error(`${person.id} on ${person.node?.name}: ${outcome} ${JSON.stringify(reply)}, expected to be refused as unavailable`);
    if (!(retryAfterMs > 0)) world.object(`refused without retryAfterMs: ${JSON.stringify(reply)}`);
    world.measure('refused after ms', ms, REFUSE_MS);
  });
}

/** Each of them still gets an answer to a question. */
export async function expectReads(people) {
  for (const person of people) await person.state();
}

/** Until the node says that it is not ready, and why. */
export async function expectNotReady(world, node, within) {
  const began = now();
  const { body } = await until(async () => {
    const probe = await node.probe();
    return probe.status === 503 && probe;
  }, { within, what: `${node.name} is not ready` });
  world.measure('not ready after ms', now() - began, within);
  if (!(body?.reasons?.length > 0)) world.object(`${node.name} does not say why it is not ready: ${JSON.stringify(body)}`);
}

/** One command that has to be accepted. */
export async function mustDo(person, event, payload) {
  const { outcome, reply, ms } = await person.invoke(event, payload);
  if (outcome !== 'ok') throw new Error(`${person.id}: ${event} ${JSON.stringify(payload ?? {})} was ${outcome}: ${JSON.stringify(reply?.error)}`);
  return { reply, ms };
}

/** Some roles, so that there is something to lose: `p1` host, `p2` and `p3` co-hosts. */
export async function appoint([creator, host, ...cohosts]) {
  await mustDo(creator, 'make-host', { participantId: host.id });
  for (const { id } of cohosts.slice(0, 2)) await mustDo(creator, 'make-cohost', { participantId: id });
}
