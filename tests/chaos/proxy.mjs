// A TCP proxy that misbehaves on request. One stands between each node and what the node depends on.
//
// Directions are seen from the side that connects: `up` is client to server, `down` is the answer.
import net from 'node:net';
import { clear, Pipe } from './lib/pipe.mjs';
import { Random } from './lib/random.mjs';
import { FrameFilter } from './lib/resp.mjs';

const DIRECTIONS = { up: ['up'], down: ['down'], both: ['up', 'down'] };
const MOST_LINKS = 4_096;

export class FaultProxy {
  #target;
  #listener = null;
  #links = new Set();
  #faults = { up: clear(), down: clear() };
  #random;
  #inspector = null;
  #resp;

  /** `resp`: what comes down is cut into Redis frames, which `inspect` may then drop or double. */
  constructor({ target, random = new Random('proxy'), resp = false }) {
    this.#target = target;
    this.#random = random;
    this.#resp = resp;
    this.port = 0;
    this.accepted = 0;
    this.refused = 0;
  }

  /** `target`: the port on loopback that connections lead to. */
  static async start({ port = 0, ...options }) {
    const proxy = new FaultProxy(options);
    await proxy.#listen(port);
    return proxy;
  }

  get links() {
    return [...this.#links];
  }

  /** Refuses new connections and drops those there are, as when the peer's machine is gone. */
  async cut() {
    this.#close();
    this.reset();
  }

  /** Bytes of that direction are lost while connections stay open: a link that is dead one way. */
  swallow(direction = 'both') {
    this.#set(direction, { swallow: true });
  }

  /** Bytes of that direction stay where they are until `heal`, as in a short outage under TCP. */
  hold(direction = 'both') {
    this.#set(direction, { hold: true });
  }

  /** Each chunk comes `ms` ± `jitter` later; the order stays. */
  delay(ms, jitter = 0, direction = 'both') {
    this.#set(direction, { delayMs: ms, jitterMs: jitter });
  }

  throttle(bytesPerSecond, direction = 'both') {
    this.#set(direction, { bytesPerSecond });
  }

  /** Every connection that is open now ends with RST. Says how many that were. */
  reset() {
    const links = this.links;
    for (const link of links) link.reset();
    return links.length;
  }

  /**
   * `judge(frame, link)` sees each frame that comes down, a `{ push, channel, bytes }`, and answers
   * `pass`, `drop` or `twice`. A frame that is dropped leaves no hole in the stream.
   */
  inspect(judge) {
    if (!this.#resp) throw new Error('this proxy does not look into the stream: start it with { resp: true }');
    this.#inspector = judge;
  }

  /** New connections lead elsewhere; those that are open stay where they are. */
  retarget(port) {
    this.#target = port;
  }

  /** No fault any more. Connections that have lost bytes are reset: nobody could make sense of them. */
  async heal() {
    this.#inspector = null;
    for (const direction of DIRECTIONS.both) Object.assign(this.#faults[direction], clear());
    for (const link of this.links) {
      if (link.tainted) link.reset();
      else link.pump();
    }
    if (!this.#listener) await this.#listen(this.port);
  }

  async stop() {
    this.#close();
    this.reset();
  }

  #set(direction, fault) {
    if (!DIRECTIONS[direction]) throw new Error(`no direction ${direction}`);
    for (const name of DIRECTIONS[direction]) Object.assign(this.#faults[name], fault);
    for (const link of this.#links) link.pump();
  }

  #listen(port) {
    const listener = net.createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
    this.#listener = listener;
    return new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(port, '127.0.0.1', () => {
        this.port = listener.address().port;
        resolve();
      });
    });
  }

  #close() {
    this.#listener?.close();
    this.#listener = null;
  }

  #accept(client) {
    if (this.#links.size >= MOST_LINKS) {
      this.refused += 1;
      client.resetAndDestroy();
      return;
    }
    this.accepted += 1;
    const link = new Link(client, this.#target, {
      faults: this.#faults,
      random: this.#random.fork(this.accepted),
      filter: this.#resp ? (frame, of) => this.#inspector?.(frame, of) ?? 'pass' : null,
      closed: () => this.#links.delete(link),
    });
    this.#links.add(link);
  }
}

/** One proxied connection. */
class Link {
  #faults;
  #closed;

  constructor(client, target, { faults, random, filter, closed }) {
    const server = net.connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
    this.#faults = faults;
    this.#closed = closed;
    this.client = client;
    this.server = server;
    const splitter = filter && new FrameFilter((frame) => filter(frame, this));
    const frames = splitter && ((data) => splitter.feed(data));
    this.up = new Pipe(client, server, { fault: faults.up, random });
    this.down = new Pipe(server, client, { fault: faults.down, random, frames });
    this.#watch(client, server, 'up');
    this.#watch(server, client, 'down');
  }

  get tainted() {
    return this.up.tainted || this.down.tainted;
  }

  pump() {
    this.up.pump();
    this.down.pump();
  }

  reset() {
    sever(this.client);
    sever(this.server);
  }

  /** What becomes of the other side when `socket`, where direction `name` begins, has gone. */
  #watch(socket, other, name) {
    socket.setNoDelay(true);
    let failed = false;
    socket.on('error', () => {
      failed = true;
    });
    socket.on('close', () => {
      const pipe = this[name];
      if (this.client.destroyed && this.server.destroyed) {
        this.up.stop();
        this.down.stop();
        this.#closed();
      } else if (this.#faults[name].swallow) pipe.tainted = true;
      else if (failed) sever(other);
      // What was sent before the end still arrives; then the other side learns that nobody listens.
      else pipe.close();
    });
  }
}

/** Ends a connection with RST; one whose end was already said can only be closed, or its handle would leak. */
function sever(socket) {
  if (socket.writableEnded) socket.destroy();
  else if (!socket.destroyed) socket.resetAndDestroy();
}
