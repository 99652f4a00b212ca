// A person at one tab: everything heard is kept in order, nothing is waited for by sleeping.
import assert from 'node:assert/strict';
import { hearEverything, openSocket, upgraded } from './clients.mjs';
import { fold } from './view.mjs';
import { Log } from './log.mjs';

export class User {
  #variant;
  #socket;
  #asked = 0;

  constructor(id, url, variant, { name = nameOf(id), ...options } = {}) {
    this.id = id;
    this.name = name;
    this.roomId = null;
    this.log = new Log(id);
    this.#variant = variant;
    this.#socket = openSocket(url, variant, options);
    hearEverything(this.#socket, variant, (event, args) => this.log.add({ event, args }));
    this.#socket.on('connect', () => this.log.add({ event: 'connect', args: [], local: true }));
    this.#socket.on('disconnect', (why) => this.log.add({ event: 'disconnect', args: [why], local: true }));
    const refused = (error) => {
      const message = typeof error === 'string' ? error : error?.message;
      this.log.add({ event: 'connect_error', args: [message], local: true });
    };
    this.#socket.on('connect_error', refused);
    // What 2.x calls a refused connection; on an open one it is the server's own `error` event.
    if (variant.client === '2.5') this.#socket.on('error', (e) => this.#socket.connected || refused(e));
  }

  get connected() {
    return this.#socket.connected;
  }

  /** As the client library knows it; 2.x makes up its own. */
  get socketId() {
    return this.#socket.id;
  }

  async connect() {
    const { event, args } = await this.log.next((entry) => entry.local && /^connect/.test(entry.event), 'connect');
    if (event === 'connect_error') throw Object.assign(new Error(`connection refused: ${args[0]}`), { refused: true });
    return this;
  }

  /** The transport is open, and the wish to connect on its way. */
  async opened() {
    const { engine } = this.#socket.io;
    if (engine.readyState !== 'open') await new Promise((resolve) => engine.once('open', resolve));
  }

  emit(event, ...args) {
    this.#socket.emit(event, ...args);
  }

  /** Emits and resolves with the single object of the acknowledgement. */
  ack(event, ...args) {
    const number = (this.#asked += 1);
    const answer = this.log.next((entry) => entry.answers === number, `the ack of ${event}`);
    this.#socket.emit(event, ...args, (...reply) => this.log.add({ event, args: reply, answers: number }));
    return answer.then((entry) => {
      assert.equal(entry.args.length, 1, `${event} is acked with one argument`);
      assert.ok(isObject(entry.args[0]), `${event} is acked with an object, not ${JSON.stringify(entry.args[0])}`);
      return entry.args[0];
    });
  }

  /** The payload of the first event of this name, past or future, that no earlier `next` has taken. */
  async next(event, where = () => true) {
    const entry = await this.log.next(
      (e) => e.event === event && e.answers === undefined && where(...e.args),
      event,
    );
    return entry.args[0];
  }

  /** Resolves as soon as `condition()` holds; it is looked at again after every event. */
  until(condition, what) {
    return this.log.until(condition, what);
  }

  /** Everything sent before has been answered: a command of one's own comes back after it. */
  settle() {
    return this.ack('room-state', { roomId: this.roomId ?? 'nowhere' });
  }

  /** By a round trip: nothing of this kind is left unread. */
  async noMore(event, where = () => true) {
    await this.settle();
    const entry = this.log.peek((e) => e.event === event && e.answers === undefined && where(...e.args));
    assert.equal(entry, undefined, `${this.id} got an unexpected ${event}: ${JSON.stringify(entry?.args)}`);
  }

  /** All payloads of one event name so far. */
  heard(event) {
    return this.log.entries.filter((e) => e.event === event && e.answers === undefined).map((e) => e.args[0]);
  }

  /** The list of people that a real frontend would show now; null when not in a room. */
  view() {
    return fold(this.log.entries).people;
  }

  /** What no frontend should have to cope with. */
  anomalies() {
    return fold(this.log.entries).anomalies;
  }

  seen(id) {
    return this.view()?.find((person) => person.id === id);
  }

  /** Commands on the own room: `(event, {participantId})` gets the `roomId` added. */
  async ok(event, payload = {}) {
    const reply = await this.ack(event, { roomId: this.roomId, ...payload });
    assert.equal(reply.ok, true, `${this.id}: ${event} is accepted, not ${JSON.stringify(reply)}`);
    return reply;
  }

  /** Refused with one of the codes, in the ack and in the `error` event alike. */
  async refused(event, payload, codes, message) {
    const reply = await this.ack(event, { roomId: this.roomId, ...payload });
    return this.expectRefusal(event, reply, codes, message);
  }

  async expectRefusal(event, reply, codes, message) {
    assert.equal(reply.ok, false, `${this.id}: ${event} is refused, not ${JSON.stringify(reply)}`);
    assert.ok([codes].flat().includes(reply.error?.code), `${event} is refused as ${codes}: ${JSON.stringify(reply)}`);
    assert.equal(typeof reply.error.message, 'string');
    if (message !== undefined) assert.equal(reply.error.message, message);
    const error = await this.next('error', (e) => e.event === event);
    assert.equal(error.code, reply.error.code);
    assert.equal(error.message, reply.error.message);
    return reply.error;
  }

  joinPayload(roomId, extra = {}) {
    return { roomId, userId: this.id, userName: this.name, ...extra };
  }

  async join(roomId, extra) {
    this.roomId = roomId;
    const reply = await this.ack('join-room', this.joinPayload(roomId, extra));
    assert.equal(reply.ok, true, `${this.id} joins ${roomId}: ${JSON.stringify(reply)}`);
    await this.next('existing-participants');
    return reply;
  }

  upgraded() {
    return upgraded(this.#socket, this.#variant);
  }

  /** `socket.disconnect()`: the page says goodbye. */
  disconnect() {
    this.#socket.disconnect();
  }

  /** What a browser does when its tab is closed: the transport is closed properly, nothing is said. */
  async closeTab() {
    await this.upgraded();
    this.#socket.io.engine.close();
    await this.next('disconnect');
  }

  /** The network is gone: the TCP connection ends without a WebSocket close frame. */
  async cut() {
    await this.upgraded();
    this.#socket.io.engine.transport.ws._socket.destroy();
    await this.next('disconnect');
  }

  close() {
    this.log.close();
    this.#socket.close();
  }
}

export function nameOf(id) {
  return `${id[0].toUpperCase()}${id.slice(1)}`;
}

export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
