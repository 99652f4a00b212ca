// A thousand people in the lobby and one admit-all: all in, in order, every view complete.
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { after, before, describe, test } from 'node:test';
import { hearEverything, ONE, openSocket } from './lib/clients.mjs';
import { queueBecomes } from './lib/doors-of-rooms.mjs';
import { wire } from './lib/expect.mjs';
import { bePatient } from './lib/log.mjs';
import { Server } from './lib/server.mjs';
import { perform } from './lib/stage.mjs';
import { fold } from './lib/view.mjs';

const PEOPLE = Number(process.env.USHER_TEST_STORM ?? 1_000);
const AT_ONCE = 50;
const TIMEOUT_MS = 300_000;
const [VARIANT] = ONE;
const settings = {
  ROOMS__MAX_PARTICIPANTS: PEOPLE + 1,
  // One process speaks for a thousand: its pongs may be late, and it may read late.
  SOCKET__PING_TIMEOUT_MS: 60_000,
  SOCKET__SLOW_CONSUMER_TIMEOUT_MS: 60_000,
};
// Only the runner's own limit ends a wait.
bePatient(TIMEOUT_MS);

/** Somebody in the queue, who keeps what makes the list of people, and notes what should not have come. */
class Guest {
  entries = [];
  known = new Set();
  unexpected = [];
  isAdmitted = false;

  constructor(id, url, events) {
    this.id = id;
    this.events = events;
    this.socket = openSocket(url, VARIANT);
    hearEverything(this.socket, VARIANT, (event, args) => this.#hear(event, args));
    this.socket.on('disconnect', (why) => events.onLost(new Error(`${id} was disconnected: ${why}`)));
  }

  connected() {
    return new Promise((resolve, reject) => this.socket.once('connect', resolve).once('connect_error', reject));
  }

  async knock(roomId) {
    await this.connected();
    const payload = { roomId, userId: this.id, userName: this.id };
    const reply = await new Promise((resolve) => this.socket.emit('join-room', payload, resolve));
    assert.equal(reply.waiting, true, `${this.id}: ${JSON.stringify(reply)}`);
    this.place = reply.position;
  }

  #hear(event, args) {
    if (event === 'lobby-waiting' && !this.isAdmitted) return;
    if (event === 'lobby-admitted') this.isAdmitted = true;
    else if (this.isAdmitted && event === 'existing-participants') for (const { id } of args[0]) this.#knows(id);
    else if (this.isAdmitted && event === 'participant-joined') this.#knows(args[0].id);
    else return void this.unexpected.push(event);
    this.entries.push({ event, args });
  }

  #knows(id) {
    const before = this.known.size;
    this.known.add(id);
    if (this.known.size > before && this.known.size === PEOPLE + 1) this.events.onComplete();
  }

  close() {
    this.socket.off('disconnect');
    this.socket.close();
  }
}

/** All of them come and wait, so many arriving at the same time. */
async function gather(guests, url, roomId, events) {
  const worker = async () => {
    while (guests.length < PEOPLE) {
      const guest = new Guest(`p${guests.length}`, url, events);
      guests.push(guest);
      await guest.knock(roomId);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

describe(`${PEOPLE} people in the lobby`, () => {
  let server;
  before(async () => {
    server = await Server.start(settings);
  });
  after(() => server?.stop());

  test('enter at one word, in order of arrival, and see each other', { timeout: TIMEOUT_MS }, (t) => (
    perform(server, VARIANT, async (stage) => {
      const roomId = await stage.meeting('ann', { lobby: true });
      let missing = PEOPLE;
      let events;
      const complete = new Promise((resolve, reject) => {
        events = { onComplete: () => (missing -= 1) === 0 && resolve(performance.now()), onLost: reject };
      });
      complete.catch(() => {});
      const guests = [];
      try {
        await gather(guests, server.url, roomId, events);
        const queue = [...guests].sort((a, b) => a.place - b.place);
        assert.deepEqual(queue.map(({ place }) => place), queue.map((_, i) => i + 1), 'a place for each');
        const ann = await stage.joined('ann', roomId);
        await queueBecomes(ann, ...queue.map(({ id }) => id));

        const [began, used] = [performance.now(), server.cpu()];
        await ann.ok('admit-all');
        const acked = performance.now() - began;
        const ms = (await complete) - began;
        const spent = server.cpu() - used;
        t.diagnostic(`${PEOPLE} admitted: ${ms.toFixed(0)} ms from admit-all to the last complete view, ` +
          `${acked.toFixed(0)} ms to its ack, ${spent} ms of the server's processor`);

        const { participants } = await ann.ok('room-state');
        assert.deepEqual(participants.map(({ id }) => id), ['ann', ...queue.map(({ id }) => id)]);
        const room = JSON.stringify(participants.map(wire));
        assert.equal(JSON.stringify(ann.view().map(wire)), room, 'what ann sees');
        for (const { id, entries, unexpected } of guests) {
          const { people, anomalies } = fold(entries);
          assert.deepEqual([anomalies, unexpected], [[], []], id);
          assert.ok(JSON.stringify(people.map(wire)) === room, `${id} sees the room as it is`);
        }
      } finally {
        for (const guest of guests) guest.close();
      }
    })));
});
