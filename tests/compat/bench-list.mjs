// What a change costs in a room whose clients are spoken to in the list dialect, against the delta dialect.
//
//   scripts/bench-list [--reps N] [--seconds N]
//
// USHER_BIN names the server. Changes are microphones, by members in turn.
import { parseArgs } from 'node:util';
import { measure } from './lib/bench-room.mjs';

const { values } = parseArgs({
  options: { reps: { type: 'string', default: '3' }, seconds: { type: 'string', default: '5' } },
});
const [reps, seconds] = [Number(values.reps), Number(values.seconds)];
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

// Singly, less often than lists are sent; many; and many at the same moment.
const LOADS = [
  { name: '10 a second', rate: 10, longer: 5 },
  { name: '200 a second', rate: 200 },
  { name: '200 a second, 20 at once', rate: 200, atOnce: 20 },
];

console.log('| people | changes | CPU per change, delta, µs | list, µs | ratio | bytes per change, delta | list |');
console.log('|---|---|---|---|---|---|---|');
for (const size of [10, 100, 1000]) {
  for (const { name, longer = 1, ...load } of LOADS) {
    const figures = { delta: [], list: [] };
    for (let rep = 0; rep < reps; rep += 1) {
      for (const dialect of ['delta', 'list']) figures[dialect].push(await measure({ dialect, size, seconds: seconds * longer, ...load }));
    }
    const of = (dialect, figure) => median(figures[dialect].map((run) => run[figure]));
    const [delta, list] = [of('delta', 'micros'), of('list', 'micros')];
    const [small, large] = [of('delta', 'bytes'), of('list', 'bytes')].map((bytes) => Math.round(bytes).toLocaleString('en'));
    console.log(`| ${size} | ${name} | ${delta.toFixed(0)} | ${list.toFixed(0)} | ${(list / delta).toFixed(2)} | ${small} | ${large} |`);
  }
}
process.exit(0);
