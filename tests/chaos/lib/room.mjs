// One room of a scenario: its people, its history, and when it has settled.
import { Rest } from '../../compat/lib/rest.mjs';
import { History } from '../history.mjs';
import { Person } from '../people.mjs';
import { CALM_MS, HEAL_MS } from './limits.mjs';
import { difference, peopleOf } from './view.mjs';
import { inParallel, now, soon, until } from './wait.mjs';

const JOINS_AT_ONCE = 20;
const ANSWER_MS = 3_000;
const LOOK_EVERY_MS = 50;

export class Room {
  people = [];

  constructor(world, id, creator) {
    this.world = world;
    this.id = id;
    this.history = new History({ room: id, creator });
  }

  /** A meeting over REST; without a creator just a room id that nobody has used. */
  static async create(world, { creator = 'p0', settings } = {}) {
    const room = new Room(world, world.freshId(), creator);
    if (creator === null) return room;
    const { status, body } = await new Rest(world.cluster.running[0].url).post('/api/meetings', {
      roomId: room.id, userId: creator, userName: creator, ...(settings && { settings }),
    });
    if (status !== 201) throw new Error(`no meeting: ${status} ${JSON.stringify(body)}`);
    return room;
  }

  /** Somebody who is not in the room yet; `tab` tells several of the same user apart. */
  person(id, { start = this.people.length, tab = 0, ...options } = {}) {
    const random = this.world.random.fork(`${this.id} ${id} ${tab}`);
    const person = new Person({ id, history: this.history, balancer: this.world.balancer, random, start, ...options });
    this.people.push(person);
    return person;
  }

  /** `p0`, `p1`, … in the room, spread over the nodes, and all of them see all of them. */
  async crowd(count, { prefix = 'p' } = {}) {
    const nodes = this.world.cluster.nodes.length;
    const crowd = Array.from({ length: count }, (_, i) => this.person(`${prefix}${i}`, { start: i % nodes }));
    await inParallel(crowd, JOINS_AT_ONCE, (person) => person.join());
    await this.settle(HEAL_MS, { record: false });
    return crowd;
  }

  on(node) {
    return this.people.filter((person) => person.node === node);
  }

  get wanted() {
    return this.people.filter(({ wanted }) => wanted);
  }

  /**
   * Until everybody who wants to be in the room is, all nodes say the same, and every view shows it.
   * Says how long that took. Then somebody asks on each node that had nobody left.
   */
  async settle(within = HEAL_MS, { record = true } = {}) {
    const began = now();
    await this.#equal(within);
    const took = now() - began;
    if (await this.#cover()) await this.#equal(CALM_MS);
    if (record) await this.#record();
    return took;
  }

  /** Breaches of the rules so far. */
  check(expectations) {
    return this.history.check({ ...this.world.expectations, ...expectations });
  }

  close() {
    for (const person of this.people) person.close();
  }

  async #equal(within) {
    let why = '';
    await until(async () => {
      why = await this.#difference();
      return why === null;
    }, { within, every: LOOK_EVERY_MS, what: () => `the room has settled: ${why}` });
  }

  /** What keeps the room from being settled, or null. */
  async #difference() {
    const { wanted } = this;
    const absent = wanted.filter(({ present }) => !present);
    if (absent.length > 0) return `not in the room: ${absent.map(({ id, dismissed, refusal }) => `${id}${dismissed ? ' (was told to go)' : ''}${refusal ? ` (${refusal.code})` : ''}`)}`;
    const states = [];
    for (const person of wanted) {
      states.push(soon(person.invoke('room-state'), ANSWER_MS, `${person.id} gets an answer`).catch((error) => ({ outcome: error.message })));
    }
    const answers = await Promise.all(states);
    const mute = answers.findIndex(({ outcome }) => outcome !== 'ok');
    if (mute >= 0) return `${wanted[mute].id} got no state from ${wanted[mute].node?.name}: ${answers[mute].outcome} ${JSON.stringify(answers[mute].reply?.error)}`;
    const [{ reply: first }] = answers;
    const people = peopleOf(first.participants);
    for (const [at, { reply }] of answers.entries()) {
      const person = wanted[at];
      const where = `${person.id} on ${person.node?.name}`;
      if (reply.room.epoch !== first.room.epoch) return `${where} is in epoch ${reply.room.epoch}, ${wanted[0].id} on ${wanted[0].node?.name} in ${first.room.epoch}`;
      if (reply.rev !== first.rev) return `${where} is told revision ${reply.rev}, ${wanted[0].id} ${first.rev}`;
      const differences = [...difference(people, peopleOf(reply.participants)), ...difference(people, person.view.people ?? new Map())];
      if (differences.length > 0) return `${where}: ${differences.slice(0, 3).join('; ')}`;
    }
    const shown = wanted.find(({ id }) => !people.has(id) || people.get(id).isReconnecting);
    return shown ? `${shown.id} is connected, and the room says ${JSON.stringify(people.get(shown.id)) ?? 'nothing of them'}` : null;
  }

  /** Moves somebody to each running node that nobody is on; says whether it had to. */
  async #cover() {
    const bare = this.world.cluster.running.filter((node) => this.on(node).length === 0);
    for (const node of bare) {
      const crowded = this.wanted.filter((person) => person.movable !== false && this.on(person.node).length > 1);
      if (crowded.length === 0) return false;
      this.history.note(`${crowded[0].id} moves to ${node.name}, to ask there`);
      await crowded[0].move(node);
    }
    return bare.length > 0;
  }

  async #record() {
    this.history.settled();
    for (const node of this.world.cluster.running) {
      const person = this.on(node).find(({ present }) => present);
      if (!person) continue;
      const reply = await person.state();
      this.history.final(node.index, reply);
    }
  }
}
