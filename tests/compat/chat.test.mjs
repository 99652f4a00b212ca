// Messages to the room, and its bounded history.
import assert from 'node:assert/strict';
import { EVERY, ONE, WEBSOCKET } from './lib/clients.mjs';
import { unheard } from './lib/hearing.mjs';
import { knock } from './lib/knocks.mjs';
import { bePatient } from './lib/log.mjs';
import { twoNodes } from './lib/nodes.mjs';
import { NOT_IDS, expectInvalid, faults } from './lib/payloads.mjs';
import { suite } from './lib/stage.mjs';
import { ANY_JSON, filling, history, said } from './lib/talk.mjs';

const LIMIT = 8_192;
const KEPT = 100;

// The largest history is near a megabyte.
bePatient(15_000);

async function say(user, ...messages) {
  const { roomId } = user;
  const replies = await Promise.all(messages.map((message) => user.ack('send-message', { roomId, message })));
  assert.deepEqual(replies.filter(({ ok }) => !ok), []);
}

const texts = (count, prefix = '') => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const received = (user) => user.heard('receive-message').map(said);

suite('send-message', { variants: EVERY }, (scenario) => {
  scenario('goes to everybody once, to the sender and every tab too', async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    const tab = await stage.joined('bob', roomId);
    await bob.ok('send-message', { message: { text: 'Hello' } });
    const heard = [];
    for (const user of [ann, bob, cy, tab]) {
      const { from, name, message, id, at, rev } = await user.next('receive-message');
      assert.deepEqual({ from, name, message }, { from: 'bob', name: 'Bob', message: { text: 'Hello' } });
      assert.ok(Number.isInteger(rev));
      assert.ok(!Number.isNaN(new Date(at).getTime()), `a time, not ${at}`);
      heard.push(JSON.stringify([id, at, rev]));
      await user.noMore('receive-message');
    }
    assert.equal(new Set(heard).size, 1, `the same for all: ${heard}`);
  });

  scenario('the ack comes after the message itself', async (stage) => {
    const { ann } = await stage.cast();
    await ann.ok('send-message', { message: 'Hello' });
    const message = ann.log.entries.findLast(({ event }) => event === 'receive-message');
    const ack = ann.log.entries.findLast(({ answers }) => answers !== undefined);
    assert.ok(message && message.at < ack.at);
  });

  scenario('all hear what several say at once in one order, and everybody\'s own words in theirs', async (stage) => {
    const { ann, bob, cy } = await stage.cast('bob', 'cy');
    const users = [ann, bob, cy];
    await Promise.all(users.map((user) => say(user, ...texts(40, `${user.id} `))));
    for (const user of users) await user.settle();
    for (const user of users) {
      assert.deepEqual(received(user), received(ann), `${user.id} and ann`);
      const own = received(ann).filter(({ from }) => from === user.id).map(({ message }) => message);
      assert.deepEqual(own, texts(40, `${user.id} `));
    }
    assert.equal(new Set(received(ann).map(({ id }) => id)).size, 120, 'every message has an id of its own');
  });

  scenario(`may be ${LIMIT} bytes and no more`, async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    for (const letter of ['x', 'ü']) {
      const message = filling(LIMIT, letter);
      await ann.ok('send-message', { message });
      assert.equal((await bob.next('receive-message')).message, message);
      const more = filling(LIMIT + 1, letter);
      await unheard([bob], () => ann.refused('send-message', { message: more }, 'invalid-payload'));
    }
  });
});

suite('a message', { variants: WEBSOCKET }, (scenario) => {
  scenario('carries any JSON but null as it is', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    for (const message of ANY_JSON) {
      await ann.ok('send-message', { message });
      assert.deepEqual((await bob.next('receive-message')).message, message);
    }
  });

  scenario('says truly from whom it is, whatever the payload claims', async (stage) => {
    const { ann, cy } = await stage.cast('bob', 'cy');
    const claims = { from: 'bob', userId: 'bob', name: 'Bob', id: 'mine', at: 0, rev: 1 };
    await cy.ok('send-message', { message: 'Hello', ...claims });
    const { from, name, id, at } = await ann.next('receive-message');
    assert.deepEqual({ from, name }, { from: 'cy', name: 'Cy' });
    assert.notEqual(id, 'mine');
    assert.notEqual(new Date(at).getTime(), 0);
  });

  scenario('without a message or a room is not understood', async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    const corpus = faults({ roomId, message: 'Hello' }, { roomId: NOT_IDS, message: [null] });
    await unheard([ann, bob], () => expectInvalid(cy, 'send-message', corpus));
    assert.deepEqual(await history(cy), []);
  });
});

suite('request-chat-history', { variants: EVERY }, (scenario) => {
  scenario('gives a newcomer what was said before, oldest first', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await say(ann, 'one', { text: 'two' });
    await say(bob, 'three');
    const dee = await stage.joined('dee', roomId);
    await dee.noMore('receive-message');
    const messages = await history(dee);
    assert.deepEqual(messages.map(({ message }) => message), ['one', { text: 'two' }, 'three']);
    assert.deepEqual(messages, received(ann));
  });

  scenario('is answered to the connection that asks only', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const tab = await stage.joined('bob', roomId);
    await say(ann, 'Hello');
    await unheard([ann, tab], () => history(bob));
  });

  scenario('is empty where nothing was said', async (stage) => {
    const { ann } = await stage.cast();
    assert.deepEqual(await history(ann), []);
  });

  scenario(`gives the last ${KEPT} of more`, async (stage) => {
    const { roomId, ann } = await stage.cast();
    await say(ann, ...texts(KEPT + 30));
    const dee = await stage.joined('dee', roomId);
    const messages = await history(dee);
    assert.deepEqual(messages.map(({ message }) => message), texts(KEPT + 30).slice(30));
    assert.deepEqual(messages, received(ann).slice(30));
  });
});

suite('the history', { variants: ONE }, (scenario) => {
  scenario('comes before its ack', async (stage) => {
    const { ann } = await stage.cast();
    await history(ann);
    const at = (matches) => ann.log.entries.findLast(matches).at;
    assert.ok(at(({ event }) => event === 'chat-history') < at(({ answers }) => answers !== undefined));
  });

  scenario('misses nothing that was said before it and has nothing twice', async (stage) => {
    const { roomId, ann } = await stage.cast('bob');
    const dee = await stage.joined('dee', roomId);
    const asked = dee.ack('request-chat-history', { roomId });
    await Promise.all([say(ann, ...texts(50)), asked]);
    await dee.settle();
    const order = dee.log.entries.filter(({ event, answers }) => (
      answers === undefined && ['chat-history', 'receive-message'].includes(event)));
    const until = order.findIndex(({ event }) => event === 'chat-history');
    const [inHistory] = order[until].args;
    assert.deepEqual(inHistory.map(said), order.slice(0, until).map(({ args }) => said(args[0])));
    assert.deepEqual(received(dee).map(({ message }) => message), texts(50));
  });

  scenario('of what is no room is not understood', async (stage) => {
    const { ann } = await stage.cast();
    for (const roomId of NOT_IDS.filter((id) => id !== null)) {
      await ann.refused('request-chat-history', { roomId }, 'invalid-payload');
    }
  });

  scenario('keeps the words of somebody who has left', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await say(bob, 'Goodbye');
    await bob.ok('leave-room');
    const [{ message, from, name }] = await history(ann);
    assert.deepEqual({ message, from, name }, { message: 'Goodbye', from: 'bob', name: 'Bob' });
  });

  scenario('has nothing of what was refused, nor of another room', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    const eve = await stage.joined('eve', await stage.meeting('eve'));
    await ann.refused('send-message', { message: filling(LIMIT + 1) }, 'invalid-payload');
    await unheard([bob], () => say(eve, 'Elsewhere'));
    assert.deepEqual(await history(ann), []);
  });

  scenario('comes whole when every message is as large as can be', async (stage) => {
    const { roomId, ann } = await stage.cast();
    for (let i = 0; i < KEPT; i += 1) await ann.ok('send-message', { message: filling(LIMIT) });
    const dee = await stage.joined('dee', roomId);
    assert.deepEqual((await history(dee)).map(({ message }) => message.length), Array(KEPT).fill(LIMIT - 2));
    await ann.ok('send-message', { message: 'And on it goes' });
    assert.equal((await dee.next('receive-message')).message, 'And on it goes');
  });
});

const COMMANDS = [['send-message', { message: 'Hello' }], ['request-chat-history', {}]];

suite('who may chat', { variants: ONE }, (scenario) => {
  for (const [event, payload] of COMMANDS) {
    scenario(`${event}: nobody who has never joined, has left, or is in another room`, async (stage) => {
      const { roomId, ann, bob } = await stage.cast('bob');
      await bob.ok('leave-room');
      const eve = await stage.joined('eve', await stage.meeting('eve'));
      const stranger = await stage.user('stranger');
      await ann.settle();
      await unheard([ann], async () => {
        for (const user of [bob, eve, stranger]) await user.refused(event, { roomId, ...payload }, 'not-joined');
      });
    });

    scenario(`${event}: nobody in the lobby, and they hear nothing`, async (stage) => {
      const { roomId, ann } = await stage.cast();
      await ann.ok('update-room', { lobby: true });
      const paul = await knock(stage, 'paul', roomId);
      await paul.refused(event, payload, 'not-joined');
      await unheard([paul], () => say(ann, 'Who is there?'));
    });

    scenario(`${event}: in a room that is not there it is refused`, async (stage) => {
      const eve = await stage.joined('eve', await stage.meeting('eve'));
      await eve.refused(event, { roomId: stage.room(), ...payload }, ['room-not-found', 'not-joined']);
    });
  }
});

const SMALL = { LIMITS__MESSAGE_BYTES: 500, ROOMS__CHAT_HISTORY: 3 };

suite('other limits of the chat', { variants: ONE, settings: SMALL }, (scenario) => {
  scenario('of a message', async (stage) => {
    const { ann } = await stage.cast();
    await ann.ok('send-message', { message: filling(500) });
    await ann.refused('send-message', { message: filling(501) }, 'invalid-payload');
  });

  scenario('of the history', async (stage) => {
    const { ann } = await stage.cast();
    await say(ann, ...texts(5));
    assert.deepEqual((await history(ann)).map(({ message }) => message), ['2', '3', '4']);
  });
});

twoNodes('chat on two nodes', {}, (scenario) => {
  scenario('is one conversation with one history', async (stage, url) => {
    const { roomId, ann } = await stage.cast();
    const bob = await stage.joined('bob', roomId, { url });
    await Promise.all([say(ann, ...texts(30, 'ann ')), say(bob, ...texts(30, 'bob '))]);
    for (const user of [ann, bob]) await user.until(() => received(user).length === 60, '60 messages');
    assert.deepEqual(received(ann), received(bob));
    for (const user of [ann, bob]) assert.deepEqual(await history(user), received(ann));
  });
});
