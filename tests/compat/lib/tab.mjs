// A page of the list dialect whose client reconnects by itself and which never joins again; it has a wire of its own.
import assert from 'node:assert/strict';
import { hearEverything, openSocket, upgraded } from './clients.mjs';
import { ids } from './expect.mjs';
import { Log } from './log.mjs';
import { keepSecret } from './secrets.mjs';
import { nameOf } from './user.mjs';

const BY_ITSELF = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 100, randomizationFactor: 0 };

export class Tab {
  #asked = 0;
  #variant;

  /** `pid` and `offset`: what a page brings that says it was connected before. */
  constructor(id, wire, variant, { name = nameOf(id), pid, offset, ...options }) {
    this.id = id;
    this.name = name;
    this.wire = wire;
    this.roomId = null;
    this.log = new Log(id);
    this.#variant = variant;
    this.socket = openSocket(wire.url, variant, { ...BY_ITSELF, autoConnect: false, ...options });
    Object.assign(this.socket, { _pid: pid, _lastOffset: offset });
    this.lastPid = pid;
    hearEverything(this.socket, variant, (event, args) => this.log.add({ event, args }));
    this.socket.on('connect', () => {
      // Who has it is let in: it must not be logged.
      if (pid === undefined) keepSecret(this.pid);
      this.log.add({ event: 'connect', args: [], local: true });
    });
    for (const event of ['disconnect', 'connect_error']) {
      this.socket.on(event, (why) => this.log.add({ event, args: [why?.message ?? why], local: true }));
    }
    this.socket.connect();
  }

  get pid() {
    return this.socket._pid;
  }

  async connected() {
    await this.log.next(({ event, local }) => local && event === 'connect', 'connect');
    await upgraded(this.socket, this.#variant);
  }

  emit(event, ...args) {
    this.socket.emit(event, ...args);
  }

  /** Emits and resolves with the single object of the acknowledgement. */
  async ack(event, ...args) {
    const number = (this.#asked += 1);
    const answer = this.log.next((entry) => entry.answers === number, `the ack of ${event}`);
    this.socket.emit(event, ...args, (...reply) => this.log.add({ event, args: reply, answers: number }));
    const { args: reply } = await answer;
    assert.equal(reply.length, 1, `${event} is acked with one argument`);
    assert.equal(typeof reply[0], 'object', `${event} is acked with an object, not ${JSON.stringify(reply[0])}`);
    assert.notEqual(reply[0], null, `${event} is acked with an object`);
    return reply[0];
  }

  /** Commands on the own room. */
  async ok(event, payload = {}) {
    const reply = await this.ack(event, { roomId: this.roomId, ...payload });
    assert.equal(reply.success ?? reply.ok, true, `${this.id}: ${event} is accepted, not ${JSON.stringify(reply)}`);
    return reply;
  }

  async refused(event, payload, codes) {
    const reply = await this.ack(event, { roomId: this.roomId, ...payload });
    const code = reply.code ?? reply.error?.code;
    const what = `${event} ${JSON.stringify(payload).slice(0, 200)}`;
    assert.ok([codes].flat().includes(code), `${this.id}: ${what} is refused as ${codes}, not ${JSON.stringify(reply)}`);
    return reply;
  }

  async next(event, where = () => true) {
    const entry = await this.log.next((e) => e.event === event && e.answers === undefined && where(...e.args), event);
    return entry.args[0];
  }

  until(condition, what) {
    return this.log.until(condition, what);
  }

  /** Everything sent before has been answered. */
  settle() {
    return this.ack('room-state', { roomId: this.roomId ?? 'nowhere' });
  }

  /** By a round trip: nothing of this kind is left unread. */
  async noMore(event, where = () => true) {
    await this.settle();
    const entry = this.log.peek((e) => e.event === event && e.answers === undefined && where(...e.args));
    assert.equal(entry, undefined, `${this.id} got an unexpected ${event}: ${JSON.stringify(entry?.args)}`);
  }

  heard(event) {
    return this.log.entries.filter((e) => e.event === event && e.answers === undefined).map((e) => e.args[0]);
  }

  knock(roomId, extra) {
    this.roomId = roomId;
    this.emit('join-room', roomId);
    this.emit('set-user-id', this.id);
    const image = `https://img.example/${this.id}.png`;
    const person = { userId: this.id, userName: this.name, userImageUrl: image, isCreator: false };
    return this.ack('join-mediasoup-room', { roomId, rtpCapabilities: {}, ...person, ...extra });
  }

  async enter(roomId, extra) {
    const reply = await this.knock(roomId, extra);
    assert.equal(reply.success, true, `${this.id} joins ${roomId}: ${JSON.stringify(reply)}`);
    await this.until(() => this.seen(this.id), `${this.id} to be in the own list`);
    this.emit('request-chat-history', { roomId });
    await this.next('chat-history');
    return reply;
  }

  /** The events since the last loss of the connection, in order. */
  get news() {
    const lost = this.log.entries.findLastIndex(({ event, local }) => local && event === 'disconnect');
    return this.log.entries.slice(lost + 1).filter(({ local, answers }) => !local && answers === undefined);
  }

  /** The list that was shown last since the last loss of the connection. */
  get people() {
    return this.news.findLast(({ event }) => event === 'participant-list-update')?.args[0] ?? null;
  }

  seen(id) {
    return this.people?.find((person) => person.id === id);
  }

  shows(...expected) {
    const wanted = [...expected].sort().join();
    return this.until(() => ids(this.people)?.join() === wanted, `a list of ${wanted}, not ${ids(this.people)}`);
  }

  /** The texts of the messages that the page shows. */
  get chat() {
    const texts = [];
    for (const { event, args: [payload], answers } of this.log.entries) {
      if (answers !== undefined) continue;
      if (event === 'chat-history') texts.splice(0, Infinity, ...payload.map(({ message }) => message.text));
      if (event === 'receive-message') texts.push(payload.message.text);
    }
    return texts;
  }

  says(...texts) {
    return this.until(() => this.chat.join() === texts.join(), `messages ${texts}, not ${this.chat}`);
  }

  /** The connection is lost; the client itself tries to have it back. */
  async drop(how = ({ wire }) => this.interrupted(() => wire.cut())) {
    await upgraded(this.socket, this.#variant);
    this.lastPid = this.pid;
    const lost = this.log.next(({ event, local }) => local && event === 'disconnect', 'the loss of the connection');
    how(this);
    await lost;
  }

  /** A client that polls tries once more, and has lost nothing if that is answered. */
  interrupted(how) {
    if (!this.wire.isShut) this.socket.once('disconnect', () => this.wire.open());
    this.wire.shut();
    how();
  }

  /** The same, and the client is not let back in before `returns`. */
  leaveForNow(how) {
    this.wire.shut();
    return this.drop(how);
  }

  returns() {
    this.wire.open();
  }

  /** Back by itself, with everything shown again. */
  async recovered(...people) {
    await this.connected();
    assert.equal(this.socket.recovered, true, `${this.id} is recovered`);
    assert.equal(this.pid, this.lastPid, 'the same pid');
    await this.shows(...people);
  }

  /** Connected, with another pid and in no room: nothing is heard of what happens meanwhile. */
  async notRecovered(happen) {
    await this.connected();
    assert.ok(!this.socket.recovered, `${this.id} is not recovered`);
    assert.equal(typeof this.pid, 'string');
    assert.notEqual(this.pid, this.lastPid, 'another pid');
    await this.expectNothing(happen);
  }

  /** Not one event of a room since the connection was made. */
  async expectNothing(happen = () => {}) {
    await happen();
    const reply = await this.settle();
    assert.notEqual(reply.ok, true, `${this.id} is in no room: ${JSON.stringify(reply)}`);
    const heard = this.news.filter(({ event, args }) => !(event === 'error' && args[0].event === 'room-state'));
    assert.deepEqual(heard.map(({ event, args }) => [event, args[0]]), [], `${this.id} is told nothing of any room`);
  }

  close() {
    this.log.close();
    this.socket.close();
    this.wire.close();
  }
}
