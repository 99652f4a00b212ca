// What clients know as `socket.id` is public, says nothing of the session behind it, and is the same for everybody.
import assert from 'node:assert/strict';
import { Bytes } from './lib/bytes.mjs';
import { EVERY, ONE, WEBSOCKET } from './lib/clients.mjs';
import { twoNodes } from './lib/nodes.mjs';
import { NOT_IDS } from './lib/payloads.mjs';
import { PATIENT, PROMPT, noticed, withTabs } from './lib/recovering.mjs';
import { ask, webSocketOf } from './lib/session.mjs';
import { suite } from './lib/stage.mjs';
import { enters, meet } from './lib/wild.mjs';

const PUBLIC = /^[0-9a-f]{16}$/;
const engineIdOf = (tab) => tab.socket.io.engine.id;

/** What the list dialect answers: exactly this one field. */
async function asks(asker, userId) {
  const reply = await asker.ack('get-socket-id-for-user', { userId });
  assert.deepEqual(Object.keys(reply), ['socketId'], JSON.stringify(reply));
  return reply.socketId;
}

const brief = { ...PROMPT, PRESENCE__LEAVE_AFTER_LOST_MS: 200 };
const knowing = EVERY.filter(({ client }) => client !== '2.5');

suite('the id of a socket', { variants: knowing, settings: brief }, (start) => {
  const scenario = withTabs(start);

  scenario('is not that of its session, which nobody else ever hears of', async (stage, tabs) => {
    const { roomId, ann, bob, cy } = await meet(stage, tabs, { ann: 'list', bob: 'delta', cy: 'list' });
    const everyone = [ann, bob, cy];
    const sessions = everyone.map(engineIdOf);
    for (const tab of everyone) {
      assert.match(tab.socket.id, PUBLIC);
      assert.notEqual(tab.socket.id, engineIdOf(tab));
    }
    assert.equal(new Set(everyone.map(({ socket }) => socket.id)).size, 3);
    for (const tab of everyone) {
      await tab.ok('send-message', { message: { id: tab.id, text: tab.id } });
      await tab.ok('typing-start', { name: tab.name });
      await tab.ok('offer', { to: tab === ann ? 'bob' : 'ann', sdp: 'x' });
    }
    await ann.ok('make-cohost', { participantId: 'bob' });
    bob.emit('leave-room', { roomId });
    await cy.leaveForNow();
    for (const id of ['bob', 'cy']) await ann.next('participant-left', ({ userId }) => userId === id);
    for (const [i, tab] of everyone.entries()) {
      const heard = JSON.stringify(tab.log.entries);
      for (const session of sessions.filter((_, j) => i !== j)) assert.ok(!heard.includes(session), `${tab.id} knows a session`);
    }
  });

  scenario('is what others are told of it', async (stage, tabs) => {
    const { ann, bob, cy } = await meet(stage, tabs, { ann: 'list', bob: 'delta', cy: 'list' });
    for (const asker of [ann, cy]) {
      for (const tab of [ann, bob, cy]) assert.equal(await asks(asker, tab.id), tab.socket.id, tab.id);
    }
    for (const tab of [bob, cy]) {
      await tab.ok('send-message', { message: { id: tab.id, text: tab.id } });
      assert.equal((await ann.next('receive-message')).socketId, tab.socket.id);
    }
    ann.emit('request-chat-history', { roomId: ann.roomId });
    const history = await ann.next('chat-history');
    assert.deepEqual(history.map(({ socketId }) => socketId), [bob, cy].map(({ socket }) => socket.id));
  });
});

suite('who asks for the id of a socket', { variants: WEBSOCKET }, (start) => {
  const scenario = withTabs(start);

  scenario('is told that of one of the tabs that are there', async (stage, tabs) => {
    const { roomId, ann, bob } = await meet(stage, tabs, { ann: 'list', bob: 'list' });
    const tab = await enters(await tabs.open('bob'), roomId, 'delta');
    const [one, other] = [await asks(ann, 'bob'), await asks(bob, 'bob')];
    for (const id of [one, other]) assert.match(id, PUBLIC);
    bob.socket.disconnect();
    await tab.settle();
    const left = await asks(ann, 'bob');
    assert.match(left, PUBLIC);
    // Clients 2.x do not know their own.
    if (stage.variant.client !== '2.5') assert.equal(left, tab.socket.id);
    tab.socket.disconnect();
    await ann.next('participant-left');
    assert.equal(await asks(ann, 'bob'), null);
  });

  scenario('is told nothing of strangers, of other rooms, and of who waits or is gone', async (stage, tabs) => {
    const { roomId, ann, bob } = await meet(stage, tabs, { ann: 'list', bob: 'list' });
    const { eve } = await meet(stage, tabs, { eve: 'list' });
    const outside = await tabs.open('outside');
    const gone = await tabs.joined('gone', roomId);
    gone.emit('leave-room', roomId);
    await ann.next('participant-left');
    await ann.ok('update-room', { lobby: true });
    const waits = await tabs.open('waits');
    await waits.knock(roomId);
    await waits.next('lobby-waiting');
    for (const asker of [ann, bob]) {
      for (const id of ['eve', 'outside', 'gone', 'waits', 'nobody']) assert.equal(await asks(asker, id), null, id);
    }
    for (const asker of [eve, outside, gone, waits]) {
      for (const id of ['ann', 'bob']) assert.equal(await asks(asker, id), null, `${asker.id} asks for ${id}`);
    }
  });

  scenario('for what is no user is refused at once, each time', async (stage, tabs) => {
    const { ann } = await meet(stage, tabs, { ann: 'list' });
    for (const userId of NOT_IDS) {
      const reply = await ann.ack('get-socket-id-for-user', { userId });
      assert.deepEqual([typeof reply.error, reply.code], ['string', 'invalid-payload'], JSON.stringify([userId, reply]).slice(0, 200));
    }
    for (const payload of [null, 1, 'ann', [], {}]) {
      const reply = await ann.ack('get-socket-id-for-user', payload);
      assert.equal(typeof reply.error, 'string', JSON.stringify([payload, reply]));
    }
    assert.match(await asks(ann, 'ann'), PUBLIC);
  });
});

suite('a public id', { variants: ONE, settings: { ...PATIENT, ...PROMPT } }, (start) => {
  const scenario = withTabs(start);

  for (const transport of ['polling', 'websocket']) {
    scenario(`is no key to its ${transport} session`, async (stage, tabs) => {
      const { url } = stage.server;
      const { roomId, ann } = await meet(stage, tabs, { ann: 'list' });
      const variant = { client: '4.8', transport };
      const bob = await enters(await tabs.open('bob', { variant }), roomId, 'list');
      const sid = await asks(ann, 'bob');
      for (const how of [{ method: 'GET' }, { method: 'POST', body: '41' }, { method: 'POST', body: '1' }]) {
        const { status, text } = await ask(url, `EIO=4&transport=polling&sid=${sid}`, how);
        assert.equal(status, 400, text);
      }
      await assert.rejects(async () => {
        const bytes = await Bytes.webSocket('mallory', url, { path: webSocketOf(sid) });
        bytes.send('2probe');
        await bytes.closed();
        assert.deepEqual(bytes.texts, []);
        throw new Error('closed without a word');
      }, /HTTP\/1\.1 400 |closed without a word/);
      await ann.ok('send-message', { message: { id: '1', text: 'still there?' } });
      await bob.says('still there?');
      assert.deepEqual(bob.log.entries.filter(({ event }) => event === 'disconnect'), []);
    });
  }

  scenario('of a recovered connection is the one that it knows', async (stage, tabs) => {
    const { roomId, ann, bob } = await tabs.meeting(['bob', 'cy']);
    await bob.leaveForNow();
    await noticed(ann, 'bob');
    bob.returns();
    await bob.recovered('ann', 'bob', 'cy');
    const asker = await tabs.joined('dee', roomId);
    assert.match(bob.socket.id, PUBLIC);
    assert.equal(await asks(asker, 'bob'), bob.socket.id);
    await bob.ok('send-message', { message: { id: '1', text: 'back' } });
    assert.equal((await asker.next('receive-message')).socketId, bob.socket.id);
  });
});

twoNodes('the ids of sockets on two nodes', {}, (start) => {
  const scenario = withTabs(start);

  scenario('are known on both', async (stage, tabs, url) => {
    const dialects = { ann: 'list', bob: 'delta', cy: 'list' };
    const { ann, bob, cy } = await meet(stage, tabs, dialects, (i) => (i === 0 ? {} : { url }));
    for (const asker of [ann, cy]) {
      for (const tab of [ann, bob, cy]) assert.equal(await asks(asker, tab.id), tab.socket.id, tab.id);
      assert.equal(await asks(asker, 'nobody'), null);
    }
    const { eve } = await meet(stage, tabs, { eve: 'list' }, () => ({ url }));
    assert.equal(await asks(ann, 'eve'), null);
    assert.equal(await asks(eve, 'ann'), null);
    cy.socket.disconnect();
    await ann.next('participant-left');
    assert.equal(await asks(ann, 'cy'), null);
  });
});
