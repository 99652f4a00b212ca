// A mix of commands from many people at once, each with their own sequence of choices.
import { lasting } from './wait.mjs';

const ROLE_COMMANDS = ['make-host', 'remove-host', 'make-cohost', 'remove-cohost'];
const MEDIA = ['isAudioMuted', 'isVideoPaused', 'isScreenSharing', 'isHandRaised'];
const AWAY_MS = 100;

export class Load {
  #people;
  #ids;
  #random;
  #pauseMs;
  #roles;
  #most;
  #running = null;
  #stopping = false;
  counts = { ok: 0, refused: 0, unknown: 0, away: 0 };
  /** Refusal codes, and how often. */
  codes = {};
  sent = 0;
  /** Milliseconds until the answer, newest last; bounded. */
  latencies = [];

  /** `roles`: the share of role commands. `most`: how many commands in all, at which it ends by itself. */
  constructor(people, { random, pauseMs = [10, 80], roles = 0.7, most = Infinity }) {
    this.#people = people;
    this.#ids = people.map(({ id }) => id);
    this.#random = random;
    this.#pauseMs = pauseMs;
    this.#roles = roles;
    this.#most = most;
  }

  start() {
    this.#running = Promise.all(this.#people.map((person) => this.#act(person, this.#random.fork(person.id))));
    return this;
  }

  /** Until `most` commands have been sent. */
  finished() {
    return this.#running;
  }

  /** No further commands; resolves when all that were sent are answered or unknown. */
  async stop() {
    this.#stopping = true;
    await this.#running;
    return this;
  }

  async #act(person, random) {
    while (!this.#stopping && this.sent < this.#most) {
      const [event, payload] = this.#choose(random);
      const pause = random.int(...this.#pauseMs);
      if (person.present) {
        this.sent += 1;
        const { outcome, reply, ms } = await person.invoke(event, payload);
        this.counts[outcome] += 1;
        if (outcome === 'refused') this.codes[reply.error?.code] = (this.codes[reply.error?.code] ?? 0) + 1;
        if (ms !== undefined && this.latencies.length < 100_000) this.latencies.push(ms);
        await lasting(pause);
      } else await lasting(AWAY_MS);
    }
  }

  #choose(random) {
    if (random.chance(this.#roles)) return [random.pick(ROLE_COMMANDS), { participantId: random.pick(this.#ids) }];
    return ['update-my-state', { [random.pick(MEDIA)]: random.chance(0.5) }];
  }
}
