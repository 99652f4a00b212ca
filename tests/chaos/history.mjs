// What happened in one room, as its clients saw it: recorded in one order, checked afterwards.
//
// One process records everything, so the order of the entries is real time: when an acknowledgement
// stands before an invocation, it came before it.
import { writeFileSync } from 'node:fs';
import { analyse } from './rules/analysis.mjs';
import { RULES } from './rules/index.mjs';
import { staleRepeats } from './rules/order.mjs';
import { now } from './lib/wait.mjs';

const MOST_ENTRIES = 2_000_000;
const SHOWN_PER_RULE = 5;

export class History {
  #sessions = 0;
  #ops = 0;
  #clock;

  constructor({ room = 'room', creator = null, clock = since(now()) } = {}) {
    this.room = room;
    this.creator = creator;
    this.entries = [];
    this.#clock = clock;
  }

  /** A connection that somebody has opened. */
  open(user, node) {
    this.#sessions += 1;
    this.#add({ kind: 'open', session: this.#sessions, user, node });
    return this.#sessions;
  }

  /** `how`: `left` (said goodbye), `closed` (a closed tab), or why it was lost. */
  close(session, how) {
    this.#add({ kind: 'close', session, how });
  }

  invoke(session, event, payload) {
    this.#ops += 1;
    this.#add({ kind: 'invoke', op: this.#ops, session, event, payload });
    return this.#ops;
  }

  /** The acknowledgement, as it came: accepted or refused. */
  ack(op, reply) {
    this.#add({ kind: 'ack', op, reply });
  }

  /** The connection ended first: nobody can say whether it took effect. */
  unknown(op) {
    this.#add({ kind: 'unknown', op });
  }

  hear(session, event, payload) {
    this.#add({ kind: 'event', session, event, payload });
  }

  /** Faults and their ends, for whoever reads the evidence. */
  note(text) {
    this.#add({ kind: 'note', text });
  }

  /** Everything has come to rest, so what each node says now (`final`) has to agree. */
  settled() {
    this.#add({ kind: 'settled' });
  }

  /** What a node says after that. Only those after the last `settled` are held against each other. */
  final(node, reply) {
    this.#add({ kind: 'final', node, reply });
  }

  get clock() {
    return this.#clock();
  }

  /**
   * Everything that breaks a rule: `[{ rule, text }]`. `expectations`:
   * - `graceMs`, `closeGraceMs`: how long somebody may be away before they may leave;
   * - `mayLeave(user, at)`: whom a fault keeps away although their connection looks open to them;
   * - `leaves`: `{ user: count }`, exactly;
   * - `reverts`: roles may be taken back, since the database failed;
   * - `rebuilds`: how many new epochs there may be;
   * - `fullStates`: how many a connection may get without asking;
   * - `losesTail`: Redis came back without its last writes, and media flags with them;
   * - `detectMs`: how long the end of a connection may go unnoticed;
   * - `others(user)`: who else may be in the room, without being recorded;
   * - `seats`: how many plain participants there may be at any time.
   */
  check(expectations = {}) {
    const room = analyse(this);
    return Object.entries(RULES).flatMap(([rule, judge]) =>
      judge(room, expectations).map((text) => ({ rule, text })),
    );
  }

  /** Facts that break no rule but should be known. */
  remarks() {
    const room = analyse(this);
    const unavailable = room.ops.filter(({ refusal }) => refusal?.code === 'unavailable');
    const effective = unavailable.filter(({ explains }) => explains > 0);
    const stale = staleRepeats(room);
    return [
      ...(effective.length > 0 ? [`${effective.length} of ${unavailable.length} commands refused as unavailable took effect`] : []),
      ...(stale > 0 ? [`${stale} repeats were accepted on a state older than what had been acknowledged`] : []),
    ];
  }

  /** One JSON object per line. */
  save(path) {
    writeFileSync(path, this.entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  }

  #add(entry) {
    if (this.entries.length >= MOST_ENTRIES) throw new Error(`a history holds ${MOST_ENTRIES} entries at most`);
    this.entries.push({ n: this.entries.length, at: Math.round(this.clock), ...entry });
  }
}

const since = (began) => () => now() - began;

/** The violations in words, a few of each rule. */
export function describe(violations) {
  const byRule = new Map();
  for (const { rule, text } of violations) byRule.set(rule, [...(byRule.get(rule) ?? []), text]);
  return [...byRule].map(([rule, texts]) => {
    const more = texts.length > SHOWN_PER_RULE ? `\n    and ${texts.length - SHOWN_PER_RULE} more` : '';
    return `  ${rule}:\n${texts.slice(0, SHOWN_PER_RULE).map((text) => `    ${text}`).join('\n')}${more}`;
  }).join('\n');
}
