// A small correct server that writes histories, for the tests of the checker: they tell a true tale
// and then put one lie into it.
import { History } from '../history.mjs';

const person = (id, flags) => ({ id, name: id, imageUrl: null, isHost: false, isCoHost: false, isAudioMuted: true, isVideoPaused: true, ...flags });

export class Tale {
  time = 0;
  rev = 0;
  epoch = 'e1';
  people = new Map();
  /** user → its open connection */
  at = new Map();

  constructor({ creator = 'ann' } = {}) {
    this.history = new History({ creator, clock: () => this.time });
  }

  /** Everybody's list, as copies: a tale may lie in one of them. */
  list() {
    return [...this.people.values()].map((it) => ({ ...it }));
  }

  state(extra = {}) {
    return { ok: true, rev: this.rev, room: { epoch: this.epoch }, participants: this.list(), ...extra };
  }

  join(user, node = 0, flags = {}) {
    const session = this.history.open(user, node);
    const op = this.history.invoke(session, 'join-room', { roomId: 'room', userId: user });
    this.rev += 1;
    if (!this.people.has(user)) {
      const newcomer = person(user, { isHost: user === this.history.creator, ...flags });
      this.people.set(user, newcomer);
      this.tell('participant-joined', newcomer);
    }
    this.at.set(user, session);
    this.history.hear(session, 'existing-participants', this.list());
    this.history.ack(op, this.state());
    return session;
  }

  /** One event of the present revision to all connections but those `except`ed. */
  tell(event, payload, { except = [], rev = this.rev } = {}) {
    for (const [user, session] of this.at) {
      if (!except.includes(user)) this.history.hear(session, event, { ...payload, rev });
    }
  }

  /** A commit that changes flags of one person. */
  update(target, updates, options) {
    this.rev += 1;
    this.people.set(target, { ...this.people.get(target), ...updates });
    this.tell('participant-updated', { participantId: target, updates }, options);
  }

  /** A command that is accepted and does what it says. */
  command(user, event, target, { reply, effect = true } = {}) {
    const payload = { roomId: 'room', participantId: target };
    const op = this.history.invoke(this.at.get(user), event, payload);
    if (effect) this.update(target, { [/cohost/.test(event) ? 'isCoHost' : 'isHost']: event.startsWith('make') });
    this.history.ack(op, reply ?? { ok: true, rev: this.rev });
    return op;
  }

  refused(user, event, target, code = 'not-host') {
    return this.command(user, event, target, { effect: false, reply: { ok: false, error: { code, message: code } } });
  }

  leaves(user, reason = 'left') {
    this.rev += 1;
    this.people.delete(user);
    this.tell('participant-left', { participantId: user, reason }, { except: [user] });
  }

  leave(user) {
    const op = this.history.invoke(this.at.get(user), 'leave-room', { roomId: 'room' });
    this.leaves(user);
    this.history.ack(op, { ok: true, rev: this.rev });
    this.close(user, 'left');
  }

  close(user, how = 'lost') {
    this.history.close(this.at.get(user), how);
    this.at.delete(user);
  }

  ask(user, extra) {
    const op = this.history.invoke(this.at.get(user), 'room-state', { roomId: 'room' });
    this.history.ack(op, this.state(extra));
  }

  /** A new epoch with the same people, told to everybody. */
  rebuild({ except = [] } = {}) {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`;
    this.rev = 0;
    for (const [user, session] of this.at) {
      if (!except.includes(user)) this.history.hear(session, 'existing-participants', this.list());
      this.ask(user);
    }
  }

  finish(...nodes) {
    for (const node of nodes.length > 0 ? nodes : [0, 1]) this.history.final(node, this.state());
    return this;
  }

  broken(expectations) {
    return [...new Set(this.history.check(expectations).map(({ rule }) => rule))].sort();
  }
}
