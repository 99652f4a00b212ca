// Free loopback ports, below the ephemeral range, so that no outgoing connection takes one between
// the look and the use. Processes start at different places, so that two runs rarely meet.
import net from 'node:net';

const FIRST = 20_000;
const COUNT = 12_000;
let next = (process.pid * 61) % COUNT;

export async function freePort() {
  for (let tries = 0; tries < COUNT; tries += 1) {
    const port = FIRST + next;
    next = (next + 1) % COUNT;
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${FIRST} to ${FIRST + COUNT}`);
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
