// The chat of the list dialect: messages as they were sent, with reactions, pins, and who is typing.
import assert from 'node:assert/strict';
import { EVERY, WEBSOCKET } from './lib/clients.mjs';
import { enters, meetup } from './lib/frontend.mjs';
import { unheard } from './lib/hearing.mjs';
import { suite } from './lib/stage.mjs';
import { history } from './lib/talk.mjs';

/** Clients 2.x make up an id of their own. */
const socketIdOf = async (asker, userId) => (await asker.ack('get-socket-id-for-user', { userId })).socketId;

const messageOf = (user, id) => user.screen.message(id);

suite('messages', { variants: EVERY }, (scenario) => {
  scenario('are shown to everybody once, the sender and every tab too', async (stage) => {
    const { roomId, everyone, ann, bob } = await meetup(stage, ['bob', 'cy']);
    const tab = await enters(stage, 'bob', roomId);
    bob.say('Hello');
    for (const user of [...everyone, tab]) await user.showsChat(['Bob', 'Hello']);
    ann.say('Hi');
    for (const user of [...everyone, tab]) {
      await user.showsChat(['Bob', 'Hello'], ['Ann', 'Hi']);
      await user.settle();
      assert.equal(user.heard('receive-message').length, 2);
    }
  });

  scenario('arrive as they were sent, with the socket of the sender', async (stage) => {
    const { everyone, ann, bob } = await meetup(stage, ['bob']);
    const attachments = [{ name: 'a.png', url: 'https://img.example/a.png', size: 3 }];
    const id = bob.say('Grüße 😀', { attachments, replyTo: { id: 'ann-1', text: 'x' }, sender: { id: 'bob', name: 'Bob', extra: [null] } });
    const socketId = await socketIdOf(ann, 'bob');
    const heard = [];
    for (const user of everyone) {
      const { message, rev, ...from } = await user.next('receive-message');
      assert.equal(from.socketId, socketId);
      assert.ok(Number.isInteger(rev));
      assert.deepEqual([message.id, message.text, message.pinned], [id, 'Grüße 😀', false]);
      assert.deepEqual([message.attachments, message.replyTo], [attachments, { id: 'ann-1', text: 'x' }]);
      assert.deepEqual(message.sender.extra, [null]);
      heard.push(JSON.stringify(message));
    }
    assert.equal(heard[0], heard[1]);
    if (stage.variant.client !== '2.5') assert.equal(socketId, bob.socketId);
  });

  scenario('reach a newcomer as history, with pins and reactions as they are now', async (stage) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob']);
    const first = bob.say('one');
    await ann.showsChat(['Bob', 'one']);
    const second = ann.say('two');
    await bob.showsChat(['Bob', 'one'], ['Ann', 'two']);
    bob.say('three');
    for (const user of [ann, bob]) await user.showsChat(['Bob', 'one'], ['Ann', 'two'], ['Bob', 'three']);
    ann.pin(first);
    for (const user of [ann, bob]) user.react(second, '👍');
    ann.react(first, '🎉');
    await bob.showsChat(['Bob', 'one', '📌', { '🎉': ['ann'] }], ['Ann', 'two', { '👍': ['bob', 'ann'] }], ['Bob', 'three']);
    const dee = await enters(stage, 'dee', roomId);
    await dee.until(() => dee.chat.length === 3, 'the history');
    assert.deepEqual(dee.chat[0], ['Bob', 'one', '📌', { '🎉': ['ann'] }]);
    assert.deepEqual(messageOf(dee, second).reactions['👍'].toSorted(), ['ann', 'bob']);
    assert.deepEqual(dee.chat[2], ['Bob', 'three']);
    await dee.noMore('receive-message');
  });
});

suite('who is typing', { variants: EVERY }, (scenario) => {
  scenario('is shown to the others under the name of the profile, until it stops', async (stage) => {
    const { roomId, ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
    const socketId = await socketIdOf(ann, 'bob');
    const tab = await enters(stage, 'bob', roomId);
    await unheard([bob], async () => {
      bob.press('typing-start', { name: 'Mallory' });
      for (const user of [ann, cy, tab]) await user.showsTyping('Bob');
    });
    cy.type();
    for (const user of [ann, tab]) await user.showsTyping('Bob', 'Cy');
    await bob.showsTyping('Cy');
    await cy.showsTyping('Bob');
    for (const user of [bob, cy]) user.stopTyping();
    for (const user of [ann, cy, tab, bob]) await user.showsTyping();
    assert.equal(ann.heard('typing-start')[0].socketId, socketId);
  });
});

suite('reactions', { variants: EVERY }, (scenario) => {
  scenario('come and go by the same button, and do not echo', async (stage) => {
    const { everyone, ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
    const id = bob.say('Hello');
    for (const user of everyone) await user.showsChat(['Bob', 'Hello']);
    await unheard([cy], async () => {
      cy.react(id, '👍');
      for (const user of everyone) await user.showsChat(['Bob', 'Hello', { '👍': ['cy'] }]);
    });
    const { messageId, userId, emoji, action } = await ann.next('message-react-update');
    assert.deepEqual({ messageId, userId, emoji, action }, { messageId: id, userId: 'cy', emoji: '👍', action: 'add' });
    ann.react(id, '👍');
    for (const user of everyone) await user.until(() => messageOf(user, id).reactions['👍']?.length === 2, 'two thumbs');
    cy.react(id, '👍');
    for (const user of everyone) await user.showsChat(['Bob', 'Hello', { '👍': ['ann'] }]);
    ann.react(id, '👍');
    for (const user of everyone) await user.showsChat(['Bob', 'Hello']);
    assert.equal((await bob.next('message-react-update', ({ action: what }) => what === 'remove')).userId, 'cy');
  });

  scenario('are one\'s own, whatever userId says, in every tab', async (stage) => {
    const { roomId, everyone, ann, bob } = await meetup(stage, ['bob']);
    const tab = await enters(stage, 'bob', roomId);
    const id = ann.say('Hello');
    for (const user of [...everyone, tab]) await user.showsChat(['Ann', 'Hello']);
    bob.emit('message-react', { roomId, messageId: id, emoji: '🎉', userId: 'ann' });
    for (const user of [ann, tab]) await user.showsChat(['Ann', 'Hello', { '🎉': ['bob'] }]);
    tab.react(id, '🎉');
    await ann.showsChat(['Ann', 'Hello']);
    await tab.showsChat(['Ann', 'Hello']);
  });

  scenario('over the video reach everybody else under the true name', async (stage) => {
    const { ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
    await unheard([bob], async () => {
      bob.press('video-reaction', { emoji: '🎉', sessionId: 's1', userId: 'ann', userName: 'Ann' });
      for (const user of [ann, cy]) {
        await user.until(() => user.screen.floating.length === 1, 'a floating emoji');
        assert.deepEqual(user.screen.floating, [{ emoji: '🎉', userId: 'bob', userName: 'Bob' }]);
        assert.equal((await user.next('receive-video-reaction')).sessionId, 's1');
      }
    });
  });
});

suite('pins', { variants: WEBSOCKET }, (scenario) => {
  scenario('are shown to everybody, and taken out again', async (stage) => {
    const { everyone, ann, bob } = await meetup(stage, ['bob']);
    const id = bob.say('Hello');
    for (const user of everyone) await user.showsChat(['Bob', 'Hello']);
    for (const pinned of [true, false]) {
      ann.pin(id, pinned);
      for (const user of everyone) {
        await user.showsChat(['Bob', 'Hello', ...(pinned ? ['📌'] : [])]);
        assert.equal((await user.next('pin-message-update')).messageId, id);
      }
    }
  });

  scenario('and reactions find a message whose id is a number', async (stage) => {
    const { roomId, everyone, ann, bob } = await meetup(stage, ['bob']);
    const id = 1_700_000_000_000;
    ann.say('Hello', { id });
    for (const user of everyone) await user.showsChat(['Ann', 'Hello']);
    bob.pin(id);
    bob.react(id, '👍');
    const eve = await enters(stage, 'eve', roomId);
    for (const user of [...everyone, eve]) await user.showsChat(['Ann', 'Hello', '📌', { '👍': ['bob'] }]);
  });

  scenario('and reactions of what nobody has said are not found', async (stage) => {
    const { ann, bob } = await meetup(stage, ['bob']);
    await unheard([ann], async () => {
      for (const messageId of ['nothing', 7]) {
        await bob.refused('pin-message', { messageId, pinned: true }, 'message-not-found');
        await bob.refused('message-react', { messageId, emoji: '👍' }, 'message-not-found');
      }
    });
  });
});

suite('beside a delta client', { variants: EVERY }, (scenario) => {
  scenario('each is shown the other\'s words, and only pages hear of the rest', async (stage) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob']);
    const dee = await stage.joined('dee', roomId);
    for (const user of [ann, bob]) await user.until(() => user.seen('dee'), 'dee');
    ann.say('Hello');
    const { message, from, name } = await dee.next('receive-message');
    assert.deepEqual([message.text, message.sender.name, from, name], ['Hello', 'Ann', 'ann', 'Ann']);
    for (const said of ['plain', { text: 'with a field' }, { n: 1 }]) await dee.ok('send-message', { message: said });
    const words = [['Ann', 'Hello'], ['Dee', 'plain'], ['Dee', 'with a field'], ['Dee', '{"n":1}']];
    for (const user of [ann, bob]) await user.showsChat(...words);
    const { id, createdAt, pinned, sender } = ann.heard('receive-message')[1].message;
    assert.deepEqual([typeof id, pinned, sender], ['string', false, { id: 'dee', name: 'Dee' }]);
    assert.match(id, /^\d+$/);
    assert.ok(!Number.isNaN(new Date(createdAt).getTime()), `a time, not ${createdAt}`);
    await unheard([dee], async () => {
      bob.type();
      bob.react(id, '👍');
      bob.pin(id);
      bob.float('🎉');
      await ann.showsChat(words[0], [...words[1], '📌', { '👍': ['bob'] }], ...words.slice(2));
      await ann.showsTyping('Bob');
    });
    assert.deepEqual((await history(dee)).map((one) => one.message.text ?? one.message), [
      'Hello', 'plain', 'with a field', { n: 1 },
    ]);
    const eve = await enters(stage, 'eve', roomId);
    await eve.showsChat(words[0], [...words[1], '📌', { '👍': ['bob'] }], ...words.slice(2));
  });
});
