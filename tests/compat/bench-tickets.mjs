// What a ticket costs: joins with one against joins without, as CPU time of the server and as a rate, in turns.
//
//   scripts/bench-tickets [--reps N] [--clients N]
//
// USHER_BIN names the server. Daily's rooms are made by the fake beside it, one per room here.
import { generateKeyPairSync } from 'node:crypto';
import { parseArgs } from 'node:util';
import { TOGETHER, measure, median } from './lib/bench-joins.mjs';
import { FakeDaily } from './lib/fake-daily.mjs';

const { values } = parseArgs({
  options: { reps: { type: 'string', default: '5' }, clients: { type: 'string', default: '1000' } },
});
const REPS = Number(values.reps);
const CLIENTS = Number(values.clients);
const SECRET = 'a secret of some thirty-two bytes';
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const daily = await FakeDaily.start({ limits: null });
const jitsi = { PROVIDERS__DEFAULT: 'jitsi', JITSI__URL: 'https://meet.example', JITSI__APP_ID: 'usher' };

const kinds = Object.entries({
  'no provider': {},
  'mesh with TURN': { MESH__STUN_URLS: 'stun:a:3478', MESH__TURN_URLS: 'turn:a:3478', MESH__TURN_SECRET: SECRET },
  'LiveKit, HS256': {
    PROVIDERS__DEFAULT: 'livekit', LIVEKIT__URL: 'wss://livekit.example', LIVEKIT__API_KEY: 'key', LIVEKIT__API_SECRET: SECRET,
  },
  'Jitsi, HS256': { ...jitsi, JITSI__APP_SECRET: SECRET },
  'Jitsi, RS256': {
    ...jitsi, JITSI__MODE: 'rs256', JITSI__KEY_ID: 'key', JITSI__PRIVATE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  },
  'Daily, self-signed': { ...daily.settings, PROVIDERS__DEFAULT: 'daily' },
});

const nobody = Array(CLIENTS + TOGETHER).fill(null);
const results = new Map(kinds.map(([name]) => [name, []]));
for (let rep = 0; rep < REPS; rep += 1) {
  for (const [name, settings] of kinds) results.get(name).push(await measure(settings, nobody, CLIENTS));
}
const middle = (name, figure) => median(results.get(name).map((run) => run[figure]));
const [micros, rate] = ['micros', 'rate'].map((figure) => middle('no provider', figure));
console.log(`| ticket | CPU per connect and join, µs (median of ${REPS}) | against none, by CPU | against none, as driven |`);
console.log('|---|---|---|---|');
for (const name of results.keys()) {
  const [own, driven] = [middle(name, 'micros'), middle(name, 'rate')];
  console.log(`| ${name} | ${own.toFixed(0)} | ${(micros / own).toFixed(2)} | ${(driven / rate).toFixed(2)} |`);
}
await daily.close?.();
process.exit(0);
