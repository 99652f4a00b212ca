// The frontend of the list dialect, which reconnects by itself and never joins again; each of its tabs has a wire
// of its own.
import assert from 'node:assert/strict';
import { EVERY, hearEverything, openSocket, upgraded } from './clients.mjs';
import { ids } from './expect.mjs';
import { Log } from './log.mjs';
import { keepSecret } from './secrets.mjs';
import { nameOf } from './user.mjs';
import { Wire } from './wire.mjs';

const BY_ITSELF = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 100, randomizationFactor: 0 };

/** Long enough that nobody is given up. */
export const PATIENT = { PRESENCE__LEAVE_AFTER_LOST_MS: 60_000, PRESENCE__LEAVE_AFTER_CLOSE_MS: 60_000 };
/** A server that soon notices that a client is gone, also one that polled. */
export const PROMPT = { SOCKET__PING_INTERVAL_MS: 1_000, SOCKET__PING_TIMEOUT_MS: 2_000 };

/** The clients that know of recovery. */
export const RECOVERING = EVERY.filter(({ client }) => client === '4.8');
export const OLDER = EVERY.filter(({ client }) => client !== '4.8');

/** How a connection ends against the page's will. */
export const ENDS = {
  'the wire is cut': (tab) => tab.interrupted(() => tab.wire.cut()),
  'its transport is closed': (tab) => tab.socket.io.engine.close(),
  'the wire is cut, which the server does not notice': (tab) => tab.interrupted(() => tab.wire.strand()),
};
export const [CUT, CLOSED, STRANDED] = Object.values(ENDS);

/** Scenarios with tabs of their own: `run(stage, tabs, …)`. */
export function withTabs(scenario) {
  return (name, run, ...rest) => scenario(name, async (stage, ...more) => {
    const tabs = new Tabs(stage);
    try {
      await run(stage, tabs, ...more);
      tabs.check();
    } finally {
      tabs.close();
    }
  }, ...rest);
}

class Tabs {
  #stage;
  #open = [];

  constructor(stage) {
    this.#stage = stage;
  }

  async arriving(id, { url = this.#stage.server.url, variant = this.#stage.variant, ...options } = {}) {
    const tab = new Tab(id, await Wire.to(url), variant, options);
    this.#open.push(tab);
    return tab;
  }

  async open(id, options) {
    const tab = await this.arriving(id, options);
    await tab.connected();
    return tab;
  }

  async joined(id, roomId, options) {
    const tab = await this.open(id, options);
    await tab.enter(roomId);
    return tab;
  }

  /**
   * Ann's meeting, with Ann as a delta client who bears witness, and these people in it as tabs; everyone sees
   * everyone. `as(id, i)` are the options of each, Ann being the first.
   */
  async meeting(guests, as = () => ({})) {
    const roomId = this.#stage.room();
    const { token, url } = as('ann', 0);
    const body = { roomId, userId: 'ann', userName: 'Ann' };
    const { status } = await this.#stage.rest(token).post('/api/meetings', body);
    assert.equal(status, 201);
    const ann = await this.#stage.joined('ann', roomId, { token, url });
    const people = {};
    for (const [i, id] of guests.entries()) people[id] = await this.joined(id, roomId, as(id, i + 1));
    await ann.until(() => ann.view().length === guests.length + 1, 'everyone to be seen by Ann');
    for (const tab of Object.values(people)) await tab.shows('ann', ...guests);
    for (const user of [ann, ...Object.values(people)]) user.log.readAll();
    return { roomId, ann, ...people };
  }

  check() {
    for (const { id, log } of this.#open) {
      for (const { event, args: [list] } of log.entries) {
        if (event !== 'participant-list-update') continue;
        assert.equal(new Set(ids(list)).size, list.length, `${id} is shown somebody twice: ${ids(list)}`);
      }
    }
  }

  close() {
    for (const tab of this.#open) tab.close();
  }
}

class Tab {
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
  async drop(how = CUT) {
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

/** Of all that is unread, this person's going and coming is at most that they were reconnecting for a while. */
export async function expectNeverLeft(witness, id) {
  for (const event of ['participant-left', 'participant-joined']) {
    await witness.noMore(event, (news) => [news.participantId, news.id].includes(id));
  }
  const isMore = ({ participantId, updates }) => participantId === id && Object.keys(updates).join() !== 'isReconnecting';
  await witness.noMore('participant-updated', isMore);
  await witness.until(() => !witness.seen(id).isReconnecting, `${id} to be back`);
}

/** The server has noticed that their connection is lost. */
export function noticed(witness, id) {
  return witness.next('participant-updated', (news) => news.participantId === id && news.updates.isReconnecting);
}

/** Bob is in Ann's room and away for now, as the server knows. */
export async function away(tabs, as) {
  const all = await tabs.meeting(['bob'], as);
  await all.bob.leaveForNow();
  await noticed(all.ann, 'bob');
  return all;
}
