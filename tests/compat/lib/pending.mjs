// Joins whose ticket has to be asked for, and may come late.
import assert from 'node:assert/strict';
import { FAST } from './providers.mjs';

export const BUDGET_MS = 500;
/** What everything else may take, on a busy machine. */
export const SLACK_MS = 400;

/** Every token is asked of Daily, so that every join depends on it. */
export function askingFor(daily) {
  return {
    ...daily.settings,
    ...FAST,
    PROVIDERS__JOIN_BUDGET_MS: BUDGET_MS,
    PROVIDERS__REQUEST_TIMEOUT_MS: 3 * BUDGET_MS,
    DAILY__TOKENS: 'rest',
  };
}

/** Whatever a scenario has done to these services, the next one finds them well. */
export function healed(...services) {
  return (scenario) => (title, run) => scenario(title, async (...all) => {
    try {
      await run(...all);
    } finally {
      await Promise.all(services.map((service) => service.heal()));
    }
  });
}

/** A join, and how long its answer took. */
export async function joins(stage, id, roomId, options) {
  const user = await stage.user(id, options);
  const began = Date.now();
  user.joinReply = await user.join(roomId);
  return Object.assign(user, { joinTook: Date.now() - began });
}

/** In, and told that the ticket comes later. */
export async function expectPending(user) {
  const { provider, providerPending } = user.joinReply;
  assert.deepEqual([provider, providerPending], [null, true]);
  const news = await user.next('provider-pending');
  assert.deepEqual([news.provider, news.roomId], ['daily', user.roomId]);
  assert.ok(user.joinTook < BUDGET_MS + SLACK_MS, `the answer took ${user.joinTook} ms`);
}
