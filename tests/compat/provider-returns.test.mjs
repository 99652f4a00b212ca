// People who come in at the provider with tokens of yesterday: its webhook tells, and they are put right.
import assert from 'node:assert/strict';
import { ban, unban } from './lib/bans.mjs';
import { ONE } from './lib/clients.mjs';
import { FakeDaily } from './lib/fake-daily.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { bePatient, eventually } from './lib/log.mjs';
import {
  FAST, applied, callsOf, carried, enter, fits, hooksOf, nextTicket, putOut, seatedAt, tellOfJoin, ticketOf, ticketed,
} from './lib/providers.mjs';
import { suite } from './lib/stage.mjs';

bePatient(15_000);

// The older LiveKit, which takes tokens that were revoked: nothing but the webhook keeps anybody out.
const SERVICES = { livekit: await FakeLiveKit.start({ revokes: false }), daily: await FakeDaily.start({ limits: null }) };

for (const [name, fake] of Object.entries(SERVICES)) {
  const { removal, role } = callsOf(fake);

  /** Comes in and is told of: the session, which the webhook has been answered about. */
  async function returns(stage, user, ticket) {
    const session = await enter(fake, user, ticket);
    const { status } = await tellOfJoin(stage.server, fake, session);
    assert.equal(status, 200);
    return session;
  }

  /** Out here and there; at Daily the ban is forgotten, because everybody has gone in between. */
  async function gone(people, user, how) {
    await how(people.ann, user.id);
    await putOut(user.session);
    for (const { session } of people.everyone) session.leave();
  }

  /** They are still in when a later webhook has had its effect. */
  async function staysIn(stage, people, session) {
    const probe = await stage.joined('probe', people.roomId);
    const ticket = await probe.until(() => ticketOf(probe), 'a ticket');
    await ban(people.ann, 'probe');
    await putOut(await returns(stage, probe, ticket));
    assert.equal(session.out, null);
  }

  const kick = (actor, participantId) => actor.ok('remove-participant', { participantId });

  suite(`an old token at ${name}`, { variants: ONE, settings: { ...fake.settings, ...FAST } }, (scenario) => {
    scenario('of somebody banned: put out again, each time', async (stage) => {
      const people = await seatedAt(fake, stage, 'bob');
      const ticket = ticketOf(people.bob);
      await gone(people, people.bob, ban);
      for (let round = 0; round < 3; round += 1) {
        await putOut(await returns(stage, people.bob, ticket));
        for (const user of people.everyone) user.session.leave();
      }
    });

    scenario('of somebody banned before they ever came in', async (stage) => {
      const { ann, bob } = await ticketed(stage, 'bob');
      const ticket = ticketOf(bob);
      await ban(ann, 'bob');
      await applied(ann, 'bob');
      await putOut(await returns(stage, bob, ticket));
    });

    scenario('of somebody kicked and not back: put out', async (stage) => {
      const people = await seatedAt(fake, stage, 'bob');
      const ticket = ticketOf(people.bob);
      await gone(people, people.bob, kick);
      await putOut(await returns(stage, people.bob, ticket));
    });

    scenario('of somebody kicked and back: they stay', async (stage) => {
      const people = await seatedAt(fake, stage, 'bob');
      await gone(people, people.bob, kick);
      const back = await stage.joined('bob', people.roomId);
      await back.until(() => ticketOf(back), 'a ticket');
      await staysIn(stage, people, await returns(stage, back));
    });

    scenario('of somebody whose ban was lifted: they stay once they are back here', async (stage) => {
      const people = await seatedAt(fake, stage, 'bob');
      await gone(people, people.bob, ban);
      // Each is carried before the next: what put them out may still be on its way otherwise.
      await applied(people.ann, 'bob');
      await unban(people.ann, 'bob');
      await applied(people.ann, 'bob');
      const back = await stage.joined('bob', people.roomId);
      await back.until(() => ticketOf(back), 'a ticket');
      await staysIn(stage, people, await returns(stage, back));
    });

    scenario('of a host who is one no more: corrected', async (stage) => {
      const { ann, bob } = await seatedAt(fake, stage, 'bob');
      await ann.ok('make-host', { participantId: 'bob' });
      const old = await nextTicket(bob, (ticket) => ticket.role === 'host');
      await ann.ok('remove-host', { participantId: 'bob' });
      await nextTicket(bob, (ticket) => ticket.role === 'participant');
      await eventually(() => ann.heard('provider-sync').some(({ state }) => state === 'applied'), 'a change to be carried');
      bob.session.leave();
      const session = await enter(fake, bob, old);
      assert.equal(session.role, 'host');
      const { status } = await tellOfJoin(stage.server, fake, session);
      assert.equal(status, 200);
      await carried(fake, bob, 'participant');
    });

    scenario('of a co-host who is one no more: corrected', async (stage) => {
      const { ann, bob } = await seatedAt(fake, stage, 'bob');
      await ann.ok('make-cohost', { participantId: 'bob' });
      const old = await nextTicket(bob, (ticket) => ticket.role === 'co-host');
      await ann.ok('remove-cohost', { participantId: 'bob' });
      await eventually(() => ann.heard('provider-sync').some(({ state }) => state === 'applied'), 'a change to be carried');
      bob.session.leave();
      const session = await returns(stage, bob, old);
      await eventually(() => fits(fake, session, 'participant'), 'to be a participant');
    });

    scenario('of somebody who has risen since: they get what is theirs', async (stage) => {
      const { ann, bob } = await ticketed(stage, 'bob');
      const old = ticketOf(bob);
      await ann.ok('make-cohost', { participantId: 'bob' });
      await applied(ann, 'bob');
      const session = await returns(stage, bob, old);
      await eventually(() => fits(fake, session, 'co-host'), 'to be co-host');
    });

    scenario('of somebody banned while the provider does not listen: put out when it does', async (stage) => {
      const people = await seatedAt(fake, stage, 'bob');
      const ticket = ticketOf(people.bob);
      await gone(people, people.bob, ban);
      fake.fail(4, { only: removal });
      await putOut(await returns(stage, people.bob, ticket));
    });

    scenario('of an ended meeting: put out', async (stage) => {
      const people = await seatedAt(fake, stage, 'bob');
      const ticket = ticketOf(people.bob);
      if (fake instanceof FakeDaily) {
        // Until the room is deleted somebody may slip in.
        fake.fail(3, { only: 'DELETE /rooms/:name' });
      }
      await people.ann.ok('end-meeting');
      for (const { session } of people.everyone) await putOut(session);
      const session = await returns(stage, people.bob, ticket).catch(() => null);
      if (session) await putOut(session);
      else assert.ok(fake instanceof FakeDaily);
    });

    scenario('of somebody whose role is what it says: nothing is asked for', async (stage) => {
      const people = await seatedAt(fake, stage, 'bob');
      const from = fake.calls.length;
      await returns(stage, people.bob);
      await returns(stage, people.ann);
      await staysIn(stage, people, people.bob.session);
      const { userId, identity } = people.bob.session;
      const about = (call) => JSON.stringify([call.body, call.query]).includes(userId ?? identity);
      const told = fake.calls.slice(from).filter((call) => about(call) && [...role, ...removal].includes(call.name));
      assert.deepEqual(told.map(({ name: call }) => call), []);
      assert.equal(people.ann.session.out, null);
    });

    scenario('told of twice is put right once', async (stage) => {
      const people = await seatedAt(fake, stage, 'bob');
      const ticket = ticketOf(people.bob);
      await gone(people, people.bob, ban);
      const session = await enter(fake, people.bob, ticket);
      const hook = fake.event(fake instanceof FakeDaily ? 'participant.joined' : 'participant_joined', session);
      const replies = await fake.deliverAll(hooksOf(stage.server, fake), [hook], { times: 5, together: true });
      assert.deepEqual(replies.map(({ status }) => status), Array(5).fill(200));
      await putOut(session);
    });
  });
}
