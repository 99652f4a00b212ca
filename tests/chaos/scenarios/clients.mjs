// Catalogue items 16 to 20: clients that vanish, flap, move, or never say what they want.
import { CALM_MS, HEAL_MS } from '../lib/limits.mjs';
import { WebSocket } from '../lib/packages.mjs';
import { long, quick } from '../lib/runner.mjs';
import { inParallel, lasting, now, until } from '../lib/wait.mjs';
import { appoint, leavesOnce, shownGone, shownReconnecting } from './common.mjs';

const PING = { interval: 600, timeout: 400 };
const CONNECT_TIMEOUT_MS = 1_500;

/** The cable is pulled: no end of the connection is ever seen, only silence. */
async function halfOpen(world, { detectMs, graceMs, settings }) {
  const room = await world.room({ settings });
  const crowd = await room.crowd(4);
  const { nodes } = world.cluster;
  const proxies = new Map();
  for (const node of nodes) proxies.set(node, await world.cluster.proxy(Number(new URL(node.url).port)));
  const url = (node) => `http://127.0.0.1:${proxies.get(node).port}`;
  const lost = room.person('lost', { url });
  await lost.join();
  await room.settle(CALM_MS, { record: false });
  lost.wanted = false;
  world.note('the cable of `lost` is pulled');
  const began = now();
  for (const proxy of proxies.values()) proxy.swallow('both');
  await shownReconnecting(world, crowd, [lost], began, detectMs + CALM_MS);
  await shownGone(world, crowd, [lost], began, detectMs + graceMs + CALM_MS);
  await world.verdict({ graceMs, leaves: leavesOnce(room, [lost]), mayLeave: (user) => user === 'lost' });
}

async function item16_halfOpenClient(world) {
  const graceMs = 1_500;
  await halfOpen(world, { detectMs: PING.interval + PING.timeout, graceMs, settings: { leaveAfterLostMs: graceMs } });
}

async function item16_halfOpenClientWithDefaults(world) {
  await halfOpen(world, { detectMs: 18_000, graceMs: 20_000 });
}

/** Off and on again: neither a leave, nor anything that stays behind in Redis. */
async function flap(world, { times, pauseMs }) {
  const room = await world.crowdedRoom(6);
  await appoint(room.people);
  const flappers = room.people.slice(2, 5);
  const before = await world.cluster.redis.keys();
  await inParallel(flappers, flappers.length, async (person) => {
    for (let i = 0; i < times; i += 1) {
      await person.flap(HEAL_MS);
      await lasting(pauseMs);
    }
  });
  await world.verdict({ leaves: leavesOnce(room, []) }, CALM_MS);
  const after = await world.cluster.redis.keys();
  world.measure('keys more than before', after.length - before.length, 0);
}

async function item17_flappingClients(world) {
  await flap(world, { times: 20, pauseMs: 50 });
}

async function item17_flappingClientsForAMinute(world) {
  await flap(world, { times: 30, pauseMs: 2_000 });
}

/** A balancer moves people in the middle of a session, while things happen. */
async function item18_clientsMove(world) {
  const room = await world.crowdedRoom(9);
  await appoint(room.people);
  const random = world.random.fork('moves');
  const load = world.load(room.people);
  for (let i = 0; i < 12; i += 1) await random.pick(room.people).move(random.pick(world.cluster.nodes));
  await load.stop();
  await world.verdict({ leaves: leavesOnce(room, []) }, CALM_MS);
}

/** Without sticky sessions a poll may reach a node that does not know the session: a clear answer. */
async function item19_pollAtTheWrongNode(world) {
  const [first, second] = world.cluster.nodes;
  const path = '/socket.io/?EIO=4&transport=polling';
  for (let i = 0; i < 20; i += 1) {
    const opened = await (await fetch(first.url + path)).text();
    const { sid } = JSON.parse(opened.slice(1));
    const wrong = await fetch(`${second.url}${path}&sid=${sid}`, { method: 'POST', body: '40', signal: AbortSignal.timeout(CALM_MS) });
    if (wrong.status !== 400) throw new Error(`a poll of another node's session was answered with ${wrong.status} ${await wrong.text()}`);
    const right = await fetch(`${first.url}${path}&sid=${sid}`, { method: 'POST', body: '40' });
    if (right.status !== 200) throw new Error(`the session is lost on its own node: ${right.status}`);
    await fetch(`${first.url}${path}&sid=${sid}`, { method: 'POST', body: '1' });
  }
  const room = await world.crowdedRoom(3);
  await world.verdict({ leaves: leavesOnce(room, []) });
}

/** Transports that never join a namespace are closed; the others notice nothing. */
async function item20_socketsWithoutConnect(world) {
  const room = await world.crowdedRoom(4);
  const url = `${world.cluster.nodes[0].url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
  const began = now();
  let opened = 0;
  const idle = Array.from({ length: 300 }, () => {
    const ws = new WebSocket(url, { perMessageDeflate: false });
    ws.on('error', () => {});
    ws.on('open', () => { opened += 1; });
    // Pings are answered: a client that is alive, and says nothing.
    ws.on('message', (data) => data.toString() === '2' && ws.send('3'));
    return ws;
  });
  const open = () => idle.filter(({ readyState }) => readyState !== WebSocket.CLOSED).length;
  const load = world.load(room.people);
  await until(() => open() === 0, { within: CONNECT_TIMEOUT_MS + HEAL_MS, what: () => `all are closed; ${open()} are open` });
  world.measure('closed after ms', now() - began);
  if (opened < idle.length) throw new Error(`only ${opened} of ${idle.length} were opened: this proves little`);
  await load.stop();
  await world.verdict({ leaves: leavesOnce(room, []) });
}

export const scenarios = [
  quick(item17_flappingClients),
  quick(item18_clientsMove),
  quick(item19_pollAtTheWrongNode),
  quick(item16_halfOpenClient, {
    nodes: 2,
    settings: { SOCKET__PING_INTERVAL_MS: PING.interval, SOCKET__PING_TIMEOUT_MS: PING.timeout, SOCKET__CONNECT_TIMEOUT_MS: CONNECT_TIMEOUT_MS },
  }),
  quick(item20_socketsWithoutConnect, {
    nodes: 2,
    settings: { SOCKET__PING_INTERVAL_MS: PING.interval, SOCKET__PING_TIMEOUT_MS: PING.timeout, SOCKET__CONNECT_TIMEOUT_MS: CONNECT_TIMEOUT_MS },
  }),
  long(item16_halfOpenClientWithDefaults, { seconds: 50 }),
  long(item17_flappingClientsForAMinute, { seconds: 75 }),
];
