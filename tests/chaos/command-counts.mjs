// How many Redis commands a join and a role change cost, for rooms and clusters of several sizes.
//
//   node command-counts.mjs [--rooms 10,100,1000] [--nodes 2,3]
//
// Counts what INFO commandstats counts: what clients send, and what scripts call inside. What nodes do
// without being asked (beats, probes) is measured first and taken off.
import { parseArgs } from 'node:util';
import { Rest } from '../compat/lib/rest.mjs';
import { Cluster } from './cluster.mjs';
import { crowdOf, Light } from './lib/lights.mjs';
import { Random } from './lib/random.mjs';
import { lasting, now } from './lib/wait.mjs';
import { Balancer } from './people.mjs';

const IDLE_MS = 5_000;
const OPS = 50;
/** Ours, for the measurement itself. */
const IGNORED = new Set(['info', 'ping', 'client|setname']);

const list = (text) => text.split(',').map(Number);
const { values } = parseArgs({ options: { rooms: { type: 'string', default: '10,100,1000' }, nodes: { type: 'string', default: '2,3' } } });

async function counted(redis, work) {
  const before = await redis.commandCounts();
  const began = now();
  const count = await work();
  const after = await redis.commandCounts();
  const calls = new Map([...after].map(([name, total]) => [name, total - (before.get(name) ?? 0)]).filter(([name, made]) => made > 0 && !IGNORED.has(name)));
  return { calls, count, ms: now() - began };
}

/** Per operation and by command, without the background. */
function perOperation({ calls, count, ms }, idle) {
  const out = new Map();
  for (const [name, total] of calls) {
    const background = ((idle.calls.get(name) ?? 0) / idle.ms) * ms;
    const each = (total - background) / count;
    if (each >= 0.05) out.set(name, each);
  }
  return out;
}

function row(nodes, size, what, costs) {
  const sum = [...costs.values()].reduce((a, b) => a + b, 0);
  const detail = [...costs].sort(([, a], [, b]) => b - a).map(([name, each]) => `${name} ${each.toFixed(1)}`).join(', ');
  console.log(`| ${nodes} | ${size} | ${what} | ${sum.toFixed(1)} | ${detail} |`);
}

async function measure(nodes, size) {
  const cluster = await Cluster.start({ nodes, settings: { ROOMS__MAX_PARTICIPANTS: size + OPS } });
  const people = [];
  try {
    const random = new Random(`${nodes} ${size}`);
    const roomId = 'counted';
    const settings = { maxParticipants: size + OPS };
    const { status, body } = await new Rest(cluster.nodes[0].url).post('/api/meetings', { roomId, userId: 'p0', userName: 'p0', settings });
    if (status !== 201) throw new Error(`no meeting: ${status} ${JSON.stringify(body)}`);
    const world = { cluster, random, balancer: new Balancer(cluster) };
    people.push(...await crowdOf(world, [roomId], size));
    const idle = await counted(cluster.redis, () => lasting(IDLE_MS));
    // One after the other: the dearest way, since those that wait together would share a commit.
    const joins = await counted(cluster.redis, async () => {
      for (let i = 0; i < OPS; i += 1) {
        const light = new Light(`late-${i}`, roomId, world.balancer, random.fork(`late ${i}`), i % nodes);
        people.push(light);
        await light.come();
      }
      return OPS;
    });
    row(nodes, size, 'join', perOperation(joins, idle));
    const roles = await counted(cluster.redis, async () => {
      for (let i = 0; i < OPS; i += 1) {
        const { ok, error } = await people[0].ask('make-cohost', { participantId: `late-${i}` });
        if (!ok) throw new Error(error.code);
      }
      return OPS;
    });
    row(nodes, size, 'role change', perOperation(roles, idle));
    row(nodes, size, 'nothing, each second', new Map([...idle.calls].map(([name, total]) => [name, total / (idle.ms / 1_000)])));
  } finally {
    for (const person of people) person.close();
    await cluster.stop();
  }
}

console.log('| nodes | room of | what | commands | which |\n|---|---|---|---|---|');
for (const nodes of list(values.nodes)) for (const size of list(values.rooms)) await measure(nodes, size);
process.exit(0);
