// The checker accepts what is right, and objects to one wrong history per rule.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describe as inWords, History } from './history.mjs';
import { Tale } from './lib/tale.mjs';
import { RULES } from './rules/index.mjs';

/** Ann (creator), Bob and Cy on two nodes. */
function trio() {
  const tale = new Tale();
  tale.join('ann', 0);
  tale.join('bob', 1);
  tale.join('cy', 0);
  return tale;
}

const objected = new Set();

/** The wrong tale breaks this rule, and is told in words. */
function wrong(rule, what, tell, expectations) {
  objected.add(rule);
  test(`${rule}: ${what}`, () => {
    const tale = trio();
    tell(tale);
    const found = tale.history.check(expectations);
    assert.ok(found.some((it) => it.rule === rule), `no objection, only: ${inWords(found) || 'none'}`);
    assert.match(inWords(found), new RegExp(rule));
  });
}

function right(what, tell, expectations) {
  test(what, () => {
    const tale = trio();
    tell(tale);
    assert.equal(inWords(tale.history.check(expectations)), '');
  });
}

describe('right histories', () => {
  right('joins, roles, refusals, leaves', (tale) => {
    tale.command('ann', 'make-host', 'bob');
    tale.command('bob', 'make-cohost', 'cy');
    tale.refused('cy', 'make-host', 'cy');
    tale.command('ann', 'remove-host', 'bob');
    tale.ask('cy');
    tale.leave('cy');
    tale.join('cy', 1, { isCoHost: true });
    tale.finish();
  });

  right('a command that changes nothing', (tale) => {
    tale.command('ann', 'make-cohost', 'bob');
    tale.command('ann', 'make-cohost', 'bob', { effect: false });
    tale.finish();
  });

  right('two commands in one commit', (tale) => {
    const { history } = tale;
    const ops = ['make-cohost', 'remove-cohost'].map((event) => history.invoke(tale.at.get('ann'), event, { participantId: 'bob' }));
    tale.update('bob', { isCoHost: true });
    tale.rev -= 1;
    tale.update('bob', { isCoHost: false });
    for (const op of ops) history.ack(op, { ok: true, rev: tale.rev });
    tale.finish();
  });

  right('an unknown outcome that took effect', (tale) => {
    const op = tale.history.invoke(tale.at.get('ann'), 'make-cohost', { participantId: 'bob' });
    tale.history.unknown(op);
    tale.close('ann');
    tale.update('bob', { isCoHost: true });
    tale.time += 100;
    tale.join('ann', 1);
    tale.finish();
  });

  right('gone for longer than the grace', (tale) => {
    tale.close('bob');
    tale.time += 20_000;
    tale.leaves('bob', 'disconnected');
    tale.finish();
  }, { leaves: { bob: 1, cy: 0 } });

  right('a leave in the commit of the return, heard after its answer', (tale) => {
    tale.close('bob');
    tale.time += 20_000;
    const session = tale.history.open('bob', 1);
    const op = tale.history.invoke(session, 'join-room', { roomId: 'room', userId: 'bob' });
    tale.rev += 1;
    tale.history.hear(session, 'existing-participants', tale.list());
    tale.history.ack(op, tale.state());
    tale.time += 5;
    tale.tell('participant-left', { participantId: 'bob', reason: 'disconnected' });
    tale.tell('participant-joined', tale.people.get('bob'));
    tale.at.set('bob', session);
    tale.finish();
  }, { leaves: { bob: 1 } });

  right('a grant that a rebuild lost while it was being acknowledged, done once more', (tale) => {
    const op = tale.history.invoke(tale.at.get('ann'), 'make-cohost', { participantId: 'bob' });
    tale.update('bob', { isCoHost: true });
    const { rev, epoch } = tale;
    tale.people.set('bob', { ...tale.people.get('bob'), isCoHost: false });
    const asked = tale.history.invoke(tale.at.get('cy'), 'room-state', { roomId: 'room' });
    tale.time += 5;
    tale.epoch = `e${Number(epoch.slice(1)) + 1}`;
    tale.rev = 0;
    for (const session of tale.at.values()) tale.history.hear(session, 'existing-participants', tale.list());
    tale.history.ack(asked, tale.state());
    tale.time += 5;
    tale.history.ack(op, { ok: true, rev });
    for (const user of tale.at.keys()) tale.ask(user);
    tale.update('bob', { isCoHost: true });
    tale.finish();
  });

  right('an answer from before a rebuild that comes after it', (tale) => {
    const op = tale.history.invoke(tale.at.get('ann'), 'make-cohost', { participantId: 'bob' });
    tale.update('bob', { isCoHost: true });
    const { rev } = tale;
    tale.rebuild();
    tale.history.ack(op, { ok: true, rev });
    tale.command('ann', 'make-cohost', 'cy');
    tale.finish();
  });

  right('a rebuild without what was shown and never acknowledged', (tale) => {
    const op = tale.history.invoke(tale.at.get('ann'), 'make-cohost', { participantId: 'bob' });
    tale.update('bob', { isCoHost: true });
    tale.history.unknown(op);
    tale.close('ann');
    tale.people.set('bob', { ...tale.people.get('bob'), isCoHost: false });
    tale.rebuild();
    tale.finish();
  });

  right('a rebuild that everybody is told of', (tale) => {
    tale.command('ann', 'make-cohost', 'bob');
    tale.rebuild();
    tale.command('ann', 'make-host', 'cy');
    tale.finish();
  }, { rebuilds: 1, fullStates: 1 });

  right('the last host leaves, a co-host stands in, the host returns', (tale) => {
    tale.command('ann', 'make-cohost', 'bob');
    tale.leave('ann');
    tale.tell('host-vacant', { deadline: 'soon' });
    tale.update('bob', { isHost: true });
    tale.tell('host-changed', { participantId: 'bob', cause: 'succession' });
    tale.command('bob', 'make-cohost', 'cy');
    tale.finish();
  });
});

describe('wrong histories', () => {
  wrong('odd-news', 'the same event twice', (tale) => {
    tale.command('ann', 'make-cohost', 'bob');
    tale.tell('participant-updated', { participantId: 'bob', updates: { isCoHost: true } });
  });
  wrong('odd-news', 'a join of somebody who is there', (tale) => tale.tell('participant-joined', { id: 'bob' }));
  wrong('odd-news', 'a leave of somebody who is not', (tale) => tale.tell('participant-left', { participantId: 'dee' }));
  wrong('odd-news', 'a revision that goes back', (tale) => {
    tale.command('ann', 'make-cohost', 'bob');
    tale.tell('participant-updated', { participantId: 'bob', updates: { isCoHost: false } }, { rev: 1 });
  });
  wrong('view-differs-from-answer', 'an event that somebody never got', (tale) => {
    tale.update('bob', { isReconnecting: true }, { except: ['cy'] });
    tale.ask('cy');
  });
  wrong('final-views-differ', 'two nodes that end differently', (tale) => {
    tale.finish(0);
    tale.history.final(1, tale.state({ participants: tale.list().slice(1) }));
  });
  wrong('final-views-differ', 'a client that shows something else', (tale) => {
    tale.update('bob', { isReconnecting: true }, { except: ['cy'] });
    tale.finish();
  });
  wrong('different-news-of-one-commit', 'one says granted, the other revoked', (tale) => {
    tale.update('bob', { isCoHost: true }, { except: ['cy'] });
    tale.history.hear(tale.at.get('cy'), 'participant-updated', { participantId: 'bob', updates: { isCoHost: false }, rev: tale.rev });
    tale.command('ann', 'make-host', 'bob');
  });
  wrong('missed-commit', 'a hole that nothing filled', (tale) => {
    tale.update('bob', { isReconnecting: true }, { except: ['cy'] });
    tale.update('ann', { isReconnecting: true });
  });
  wrong('answer-before-state', 'the answer overtakes the event', (tale) => {
    const op = tale.history.invoke(tale.at.get('ann'), 'make-cohost', { participantId: 'bob' });
    tale.history.ack(op, { ok: true, rev: tale.rev + 1 });
    tale.update('bob', { isCoHost: true });
  });
  wrong('replicas-differ', 'two states of one revision', (tale) => {
    tale.ask('ann');
    tale.ask('bob', { participants: tale.list().slice(1) });
  });
  wrong('unexplained-change', 'a role that nobody gave', (tale) => tale.update('bob', { isHost: true }));
  wrong('unexplained-change', 'a refused command that took effect', (tale) => {
    tale.refused('bob', 'make-cohost', 'cy');
    tale.update('cy', { isCoHost: true });
  });
  wrong('unexplained-change', 'a command that took effect twice', (tale) => {
    tale.history.unknown(tale.history.invoke(tale.at.get('ann'), 'make-cohost', { participantId: 'bob' }));
    tale.update('bob', { isCoHost: true });
    tale.command('ann', 'remove-cohost', 'bob');
    tale.update('bob', { isCoHost: true });
  });
  wrong('unauthorised-change', 'a plain participant promotes', (tale) => tale.command('bob', 'make-cohost', 'cy'));
  wrong('unauthorised-change', 'a co-host promotes', (tale) => {
    tale.command('ann', 'make-cohost', 'bob');
    tale.command('bob', 'make-host', 'cy');
  });
  wrong('unauthorised-change', 'the creator is demoted', (tale) => {
    tale.command('ann', 'make-host', 'bob');
    tale.command('bob', 'remove-host', 'ann');
  });
  wrong('unauthorised-change', 'somebody who has been demoted goes on', (tale) => {
    tale.command('ann', 'make-host', 'bob');
    tale.command('ann', 'remove-host', 'bob');
    tale.command('bob', 'make-cohost', 'cy');
  });
  wrong('unauthorised-change', 'on oneself', (tale) => tale.command('ann', 'make-cohost', 'ann'));
  wrong('lost-acknowledged-change', 'an acknowledgement without an effect', (tale) => {
    tale.command('ann', 'make-cohost', 'bob', { effect: false });
    tale.finish();
  });
  wrong('lost-acknowledged-change', 'an effect that is gone at the end', (tale) => {
    tale.command('ann', 'make-cohost', 'bob');
    tale.people.set('bob', { ...tale.people.get('bob'), isCoHost: false });
    tale.finish();
  });
  wrong('last-host-removed', 'by a command', (tale) => {
    tale.history.creator = null;
    tale.command('ann', 'remove-host', 'ann');
  });
  wrong('roles-drifted', 'a rebuild without a grant', (tale) => {
    tale.command('ann', 'make-cohost', 'bob');
    tale.people.set('bob', { ...tale.people.get('bob'), isCoHost: false });
    tale.rebuild();
  });
  wrong('roles-drifted', 'a grant that a leave has cost', (tale) => {
    tale.command('ann', 'make-cohost', 'bob');
    tale.leave('bob');
    tale.join('bob');
  });
  wrong('real-time-order', 'acknowledged before, numbered after', (tale) => {
    tale.command('ann', 'make-cohost', 'bob');
    tale.rev -= 2;
    tale.command('ann', 'make-host', 'cy');
  });
  wrong('real-time-order', 'two changes in turn with one revision', (tale) => {
    tale.command('ann', 'make-cohost', 'bob');
    tale.rev -= 1;
    tale.command('ann', 'make-cohost', 'cy');
  });
  wrong('real-time-order', 'a repeat accepted against what was acknowledged', (tale) => {
    tale.command('ann', 'make-cohost', 'bob');
    const old = tale.rev;
    tale.command('ann', 'remove-cohost', 'bob');
    tale.command('ann', 'make-cohost', 'bob', { effect: false, reply: { ok: true, rev: old } });
  });
  wrong('send-order', 'later sent, earlier done', (tale) => {
    const { history } = tale;
    const ops = ['bob', 'cy'].map((target) => history.invoke(tale.at.get('ann'), 'make-cohost', { participantId: target }));
    tale.update('cy', { isCoHost: true });
    tale.update('bob', { isCoHost: true });
    history.ack(ops[0], { ok: true, rev: tale.rev });
    history.ack(ops[1], { ok: true, rev: tale.rev - 1 });
  });
  wrong('epoch-order', 'a node that goes on in the old epoch', (tale) => {
    tale.history.hear(tale.at.get('ann'), 'existing-participants', tale.list());
    tale.epoch = 'e2';
    tale.ask('ann');
    tale.command('ann', 'make-cohost', 'bob');
    tale.epoch = 'e1';
    tale.command('bob', 'make-cohost', 'cy');
  });
  wrong('epoch-without-full-state', 'only the answer tells of it', (tale) => tale.rebuild({ except: ['bob'] }));
  wrong('epoch-without-full-state', 'a rebuild without a reason', (tale) => tale.rebuild(), { rebuilds: 0 });
  wrong('too-many-full-states', 'twice for one rebuild', (tale) => {
    tale.rebuild();
    tale.history.hear(tale.at.get('bob'), 'existing-participants', tale.list());
  }, { fullStates: 1 });
  wrong('unanswered', 'silence', (tale) => {
    tale.history.invoke(tale.at.get('ann'), 'make-cohost', { participantId: 'bob' });
    tale.time += 6_000;
    tale.finish();
  });
  wrong('unanswered', 'two answers', (tale) => tale.history.ack(tale.command('ann', 'make-cohost', 'bob'), { ok: true, rev: tale.rev }));
  wrong('unanswered', 'a refusal without a code', (tale) => tale.command('bob', 'make-cohost', 'cy', { effect: false, reply: { ok: false } }));
  wrong('false-leave', 'with an open connection', (tale) => tale.leaves('bob', 'disconnected'));
  wrong('false-leave', 'before the grace is over', (tale) => {
    tale.close('bob');
    tale.time += 5_000;
    tale.leaves('bob', 'disconnected');
  });
  wrong('false-leave', 'although back within the grace', (tale) => {
    tale.close('bob');
    tale.time += 5_000;
    tale.join('bob', 0);
    tale.time += 16_000;
    tale.leaves('bob', 'disconnected');
  });
  wrong('false-leave', 'left, without having said so', (tale) => {
    tale.close('bob');
    tale.time += 30_000;
    tale.leaves('bob', 'left');
  });
  wrong('leave-count', 'no leave of somebody who left', (tale) => tale.close('bob'), { leaves: { bob: 1 } });
  wrong('lost-member', 'a connection whose owner is not in the room', (tale) => {
    tale.people.delete('bob');
    tale.finish();
  });
  wrong('ghost', 'away for long, and still there', (tale) => {
    tale.close('bob');
    tale.time += 40_000;
    tale.finish();
  });
  wrong('ghost', 'said goodbye, and still there', (tale) => {
    tale.close('bob', 'left');
    tale.time += 10_000;
    tale.finish();
  });
  wrong('entry-after-the-end', 'a join to what has ended', (tale) => {
    const op = tale.history.invoke(tale.at.get('ann'), 'end-meeting', { roomId: 'room' });
    tale.rev += 1;
    tale.tell('meeting-ended', { by: 'ann' });
    tale.history.ack(op, { ok: true, rev: tale.rev });
    tale.people.clear();
    tale.join('dee');
  });
  wrong('over-capacity', 'one too many', (tale) => tale.join('dee'), { seats: 3 });
});

test('there is a wrong history for each rule', () => {
  assert.deepEqual(Object.keys(RULES).filter((rule) => !objected.has(rule)), []);
});

test('refusals as unavailable that took effect are remarked on', () => {
  const tale = trio();
  tale.refused('ann', 'make-cohost', 'bob', 'unavailable');
  tale.update('bob', { isCoHost: true });
  assert.deepEqual(tale.broken(), []);
  assert.deepEqual(tale.history.remarks(), ['1 of 1 commands refused as unavailable took effect']);
});

test('repeats on an old state are remarked on when they contradict nothing', () => {
  const tale = trio();
  tale.command('ann', 'make-cohost', 'bob');
  const old = tale.rev;
  tale.command('ann', 'make-cohost', 'cy');
  const repeat = tale.history.invoke(tale.at.get('bob'), 'update-my-state', { isAudioMuted: true });
  tale.history.ack(repeat, { ok: true, rev: old });
  assert.deepEqual(tale.broken(), []);
  assert.deepEqual(tale.history.remarks(), ['1 repeats were accepted on a state older than what had been acknowledged']);
});

test('a history is bounded by the number of its entries', () => {
  const history = new History();
  history.entries = { length: 2_000_000 };
  assert.throws(() => history.note('one more'), /at most/);
});
