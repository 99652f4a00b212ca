// `suite` runs scenarios for each client variant on one server; a stage is the world of one scenario.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EVERY } from './clients.mjs';
import { RawPolling } from './polling.mjs';
import { RawClient } from './raw.mjs';
import { Rest } from './rest.mjs';
import { expectNoSecret } from './secrets.mjs';
import { Server } from './server.mjs';
import { User } from './user.mjs';

const RUN = Math.random().toString(36).slice(2, 8);
let rooms = 0;

/** `through`: see `Server.start`. `skip`: why this cannot run here, if it cannot. */
export function suite(title, { settings = {}, variants = EVERY, through, skip = false } = {}, body) {
  describe(title, { skip }, () => {
    let server;
    before(async () => {
      server = await Server.start(settings, through);
    });
    after(() => server?.stop());
    for (const variant of variants) {
      describe(variant.label, () => {
        body((name, run) => test(name, { timeout: 120_000 }, () => perform(server, variant, run)));
      });
    }
  });
}

export async function perform(server, variant, run) {
  const stage = new Stage(server, variant);
  try {
    await run(stage);
    stage.check();
  } catch (error) {
    if (error instanceof Error) error.message += `\n--- server ---\n${server.output}`;
    throw error;
  } finally {
    stage.close();
  }
}

class Stage {
  #open = [];

  constructor(server, variant) {
    this.server = server;
    this.variant = variant;
  }

  /** An id that no other test, file or run uses. */
  room() {
    rooms += 1;
    return `room-${RUN}-${process.pid}-${rooms}`;
  }

  rest(token) {
    return new Rest(this.server.url, token);
  }

  /** A user whose connection may still be opening; `url` is another node's, `as` another kind of `User`. */
  arriving(id, { url = this.server.url, variant = this.variant, as: Kind = User, ...options } = {}) {
    const user = new Kind(id, url, variant, options);
    this.#open.push(user);
    return user;
  }

  user(id, options) {
    return this.arriving(id, options).connect();
  }

  async joined(id, roomId, { join, ...options } = {}) {
    const user = await this.user(id, options);
    user.joinReply = await user.join(roomId, join);
    return user;
  }

  /** A connection without a client library, for what the clients would not send. */
  async raw(id, options) {
    const raw = await RawClient.open(id, this.server.url, options);
    this.#open.push(raw);
    return raw;
  }

  /** The same over HTTP: it polls only when it is told to. */
  polling(id) {
    return RawPolling.open(id, this.server.url);
  }

  async meeting(createdBy, fields = {}) {
    const roomId = this.room();
    const { status, body } = await this.rest().post('/api/meetings', { roomId, userId: createdBy, userName: createdBy, ...fields });
    assert.equal(status, 201, JSON.stringify(body));
    return roomId;
  }

  /** Ann's meeting with Ann as host and the guests in it; everyone sees everyone. */
  async cast(...guests) {
    const roomId = await this.meeting('ann');
    const people = { roomId, ann: await this.joined('ann', roomId) };
    for (const id of guests) people[id] = await this.joined(id, roomId);
    for (const id of ['ann', ...guests]) {
      const everyone = guests.length + 1;
      await people[id].until(() => people[id].view()?.length === everyone, `${everyone} people in the view`);
      people[id].log.readAll();
    }
    return people;
  }

  /** What must hold for every client in every scenario. */
  check() {
    for (const user of this.#open) {
      if (!(user instanceof User)) continue;
      assert.deepEqual(user.anomalies(), [], `what ${user.id} heard`);
      const refusals = user.log.entries.filter(({ event, args }) => /error/.test(event) || args[0]?.ok === false || args[0]?.error);
      expectNoSecret(JSON.stringify(refusals), `what ${user.id} was refused with`);
    }
  }

  close() {
    for (const user of this.#open) user.close();
  }
}
