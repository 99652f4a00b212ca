// What one connection has heard, in order, and who is waiting for what.

let patienceMs = Number(process.env.USHER_TEST_PATIENCE_MS ?? 8_000);
const SHOWN = 25;
const PAUSE_MS = 25;

/** For a file about something that takes longer by its nature. */
export function bePatient(ms) {
  patienceMs = Math.max(patienceMs, ms);
}

/** Asks again and again, for what tells nobody when it comes true. */
export async function eventually(condition, what = String(condition)) {
  const deadline = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`after ${patienceMs} ms still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

export class Log {
  #owner;
  #waiting = new Set();

  constructor(owner) {
    this.#owner = owner;
    this.entries = [];
  }

  add(entry) {
    entry.at = this.entries.length;
    this.entries.push(entry);
    for (const waiter of [...this.#waiting]) waiter(entry);
  }

  peek(matches) {
    return this.entries.find((entry) => !entry.taken && matches(entry));
  }

  /** The first entry, past or future, that matches and was not taken before. */
  next(matches, what) {
    const take = (entry) => {
      if (!entry || entry.taken || !matches(entry)) return undefined;
      entry.taken = true;
      return entry;
    };
    const past = take(this.peek(matches));
    return past ? Promise.resolve(past) : this.#wait(what, take);
  }

  /** Until `condition()` holds, which is looked at now and after every entry. */
  async until(condition, what = String(condition)) {
    return condition() || this.#wait(what, condition);
  }

  /** Nothing of what has come so far is news any more. */
  readAll() {
    for (const entry of this.entries) entry.taken = true;
  }

  /** Stops waiting: whoever still waits is not told. */
  close() {
    for (const waiter of this.#waiting) clearTimeout(waiter.timer);
    this.#waiting.clear();
  }

  #wait(what, look) {
    const from = this.entries.length;
    return new Promise((resolve, reject) => {
      const waiter = (entry) => {
        const found = look(entry);
        if (!found) return;
        this.#waiting.delete(waiter);
        clearTimeout(waiter.timer);
        resolve(found);
      };
      waiter.timer = setTimeout(() => {
        this.#waiting.delete(waiter);
        const since = this.#describe(from);
        reject(new Error(`${this.#owner} waited ${patienceMs} ms for ${what}; heard since: ${since}\nbefore: ${this.#describe(0, from)}`));
      }, patienceMs);
      this.#waiting.add(waiter);
    });
  }

  #describe(from, to = this.entries.length) {
    const lines = this.entries.slice(from, to).slice(-SHOWN).map(({ event, args, answers, taken }) => {
      const what = answers === undefined ? event : `ack ${answers} of ${event}`;
      return `  ${taken ? '✓' : ' '} ${what} ${JSON.stringify(args).slice(0, 300)}`;
    });
    return lines.length === 0 ? 'nothing' : `\n${lines.join('\n')}`;
  }
}
