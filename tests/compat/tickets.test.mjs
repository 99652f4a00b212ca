// Tickets to the media provider: who gets one on the way into a room, and when.
import assert from 'node:assert/strict';
import { CUTTABLE, EVERY, ONE } from './lib/clients.mjs';
import { admitted, outcome, waiting } from './lib/doors-of-rooms.mjs';
import { heardBy } from './lib/hearing.mjs';
import { knock } from './lib/knocks.mjs';
import { comeBack, position, resume } from './lib/resuming.mjs';
import { keepSecret } from './lib/secrets.mjs';
import { suite } from './lib/stage.mjs';
import { WITH_JITSI, claimsOf, expectOrder, expectTicket, joinTicket, nextTicket } from './lib/tickets.mjs';

const PASSCODE = 'open-sesame-23';
keepSecret(PASSCODE);
const LONG_MS = 60_000;
const PATIENT = { PRESENCE__LEAVE_AFTER_LOST_MS: LONG_MS, PRESENCE__LEAVE_AFTER_CLOSE_MS: LONG_MS };
const IMPATIENT = { PRESENCE__LEAVE_AFTER_LOST_MS: 50, PRESENCE__LEAVE_AFTER_CLOSE_MS: 50 };

suite('who joins', { variants: EVERY, settings: WITH_JITSI }, (scenario) => {
  scenario('gets a ticket after the list and before the answer, which has the same', async (stage) => {
    const { roomId, ann } = await stage.cast();
    joinTicket(ann, { provider: 'jitsi', role: 'host' });
    const bob = await stage.joined('bob', roomId);
    const ticket = joinTicket(bob, { provider: 'jitsi', role: 'participant' });
    assert.ok(ticket.rev <= bob.joinReply.rev, 'for a revision that the answer contains');
    await bob.next('provider-token');
    await bob.noMore('provider-token');
    await ann.noMore('provider-token');
  });
});

suite('who joins', { variants: ONE, settings: { ...WITH_JITSI, ...PATIENT } }, (scenario) => {
  scenario('in any form of words', async (stage) => {
    const { roomId } = await stage.cast();
    const [bob, cy] = [await stage.user('bob'), await stage.user('cy')];
    for (const [user, ...args] of [[bob, roomId, 'bob', 'Bob'], [bob, roomId], [cy, { roomId, userId: 'cy' }]]) {
      assert.equal((await user.ack('join-room', ...args)).ok, true);
      joinTicket(user, { role: 'participant' });
    }
  });

  scenario('again gets another, which nobody else hears of', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    const first = bob.joinReply.provider;
    const heard = await heardBy([ann], async () => {
      bob.joinReply = await bob.join(bob.roomId);
    });
    assert.deepEqual(heard, []);
    const again = joinTicket(bob, { role: 'participant', roomName: first.roomName });
    assert.ok(claimsOf(again).iat >= claimsOf(first).iat);
  });

  scenario('with another tab gets one there, and none in the first', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const tab = await stage.joined('bob', roomId);
    const { providerUserId, roomName } = bob.joinReply.provider;
    joinTicket(tab, { role: 'participant', providerUserId, roomName });
    for (const user of [ann, bob]) await user.noMore('provider-token');
  });

  scenario('a room that nobody created is a participant', async (stage) => {
    const bob = await stage.joined('bob', stage.room());
    joinTicket(bob, { role: 'participant' });
  });

  scenario('and is refused gets nothing', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('remove-participant', { participantId: 'bob', ban: true });
    await bob.next('kicked-from-room');
    const met = [await outcome(bob, roomId)];
    for (const change of [{ passcode: PASSCODE }, { locked: true }]) {
      await ann.ok('update-room', change);
      met.push(await outcome(await stage.user('gus'), roomId));
    }
    const gus = await stage.user('gus');
    gus.roomId = roomId;
    const reply = await gus.ack('join-room', gus.joinPayload(roomId));
    assert.ok(!('provider' in reply), 'a refusal has no ticket');
    await gus.next('error');
    for (const user of [bob, gus]) await user.noMore('provider-token');
    assert.deepEqual(met, ['banned', 'passcode-required', 'room-locked']);
  });

  scenario('after kill -9 gets one with the role that they had', async (stage) => {
    const { roomId, ann } = await stage.cast('bob');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await stage.server.restart();
    joinTicket(await stage.joined('bob', roomId), { role: 'co-host' });
    joinTicket(await stage.joined('ann', roomId), { role: 'host' });
  });
});

const firstHosts = { ...WITH_JITSI, ROOMS__UNCREATED: 'first-joiner-hosts' };
suite('the first to join', { variants: ONE, settings: firstHosts }, (scenario) => {
  scenario('gets a host\'s ticket where that makes them the host', async (stage) => {
    const roomId = stage.room();
    joinTicket(await stage.joined('bob', roomId), { role: 'host' });
    joinTicket(await stage.joined('cy', roomId), { role: 'participant' });
  });
});

suite('who waits in the lobby', { variants: EVERY, settings: { ...WITH_JITSI, ...PATIENT } }, (scenario) => {
  scenario('gets nothing until they are let in, and then a ticket after the list', async (stage) => {
    const { ann, dan } = await waiting(stage, [], 'dan');
    const answer = dan.log.entries.find(({ event, answers }) => event === 'join-room' && answers !== undefined);
    assert.ok(!('provider' in answer.args[0]), 'no ticket in the answer of who has to wait');
    await dan.noMore('provider-token');
    await ann.ok('admit-participant', { participantId: 'dan' });
    await admitted(dan, 'Ann');
    await nextTicket(dan, { role: 'participant' });
    expectOrder(dan, 'lobby-admitted', 'existing-participants', 'provider-token');
    await dan.noMore('provider-token');
    await ann.noMore('provider-token');
  });
});

suite('the lobby', { variants: ONE, settings: { ...WITH_JITSI, ...PATIENT } }, (scenario) => {
  scenario('lets in every tab of somebody, each with a ticket', async (stage) => {
    const { roomId, ann, dan } = await waiting(stage, [], 'dan');
    const tabs = [dan, await knock(stage, 'dan', roomId)];
    await ann.ok('admit-all');
    const tickets = [];
    for (const tab of tabs) {
      await admitted(tab);
      tickets.push(await nextTicket(tab, { role: 'participant' }));
    }
    assert.equal(tickets[0].providerUserId, tickets[1].providerUserId);
  });

  scenario('lets in who became a moderator, with a ticket of that role in the end', async (stage) => {
    const { ann, dan } = await waiting(stage, [], 'dan');
    await ann.ok('make-cohost', { participantId: 'dan' });
    await admitted(dan);
    await dan.until(() => dan.heard('provider-token').some(({ role }) => role === 'co-host'), 'a co-host\'s ticket');
    for (const ticket of dan.heard('provider-token')) expectTicket(ticket, { participantId: 'dan' });
    assert.equal(dan.heard('provider-token').at(-1).role, 'co-host');
  });

  scenario('gives nothing to who is denied', async (stage) => {
    const { ann, dan } = await waiting(stage, [], 'dan');
    await ann.ok('deny-participant', { participantId: 'dan' });
    await dan.next('lobby-denied');
    await dan.noMore('provider-token');
  });

  scenario('gives a ticket to each of those who enter when it is switched off', async (stage) => {
    const { ann, ...people } = await waiting(stage, [], 'dan', 'eve');
    await ann.ok('update-room', { lobby: false });
    for (const id of ['dan', 'eve']) {
      await admitted(people[id]);
      await nextTicket(people[id], { role: 'participant' });
    }
  });
});

suite('who comes back in time', { variants: CUTTABLE, settings: { ...WITH_JITSI, ...PATIENT } }, (scenario) => {
  scenario('gets a ticket, of the role that they have', async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await bob.cut();
    await cy.closeTab();
    for (const [user, role] of [[bob, 'co-host'], [cy, 'participant']]) {
      const { providerUserId } = user.joinReply.provider;
      joinTicket(await stage.joined(user.id, roomId), { role, providerUserId });
    }
    await ann.noMore('participant-left');
  });

  scenario('and missed nothing gets a ticket all the same, before the answer', async (stage) => {
    const { bob } = await stage.cast('bob');
    await bob.closeTab();
    const back = await comeBack(stage, bob);
    assert.equal(back.joinReply.resume.outcome, 'nothing-missed');
    expectTicket(back.joinReply.provider, { participantId: 'bob', role: 'participant' });
    const since = back.log.entries.slice(back.askedAt).filter(({ local }) => !local);
    assert.deepEqual(since.map(({ event }) => event), ['provider-token', 'join-room']);
    assert.deepEqual(since[0].args[0], since[1].args[0].provider);
  });

  scenario('and missed a promotion gets the ticket of that role', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await bob.cut();
    await ann.ok('make-host', { participantId: 'bob' });
    const back = await stage.user('bob');
    await resume(back, bob, position(bob));
    expectTicket(back.joinReply.provider, { participantId: 'bob', role: 'host' });
    assert.equal(back.heard('provider-token').at(-1).role, 'host');
  });
});

suite('who comes back too late', { variants: CUTTABLE, settings: { ...WITH_JITSI, ...IMPATIENT } }, (scenario) => {
  scenario('gets a ticket like anybody who comes', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await bob.cut();
    await ann.next('participant-left');
    const { providerUserId, roomName } = bob.joinReply.provider;
    joinTicket(await stage.joined('bob', roomId), { role: 'co-host', providerUserId, roomName });
  });
});
