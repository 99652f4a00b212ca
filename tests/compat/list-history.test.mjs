// The chat's history in the list dialect: to who asks, when they are in the room and not before.
import assert from 'node:assert/strict';
import { WEBSOCKET } from './lib/clients.mjs';
import { meetup, page } from './lib/frontend.mjs';
import { unheard } from './lib/hearing.mjs';
import { suite } from './lib/stage.mjs';

suite('the history', { variants: WEBSOCKET }, (scenario) => {
  scenario('is in the ack as in the event, and comes to who asks only', async (stage) => {
    const { ann, bob } = await meetup(stage, ['bob']);
    bob.say('Hello');
    await ann.showsChat(['Bob', 'Hello']);
    await unheard([bob], async () => {
      const { messages, rev } = await ann.ok('request-chat-history');
      assert.ok(Number.isInteger(rev));
      assert.deepEqual(messages, ann.heard('chat-history').at(-1));
      assert.deepEqual(messages.map(({ message: { text } }) => text), ['Hello']);
      assert.equal(typeof messages[0].socketId, 'string');
    });
    await ann.showsChat(['Bob', 'Hello']);
  });

  scenario('is empty where nothing was said', async (stage) => {
    const { ann } = await meetup(stage, []);
    assert.deepEqual((await ann.ok('request-chat-history')).messages, []);
    assert.deepEqual(ann.heard('chat-history').at(-1), []);
  });
});

suite('a history that was asked for too early', { variants: WEBSOCKET }, (scenario) => {
  scenario('asked for before the join come right after its list', async (stage) => {
    const { roomId, ann } = await meetup(stage, ['bob']);
    ann.say('Early');
    await ann.showsChat(['Ann', 'Early']);
    const dee = await page(stage, 'dee');
    dee.emit('set-user-id', 'dee');
    dee.emit('request-chat-history', { roomId });
    dee.emit('join-room', roomId);
    assert.equal((await dee.ack('get-rtp-capabilities', { roomId })).success, undefined);
    assert.equal(dee.heard('chat-history').length, 0);
    dee.roomId = roomId;
    const reply = await dee.ack('join-mediasoup-room', dee.entry());
    assert.equal(reply.success, true);
    await dee.showsChat(['Ann', 'Early']);
    const at = (name) => dee.log.entries.findIndex(({ event, answers }) => event === name && answers === undefined);
    assert.ok(at('participant-list-update') < at('chat-history'), 'the list first');
    assert.equal(dee.heard('error').length, 0);
  });

  scenario('waits until somebody is let in, and then comes after the list', async (stage) => {
    const { roomId, ann } = await meetup(stage, []);
    ann.say('Early');
    await ann.ok('update-room', { lobby: true });
    const dee = await page(stage, 'dee');
    dee.emit('join-room', roomId);
    dee.emit('request-chat-history', { roomId });
    assert.equal((await dee.enter(roomId)).waiting, true);
    await unheard([dee], async () => ann.settle());
    assert.deepEqual(dee.heard('chat-history'), []);
    await ann.ok('admit-participant', { participantId: 'dee' });
    await dee.showsChat(['Ann', 'Early']);
    const events = dee.log.entries.map(({ event }) => event);
    assert.ok(events.indexOf('participant-list-update') < events.indexOf('chat-history'), 'the list first');
  });

  scenario('never comes to who is refused, nor from a room that they are not in', async (stage) => {
    const { roomId, ann } = await meetup(stage, []);
    ann.say('Secret');
    await ann.ok('update-room', { locked: true });
    const eve = await page(stage, 'eve');
    eve.emit('join-room', roomId);
    eve.emit('request-chat-history', { roomId });
    await eve.expectRefusal('join-mediasoup-room', await eve.enter(roomId), 'room-locked');
    const other = await stage.meeting('eve');
    assert.equal((await eve.enter(other)).success, true);
    await eve.settle();
    assert.deepEqual(eve.chat, []);
    for (const items of eve.heard('chat-history')) assert.deepEqual(items, []);
  });
});
