// People by the thousand: a bare WebSocket each, which keeps counters instead of everything it hears.
import { WebSocket } from './packages.mjs';
import { inParallel, lasting } from './wait.mjs';

const AT_ONCE = 50;
const RETRY_MS = [50, 400];
const ANSWER_MS = 10_000;

export class Light {
  #ws = null;
  #asked = 0;
  #waiting = new Map();
  #random;
  /** What frames are timed by: calls this with each one that is news. */
  onNews = null;
  joined = false;
  joins = 0;
  /** user → how often they were said to have left */
  leaves = new Map();
  isHost = null;
  isCoHost = null;
  seats = 0;

  constructor(id, roomId, balancer, random, start) {
    Object.assign(this, { id, roomId, balancer, at: start - 1, wanted: true });
    this.#random = random;
  }

  /** Connects and joins; again and again until it has worked or nobody wants it any more. */
  async come() {
    while (this.wanted && !this.joined) {
      const node = await this.balancer.next(this.at);
      if (node) {
        this.at = node.index;
        this.node = node;
        await this.#enter(node).catch(() => this.#ws?.terminate());
      }
      if (!this.joined) await lasting(this.#random.int(...RETRY_MS));
    }
  }

  ask(event, payload) {
    const id = (this.#asked += 1);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.#waiting.get(id)?.reject(new Error(`${this.id}: no answer to ${event}`)), ANSWER_MS);
      const done = (settle) => (value) => {
        clearTimeout(late);
        this.#waiting.delete(id);
        settle(value);
      };
      this.#waiting.set(id, { resolve: done(resolve), reject: done(reject) });
      this.#ws.send(`42${id}${JSON.stringify([event, { roomId: this.roomId, ...payload }])}`);
    });
  }

  stopReading() {
    this.#ws._socket.pause();
  }

  get open() {
    return this.#ws?.readyState === WebSocket.OPEN;
  }

  close() {
    this.wanted = false;
    this.#ws?.terminate();
  }

  #enter(node) {
    const ws = new WebSocket(`${node.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, { perMessageDeflate: false, maxPayload: 16 << 20 });
    this.#ws = ws;
    ws.on('error', () => {});
    return new Promise((resolve, reject) => {
      ws.on('close', () => {
        reject(new Error('closed'));
        this.#gone(ws);
      });
      ws.on('message', (data) => {
        const text = data.toString();
        if (text.startsWith('0')) ws.send('40');
        else if (text.startsWith('40')) this.ask('join-room', { userId: this.id, userName: this.id }).then((reply) => this.#entered(reply), reject).then(resolve);
        else this.#hear(text);
      });
    });
  }

  #entered(reply) {
    if (!reply.ok) throw new Error(reply.error.code);
    const me = reply.participants.find(({ id }) => id === this.id);
    Object.assign(this, { joined: true, joins: this.joins + 1, seats: reply.participants.length, isHost: me.isHost, isCoHost: me.isCoHost });
  }

  #gone(ws) {
    if (ws !== this.#ws) return;
    for (const { reject } of [...this.#waiting.values()]) reject(new Error('closed'));
    const wasIn = this.joined;
    this.joined = false;
    if (wasIn && this.wanted) this.come();
  }

  #hear(text) {
    if (text === '2') this.#ws.send('3');
    else if (text.startsWith('42["participant-left"')) {
      const id = /"participantId":"([^"]+)"/.exec(text)[1];
      this.leaves.set(id, (this.leaves.get(id) ?? 0) + 1);
    } else if (text.startsWith('43')) {
      const [, id, json] = /^43(\d+)([^]*)$/.exec(text);
      this.#waiting.get(Number(id))?.resolve(JSON.parse(json)[0]);
    }
    if (this.onNews && text.startsWith('42[')) this.onNews(text);
  }
}

/** Rooms of people, all in: `rooms` ids with `each` people, spread over the nodes. */
export async function crowdOf(world, roomIds, each) {
  const nodes = world.cluster.nodes.length;
  const random = world.random.fork('lights');
  const people = roomIds.flatMap((roomId, room) => Array.from({ length: each }, (_, i) =>
    new Light(`p${i}`, roomId, world.balancer, random.fork(`${roomId} ${i}`), room + (i % nodes))));
  await inParallel(people, AT_ONCE, (person) => person.come());
  return people;
}
