// Whatever is sent: one answer each, no crash, no disconnect, and the others notice nothing.
import assert from 'node:assert/strict';
import { EVERY, ONE } from './lib/clients.mjs';
import { BROKEN_FRAMES, malformed } from './lib/corpus.mjs';
import { expectParticipant, expectSomeRefusal, ids } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';

const AT_ONCE = 25;
/** A polling client sends what is waiting in one request, which must not be too large itself. */
const AT_ONCE_CHARS = 40_000;

/** `inspect(reply, what)` for the ack of every payload, a few of them under way at a time. */
async function sendAll(corpus, ask, inspect) {
  let batch = [];
  let chars = 0;
  for (const [event, text] of corpus) {
    if (batch.length === AT_ONCE || chars + text.length > AT_ONCE_CHARS) {
      await Promise.all(batch);
      batch = [];
      chars = 0;
    }
    batch.push(ask(event, text).then((reply) => inspect(reply, `${event}(${text.slice(0, 120)})`)));
    chars += text.length;
  }
  await Promise.all(batch);
}

/** Runs `disturb` beside a meeting of two and makes sure that they heard nothing and work as before. */
async function undisturbed({ ann, bob }, disturb) {
  for (const user of [ann, bob]) await user.settle();
  const before = [ann, bob].map((user) => user.log.entries.length);
  await disturb();
  for (const user of [ann, bob]) await user.settle();
  for (const [i, user] of [ann, bob].entries()) {
    const heard = user.log.entries.slice(before[i]).filter(({ answers }) => answers === undefined);
    assert.deepEqual(heard.map(({ event, args }) => [event, args]), [], `${user.id} heard something`);
    assert.ok(user.connected);
    assert.deepEqual(ids(user.view()), ['ann', 'bob']);
  }
  await ann.ok('make-cohost', { participantId: 'bob' });
  await bob.next('cohost-granted');
}

suite('malformed payloads', { variants: EVERY }, (scenario) => {
  const throughClient = (user) => (event, text) => user.ack(event, ...JSON.parse(`[${text}]`));
  const invalid = (reply, what) => {
    expectSomeRefusal(reply, what);
    assert.equal(reply.error.code, 'invalid-payload', what);
  };

  scenario('from somebody outside', async (stage) => {
    const people = await stage.cast('bob');
    const mallory = await stage.user('mallory');
    await undisturbed(people, async () => {
      await sendAll(malformed(people.roomId), throughClient(mallory), invalid);
      assert.ok(mallory.connected, 'still connected');
      assert.equal(mallory.view(), null);
    });
    await mallory.join(people.roomId);
  });

  scenario('from a member: still a member, and no error reaches anybody else', async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    // A member need not say again who joins.
    const anonymous = JSON.stringify({ roomId });
    const corpus = malformed(roomId).filter(([event, text]) => event !== 'join-room' || text !== anonymous);
    await sendAll(corpus, throughClient(cy), invalid);
    for (const user of [ann, bob]) {
      for (const event of ['error', 'participant-updated', 'participant-left', 'participant-joined']) {
        await user.noMore(event, (payload) => payload.event !== 'room-state');
      }
    }
    await cy.ok('update-my-state', { isHandRaised: true });
    await ann.next('participant-updated');
  });

  scenario('without a callback the error event alone tells of it', async (stage) => {
    const { roomId, bob } = await stage.cast('bob');
    bob.emit('make-host', { roomId });
    bob.emit('update-my-state', null);
    bob.emit('join-room', 5);
    for (const event of ['make-host', 'update-my-state', 'join-room']) {
      const error = await bob.next('error');
      assert.equal(error.event, event);
      assert.equal(error.code, 'invalid-payload');
    }
  });

  scenario('binary attachments', async (stage) => {
    const people = await stage.cast('bob');
    const mallory = await stage.user('mallory');
    const bytes = Buffer.from([0, 1, 2, 255]);
    await undisturbed(people, async () => {
      for (const event of ['join-room', 'make-host', 'update-my-state', 'room-state', 'end-meeting']) {
        invalid(await mallory.ack(event, bytes), `${event} with bytes`);
        invalid(await mallory.ack(event, { roomId: bytes, participantId: bytes }), `${event} with bytes inside`);
      }
      expectSomeRefusal(await mallory.ack('leave-room', bytes), 'leave-room with bytes');
      assert.ok(mallory.connected);
    });
  });

  scenario('unknown events', async (stage) => {
    const people = await stage.cast('bob');
    const mallory = await stage.user('mallory');
    await undisturbed(people, async () => {
      for (const event of ['no-such-event', 'constructor', '__proto__', 'toString', 'x'.repeat(300), '🎉', '']) {
        mallory.emit(event, { roomId: people.roomId });
        const reply = await mallory.ack(event, { roomId: people.roomId });
        assert.ok(reply.error, `${event}: ${JSON.stringify(reply)}`);
      }
      assert.ok(mallory.connected);
    });
  });

  scenario('names: 128 characters are a name, 129 are not', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const bob = await stage.user('bob');
    await bob.refused('join-room', bob.joinPayload(roomId, { userName: 'ü'.repeat(129) }), 'invalid-payload');
    await ann.noMore('participant-joined');
    await bob.join(roomId, { userName: 'ü'.repeat(128) });
    expectParticipant(await ann.next('participant-joined'), { name: 'ü'.repeat(128) });
  });

  scenario('too large a message ends that connection only', async (stage) => {
    const people = await stage.cast('bob');
    const mallory = await stage.user('mallory');
    await mallory.upgraded();
    await undisturbed(people, async () => {
      mallory.emit('update-my-state', { roomId: people.roomId, isHandRaised: 'x'.repeat(200_000) });
      await mallory.next('disconnect');
    });
  });
});

suite('names that are also JavaScript', { variants: ONE }, (scenario) => {
  for (const odd of ['__proto__', 'constructor', 'hasOwnProperty', 'null', 'undefined']) {
    scenario(`a user called ${odd} is a user like any other`, async (stage) => {
      const { roomId, ann } = await stage.cast();
      const user = await stage.joined(odd, roomId);
      await ann.ok('make-cohost', { participantId: odd });
      await user.next('cohost-granted');
      await user.ok('leave-room');
      await ann.next('participant-left', ({ userId }) => userId === odd);
    });
  }
});

suite('malformed frames', { variants: ONE }, (scenario) => {
  scenario('every payload is acked exactly once', async (stage) => {
    const people = await stage.cast('bob');
    const mallory = await stage.raw('mallory');
    const corpus = malformed(people.roomId);
    await undisturbed(people, () =>
      sendAll(corpus, (event, text) => mallory.ackText(event, text), (args, what) => {
        assert.equal(args.length, 1, what);
        expectSomeRefusal(args[0], what);
      }),
    );
    await mallory.ack('room-state', { roomId: 'nowhere' });
    const counts = [...mallory.ackCounts().values()];
    assert.equal(counts.length, corpus.length + 1);
    assert.ok(counts.every((count) => count === 1), 'no payload was acked twice');
  });

  scenario('event names that mean something inside the client libraries', async (stage) => {
    const people = await stage.cast('bob');
    const mallory = await stage.raw('mallory');
    await undisturbed(people, async () => {
      for (const event of ['connect', 'connection', 'disconnect', 'disconnecting', 'connect_error', 'error', 'newListener']) {
        assert.ok((await mallory.ack(event, { roomId: people.roomId })).error, event);
      }
      assert.ok(mallory.connected);
    });
  });

  scenario('broken frames harm nobody but their sender', async (stage) => {
    const people = await stage.cast('bob');
    await undisturbed(people, async () => {
      for (const frame of BROKEN_FRAMES) {
        const mallory = await stage.raw('mallory');
        mallory.send(frame);
        mallory.send('42["join-room",');
        mallory.close();
      }
      // Each was handled before a connection that comes after it is answered.
      const after = await stage.raw('mallory');
      expectSomeRefusal(await after.ack('room-state', { roomId: 'nowhere' }), 'room-state');
    });
  });
});
