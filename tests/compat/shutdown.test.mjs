// SIGTERM: what waits is written, clients hear that the transport closed, and come back by themselves.
import assert from 'node:assert/strict';
import { EVERY, ONE } from './lib/clients.mjs';
import { expectParticipant } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';

const DRAIN_MS = 200;
const TIMEOUT_MS = 4_000;
const settings = {
  HTTP__DRAIN_MS: DRAIN_MS,
  HTTP__SHUTDOWN_TIMEOUT_MS: TIMEOUT_MS,
  // Long enough that what was just shown is still waiting to be written when the signal comes.
  DATABASE__WRITE_WINDOW_MS: 1_000,
};
const GUESTS = Array.from({ length: 20 }, (_, i) => `guest-${i}`);
const RECONNECTING = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 100 };

async function ends(server) {
  const { how, ms } = await server.terminate();
  assert.equal(how, 'exited with 0', server.output);
  assert.ok(ms < DRAIN_MS + TIMEOUT_MS, `it took ${ms} ms to stop`);
}

suite('a server that is asked to stop', { variants: EVERY, settings }, (scenario) => {
  scenario('writes what waits, closes the transports and ends with 0', async (stage) => {
    const { roomId, ann, ...guests } = await stage.cast(...GUESTS);
    const witness = guests['guest-0'];
    // The first one after the meeting was created may be written at once.
    await ann.ok('make-cohost', { participantId: 'guest-0' });
    for (const participantId of GUESTS) ann.emit('make-cohost', { roomId, participantId });
    await witness.until(() => witness.view().filter(({ isCoHost }) => isCoHost).length === GUESTS.length, 'every promotion');
    await ends(stage.server);
    for (const user of [ann, witness]) {
      const why = await user.next('disconnect');
      // On the other word, a client would think that it was sent away and stay away.
      assert.notEqual(why, 'io server disconnect', user.id);
      assert.match(why, /^transport (close|error)$/, user.id);
    }

    await stage.server.restart();
    const back = await stage.joined('ann', roomId);
    for (const id of GUESTS) await stage.joined(id, roomId);
    const { participants } = await back.ok('room-state');
    for (const id of GUESTS) expectParticipant(participants.find((person) => person.id === id), { isCoHost: true });
  });

  scenario('is found again by clients that reconnect by themselves', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const bob = await stage.joined('bob', roomId, RECONNECTING);
    await ann.ok('make-host', { participantId: 'bob' });
    bob.log.readAll();
    await ends(stage.server);
    await bob.next('disconnect');
    await stage.server.restart();
    await bob.next('connect');
    await bob.join(roomId);
    expectParticipant(bob.seen('bob'), { isHost: true });
    // Where rooms outlive the process, ann may still come back.
    const others = bob.view().filter(({ id }) => id !== 'bob');
    assert.deepEqual(others.filter(({ isReconnecting }) => !isReconnecting), []);
  });
});

suite('a server that is asked to stop while people poll', { variants: ONE, settings: { HTTP__DRAIN_MS: 1_500 } }, (scenario) => {
  scenario('sends them away one by one', async (stage) => {
    const { roomId } = await stage.cast();
    const people = await Promise.all(Array.from({ length: 6 }, (_, i) => stage.polling(`poller-${i}`)));
    for (const person of people) await person.join(roomId);
    const ended = stage.server.terminate();
    let here = people;
    let taken = 0;
    while (here.length > 0) {
      const statuses = await Promise.all(here.map((person) => person.post(person.packet('room-state', { roomId }))));
      // Only what was taken between the first that is refused and the last counts.
      if (here.length < people.length) taken += statuses.filter((status) => status === 200).length;
      here = here.filter((_person, index) => statuses[index] === 200);
      await Promise.all(here.map((person) => person.pollUntil((packet) => packet.startsWith('43'))));
    }
    assert.ok(taken > 0, 'all of them were refused at once');
    assert.equal((await ended).how, 'exited with 0');
  });
});
