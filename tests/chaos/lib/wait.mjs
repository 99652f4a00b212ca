// Waiting: for a condition with a deadline, or for as long as a fault is meant to last.
import { performance } from 'node:perf_hooks';

const LOOK_EVERY_MS = 20;

/** Milliseconds on a clock that nobody sets. */
export const now = () => performance.now();

const timer = (ms) => new Promise((resolve) => {
  setTimeout(resolve, ms);
});

/** How long a fault lasts, or how long something must *not* happen. Never a way to wait for a state. */
export const lasting = timer;

/**
 * Resolves with the first truthy value of `condition`, which may be async. Fails after `within`
 * milliseconds, naming `what` (a string, or a function that describes how far it came).
 */
export async function until(condition, { within, what, every = LOOK_EVERY_MS }) {
  const deadline = now() + within;
  for (;;) {
    const value = await condition();
    if (value) return value;
    const left = deadline - now();
    if (left <= 0) throw new Error(`after ${within} ms still not: ${typeof what === 'function' ? what() : what}`);
    await timer(Math.min(every, left));
  }
}

/** The promise, or a failure when it takes longer than `ms`. */
export async function soon(promise, ms, what) {
  let late;
  const never = new Promise((_, reject) => {
    late = setTimeout(() => reject(new Error(`after ${ms} ms still not: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, never]);
  } finally {
    clearTimeout(late);
  }
}

/** Runs `work` over `list`, at most `width` at a time, and resolves with all results in order. */
export async function inParallel(list, width, work) {
  const results = new Array(list.length);
  let at = 0;
  const worker = async () => {
    while (at < list.length) {
      const mine = at;
      at += 1;
      results[mine] = await work(list[mine], mine);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, list.length) }, worker));
  return results;
}
