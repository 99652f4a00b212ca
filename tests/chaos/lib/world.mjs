// What a scenario acts on: a cluster, rooms, chance, and the things that it measures on the way.
import { Balancer } from '../people.mjs';
import { describe } from '../history.mjs';
import { Load } from './load.mjs';
import { Room } from './room.mjs';
import { now } from './wait.mjs';

const DEFAULT_GRACE_MS = 20_000;
const DEFAULT_CLOSE_GRACE_MS = 3_000;
let worlds = 0;

export class World {
  rooms = [];
  objections = new Set();
  measured = {};
  remarks = [];
  #made = 0;
  #loads = [];

  constructor({ cluster, random, log = () => {} }) {
    worlds += 1;
    this.number = worlds;
    this.cluster = cluster;
    this.random = random;
    this.balancer = new Balancer(cluster);
    this.say = log;
    this.expectations = {
      // Only a Redis that has lost something is a reason for a new epoch.
      rebuilds: 0,
      graceMs: Number(cluster.settings.PRESENCE__LEAVE_AFTER_LOST_MS ?? DEFAULT_GRACE_MS),
      closeGraceMs: Number(cluster.settings.PRESENCE__LEAVE_AFTER_CLOSE_MS ?? DEFAULT_CLOSE_GRACE_MS),
    };
  }

  /** An id that no other room of this process has. */
  freshId() {
    this.#made += 1;
    return `room-${process.pid}-${this.number}-${this.#made}`;
  }

  async room(options) {
    const room = await Room.create(this, options);
    this.rooms.push(room);
    return room;
  }

  /** A room with people in it, in one step. */
  async crowdedRoom(count, options) {
    const room = await this.room(options);
    await room.crowd(count);
    return room;
  }

  load(people, options = {}) {
    const load = new Load(people, { random: this.random.fork(`load ${this.#loads.length}`), ...options });
    this.#loads.push(load);
    return load.start();
  }

  anyNode(label = 'node') {
    return this.random.fork(label).pick(this.cluster.running);
  }

  /** A fault or its end, in every history. */
  note(text) {
    this.say(text);
    for (const { history } of this.rooms) history.note(text);
  }

  /** Something is wrong, but not so wrong that the scenario could not go on and find more. */
  object(text) {
    this.objections.add(text);
  }

  /** Keeps a figure for the report, and holds it against its limit. */
  measure(what, value, limit = Infinity) {
    const rounded = Math.round(value);
    this.measured[what] = Math.max(rounded, this.measured[what] ?? 0);
    if (value > limit) this.object(`${what}: ${rounded}, at most ${Math.round(limit)}`);
    return value;
  }

  /** Runs `work` and measures how many milliseconds it took. */
  async timed(what, limit, work) {
    const began = now();
    const result = await work();
    this.measure(what, now() - began, limit);
    return result;
  }

  /** Each room settles within the time, and no rule has been broken in any of them. */
  async verdict(expectations = {}, within) {
    for (const room of this.rooms) this.measure('settled after ms', await room.settle(within));
    this.judge(expectations);
  }

  judge(expectations = {}) {
    const broken = [...this.objections].map((text) => ({ rule: 'contract', text }));
    broken.push(...this.rooms.flatMap((room) => room.check(expectations)));
    this.remarks.push(...this.rooms.flatMap(({ history }) => history.remarks()));
    this.objections.clear();
    if (broken.length > 0) throw Object.assign(new Error(`${broken.length} breaches:\n${describe(broken)}`), { broken });
  }

  async close() {
    await Promise.all(this.#loads.map((load) => load.stop()));
    for (const room of this.rooms) room.close();
  }
}
