// Acknowledgements of the list dialect: exactly one object for each event that asks for one, whatever is in it.
import assert from 'node:assert/strict';
import { EVERY, ONE, WEBSOCKET } from './lib/clients.mjs';
import { enters, meetup, page } from './lib/frontend.mjs';
import { unheard } from './lib/hearing.mjs';
import { MEDIA_EVENTS, UNKNOWN, corpus, memberCorpus, wellFormed } from './lib/list-corpus.mjs';
import { suite } from './lib/stage.mjs';

const KEBAB = /^[a-z]+(-[a-z]+)*$/;
const AT_ONCE = 25;
/** A polling client sends what is waiting in one request, which must not be too large itself. */
const AT_ONCE_CHARS = 40_000;

function expectError(reply, what, codes) {
  assert.equal(typeof reply?.error, 'string', `${what}: an error, not ${JSON.stringify(reply)}`);
  assert.notEqual(reply.error, '', what);
  assert.ok(!('success' in reply) && !('ok' in reply), `${what}: nothing else: ${JSON.stringify(reply)}`);
  if (codes === undefined) return;
  assert.match(String(reply.code), KEBAB, `${what}: a code`);
  assert.ok(codes.includes(reply.code), `${what}: ${codes}, not ${JSON.stringify(reply)}`);
}

const what = (event, args) => `${event}(${JSON.stringify(args).slice(1, 120)})`;

/** `ask(event, ...args)` for all of them, a few at a time. */
async function sendAll(list, ask, inspect) {
  let batch = [];
  let chars = 0;
  for (const [event, ...args] of list) {
    const size = JSON.stringify(args).length;
    if (batch.length === AT_ONCE || chars + size > AT_ONCE_CHARS) {
      await Promise.all(batch);
      batch = [];
      chars = 0;
    }
    batch.push(ask(event, ...args).then((reply) => inspect(reply, what(event, args), event)));
    chars += size;
  }
  await Promise.all(batch);
}

/** Ann and Bob hear nothing of it, and show each other as before. */
async function undisturbed({ ann, bob }, disturb) {
  await unheard([ann, bob], disturb);
  bob.turnOn('audio');
  await ann.showsLights('bob', 'mic');
  assert.deepEqual(Object.keys(ann.badges).toSorted(), ['ann', 'bob']);
}

suite('what cannot be meant', { variants: EVERY }, (scenario) => {
  scenario('from a page outside: one error each, no ghost', async (stage) => {
    const people = await meetup(stage, ['bob']);
    const mallory = await page(stage, 'mallory');
    mallory.emit('join-room', people.roomId);
    await undisturbed(people, async () => {
      await sendAll(corpus(people.roomId), (...asked) => mallory.ack(...asked), (reply, told, event) => {
        expectError(reply, told, MEDIA_EVENTS.includes(event) ? undefined : ['invalid-payload']);
      });
      assert.ok(mallory.connected, 'still connected');
      assert.equal(mallory.view(), null);
    });
    assert.equal((await mallory.enter(people.roomId)).success, true);
    await people.ann.shows({ ann: '👑', bob: '', mallory: '' });
  });

  scenario('from a co-host in the room: one error each, and nobody hears of it', async (stage) => {
    const { roomId, ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
    ann.makeCohost('cy');
    for (const user of [ann, bob, cy]) await user.shows({ ann: '👑', bob: '', cy: '🤝' });
    for (const user of [ann, bob]) await user.next('participant-updated');
    await unheard([ann, bob], () => sendAll(memberCorpus(roomId), (...asked) => cy.ack(...asked), (reply, told, event) => {
      expectError(reply, told, MEDIA_EVENTS.includes(event) ? undefined : ['invalid-payload']);
    }));
    cy.turnOn('audio');
    for (const user of [ann, bob, cy]) await user.showsLights('cy', 'mic');
    await ann.shows({ ann: '👑', bob: '', cy: '🤝' });
  });

  scenario('without a callback the error event tells of it, once', async (stage) => {
    const { ann } = await meetup(stage, ['bob']);
    const senseless = [
      ['set-user-id', 5], ['join-mediasoup-room', null], ['toggle-remote-audio', {}], ['send-message', 'x'], ['message-react', []],
    ];
    for (const [event, payload] of senseless) ann.emit(event, payload);
    for (const [event] of senseless) await ann.toldOff(event, 'invalid-payload');
    await ann.noMore('error');
  });

  scenario('as bytes', async (stage) => {
    const people = await meetup(stage, ['bob']);
    const mallory = await page(stage, 'mallory');
    mallory.emit('join-room', people.roomId);
    const bytes = Buffer.from([0, 1, 2, 255]);
    await undisturbed(people, async () => {
      for (const [event] of wellFormed(people.roomId)) {
        expectError(await mallory.ack(event, bytes), `${event} with bytes`);
        expectError(await mallory.ack(event, { roomId: bytes, userId: bytes }), `${event} with bytes inside`);
      }
      assert.ok(mallory.connected);
    });
  });
});

suite('media events', { variants: EVERY }, (scenario) => {
  scenario('are answered {error} at once, in and out of the room, in order, and by no error event', async (stage) => {
    const { roomId, bob } = await meetup(stage, ['bob']);
    const mallory = await page(stage, 'mallory');
    for (const user of [bob, mallory, mallory.anonymous]) {
      for (const event of MEDIA_EVENTS) {
        for (const args of [[{ roomId }], [{ roomId: stage.room(), transportId: 't', kind: 'audio' }], [null], ['x'], []]) {
          const reply = await user.ack(event, ...args);
          expectError(reply, what(event, args));
          assert.notEqual(reply.error, 'unknown event', event);
        }
        user.emit(event, { roomId });
        user.emit(event);
      }
      await user.noMore('error', ({ event }) => MEDIA_EVENTS.includes(event));
    }
  });

  scenario('in one breath with the join are answered, and so is the join', async (stage) => {
    const roomId = await stage.meeting('ann');
    const ann = await page(stage, 'ann');
    ann.roomId = roomId;
    const joined = ann.ack('join-mediasoup-room', ann.entry());
    const all = MEDIA_EVENTS.map((event) => ann.ack(event, { roomId }));
    for (const reply of await Promise.all(all)) expectError(reply, 'a media event');
    assert.equal((await joined).success, true);
  });
});

suite('events that nobody knows', { variants: EVERY }, (scenario) => {
  scenario('are ignored, or answered so', async (stage) => {
    const people = await meetup(stage, ['bob', 'cy']);
    const { roomId, ann, bob, cy } = people;
    await unheard([ann, bob, cy], async () => {
      for (const event of UNKNOWN) {
        cy.emit(event, { roomId });
        cy.emit(event);
        for (const args of [[], [{ roomId }], ['x', 1, null]]) {
          const reply = await cy.ack(event, ...args);
          expectError(reply, event);
          assert.equal(reply.error, 'unknown event', event);
        }
      }
      assert.ok(cy.connected);
    });
  });
});

suite('what is accepted', { variants: WEBSOCKET }, (scenario) => {
  scenario('is answered success, with the revision where there is one', async (stage) => {
    const { roomId, ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
    const id = ann.say('Hello');
    for (const user of [ann, bob, cy]) await user.showsChat(['Ann', 'Hello']);
    for (const [event, ...args] of wellFormed(roomId, { messageId: id, target: 'bob' })) {
      const reply = await ann.ack(event, ...args);
      assert.equal(reply.success, true, `${what(event, args)}: ${JSON.stringify(reply)}`);
      assert.ok(!('ok' in reply) && !('error' in reply), JSON.stringify(reply));
      if ('rev' in reply) assert.ok(Number.isInteger(reply.rev), `${event}: ${reply.rev}`);
    }
    await bob.showsPage('kicked');
    await ann.noMore('error');
  });

  scenario('comes after the state that contains it', async (stage) => {
    const { ann } = await meetup(stage, ['bob']);
    await ann.ok('make-cohost', { participantId: 'bob' });
    await ann.ok('send-message', { message: { id: 'm', text: 'x' } });
    const at = (name, isAnswer) => ann.log.entries
      .findLast(({ event, answers }) => event === name && (answers !== undefined) === isAnswer).at;
    assert.ok(at('participant-updated', false) < at('make-cohost', true));
    assert.ok(at('receive-message', false) < at('send-message', true));
  });

  scenario('room-state says the same as to everybody else', async (stage) => {
    const { roomId, ann } = await meetup(stage, ['bob']);
    const dee = await stage.joined('dee', roomId);
    const { participants, room } = await ann.ok('room-state');
    const other = await dee.ok('room-state');
    assert.deepEqual([participants, room.id], [other.participants, roomId]);
  });
});

suite('what is refused', { variants: WEBSOCKET }, (scenario) => {
  scenario('is answered with a sentence and a code, and told as an event', async (stage) => {
    const { roomId, bob } = await meetup(stage, ['bob']);
    await bob.refused('make-host', { participantId: 'ann' }, 'not-host', 'Only hosts can promote others');
    await bob.refused('mute-all-participants', {}, 'not-moderator');
    const eve = await enters(stage, 'eve', await stage.meeting('eve'));
    const commands = wellFormed(roomId).filter(([event, { roomId: room }]) => room && !/^(join|request)-/.test(event));
    for (const [event, payload] of commands) {
      await eve.refused(event, payload, ['not-joined', 'not-host', 'not-moderator']);
    }
  });
});

suite('frames', { variants: ONE }, (scenario) => {
  scenario('every event that asks is answered exactly once, and the others never', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const mallory = await stage.raw('mallory');
    const all = [
      ['join-room', roomId], ...corpus(roomId), ...UNKNOWN.map((event) => [event, { roomId }]),
      ...MEDIA_EVENTS.map((event) => [event, { roomId }]), ...wellFormed(roomId, { target: 'bob', userId: 'mallory' }),
    ];
    await sendAll(all, async (event, ...args) => {
      mallory.send(`42${JSON.stringify([event, ...args])}`);
      const reply = await mallory.ackText(event, args.map((arg) => JSON.stringify(arg ?? null)).join(','));
      assert.equal(reply.length, 1, what(event, args));
      return reply[0];
    }, (reply, told) => assert.ok(typeof reply === 'object' && reply !== null && !Array.isArray(reply), told));
    await mallory.ack('room-state', { roomId: 'nowhere' });
    const counts = [...mallory.ackCounts().values()];
    assert.equal(counts.length, all.length + 1);
    assert.ok(counts.every((count) => count === 1), 'nothing was acked twice');
    await mallory.ack('leave-room', roomId);
    assert.ok(mallory.connected);
    for (const user of [ann, bob]) await user.until(() => user.view().length === 2, 'mallory to be gone');
  });

  scenario('a connection that has said nothing yet is answered in the dialect of its first event', async (stage) => {
    const roomId = stage.room();
    for (const [event, ...args] of corpus(roomId).filter(([name]) => MEDIA_EVENTS.includes(name) || name === 'join-mediasoup-room')) {
      const mallory = await stage.raw('mallory');
      const [reply, ...more] = await mallory.ackText(event, args.map((arg) => JSON.stringify(arg ?? null)).join(','));
      expectError(reply, what(event, args));
      assert.deepEqual(more, []);
      mallory.close();
    }
  });
});
