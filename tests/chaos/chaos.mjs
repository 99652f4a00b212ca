// Behind scripts/chaos: draws scenarios and their moments from a seed, until the time is up.
import { parseArgs } from 'node:util';
import { Random } from './lib/random.mjs';
import { Runner } from './lib/runner.mjs';
import { SLACK } from './lib/limits.mjs';
import { now } from './lib/wait.mjs';
import { choose } from './scenarios/index.mjs';

const USAGE = `usage: scripts/chaos [--seconds N] [--seed S] [--only REGEX] [--group quick|long] [--each] [--list]

  --seconds N   draw scenarios until N seconds have passed (default 600); the last one is finished
  --seed S      what decides the faults; drawn and printed when absent
  --only REGEX  of those whose names match
  --group       quick or long ones only
  --each        every one of them once, in order, instead of drawing
  --list        print their names and end`;

const OPTIONS = {
  seconds: { type: 'string', default: '600' },
  seed: { type: 'string' },
  only: { type: 'string' },
  group: { type: 'string' },
  each: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
};

function readOptions() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    return process.exit(2);
  }
}

/** One after the other in the order given, or by chance and without an end. */
function* drawn(scenarios, { each, seed }) {
  if (each) return yield* scenarios.map((scenario) => ({ scenario, seed }));
  const random = new Random(seed);
  for (let draw = 1; ; draw += 1) yield { scenario: random.pick(scenarios), seed: `${seed}.${draw}` };
}

function report({ name, seed, ok, ms, measured, remarks, error, evidence }) {
  const figures = Object.entries(measured).map(([what, value]) => `${what} ${value}`).join(', ');
  console.log(`${ok ? 'held  ' : 'BROKEN'} ${name} seed ${seed} (${(ms / 1000).toFixed(1)} s)${figures && `: ${figures}`}`);
  for (const remark of remarks) console.log(`       ${remark}`);
  if (!ok) console.log(`${error.replaceAll(/^/gm, '       ')}\n       evidence: ${evidence}`);
}

const options = readOptions();
const scenarios = choose({ group: options.group, name: options.only });
const seconds = Number(options.seconds);
if (options.help || options.list || scenarios.length === 0 || !(seconds > 0)) {
  console.log(options.list ? scenarios.map(({ name, group, seconds: about }) => `${group.padEnd(5)} ${String(about).padStart(4)} s  ${name}`).join('\n') : USAGE);
  process.exit(options.help || options.list ? 0 : 2);
}
const seed = options.seed ?? String(Date.now() % 1_000_000);
console.log(`seed ${seed}, ${scenarios.length} scenarios${SLACK === 1 ? '' : `, limits stretched by ${SLACK}`}`);

const began = now();
const runner = new Runner({ log: process.env.USHER_CHAOS_VERBOSE ? (text) => console.log(`         ${text}`) : undefined });
const broken = [];
let done = 0;
for (const { scenario, seed: its } of drawn(scenarios, { ...options, seed })) {
  if (!options.each && now() - began > seconds * 1_000) break;
  const result = await runner.perform(scenario, its);
  done += 1;
  report(result);
  if (!result.ok) broken.push(result);
}
await runner.close();
console.log(`\nseed ${seed}: ${done - broken.length} of ${done} scenarios held`);
for (const { name, seed: its } of broken) console.log(`  again: scripts/chaos --each --only '^${name}$' --seed ${its}`);
process.exit(broken.length === 0 ? 0 : 1);
