// The quick scenarios, as tests: three real nodes, a private Redis, faults on every link.
import { after, before, describe, test } from 'node:test';
import { Runner } from './lib/runner.mjs';
import { choose } from './scenarios/index.mjs';

const SEED = process.env.USHER_CHAOS_SEED ?? '1';

describe(`chaos, seed ${SEED}`, () => {
  let runner;
  before(() => {
    runner = new Runner();
  });
  after(() => runner.close());

  for (const scenario of choose({ group: 'quick', name: process.env.USHER_CHAOS_ONLY })) {
    test(scenario.name, { timeout: scenario.timeoutMs + 60_000 }, async (t) => {
      const { ok, error, evidence, measured, remarks } = await runner.perform(scenario, SEED);
      for (const text of [...Object.entries(measured).map(([what, value]) => `${what}: ${value}`), ...remarks]) t.diagnostic(text);
      if (!ok) throw new Error(`${error}\nevidence: ${evidence}`);
    });
  }
});
