// The three official clients behind one shape, and the ways to reach the server with them.
import { io as io4 } from 'sio4';
import io3 from 'sio3';
import io2 from 'sio2';

const CLIENTS = { 4.8: io4, 3.1: io3, 2.5: io2 };
const TRANSPORTS = {
  websocket: ['websocket'],
  polling: ['polling'],
  upgrade: ['polling', 'websocket'],
};

const ALL = ['4.8', '3.1', '2.5'].flatMap((client) =>
  Object.keys(TRANSPORTS).map((transport) => ({
    label: `${client} ${transport}`,
    client,
    transport,
  })),
);

/** `USHER_TEST_VARIANTS` is a regular expression over labels such as `2.5 polling`. */
const wanted = new RegExp(process.env.USHER_TEST_VARIANTS ?? '');
const chosen = ALL.filter(({ label }) => wanted.test(label));

if (chosen.length === 0) throw new Error(`USHER_TEST_VARIANTS matches none of ${ALL.map(({ label }) => label)}`);

export const EVERY = chosen;
/** Those that end up on a TCP connection which a test can cut. */
export const CUTTABLE = EVERY.filter(({ transport }) => transport !== 'polling');
/** One per client version. */
export const WEBSOCKET = ALL.filter(({ transport }) => transport === 'websocket');
/** For what does not depend on the client at all. */
export const ONE = WEBSOCKET.slice(0, 1);

/** `via`: where the token travels: `auth`, `header` or `query` (the only one of 2.x besides headers). */
export function openSocket(url, { client, transport }, { token, via, ...options } = {}) {
  const place = via ?? (client === '2.5' ? 'query' : 'auth');
  return CLIENTS[client](url, {
    forceNew: true,
    reconnection: false,
    transports: TRANSPORTS[transport],
    ...(token !== undefined && place === 'auth' && { auth: { token } }),
    ...(token !== undefined && place === 'query' && { query: { token } }),
    ...(token !== undefined && place === 'header' && {
      extraHeaders: { Authorization: `Bearer ${token}` },
    }),
    ...options,
  });
}

/** Calls `hear(event, args)` for every event that the server sends, in order, before any listener. */
export function hearEverything(socket, { client }, hear) {
  if (client !== '2.5') {
    socket.onAny((event, ...args) => hear(event, args));
    return;
  }
  const deliver = socket.onevent;
  socket.onevent = function onevent(packet) {
    const [event, ...args] = packet.data;
    hear(event, args);
    deliver.call(this, packet);
  };
}

/** Resolves when a polling connection that upgrades has done so. */
export async function upgraded(socket, { transport }) {
  const { engine } = socket.io;
  if (transport !== 'upgrade' || engine.transport.name === 'websocket') return;
  await new Promise((resolve, reject) => {
    engine.once('upgrade', resolve);
    engine.once('close', () => reject(new Error('closed before the upgrade to WebSocket')));
  });
}
