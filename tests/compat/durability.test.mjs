// What was acknowledged is still true after the server was killed in the middle of it.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { expectParticipant } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';

const GUESTS = Array.from({ length: 30 }, (_, i) => `guest-${i}`);

/** Sends all commands at once and kills the server when `enough` of them are acked; which were? */
async function interrupted(stage, ann, commands, enough) {
  const acked = new Set();
  await new Promise((resolve, reject) => {
    for (const { event, participantId } of commands) {
      ann.ack(event, { roomId: ann.roomId, participantId }).then((reply) => {
        if (!reply.ok) reject(new Error(`${event} ${participantId}: ${JSON.stringify(reply)}`));
        acked.add(participantId);
        if (acked.size === enough) stage.server.kill9().then(resolve);
      }, () => {});
    }
  });
  // Acks that were on their way when it died count as well: they have been read by now.
  await ann.next('disconnect');
  return acked;
}

async function rolesAfterRestart(stage, roomId) {
  await stage.server.restart();
  const people = [];
  for (const id of GUESTS) people.push(await stage.joined(id, roomId));
  const { participants } = await people[0].ok('room-state');
  return new Map(participants.map((person) => [person.id, person]));
}

suite('kill -9 in the middle of a burst', { variants: ONE }, (scenario) => {
  for (const [event, flag] of [['make-cohost', 'isCoHost'], ['make-host', 'isHost']]) {
    for (const enough of [1, 12]) {
      scenario(`every ${event} that was acked holds (killed after ${enough})`, async (stage) => {
        const { roomId, ann } = await stage.cast(...GUESTS);
        const acked = await interrupted(stage, ann, GUESTS.map((participantId) => ({ event, participantId })), enough);
        const roles = await rolesAfterRestart(stage, roomId);
        for (const id of acked) expectParticipant(roles.get(id), { [flag]: true });
        const back = await stage.joined('ann', roomId);
        expectParticipant(back.seen('ann'), { isHost: true });
      });
    }
  }

  for (const [role, flag] of [['cohost', 'isCoHost'], ['host', 'isHost']]) {
    scenario(`every remove-${role} that was acked holds`, async (stage) => {
      const { roomId, ann } = await stage.cast(...GUESTS);
      await Promise.all(GUESTS.map((participantId) => ann.ok(`make-${role}`, { participantId })));
      const commands = GUESTS.map((participantId) => ({ event: `remove-${role}`, participantId }));
      const acked = await interrupted(stage, ann, commands, 8);
      const roles = await rolesAfterRestart(stage, roomId);
      for (const id of acked) expectParticipant(roles.get(id), { [flag]: false });
    });
  }

  scenario('a meeting and its end hold', async (stage) => {
    const { roomId, ann } = await stage.cast('bob');
    const open = await stage.meeting('bob');
    await ann.ok('end-meeting');
    await stage.server.kill9();
    await stage.server.restart();
    const back = await stage.user('ann');
    await back.refused('join-room', back.joinPayload(roomId), 'meeting-ended');
    const bob = await stage.joined('bob', open);
    expectParticipant(bob.seen('bob'), { isHost: true });
    const { status, body } = await stage.rest().get(`/api/meetings/${open}`);
    assert.equal(status, 200);
    assert.equal(body.createdBy, 'bob');
  });

  scenario('clients come back by themselves after a restart', async (stage) => {
    const { roomId, ann } = await stage.cast('bob');
    await ann.ok('make-cohost', { participantId: 'bob' });
    const bob = await stage.joined('bob', roomId, { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 100 });
    bob.log.readAll();
    await stage.server.restart();
    await bob.next('connect');
    await bob.join(roomId);
    expectParticipant(bob.seen('bob'), { isCoHost: true });
    // A room that outlives its server still has Ann, until the server's lease and her grace are over.
    const outlives = Boolean(process.env.USHER_TEST_ROOMS_REDIS_URL);
    assert.equal(bob.view().length, outlives ? 2 : 1);
  });
});
