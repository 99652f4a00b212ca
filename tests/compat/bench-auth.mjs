// What a token costs: CPU time of the server for a connection and its join, by kind of token, in turns.
//
//   scripts/bench-auth [--reps N] [--clients N]
//
// USHER_BIN names the server. Every client connects over WebSocket, joins one of many rooms and stays until
// all are in; the tokens are made before. The figure to compare is the server's CPU time.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { makeKey, mint } from './lib/bench-keys.mjs';
import { Server } from './lib/server.mjs';
import WebSocket from 'ws';

const { values } = parseArgs({
  options: { reps: { type: 'string', default: '5' }, clients: { type: 'string', default: '1000' } },
});
const REPS = Number(values.reps);
const CLIENTS = Number(values.clients);
const PER_ROOM = 5;
const TOGETHER = 50;
const TICKS = 100;
const ISSUER = 'bench';

/** CPU seconds that the process has used. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function enter(url, number, token) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, {
      perMessageDeflate: false,
    });
    const join = { roomId: `room-${Math.floor(number / PER_ROOM)}`, userId: `user-${number}`, userName: `User ${number}` };
    ws.on('message', (data) => {
      const text = data.toString();
      if (text === '2') ws.send('3');
      else if (text.startsWith('0')) ws.send(`40${token === null ? '' : JSON.stringify({ token })}`);
      else if (text.startsWith('40')) ws.send(`420${JSON.stringify(['join-room', join])}`);
      else if (text.startsWith('44')) reject(new Error(text));
      else if (text.startsWith('430')) {
        if (JSON.parse(text.slice(3))[0].ok) resolve(ws);
        else reject(new Error(text));
      }
    });
    ws.on('error', reject);
  });
}

/** CPU microseconds of the server for one connection and join. */
async function measure(settings, tokens) {
  const server = await Server.start({ LOG__LEVEL: 'warn', ...settings });
  try {
    for (let i = 0; i < 20; i += 1) (await enter(server.url, CLIENTS + i, tokens[CLIENTS + i])).terminate();
    const before = cpu(server.pid);
    const began = performance.now();
    const open = [];
    for (let first = 0; first < CLIENTS; first += TOGETHER) {
      const wave = Array.from({ length: TOGETHER }, (_, i) => enter(server.url, first + i, tokens[first + i]));
      open.push(...await Promise.all(wave));
    }
    const spent = (cpu(server.pid) - before) / CLIENTS;
    const rate = CLIENTS / ((performance.now() - began) / 1000);
    for (const ws of open) ws.terminate();
    return { micros: spent * 1e6, rate };
  } finally {
    await server.stop();
  }
}

const kinds = [{ name: 'no token', settings: {}, tokens: Array(CLIENTS + TOGETHER).fill(null) }];
for (const algorithm of ['HS256', 'RS256', 'ES256', 'EdDSA']) {
  const key = await makeKey(algorithm);
  const settings = { AUTH__ISSUERS: JSON.stringify([{ issuer: ISSUER, ...key.setting }]) };
  const tokens = [];
  for (let i = 0; i < CLIENTS + TOGETHER; i += 1) tokens.push(await mint(key, ISSUER, `user-${i}`));
  kinds.push({ name: algorithm, settings, tokens });
}

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const results = new Map(kinds.map(({ name }) => [name, []]));
for (let rep = 0; rep < REPS; rep += 1) {
  for (const { name, settings, tokens } of kinds) results.get(name).push(await measure(settings, tokens));
}
const base = median(results.get('no token').map(({ micros }) => micros));
console.log(`| token | CPU per connect and join, µs (median of ${REPS}) | rate against no token | per second, as driven |`);
console.log('|---|---|---|---|');
for (const [name, runs] of results) {
  const micros = median(runs.map((run) => run.micros));
  const rate = median(runs.map((run) => run.rate));
  console.log(`| ${name} | ${micros.toFixed(0)} | ${(base / micros).toFixed(2)} | ${rate.toFixed(0)} |`);
}
