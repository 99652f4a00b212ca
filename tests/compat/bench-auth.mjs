// What a token costs: CPU time of the server for a connection and its join, by kind of token, in turns.
//
//   scripts/bench-auth [--reps N] [--clients N]
//
// USHER_BIN names the server. Every client connects over WebSocket, joins one of many rooms and stays until
// all are in; the tokens are made before. The figure to compare is the server's CPU time.
import { parseArgs } from 'node:util';
import { TOGETHER, measure, median } from './lib/bench-joins.mjs';
import { makeKey, mint } from './lib/bench-keys.mjs';

const { values } = parseArgs({
  options: { reps: { type: 'string', default: '5' }, clients: { type: 'string', default: '1000' } },
});
const REPS = Number(values.reps);
const CLIENTS = Number(values.clients);
const ISSUER = 'bench';

const kinds = [{ name: 'no token', settings: {}, tokens: Array(CLIENTS + TOGETHER).fill(null) }];
for (const algorithm of ['HS256', 'RS256', 'ES256', 'EdDSA']) {
  const key = await makeKey(algorithm);
  const settings = { AUTH__ISSUERS: JSON.stringify([{ issuer: ISSUER, ...key.setting }]) };
  const tokens = [];
  for (let i = 0; i < CLIENTS + TOGETHER; i += 1) tokens.push(await mint(key, ISSUER, `user-${i}`));
  kinds.push({ name: algorithm, settings, tokens });
}

const results = new Map(kinds.map(({ name }) => [name, []]));
for (let rep = 0; rep < REPS; rep += 1) {
  for (const { name, settings, tokens } of kinds) results.get(name).push(await measure(settings, tokens, CLIENTS));
}
const base = median(results.get('no token').map(({ micros }) => micros));
console.log(`| token | CPU per connect and join, µs (median of ${REPS}) | rate against no token | per second, as driven |`);
console.log('|---|---|---|---|');
for (const [name, runs] of results) {
  const micros = median(runs.map((run) => run.micros));
  const rate = median(runs.map((run) => run.rate));
  console.log(`| ${name} | ${micros.toFixed(0)} | ${(base / micros).toFixed(2)} | ${rate.toFixed(0)} |`);
}
