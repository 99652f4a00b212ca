// People on the official client. Each has a load balancer in front of them: when their connection ends
// they come back on the next node that is ready, and join again.
import { hearEverything, openSocket, WEBSOCKET } from '../compat/lib/clients.mjs';
import { lasting, now, until } from './lib/wait.mjs';
import { View } from './lib/view.mjs';

const CLIENT = WEBSOCKET.find(({ client }) => client === '4.8');
const CONNECT_MS = 3_000;
const BACKOFF_MS = [40, 120];
const MOST_BACKOFF_MS = 1_000;
const PROBED_FOR_MS = 100;
const COME_BACK_MS = 10_000;

/** Sends connections to nodes that say they are ready, round robin, as a health check would have it. */
export class Balancer {
  #cluster;
  #probes = new Map();

  constructor(cluster) {
    this.#cluster = cluster;
  }

  /** The next ready node after that index, or `null` when none is. */
  async next(after) {
    const { nodes } = this.#cluster;
    for (let step = 1; step <= nodes.length; step += 1) {
      const node = nodes[(after + step + nodes.length) % nodes.length];
      if (await this.#isReady(node)) return node;
    }
    return null;
  }

  #isReady(node) {
    const known = this.#probes.get(node);
    if (known && known.at > now() - PROBED_FOR_MS) return known.ready;
    const ready = node.isReady();
    this.#probes.set(node, { at: now(), ready });
    return ready;
  }
}

export class Person {
  #balancer;
  #random;
  #session = null;
  #url;
  #coming = null;

  /** `url(node)`: where to reach a node, if not directly. `start`: the index of the first node. */
  constructor({ id, history, balancer, random, start = 0, url = (node) => node.url }) {
    this.id = id;
    this.history = history;
    this.view = new View();
    this.refusal = null;
    /** The server told them to go, after which the official client does not come back by itself. */
    this.dismissed = false;
    this.wanted = false;
    this.at = start - 1;
    this.#balancer = balancer;
    this.#random = random;
    this.#url = url;
  }

  /** In the room: connected, and the join acknowledged. */
  get present() {
    return this.#session?.joined === true;
  }

  get node() {
    return this.#session?.node ?? null;
  }

  get socket() {
    return this.#session?.socket ?? null;
  }

  /** Enters the room and stays, whatever happens, until told otherwise. */
  async join(extra = {}) {
    this.wanted = true;
    this.extra = extra;
    await this.#come();
    if (!this.present) throw new Error(`${this.id} did not get in: ${JSON.stringify(this.refusal)}`);
    return this;
  }

  /** `{ outcome: ok | refused | unknown | away, reply, ms }` */
  invoke(event, payload = {}) {
    const session = this.#session;
    if (!session) return Promise.resolve({ outcome: 'away' });
    const { history } = this;
    const full = { roomId: history.room, ...payload };
    const op = history.invoke(session.id, event, full);
    const began = now();
    return new Promise((resolve) => {
      session.pending.set(op, () => {
        history.unknown(op);
        resolve({ outcome: 'unknown', ms: now() - began });
      });
      session.socket.emit(event, full, (reply) => {
        if (!session.pending.delete(op)) return;
        history.ack(op, reply);
        if (event === 'leave-room' && reply?.ok) this.view.leave();
        resolve({ outcome: reply?.ok ? 'ok' : 'refused', reply, ms: now() - began });
      });
    });
  }

  /** The full state as this person's node has it, or an error. */
  async state() {
    const { outcome, reply } = await this.invoke('room-state');
    if (outcome !== 'ok') throw new Error(`${this.id} got no state: ${outcome} ${JSON.stringify(reply?.error)}`);
    return reply;
  }

  sees(id) {
    return this.view.people?.get(id);
  }

  until(condition, options) {
    return until(condition, { what: () => `${this.id}: ${options.what}; sees ${JSON.stringify([...(this.view.people?.values() ?? [])])}`.slice(0, 600), within: options.within });
  }

  /** Back in the room, after whatever has happened to the connection. */
  back(within) {
    return until(() => this.present, { within, what: `${this.id} is back in the room (${JSON.stringify(this.refusal)})` });
  }

  async leave() {
    this.wanted = false;
    const result = await this.invoke('leave-room');
    if (this.#session) this.#session.joined = false;
    return result;
  }

  /** Says goodbye: `socket.disconnect()`. */
  goodbye() {
    this.#end('left', (socket) => socket.disconnect());
  }

  /** Closes the tab properly; comes back on the next node if `back`. */
  closeTab({ back = false } = {}) {
    this.wanted &&= back;
    this.#end('closed', (socket) => socket.io.engine.close());
  }

  /** The network is gone; comes back on the next node if `back`. */
  drop({ back = true } = {}) {
    this.wanted &&= back;
    this.#end('lost', (socket) => socket.io.engine.transport.ws._socket.destroy());
  }

  /** Loses the network, and comes back on the next node. */
  async flap(within = COME_BACK_MS) {
    const before = this.#session?.id;
    this.drop();
    await until(() => this.present && this.#session.id !== before, { within, what: `${this.id} is back on another connection (${JSON.stringify(this.refusal)})` });
  }

  /** What a balancer does to somebody in the middle of a session. */
  move(node, within) {
    this.at = node.index - 1;
    return this.flap(within);
  }

  /** The end of the test, not of the story: nothing is recorded any more. */
  close() {
    this.wanted = false;
    const session = this.#session;
    this.#session = null;
    session?.socket.removeAllListeners();
    session?.socket.offAny();
    session?.socket.close();
  }

  #end(how, act) {
    const session = this.#session;
    if (!session) return;
    if (how === 'left') this.wanted = false;
    session.how = how;
    act(session.socket);
  }

  #come() {
    this.#coming ??= this.#tryToCome().finally(() => {
      this.#coming = null;
      // The connection may have ended while its join was being answered.
      if (this.wanted && !this.present) this.#come();
    });
    return this.#coming;
  }

  async #tryToCome() {
    for (let attempt = 0; this.wanted; attempt += 1) {
      if (attempt > 0) await this.#backOff(attempt);
      if (!this.#session && !(await this.#connect())) continue;
      const session = this.#session;
      const { outcome, reply } = await this.invoke('join-room', { userId: this.id, userName: this.id, ...this.extra });
      if (outcome === 'ok' && session === this.#session) {
        session.joined = true;
        return;
      }
      if (outcome === 'refused' && !reply.error?.retryable) {
        this.refusal = reply.error;
        this.wanted = false;
      }
    }
  }

  #backOff(attempt) {
    const [low, high] = BACKOFF_MS.map((ms) => Math.min(MOST_BACKOFF_MS, ms * 2 ** (attempt - 1)));
    return lasting(this.#random.int(low, high));
  }

  /** One attempt at the next ready node. */
  async #connect() {
    const node = await this.#balancer.next(this.at);
    if (!node || !this.wanted) return false;
    this.at = node.index;
    const socket = openSocket(this.#url(node), CLIENT, { timeout: CONNECT_MS });
    const session = { socket, node, id: null, pending: new Map(), joined: false, how: null };
    hearEverything(socket, CLIENT, (event, args) => this.#hear(session, event, args[0]));
    socket.on('disconnect', (reason) => this.#gone(session, reason));
    const connected = await new Promise((resolve) => {
      socket.once('connect', () => {
        session.id = this.history.open(this.id, node.index);
        this.view = new View();
        this.#session = session;
        resolve(true);
      });
      socket.once('connect_error', () => resolve(false));
    });
    if (!connected) socket.close();
    return connected;
  }

  #hear(session, event, payload) {
    if (session !== this.#session) return;
    this.history.hear(session.id, event, payload);
    this.view.hear(event, payload);
    // A full state that nobody asked for may be of a new epoch: the next answer will tell.
    if (event === 'existing-participants' && session.joined) this.invoke('room-state');
  }

  #gone(session, reason) {
    if (session !== this.#session) return;
    this.#session = null;
    this.history.close(session.id, session.how ?? reason);
    for (const giveUp of session.pending.values()) giveUp();
    session.pending.clear();
    if (reason === 'io server disconnect') {
      this.dismissed = true;
      this.wanted = false;
    }
    session.socket.close();
    if (this.wanted) this.#come();
  }
}
