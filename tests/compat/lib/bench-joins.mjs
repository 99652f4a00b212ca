// What a connection and its join cost the server, as CPU time.
import { readFileSync } from 'node:fs';
import { Server } from './server.mjs';
import WebSocket from 'ws';

const PER_ROOM = 5;
export const TOGETHER = 50;
const TICKS = 100;

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
export async function measure(settings, tokens, clients) {
  const server = await Server.start({ LOG__LEVEL: 'warn', ...settings });
  try {
    for (let i = 0; i < 20; i += 1) (await enter(server.url, clients + i, tokens[clients + i])).terminate();
    const before = cpu(server.pid);
    const began = performance.now();
    const open = [];
    for (let first = 0; first < clients; first += TOGETHER) {
      const wave = Array.from({ length: TOGETHER }, (_, i) => enter(server.url, first + i, tokens[first + i]));
      open.push(...await Promise.all(wave));
    }
    const spent = (cpu(server.pid) - before) / clients;
    const rate = clients / ((performance.now() - began) / 1000);
    for (const ws of open) ws.terminate();
    return { micros: spent * 1e6, rate };
  } finally {
    await server.stop();
  }
}

/** The middle one. */
export const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
