// Connection state recovery: for how long, for whom it is none, and through which doors it leads.
import assert from 'node:assert/strict';
import { Bytes } from './lib/bytes.mjs';
import { ONE } from './lib/clients.mjs';
import { queueBecomes } from './lib/doors-of-rooms.mjs';
import { expectLeft, expectParticipant, ids } from './lib/expect.mjs';
import { eventually } from './lib/log.mjs';
import {
  CLOSED, CUT, OLDER, PATIENT, PROMPT, expectNeverLeft, noticed, withTabs,
} from './lib/recovering.mjs';
import { suite } from './lib/stage.mjs';

const BRIEF_MS = 200;
/** Whoever is away leaves long before the window is over. */
const BRIEF = { ...PROMPT, PRESENCE__LEAVE_AFTER_LOST_MS: BRIEF_MS, PRESENCE__LEAVE_AFTER_CLOSE_MS: BRIEF_MS };

const read = async (stage, roomId, what) => (await stage.rest().get(`/api/meetings/${roomId}/${what}`)).body;

/** The answer to CONNECT, as it is on the wire. */
async function answerTo(connect, url) {
  const bytes = await Bytes.webSocket('raw', url);
  try {
    bytes.send(connect);
    return JSON.parse((await bytes.text((text) => text.startsWith('40'))).slice(2));
  } finally {
    bytes.close();
  }
}

suite('the answer to CONNECT', { variants: ONE }, (scenario) => {
  scenario('has a public and a secret id, of which no two are the same', async (stage) => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => answerTo('40', stage.server.url)));
    for (const answer of answers) {
      assert.deepEqual(Object.keys(answer).sort(), ['pid', 'sid']);
      assert.match(answer.sid, /^[0-9a-f]{16}$/);
      assert.ok(typeof answer.pid === 'string' && answer.pid.length >= 16, 'nobody guesses it');
      assert.ok(!answer.pid.includes(answer.sid), 'nor can it be told from the public one');
    }
    for (const key of ['pid', 'sid']) assert.equal(new Set(answers.map((answer) => answer[key])).size, 20, key);
  });
});

const OVER = {
  ...PROMPT, SOCKET__RECOVERY_WINDOW_SECS: 1, PRESENCE__LEAVE_AFTER_LOST_MS: 2_500, PRESENCE__LEAVE_AFTER_CLOSE_MS: 2_500,
};

suite('after the window', { variants: ONE, settings: OVER }, (start) => {
  const scenario = withTabs(start);

  for (const [what, how] of [['a lost', CUT], ['a closed', CLOSED]]) {
    scenario(`${what} connection is not recovered, and may join anew`, async (stage, tabs) => {
      const { roomId, ann, bob } = await tabs.meeting(['bob']);
      await bob.leaveForNow(how);
      expectLeft(await ann.next('participant-left'), 'bob', 'disconnected');
      bob.returns();
      await bob.notRecovered(() => ann.ok('send-message', { message: 'is he back?' }));
      await bob.refused('send-message', { message: { id: '1', text: 'I am' } }, 'not-joined');
      assert.deepEqual(ids(ann.view()), ['ann']);
      await bob.enter(roomId);
      await bob.shows('ann', 'bob');
    });
  }

  scenario('that began anew with each loss a connection is recovered', async (stage, tabs) => {
    const { ann, bob, cy } = await tabs.meeting(['bob', 'cy']);
    // Bob is away again and again for less than it in all the time in which it ends for Cy.
    await cy.leaveForNow();
    while (ann.heard('participant-left').length === 0) {
      await bob.drop();
      await bob.connected();
      assert.equal(bob.socket.recovered, true);
    }
    expectLeft(await ann.next('participant-left'), 'cy', 'disconnected');
    await bob.drop();
    await bob.recovered('ann', 'bob');
    await expectNeverLeft(ann, 'bob');
  });
});

suite('without a window', { variants: ONE, settings: { ...PATIENT, SOCKET__RECOVERY_WINDOW_SECS: 0 } }, (start) => {
  const scenario = withTabs(start);

  scenario('the answer to CONNECT has no pid', async (stage) => {
    const answer = await answerTo('40', stage.server.url);
    assert.deepEqual(Object.keys(answer), ['sid']);
    assert.match(answer.sid, /^[0-9a-f]{16}$/);
  });

  scenario('nobody is recovered, whatever pid they bring', async (stage, tabs) => {
    const { roomId, ann, bob } = await tabs.meeting(['bob']);
    assert.equal(bob.pid, undefined);
    bob.socket._pid = 'a pid of another server';
    await bob.drop();
    await bob.connected();
    assert.ok(!bob.socket.recovered);
    assert.equal(bob.pid, undefined);
    await bob.expectNothing(() => ann.ok('send-message', { message: 'is he back?' }));
    await bob.enter(roomId);
    await expectNeverLeft(ann, 'bob');
  });
});

suite('clients that know nothing of recovery', { variants: OLDER, settings: PATIENT }, (start) => {
  const scenario = withTabs(start);

  scenario('connect, and connect again, and are in the room when they join', async (stage, tabs) => {
    const { roomId, ann, bob } = await tabs.meeting(['bob']);
    for (let round = 0; round < 2; round += 1) {
      await bob.drop(CLOSED);
      await bob.connected();
      await bob.expectNothing();
      await bob.enter(roomId);
      await bob.shows('ann', 'bob');
    }
    await expectNeverLeft(ann, 'bob');
  });
});

suite('after the grace, within the window', { variants: ONE, settings: BRIEF }, (start) => {
  const scenario = withTabs(start);

  /** Bob is given up; how he finds the room when he comes back is up to `change`. */
  async function givenUp(tabs, change = () => {}) {
    const all = await tabs.meeting(['bob']);
    await change(all);
    await all.bob.leaveForNow();
    expectLeft(await all.ann.next('participant-left'), 'bob', 'disconnected');
    return all;
  }

  scenario('a person joins anew by themselves, as who they were', async (stage, tabs) => {
    const { ann, bob } = await givenUp(tabs, (all) => all.ann.ok('make-cohost', { participantId: 'bob' }));
    bob.returns();
    await bob.recovered('ann', 'bob');
    const { id, name, imageUrl } = { id: 'bob', name: 'Bob', imageUrl: 'https://img.example/bob.png' };
    expectParticipant(await ann.next('participant-joined'), { id, name, imageUrl, isCoHost: true });
    expectParticipant(bob.seen('bob'), { id, name, imageUrl, isCoHost: true });
    await ann.ok('send-message', { message: 'welcome back' });
    await bob.says('welcome back');
  });

  scenario('a room of which nobody is left is there again', async (stage, tabs) => {
    const roomId = await stage.meeting('ann');
    const bob = await tabs.joined('bob', roomId);
    await bob.leaveForNow();
    await eventually(async () => (await read(stage, roomId, 'participants')).count === 0, 'an empty room');
    bob.returns();
    await bob.recovered('bob');
  });

  const passcode = 'sesame of the window';
  for (const change of [{ locked: true }, { passcode }, { maxParticipants: 2 }]) {
    const door = Object.keys(change)[0];
    scenario(`a room that has this meanwhile lets nobody back in: ${door}`, async (stage, tabs) => {
      const { roomId, ann, bob } = await givenUp(tabs);
      if (door === 'maxParticipants') await tabs.joined('cy', roomId);
      await ann.ok('update-room', change);
      bob.returns();
      await bob.notRecovered(() => ann.ok('send-message', { message: 'who knocks?' }));
      await ann.noMore('participant-joined', ({ id }) => id === 'bob');
    });
  }

  scenario('a person waits in the lobby that the room has meanwhile', async (stage, tabs) => {
    const { ann, bob } = await givenUp(tabs);
    await ann.ok('update-room', { lobby: true });
    bob.returns();
    await bob.connected();
    assert.deepEqual([bob.socket.recovered, bob.pid], [true, bob.lastPid]);
    assert.equal((await bob.next('lobby-waiting')).position, 1);
    await queueBecomes(ann, 'bob');
    assert.equal(bob.people, null);
    await ann.ok('admit-participant', { participantId: 'bob' });
    await bob.next('lobby-admitted');
    await bob.shows('ann', 'bob');
  });
});

suite('within the grace', { variants: ONE, settings: { ...PATIENT, ...PROMPT } }, (start) => {
  const scenario = withTabs(start);

  scenario('no door stands between people and the room that they are in', async (stage, tabs) => {
    const { ann, bob } = await tabs.meeting(['bob']);
    await bob.leaveForNow();
    await noticed(ann, 'bob');
    await ann.ok('update-room', { locked: true, lobby: true, passcode: 'another sesame' });
    bob.returns();
    await bob.recovered('ann', 'bob');
    await expectNeverLeft(ann, 'bob');
  });

  for (const [what, how] of [['a lost', CUT], ['a closed', CLOSED]]) {
    scenario(`whoever waits in the lobby waits on, at their place, after ${what} connection`, async (stage, tabs) => {
      const { roomId, ann } = await tabs.meeting([]);
      await ann.ok('update-room', { lobby: true });
      const queue = {};
      for (const id of ['bob', 'cy']) {
        queue[id] = await tabs.open(id);
        const reply = await queue[id].knock(roomId);
        assert.deepEqual([reply.code, reply.waiting], ['lobby-waiting', true], JSON.stringify(reply));
        await queue[id].next('lobby-waiting');
      }
      const { bob, cy } = queue;
      await bob.drop(how);
      await bob.connected();
      assert.equal(bob.socket.recovered, true);
      assert.equal((await bob.next('lobby-waiting')).position, 1);
      await queueBecomes(ann, 'bob', 'cy');
      await ann.ok('admit-all');
      for (const tab of [bob, cy]) {
        await tab.next('lobby-admitted');
        await tab.shows('ann', 'bob', 'cy');
      }
    });
  }

  scenario('whoever was let in meanwhile is in', async (stage, tabs) => {
    const { roomId, ann } = await tabs.meeting([]);
    await ann.ok('update-room', { lobby: true });
    const bob = await tabs.open('bob');
    await bob.knock(roomId);
    await queueBecomes(ann, 'bob');
    await bob.leaveForNow();
    await eventually(async () => (await read(stage, roomId, 'lobby')).waiting[0].isReconnecting, 'Bob to be away');
    await ann.ok('admit-participant', { participantId: 'bob' });
    bob.returns();
    await bob.recovered('ann', 'bob');
  });
});
